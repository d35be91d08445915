"""A folder as one artifact: which files are its own, a listing of them, and one digest for all.

The listing is the text that `sha256sum` prints of them; its own SHA-256 is the folder's digest, so
that whoever has the listing can verify it, and every file by it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from job.errors import ModelError
from job.files import sha256_of

LEFT_OUT = "__pycache__"
ENVIRONMENT: Final = "pyvenv.cfg"
"""Marks a folder as an environment of Python, whose packages are nobody's own modules."""
LINE: Final = re.compile(rb"([0-9a-f]{64})  \./([^\0]+)")


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


def modules_in(folder: Path) -> list[Path]:
    """Every `.py` file below a folder that a single file of code in it may import, in the same
    order: none in an environment of Python, and none in a folder whose name no module can have.
    """
    found = []
    for base, names, files in os.walk(folder):
        names[:] = [name for name in names if _may_hold_modules(Path(base, name))]
        found += [Path(base, name) for name in files if name.endswith(".py")]
    return _in_order([path for path in found if path.is_file()], folder)


def tree_sha256(folder: Path) -> str:
    """The SHA-256 of a folder, lower-case hex: what this prints in it:

    find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum
    """
    return digest_of(listing(folder))


def listing(folder: Path) -> bytes:
    """What the command prints before its last step: a line for each file of a folder."""
    return _listed(files_in(folder), folder)


def modules_listing(code: Path) -> bytes:
    """The same of a single file of code and the modules beside it."""
    return _listed(modules_in(code.parent), code.parent)


def digest_of(listed: bytes) -> str:
    """The digest of what is listed, lower-case hex."""
    return hashlib.sha256(listed).hexdigest()


def read_listing(listed: bytes) -> Mapping[PurePosixPath, str] | None:
    """The digest of each file of a listing by its path; None for anything but a listing whose paths
    all stay within their folder.
    """
    lines = [LINE.fullmatch(line) for line in listed.removesuffix(b"\n").split(b"\n")]
    found = {PurePosixPath(os.fsdecode(m[2])): m[1].decode() for m in lines if m is not None}
    is_whole = listed.endswith(b"\n") and len(found) == len(lines)
    return found if is_whole and all(map(_stays_inside, found)) else None


def _listed(paths: Iterable[Path], folder: Path) -> bytes:
    lines = [f"{sha256_of(path)}  ./{path.relative_to(folder)}\n" for path in paths]
    return "".join(lines).encode(errors="surrogateescape")


def _in_order(paths: Iterable[Path], folder: Path) -> list[Path]:
    return sorted(paths, key=lambda path: os.fsencode(path.relative_to(folder)))


def _may_hold_modules(folder: Path) -> bool:
    if folder.name == LEFT_OUT or folder.name.startswith("."):
        return False
    return not (folder / ENVIRONMENT).exists()


def _stays_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and bool(path.parts) and ".." not in path.parts


def _check_link(path: Path, folder: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{path.relative_to(folder)} in the folder {folder.name} is a link out of it",
            hint="put the file itself there, not a link to a file elsewhere",
        )
