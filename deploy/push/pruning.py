"""`push --prune`: what no kept manifest names is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from deploy.push.history import WITHDRAWN, Kept, history_of
from deploy.push.names import OBJECTS
from deploy.push.needs import needed, notes_on
from deploy.push.parallel import for_each
from deploy.push.pushing import alone
from deploy.push.shelf import Shelf
from job.clock import Clock

KEPT: Final = 10
"""Manifests that can still be returned to, and as many that were withdrawn."""
YOUNG: Final = timedelta(days=1)
"""What is younger may belong to a push that goes on."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        objects: their names.
        manifests: those of old manifests.
        size: bytes of the objects.
        young: how many objects were kept for their age alone.
    """

    objects: tuple[str, ...]
    manifests: tuple[str, ...]
    size: int
    young: int


def prune(shelf: Shelf, *, manifest: str, clock: Clock, dry_run: bool) -> Pruned:
    """Removes old manifests but the last `KEPT` of those that a rollback may return to and of those
    that one has turned away from, then the objects that none of these needs, but the `YOUNG`.

    Raises `UsageError` for a kept manifest that is not understood: nothing is removed.
    """
    if dry_run:
        return _doomed(shelf, manifest, clock)
    with alone(shelf, clock):
        pruned = _doomed(shelf, manifest, clock)
        # Manifests first: none that is still there lacks anything.
        for_each(shelf.delete, pruned.manifests)
        shelf.check_lock()
        for_each(shelf.delete, pruned.objects)
    return pruned


def _doomed(shelf: Shelf, manifest: str, clock: Clock) -> Pruned:
    history = history_of(shelf)
    valid = [entry for entry in history if not entry.withdrawn]
    withdrawn = [entry for entry in history if entry.withdrawn]
    # Counted apart: many that were withdrawn must not leave a rollback without anything.
    old = (*valid[:-KEPT], *withdrawn[:-KEPT])
    kept = (*valid[-KEPT:], *withdrawn[-KEPT:])
    there = frozenset(shelf.names("", under=OBJECTS))
    wanted = frozenset[str]()
    for name in (manifest, *(entry.name for entry in kept)):
        text = shelf.read(name)
        if text is not None:
            wanted |= needed(shelf, text, there=there, source=name)
    unnamed = sorted(there - wanted - notes_on(wanted))
    found = {
        name: entry
        for name, entry in zip(unnamed, for_each(shelf.find, unnamed), strict=True)
        if entry is not None
    }
    aged = {n: e.size for n, e in found.items() if clock.now() - e.modified > YOUNG}
    young = len(found) - len(aged)
    return Pruned(tuple(aged), _with_marks(old), sum(aged.values()), young)


def _with_marks(old: Sequence[Kept]) -> tuple[str, ...]:
    marks = [f"{kept.name}{WITHDRAWN}" for kept in old if kept.withdrawn]
    return (*(kept.name for kept in old), *marks)
