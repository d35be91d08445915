"""The seam to where models and run records live: named files under a root, and a lock."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from job.errors import UnavailableError
from job.files import clear_parts, disk_errors, write_whole

LOCK = "lock"
HOLDER = "lock.json"
PATIENCE_SECONDS = 0.4
OVERDUE = timedelta(minutes=10)
"""A run has ended so long after its time-out at the latest, whatever hangs."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as far as it left a note.

    Attributes:
        since: when it began, aware; None where that is not known.
        endless: whether the lock is held in a way in which no run holds it, and which never lapses.
        how_to_end: what to do if it is not to hold the lock any longer.
    """

    text: str
    since: datetime | None = None
    endless: bool = False
    how_to_end: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a file without reading it.

    Attributes:
        size: in bytes.
        modified: when it was written last, by the store's clock.
        tag: another one as soon as another file has taken its place; times are too coarse for that.
    """

    size: int
    modified: datetime
    tag: str = ""


class Store(Protocol):
    """Named files under one root; a name may have folders in it, with slashes.

    Raises `UnavailableError` when the root cannot be read or written.
    """

    @property
    def shown(self) -> str:
        """The root as people know it, without secrets."""
        ...

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when there is no such file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Puts a file in place, whole or not at all."""
        ...

    def names(self, suffix: str, *, under: str = "") -> list[str]:
        """The names of files with that ending directly in the root, or in the folder `under` of
        it, in order of name; each begins with `under`.
        """
        ...

    def find(self, name: str) -> Entry | None:
        """What is known of a file, None when there is no such file."""
        ...

    def fetch(self, name: str, target: Path) -> Entry | None:
        """Copies a file to the local `target`, whole or not at all; None when there is none."""
        ...

    def lock(self, since: str) -> AbstractContextManager[Holder | None]:
        """A context that holds the root's lock: None inside, or whoever holds it already."""
        ...

    def check_lock(self) -> None:
        """Raises `StoppedError` when the lock that this process held is its own no longer."""
        ...


class Folder:
    """A local folder as a store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def shown(self) -> str:
        """The root as people know it."""
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when there is no such file."""
        with disk_errors(f"cannot read {self.root / name}"):
            try:
                return (self.root / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Puts a file in place, whole or not at all; runs that were refused write without the
        lock.
        """
        write_whole(self.root / name, data, writer=f".{uuid.uuid4().hex[:8]}")

    def names(self, suffix: str, *, under: str = "") -> list[str]:
        """The names of files with that ending, in order; none where there is no folder."""
        folder = self.root / under
        with disk_errors(f"cannot read {folder}"):
            if not folder.is_dir():
                return []
            found = [entry for entry in folder.iterdir() if entry.name.endswith(suffix)]
            return sorted(f"{under}{entry.name}" for entry in found if entry.is_file())

    def find(self, name: str) -> Entry | None:
        """What is known of a file, None when there is no such file."""
        with disk_errors(f"cannot read {self.root / name}"):
            try:
                found = (self.root / name).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        tag = f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"
        return Entry(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), tag)

    def fetch(self, name: str, target: Path) -> Entry | None:
        """Copies a file to the local `target`, whole or not at all; None when there is none."""
        entry, data = self.find(name), self.read(name)
        if entry is None or data is None:
            return None
        write_whole(target, data)
        return entry

    def check_lock(self) -> None:
        """A lock of the operating system is held until it is let go."""

    @contextmanager
    def lock(self, since: str) -> Iterator[Holder | None]:
        """Holds an OS lock, which dies with this process and is not inherited by its children.

        Args:
            since: when this run began, for whoever finds the lock held.
        """
        with disk_errors(f"cannot use {self.root} for run records"):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / LOCK)
            try:
                # Who has just taken it may have yet to put its own note in a dead run's place.
                lock.acquire(timeout=PATIENCE_SECONDS, poll_interval=PATIENCE_SECONDS / 10)
            except Timeout:
                found = holder_of(self.read(HOLDER))
                holder: Holder | None = replace(found, how_to_end="end that process")
            else:
                holder = None
        try:
            if holder is None:
                clear_parts(self.root)
                self.write(HOLDER, note_of_holder(since))
            yield holder
        finally:
            if holder is None:
                with suppress(OSError):  # or the next one would be taken for this one at first
                    (self.root / HOLDER).unlink()
            lock.release()


def note_of_holder(since: str) -> bytes:
    """What this process leaves for whoever finds the lock held."""
    note = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    return json.dumps(note).encode()


def holder_of(note: bytes | None) -> Holder:
    """Who left that note; a note that is no note is anybody's."""
    try:
        known = json.loads(note or b"")
    except ValueError:
        known = None
    if not isinstance(known, dict):
        return Holder("another run")
    since = known.get("since")
    return Holder(
        f"process {known.get('pid')} on {known.get('host')}, running since {since}",
        _moment(since),
    )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def check_will_end(holder: Holder, *, shown: str, now: datetime, run_timeout: float) -> None:
    """Raises `UnavailableError` for a holder that is no run, or that should have ended long ago:
    runs that left everything to it would do so for ever.

    Args:
        shown: the place whose lock it is.
        run_timeout: seconds that a run may take.
    """
    if holder.endless:
        why = "its lease has no end: no run took it, and it does not lapse"
        who = f"the note beside it is of {holder.text}"
    elif holder.since and now - holder.since > timedelta(seconds=run_timeout) + OVERDUE:
        why = "that is longer than NUMERAI_RUN_TIMEOUT lets a run go on"
        who = f"{holder.text} holds it"
    else:
        return
    raise UnavailableError(
        f"nothing was done: the lock of {shown} is held, and not for a run that goes on",
        who,
        why,
        hint=holder.how_to_end,
    )
