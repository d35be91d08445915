"""The model files that the plan needs: found inside the models root, and verified before anything
reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from job.errors import ModelError
from job.files import disk_errors, sha256_of
from job.manifest import resolve_inside
from job.model_spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model file; `stamp` tells whether it was replaced since."""

    path: Path
    sha256: str
    stamp: tuple[int, int, int]

    def check_unchanged(self) -> None:
        """Raises `ModelError` when the file is no longer the one that was verified."""
        try:
            same = _stamp(self.path) == self.stamp
        except OSError:
            same = False
        if not same:
            raise ModelError(
                f"{self.path.name} was replaced while it was read",
                hint="copy a new model beside the old one and rename it into place; then run again",
            )


class Artifacts:
    """Model files under a local models root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, model: ModelSpec) -> Artifact:
        """The model's file; raises `ModelError` when it is absent, empty, or not the one pinned."""
        path = resolve_inside(self.root, model.artifact)
        if not path.is_file():
            raise ModelError(
                f"there is no file {model.artifact} in {self.root}", hint=self._neighbours(path)
            )
        with disk_errors(f"cannot read {path}"):
            stamp = _stamp(path)
            digest = sha256_of(path)
        if path.stat().st_size == 0:
            raise ModelError(f"{model.artifact} is empty", hint="was its copy interrupted?")
        if model.sha256 is not None and digest != model.sha256:
            raise ModelError(
                f"{model.artifact} is not the file that the manifest pins",
                f"its sha256 is {digest}",
                f"the manifest says {model.sha256}",
                hint="put the right file there, or correct sha256 if the new one is meant",
            )
        return Artifact(path, digest, stamp)

    def _neighbours(self, path: Path) -> str:
        if not path.parent.is_dir():
            return f"the folder {path.parent.name} is not there either"
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())[:5]
        return f"beside it lie: {', '.join(names)}" if names else "its folder is empty"


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
