"""The model files that the plan needs: found inside the models root, and verified before anything
reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from job.errors import ModelError
from job.files import disk_errors, sha256_of
from job.manifest import resolve_inside
from job.model_spec import ModelSpec
from job.tree import files_in, tree_sha256

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model: a file, or the folder of a Python model.

    Attributes:
        sha256: of the file; of a folder as `tree.tree_sha256` has it.
        stamp: tells whether it was replaced since.
        modified: when the newest of its files was written last.
    """

    path: Path
    sha256: str
    stamp: Stamp
    modified: datetime

    def check_unchanged(self) -> None:
        """Raises `ModelError` when the file is no longer the one that was verified."""
        try:
            same = _stamp(self.path) == self.stamp
        except OSError:
            same = False
        if not same:
            raise ModelError(
                f"{self.path.name} was replaced while it was read",
                hint="copy a new model beside the old one and rename it into place, then run "
                "again; code that writes files has `data_dir` for them",
            )

    def code_sha256(self) -> str:
        """The digest of all that a model of format `python` may import of its own: for a single
        .py file, the modules and packages beside it, too.
        """
        if self.path.suffix != ".py":
            return self.sha256
        with disk_errors(f"cannot read {self.path.parent}"):
            beside = sorted(self.path.parent.rglob("*.py"))
            digests = "".join(f"{path} {sha256_of(path)}\n" for path in beside)
        return hashlib.sha256(digests.encode(errors="surrogateescape")).hexdigest()


class Artifacts:
    """Model files under a local models root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, model: ModelSpec) -> Artifact:
        """The model's file; raises `ModelError` when it is absent, empty, or not the one pinned."""
        path = resolve_inside(self.root, model.artifact)
        self._check_kind(model, path)
        with disk_errors(f"cannot read {path}"):
            stamp = _stamp(path)
            digest = tree_sha256(path) if path.is_dir() else sha256_of(path)
        if not sum(size for _, size, _ in stamp):
            raise ModelError(f"{model.artifact} is empty", hint="was its copy interrupted?")
        if model.sha256 is not None and digest != model.sha256:
            raise ModelError(
                f"{model.artifact} is not the file that the manifest pins",
                f"its sha256 is {digest}",
                f"the manifest says {model.sha256}",
                hint="put the right file there, or correct sha256 if the new one is meant",
            )
        newest = max(written for _, _, written in stamp)
        return Artifact(path, digest, stamp, datetime.fromtimestamp(newest / 1e9, UTC))

    def _check_kind(self, model: ModelSpec, path: Path) -> None:
        if path.is_dir():
            if model.format != "python":
                raise ModelError(
                    f"{model.artifact} is a folder, not a file of format {model.format}",
                    hint="only a model of format python may be a folder",
                )
        elif not path.is_file():
            raise ModelError(
                f"there is no file {model.artifact} in {self.root}", hint=self._neighbours(path)
            )

    def _neighbours(self, path: Path) -> str:
        if not path.parent.is_dir():
            return f"the folder {path.parent.name} is not there either"
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())[:5]
        return f"beside it lie: {', '.join(names)}" if names else "its folder is empty"


def _stamp(path: Path) -> Stamp:
    found = [one.stat() for one in (files_in(path) if path.is_dir() else [path])]
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)
