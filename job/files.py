"""Files that are whole or absent: written beside their place, then moved into it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from job.errors import UnavailableError


def write_whole(path: Path, data: bytes, *, writer: str = "") -> None:
    """Writes a file so that no reader, and no later run, ever sees half of it.

    Args:
        writer: tells this one from others that may write the same file at the same time.
    """
    with disk_errors(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a writer, what a killed run has left half written is overwritten.
        part = path.with_name(f".{path.name}{writer}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def clear_parts(folder: Path) -> None:
    """Removes what a process killed in the middle of `write_whole` has left in a folder."""
    with disk_errors(f"cannot clear {folder}"):
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """A JSON file's value; None when it is absent or not JSON (a note to ourselves, never the
    truth).
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turns an `OSError` into an `UnavailableError` that says what could not be done, and why."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            what,
            error.strerror or str(error),
            hint=_next_step(error),
        ) from error


def _next_step(error: OSError) -> str:
    uid = str(os.getuid()) if hasattr(os, "getuid") else "of this user"
    if error.errno == errno.EROFS:
        return f"put a volume there that uid {uid} may write to (docker run -v), then run again"
    if error.errno in {errno.EACCES, errno.EPERM}:
        fix = f"give it the folder (chown -R {uid}), or run as who owns it (docker run --user)"
        return f"uid {uid} may not: {fix}"
    return f"is there room, and may uid {uid} write there? then run again"
