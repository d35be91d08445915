"""Where a model's file belongs in the models root, and its copy there if it lies elsewhere."""

from __future__ import annotations

import glob
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from job.errors import UnavailableError, UsageError
from job.files import disk_errors, sha256_of
from job.tree import LEFT_OUT, tree_sha256

log = logging.getLogger(__name__)


LEFT_SECONDS = 3600.0
"""Age from which a copy counts as left behind."""


@dataclass(frozen=True, slots=True)
class Place:
    """A model's file or folder.

    Attributes:
        source: where it lies, links followed.
        target: where it belongs, under the models root; `source` itself if it lies there.
        relative: the target as a manifest names it; a folder with a / behind it.
        sha256: of its bytes, as a manifest pins it.
    """

    source: Path
    target: Path
    relative: str
    sha256: str

    @property
    def copied(self) -> bool:
        """Whether it is to be copied into the models root."""
        return self.source != self.target


def place_of(path: Path, *, name: str, models_dir: Path) -> Place:
    """Where `path` belongs: where it is, if in the models root, else there under the model's name.
    What is there with other bytes is never replaced: the new one gets a name of its own, so that a
    run meets either the old model or the new one.

    Raises `UsageError` for a path that cannot be a model's.
    """
    source, root = _resolved(path, models_dir)
    with disk_errors(f"cannot read {source}"):
        digest = tree_sha256(source) if source.is_dir() else sha256_of(source)
    if source.is_relative_to(root):
        return _placed(source, source, root, digest)
    target = root / name if source.is_dir() else root / name / source.name
    if target.exists() and _digest(target) != digest:
        target = target.with_name(f"{target.stem}-{digest[:8]}{target.suffix}")
    return _placed(source, target, root, digest)


@contextmanager
def staged(place: Place, *, models_dir: Path) -> Iterator[Path]:
    """The model as it will lie in the models root: itself if it is there, else a whole and verified
    copy of it on the same disk, which is gone at the end unless `settle` has moved it.
    """
    if not place.copied or place.target.exists():
        yield place.target
        return
    root = models_dir.resolve()
    was_there = root.exists()
    _clear_old_parts(root, place.target.name)
    folder = root / f".{place.target.name}.{uuid4().hex[:8]}.part"
    try:
        yield _copied(place, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not was_there:
            with suppress(OSError):  # it holds something by now
                root.rmdir()


def _clear_old_parts(root: Path, name: str) -> None:
    """Removes what killed runs have left; a copy that is being made now is younger."""
    for left in root.glob(f".{glob.escape(name)}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def settle(place: Place, copy: Path) -> None:
    """Moves a staged copy into its place at once."""
    if copy == place.target:
        return
    with disk_errors(f"cannot write {place.target}"):
        place.target.parent.mkdir(parents=True, exist_ok=True)
        copy.replace(place.target)


def _resolved(path: Path, models_dir: Path) -> tuple[Path, Path]:
    try:
        source, root = path.resolve(), models_dir.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise _refused(path, str(error)) from error
    if not source.exists():
        raise _refused(path, "there is no such file or folder")
    if not source.is_file() and not source.is_dir():
        raise _refused(path, "it is neither a file nor a folder")
    if root.is_relative_to(source):
        raise _refused(path, f"the models root {models_dir} lies in it; give one model's own")
    return source, root


def _refused(path: Path, why: str) -> UsageError:
    return UsageError("the model is not added; nothing was tried", [f"PATH {path}: {why}"])


def _placed(source: Path, target: Path, root: Path, digest: str) -> Place:
    relative = str(PurePosixPath(target.relative_to(root)))
    return Place(source, target, f"{relative}/" if source.is_dir() else relative, digest)


def _digest(path: Path) -> str:
    with disk_errors(f"cannot read {path}"):
        return tree_sha256(path) if path.is_dir() else sha256_of(path)


def _copied(place: Place, folder: Path) -> Path:
    """A copy whose bytes are those that were read before."""
    copy = folder / place.target.name
    with disk_errors(f"cannot copy {place.source} to {folder}"):
        folder.mkdir(parents=True)
        if place.source.is_dir():
            ignore = shutil.ignore_patterns(LEFT_OUT)
            shutil.copytree(place.source, copy, symlinks=True, ignore=ignore)
        else:
            shutil.copyfile(place.source, copy)
    if _digest(copy) != place.sha256:
        raise UnavailableError(
            f"{place.source} changed while it was copied", hint="run again once it is complete"
        )
    return copy
