"""The manifests that were pushed before: kept by the time of their push and the beginning of their
digest, the newest last by name.

A rollback marks the one that it turns away from as withdrawn, so that a later rollback does not
return to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.push.names import MANIFESTS
from deploy.push.shelf import Shelf

WITHDRAWN: Final = ".withdrawn"
NAME: Final = re.compile(rf"{MANIFESTS}(\d{{8}}T\d{{6}})-([0-9a-f]{{12}})\.yaml")
FORMAT: Final = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Kept:
    """A manifest that was pushed.

    Attributes:
        name: in the container.
        at: when, UTC, to the second.
        digest: the first 12 hex digits of its SHA-256.
        withdrawn: whether a rollback has turned away from it.
    """

    name: str
    at: datetime
    digest: str
    withdrawn: bool = False

    def __str__(self) -> str:
        return f"{self.digest} of {self.at:%Y-%m-%d %H:%M:%S} UTC"


def digest_of(manifest: bytes) -> str:
    """What tells manifests apart in their names."""
    return hashlib.sha256(manifest).hexdigest()[:12]


def history_of(shelf: Shelf) -> tuple[Kept, ...]:
    """All that are kept, the newest last."""
    names = shelf.names("", under=MANIFESTS)
    marked = {name.removesuffix(WITHDRAWN) for name in names if name.endswith(WITHDRAWN)}
    return tuple(
        Kept(name, _moment(match[1]), match[2], name in marked)
        for name in names
        if (match := NAME.fullmatch(name))
    )


def former(history: Sequence[Kept], manifest: bytes) -> Kept | None:
    """The one that was current before this one; None where there was none."""
    valid = [kept for kept in history if not kept.withdrawn]
    digest = digest_of(manifest)
    places = [place for place, kept in enumerate(valid) if kept.digest == digest]
    before = valid[: places[-1]] if places else valid
    return next((kept for kept in reversed(before) if kept.digest != digest), None)


def keep(shelf: Shelf, history: Sequence[Kept], manifest: bytes, at: datetime) -> tuple[Kept, ...]:
    """Keeps a manifest as the newest, unless it is that already; gives the history."""
    valid = [kept for kept in history if not kept.withdrawn]
    if valid and valid[-1].digest == digest_of(manifest):
        return tuple(history)
    if history:  # a clock that is behind another's must not put it behind what came before
        at = max(at, history[-1].at + timedelta(seconds=1))
    name = f"{MANIFESTS}{at.astimezone(UTC):{FORMAT}}-{digest_of(manifest)}.yaml"
    shelf.write(name, manifest)
    return (*history, Kept(name, at, digest_of(manifest)))


def withdraw_after(shelf: Shelf, history: Sequence[Kept], target: Kept) -> None:
    """Marks what came after the one that is returned to."""
    for kept in history[history.index(target) + 1 :]:
        if not kept.withdrawn:
            shelf.write(f"{kept.name}{WITHDRAWN}", b"")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)
