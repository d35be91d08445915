"""Folders of models: nothing comes in from outside, and nothing goes out."""

from __future__ import annotations

import os
import stat
import sys
import zipfile
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType

from ..faults import Fault


class OwnModules:
    """Finds modules as Python does, but refuses those that a link brings into a model's folder.

    It heeds one folder, as long as that is on `sys.path`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def watch(cls, folder: Path) -> None:
        """Put one for `folder` before Python's own, in place of the one for an earlier model."""
        finders = [each for each in sys.meta_path if not isinstance(each, cls)]
        place = finders.index(PathFinder) if PathFinder in finders else len(finders)
        sys.meta_path[:] = [*finders[:place], cls(folder), *finders[place:]]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `importlib` wants it. Raises Fault."""
        if str(self._folder) not in sys.path:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin and leads_out(Path(spec.origin), self._folder):
            raise link_fault(Path(spec.origin), self._folder)
        return spec


def check_links(folder: Path) -> None:
    """Raises Fault if a link in the folder, however deep, leads out of it."""
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            if path.is_symlink() and leads_out(path, folder):
                raise link_fault(path, folder)


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path within the folder is really elsewhere."""
    return path.is_relative_to(folder) and not path.resolve().is_relative_to(folder.resolve())


def link_fault(path: Path, folder: Path) -> Fault:
    """The fault for a link that leads out."""
    what = f"{path.relative_to(folder)} is a link that leads out of the model's folder"
    return Fault("load", what, (), "put the file itself there, not a link to a file elsewhere")


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a .zip; gives `folder`. Raises Fault for entries that do not stay within it."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            _check_entry(entry, archive)
        opened.extractall(folder)
    return folder


def _check_entry(entry: zipfile.ZipInfo, archive: Path) -> None:
    name = entry.orig_filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if stat.S_ISLNK(entry.external_attr >> 16):
        problem = "is a link"
    elif posix.is_absolute() or windows.drive or windows.root:
        problem = "is an absolute path"
    elif ".." in windows.parts:  # these part at both kinds of slashes
        problem = "climbs out of the archive"
    else:
        return
    raise Fault("load", f"{archive.name} is refused: its entry {name!r} {problem}")
