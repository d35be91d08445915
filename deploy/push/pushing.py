"""`push`: what is new goes up first, the manifest that names it last. A job that starts meanwhile
reads the old set or the new one, whatever becomes of this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.push.history import digest_of, history_of, keep
from deploy.push.names import OBJECTS
from deploy.push.parallel import for_each
from deploy.push.parcel import Item, Parcel
from deploy.push.progress import Together, uploading
from deploy.push.shelf import Shelf
from job.clock import Clock
from job.errors import UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did, or would do.

    Attributes:
        sent: what was not there.
        there: how many things were.
        before: the digest of the manifest that was current; None: there was none.
        after: of the one that is now.
    """

    sent: tuple[Item, ...]
    there: int
    before: str | None
    after: str

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to push."""
        return not self.sent and self.before == self.after


def push(shelf: Shelf, parcel: Parcel, *, manifest: str, clock: Clock, dry_run: bool) -> Pushed:
    """Makes the parcel what the container holds.

    Args:
        manifest: the name of the current manifest in the container.

    Raises `UnavailableError` when someone else pushes at this time, or the container cannot be
    read or written; then what was current still is.
    """
    current = shelf.read_tagged(manifest)
    if dry_run or (current is not None and current[0] == parcel.manifest):
        pushed = _compared(shelf, parcel, current)
        if dry_run or pushed.nothing:
            return pushed
    with alone(shelf, clock):
        # Read again: whoever held the lock before may have changed it.
        current = shelf.read_tagged(manifest)
        pushed = _compared(shelf, parcel, current)
        _send(shelf, pushed.sent, clock)
        if current is None or current[0] != parcel.manifest:
            switch(shelf, manifest, current, parcel.manifest, clock)
    return pushed


def _compared(shelf: Shelf, parcel: Parcel, current: tuple[bytes, str] | None) -> Pushed:
    there = frozenset(shelf.names("", under=OBJECTS))
    sent = [item for item in parcel.objects if item.name not in there]
    sent += [item for item in parcel.sidecars if item.name not in there]
    same = [item for item in parcel.sidecars if item.name in there]
    read = for_each(shelf.read, [item.name for item in same])
    sent += [item for item, data in zip(same, read, strict=True) if data != item.source]
    return Pushed(
        sent=tuple(sent),
        there=len(parcel.objects) + len(parcel.sidecars) - len(sent),
        before=None if current is None else digest_of(current[0]),
        after=digest_of(parcel.manifest),
    )


def _send(shelf: Shelf, items: Sequence[Item], clock: Clock) -> None:
    with uploading(sum(item.size for item in items), clock) as together:
        # The large ones first, so that none of them is waited for alone.
        largest = sorted(items, key=lambda item: item.size, reverse=True)
        for_each(lambda item: _put(shelf, item, together), largest)


def _put(shelf: Shelf, item: Item, together: Together) -> None:
    report = together.of(item.name)
    if isinstance(item.source, bytes):
        shelf.write(item.name, item.source)
        report(item.size, item.size)
    else:
        shelf.upload(item.name, item.source, sha256=item.sha256, report=report)


@contextmanager
def alone(shelf: Shelf, clock: Clock) -> Iterator[None]:
    """Keeps other pushes, rollbacks and prunings away from the container."""
    with shelf.lock(clock.now().isoformat(timespec="seconds")) as holder:
        if holder is not None:
            raise UnavailableError(
                f"nothing was changed in {shelf.shown}",
                f"{holder.text} is changing it",
                hint="run again when that one has ended",
            )
        yield


def switch(
    shelf: Shelf, name: str, current: tuple[bytes, str] | None, new: bytes, clock: Clock
) -> None:
    """Makes another manifest the current one, with both kept under the times they came.

    The new one is kept after the exchange: what is kept has been current.
    """
    history = history_of(shelf)
    if current is not None:
        entry = shelf.find(name)
        history = keep(shelf, history, current[0], entry.modified if entry else clock.now())
    exchange(shelf, name, new, None if current is None else current[1])
    keep(shelf, history, new, clock.now())


def exchange(shelf: Shelf, name: str, new: bytes, tag: str | None) -> None:
    """Writes the manifest in place of the one with that ETag."""
    shelf.check_lock()
    if shelf.exchange(name, new, tag) or shelf.read(name) == new:  # a lost reply is no conflict
        return
    raise UnavailableError(
        f"{name} in {shelf.shown} is left as it is",
        "someone else has changed it in this moment",
        hint="run again",
    )
