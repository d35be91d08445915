"""Pure: what a message says of rounds that were missed before the run that tells of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from job.handed_on import MISSED, parts_of


def past_title(past: Sequence[str], *, among: int) -> str:
    """How many of so many models missed which rounds."""
    missed = _by_subject(past, missed=True)
    tournaments = {subject.partition("/")[0] for subject in missed}
    numbers = {number for found in missed.values() for number in found}
    what = _rounds(numbers) if len(tournaments) == 1 else "earlier rounds"
    return f"{len(missed)} of {max(len(missed), among)} models missed {what}"


def past_lines(past: Sequence[str], *, several: bool) -> Iterator[str]:
    """A line for each model and the rounds that it missed, and for those that it may have missed.

    Args:
        several: whether the tournament is to be named.
    """
    for subject, numbers in _by_subject(past, missed=True).items():
        them = "it" if len(numbers) == 1 else "them"
        yield f"{_name(subject, several)} missed {_rounds(numbers)}: no run submitted {them}"
    for subject, numbers in _by_subject(past, missed=False).items():
        yield f"{_name(subject, several)}: nor is one known to have in {', '.join(numbers)}"


def _by_subject(past: Sequence[str], *, missed: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for subject, when, what in map(parts_of, past):
        if (what == MISSED) is missed:
            found[subject].append(when)
    return found


def _name(subject: str, several: bool) -> str:
    tournament, _, model = subject.partition("/")
    return f"{tournament} {model}" if several else model


def _rounds(numbers: Collection[str]) -> str:
    return f"round{'s' if len(numbers) > 1 else ''} {', '.join(sorted(numbers))}"
