"""`push --rollback`: the manifest that was current before is current again."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.push.history import Kept, digest_of, former, history_of, keep, withdraw_after
from deploy.push.names import OBJECTS
from deploy.push.needs import needed
from deploy.push.pushing import alone, exchange
from deploy.push.shelf import Shelf
from job.clock import Clock
from job.errors import UsageError

REFUSED = "there is nothing to return to; nothing was changed"


@dataclass(frozen=True, slots=True)
class RolledBack:
    """From which manifest to which: digests, and when the other was pushed."""

    before: str
    after: Kept


def roll_back(shelf: Shelf, *, manifest: str, clock: Clock, dry_run: bool) -> RolledBack:
    """Returns to the former manifest, and marks what came after it as withdrawn.

    Raises `UsageError` where there is none, or not all is there that it needs.
    """
    if dry_run:
        current, target, _ = _found(shelf, manifest)
        return RolledBack(digest_of(current[0]), target)
    with alone(shelf, clock):
        current, target, text = _found(shelf, manifest)
        history = history_of(shelf)
        if digest_of(current[0]) not in {kept.digest for kept in history}:
            history = keep(shelf, history, current[0], clock.now())
        # Marked before the exchange: cut in between, the next one finds the same target.
        withdraw_after(shelf, history, target)
        exchange(shelf, manifest, text, current[1])
    return RolledBack(digest_of(current[0]), target)


def _found(shelf: Shelf, manifest: str) -> tuple[tuple[bytes, str], Kept, bytes]:
    """The current manifest, the former one's entry, and its text."""
    current = shelf.read_tagged(manifest)
    if current is None:
        raise UsageError(REFUSED, [f"{shelf.shown} has no {manifest}"], hint="`push` puts one")
    target = former(history_of(shelf), current[0])
    if target is None:
        why = f"none was current before {digest_of(current[0])}"
        raise UsageError(REFUSED, [why], hint="`push` another one")
    text = shelf.read(target.name)
    if text is None:
        raise UsageError(REFUSED, [f"{target.name} has just gone"], hint="run again")
    _check_whole(shelf, target, text)
    return current, target, text


def _check_whole(shelf: Shelf, target: Kept, text: bytes) -> None:
    there = frozenset(shelf.names("", under=OBJECTS))
    lacking = needed(shelf, text, there=there, source=target.name) - there
    if lacking:
        raise UsageError(
            f"the manifest {target} needs what is there no longer; nothing was changed",
            sorted(lacking)[:10],
            hint="put that models root together again and `push` it",
        )
