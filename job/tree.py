"""A folder as one artifact: which files are its own, and one digest for all of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from job.errors import ModelError
from job.files import sha256_of

LEFT_OUT = "__pycache__"


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder in the order of their paths as bytes, but what Python itself
    leaves there.

    Raises `ModelError` for a link that leads out of the folder, since what it leads to would run
    without being verified.
    """
    found = []
    for base, names, files in os.walk(folder):
        names[:] = [name for name in names if name != LEFT_OUT]
        for name in (*names, *files):
            _check_link(Path(base, name), folder)
        found += [Path(base, name) for name in files]
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(folder)))


def tree_sha256(folder: Path) -> str:
    """The SHA-256 of a folder, lower-case hex: what this prints in it:

    find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum
    """
    lines = [f"{sha256_of(path)}  ./{path.relative_to(folder)}\n" for path in files_in(folder)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _check_link(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{path.relative_to(folder)} in the folder {folder.name} is a link out of it",
            hint="put the file itself there, not a link to a file elsewhere",
        )
