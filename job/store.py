"""The seam to where models and run records live: named files under a root, and a lock."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from job.files import clear_parts, disk_errors, read_json, write_whole

LOCK = "lock"
HOLDER = "lock.json"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as far as it left a note."""

    text: str


class Store(Protocol):
    """Named files under one root. Raises `UnavailableError` when it cannot be read or written."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when there is no such file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Puts a file in place, whole or not at all."""
        ...

    def names(self, suffix: str) -> list[str]:
        """The names with that ending, in order of name."""
        ...

    def lock(self, since: str) -> AbstractContextManager[Holder | None]:
        """A context that holds the root's lock: None inside, or whoever holds it already."""
        ...


class Folder:
    """A local folder as a store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when there is no such file."""
        with disk_errors(f"cannot read {self.root / name}"):
            try:
                return (self.root / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Puts a file in place, whole or not at all."""
        write_whole(self.root / name, data)

    def names(self, suffix: str) -> list[str]:
        """The names with that ending, in order of name; none where there is no folder."""
        with disk_errors(f"cannot read {self.root}"):
            if not self.root.is_dir():
                return []
            return sorted(
                entry.name for entry in self.root.iterdir() if entry.name.endswith(suffix)
            )

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
                lock.acquire(blocking=False)
            except Timeout:
                holder: Holder | None = self._holder()
            else:
                holder = None
        try:
            if holder is None:
                clear_parts(self.root)
                note = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
                self.write(HOLDER, json.dumps(note).encode())
            yield holder
        finally:
            lock.release()

    def _holder(self) -> Holder:
        note = read_json(self.root / HOLDER)
        if not isinstance(note, dict):
            return Holder("another run")
        return Holder(
            f"process {note.get('pid')} on {note.get('host')}, running since {note.get('since')}"
        )
