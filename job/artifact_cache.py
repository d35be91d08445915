"""What this machine keeps of artifacts that live elsewhere, by digest: whole or absent.

<folder>/<sha256>/<name>     a file or a folder, or a file of code among its modules
<folder>/by-path/<path>      what nothing pins, as it was read last
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from uuid import uuid4

from job.files import disk_errors

log = logging.getLogger(__name__)

BY_PATH = "by-path"
LEFT_SECONDS = 3600.0
"""Age from which what nobody names is removed: until then another run may be using it."""


class ArtifactCache:
    """A folder of this machine. Safe to use from many threads, and from many processes as far as
    no one of them tidies what another has just begun to use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def place(self, key: str, name: str | PurePath) -> Path:
        """Where something belongs."""
        return self._folder / key / name

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Lets one thread at a time see to what has this key: who comes later finds it there."""
        with self._guard:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            yield

    @contextmanager
    def part(self) -> Iterator[Path]:
        """A folder on the same disk, to make something in; gone at the end but for what was moved
        out of it.
        """
        folder = self._folder / f".{uuid4().hex}.part"
        with disk_errors(f"cannot write into {self._folder}"):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def settle(self, made: Path, place: Path) -> None:
        """Moves a file or a folder, made in a `part`, to its place, whatever is there."""
        with disk_errors(f"cannot write {place}"):
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                with self.part() as away:
                    place.rename(away / place.name)
            made.replace(place)

    def touch(self, key: str) -> None:
        """Notes that what has this key is in use."""
        with suppress(OSError):
            os.utime(self._folder / key)

    def tidy(self, keep: Set[str]) -> None:
        """Removes what has none of these keys and has not been used lately, and what killed runs
        have left.
        """
        with suppress(OSError):
            for found in self._folder.iterdir():
                age = time.time() - found.stat().st_mtime
                if found.name not in {*keep, BY_PATH} and age > LEFT_SECONDS:
                    log.info("removing %s, which the manifest no longer names", found)
                    shutil.rmtree(found, ignore_errors=True)
