"""Durations, sizes and flags as people write them; a ValueError shows what is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

DAY: Final = 86_400.0
LONGEST: Final = 30 * DAY
SMALLEST_MEMORY: Final = 64 * 2**20

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(f"(?:(?P<h>{_NUMBER})h)?(?:(?P<m>{_NUMBER})m)?(?:(?P<s>{_NUMBER})s?)?")
_SIZE = re.compile(f"(?P<number>{_NUMBER}) ?(?P<unit>[kmgt]?(?:i?b)?)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_duration(text: str) -> float:
    """Seconds from `90s`, `10m`, `1h30m`, `0.5s`, `0` or a plain number of seconds.

    Raises:
        ValueError: it is none of these, or longer than 30 days.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m, 1h30m or 0")
    parts = match.groupdict(default="0")
    seconds = sum(float(parts[unit]) * length for unit, length in _SECONDS.items())
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is longer than 30 days")
    return seconds


def parse_time_limit(text: str) -> float:
    """A duration that something has to be done in: seconds, more than 0.

    Raises:
        ValueError: not a duration, or no time at all.
    """
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"{text!r} leaves no time; give a duration above 0 such as 10m")
    return seconds


def parse_size(text: str) -> int:
    """Bytes from `4GiB`, `512MiB`, `4GB`, `4G` or a plain number of bytes.

    `GB` is 10**9 bytes; `G` alone is `GiB`, as it is to `docker run --memory`.

    Raises:
        ValueError: it is none of these.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if not match:
        raise ValueError(f"{text!r} is not a size such as 4GiB, 512MiB or 4GB")
    unit = match["unit"]
    base = 1000 if unit.endswith("b") and not unit.endswith("ib") else 1024
    return int(float(match["number"]) * base ** _POWERS[unit.rstrip("bi")])


def parse_memory(text: str) -> int:
    """A size that a process with a model in it could live in: bytes, 64 MiB to 2**62.

    Raises:
        ValueError: not a size, or not within these bounds (`4` is four bytes, not 4 GiB).
    """
    size = parse_size(text)
    if size < SMALLEST_MEMORY:
        raise ValueError(f"{text!r} is below 64MiB, too little for any model; write 4GiB, say")
    if size > 2**62:
        raise ValueError(f"{text!r} is more memory than any machine has")
    return size


def parse_flag(text: str) -> bool:
    """True or False from true/false, yes/no or 1/0, in any case.

    Raises:
        ValueError: it is none of these.
    """
    word = text.strip().lower()
    if word not in {"true", "yes", "1", "false", "no", "0"}:
        raise ValueError(f"{text!r} is none of true, false, yes, no, 1, 0")
    return word in {"true", "yes", "1"}


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The valid name that `word` was perhaps meant to be; empty where none is near."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=cutoff)), "")


def perhaps(word: str, known: Iterable[str]) -> str:
    """`; perhaps you meant 'artifact'` where a valid name is near `word`, else nothing."""
    near = nearest(word, known)
    return f"; perhaps you meant {near!r}" if near else ""
