"""A folder as one artifact: which files are its own, and one digest for all of them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from job.errors import ModelError
from job.files import sha256_of

LEFT_OUT = "__pycache__"
LINE: Final = re.compile(r"([0-9a-f]{64})  \./([^\n\0]+)\n")


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
    return _in_order(found, folder)


def tree_sha256(folder: Path) -> str:
    """The SHA-256 of a folder, lower-case hex: what this prints in it:

    find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum
    """
    return hashlib.sha256(listing(folder)).hexdigest()


def listing(folder: Path) -> bytes:
    """What a folder's digest is the digest of: a line with digest and path for each file."""
    return _listed(files_in(folder), folder)


def modules_listing(module: Path) -> bytes:
    """The same of all that a single .py file may import of its own: every .py file beside and
    below it, itself included.
    """
    folder = module.parent
    found = []
    for base, names, files in os.walk(folder):
        # No import leads into a folder whose name begins with a dot.
        names[:] = [name for name in names if name != LEFT_OUT and not name.startswith(".")]
        found += [Path(base, name) for name in files if name.endswith(".py")]
    for path in found:
        _check_link(path, folder)
    return _listed(_in_order(found, folder), folder)


def listed_files(text: bytes) -> dict[PurePosixPath, str]:
    """The files that a listing names, with the digest of each.

    Raises `ModelError` when it is no listing, or names a file outside of its folder.
    """
    lines = text.decode(errors="surrogateescape")
    found = {PurePosixPath(match[2]): match[1] for match in LINE.finditer(lines)}
    outside = [path for path in found if path.is_absolute() or ".." in path.parts]
    if outside or "".join(f"{digest}  ./{path}\n" for path, digest in found.items()) != lines:
        raise ModelError("the listing of the model's files is not one that `push` has made")
    return found


def _listed(paths: Iterable[Path], folder: Path) -> bytes:
    lines = [f"{sha256_of(path)}  ./{path.relative_to(folder)}\n" for path in paths]
    return "".join(lines).encode(errors="surrogateescape")


def _in_order(paths: Iterable[Path], folder: Path) -> list[Path]:
    return sorted(paths, key=lambda path: os.fsencode(path.relative_to(folder)))


def _check_link(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{path.relative_to(folder)} in the folder {folder.name} is a link out of it",
            hint="put the file itself there, not a link to a file elsewhere",
        )
