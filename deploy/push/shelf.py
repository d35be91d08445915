"""The seam to where `push` puts things: a store that takes files, and in which what changes is
exchanged only if nobody else has changed it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from job.store import Store

Report = Callable[[int, int | None], None]
"""Told of the bytes that are there, and of those that are to be."""


def nothing(_: int, __: int | None) -> None:
    """For who does not watch."""


class Shelf(Store, Protocol):
    """A store that `push` can fill."""

    def upload(self, name: str, source: Path, *, sha256: str, report: Report = nothing) -> None:
        """Puts a local file in place, whole or not at all; one that is there is left as it is.

        Raises `ModelError` when the file's bytes have another digest.
        """
        ...

    def delete(self, name: str) -> None:
        """Removes a file, if there is one."""
        ...

    def read_tagged(self, name: str) -> tuple[bytes, str] | None:
        """A file's bytes and its ETag, None when there is no such file."""
        ...

    def exchange(self, name: str, data: bytes, tag: str | None) -> bool:
        """Puts a file in place of the one with that ETag, or where there is none; False when there
        is another by now.
        """
        ...
