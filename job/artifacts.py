"""The model files that the plan needs: found inside the models root, and verified before anything
reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from job.errors import ModelError
from job.files import disk_errors, sha256_of
from job.manifest import resolve_inside
from job.model_spec import ModelSpec
from job.tree import digest_of, files_in, modules_listing, tree_sha256

Stamp = tuple[tuple[int, int, int], ...]


def _for_good() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model: a file, or the folder of a Python model.

    Attributes:
        sha256: of the file; of a folder as `tree.tree_sha256` has it.
        stamp: tells whether it was replaced since.
        modified: when the newest of its files was written last.
        noted_here: whether this machine's clock noted that.
        is_current: whether the place that it was copied from still has it.
    """

    path: Path
    sha256: str
    stamp: Stamp
    modified: datetime
    noted_here: bool = True
    is_current: Callable[[], bool] = field(default=_for_good, compare=False)

    def check_unchanged(self) -> None:
        """Raises `ModelError` when the file is no longer the one that was verified."""
        try:
            same = stamp_of(self.path) == self.stamp
        except OSError:
            same = False
        if not same or not self.is_current():
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
            return digest_of(modules_listing(self.path))


def artifact_at(path: Path, *, digest: str | None = None) -> Artifact:
    """What lies at a path now.

    Args:
        digest: its SHA-256, None to read it for that.
    """
    with disk_errors(f"cannot read {path}"):
        stamp = stamp_of(path)
        if digest is None:
            digest = tree_sha256(path) if path.is_dir() else sha256_of(path)
    newest = max((written for _, _, written in stamp), default=0)
    return Artifact(path, digest, stamp, datetime.fromtimestamp(newest / 1e9, UTC))


class Artifacts:
    """Model files under a local models root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, model: ModelSpec) -> Artifact:
        """The model's file; raises `ModelError` when it is absent, empty, or not the one pinned."""
        path = resolve_inside(self.root, model.artifact)
        self._check_kind(model, path)
        artifact = artifact_at(path)
        check_pinned(model, artifact)
        return artifact

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


def check_pinned(model: ModelSpec, artifact: Artifact) -> None:
    """Raises `ModelError` for an artifact that is empty or is not what the manifest pins."""
    check_size(model, sum(size for _, size, _ in artifact.stamp))
    if model.sha256 is not None and artifact.sha256 != model.sha256:
        raise ModelError(
            f"{model.artifact} is not the file that the manifest pins",
            f"its sha256 is {artifact.sha256}",
            f"the manifest says {model.sha256}",
            hint="put the right file there, or correct sha256 if the new one is meant",
        )
    if model.modules is not None and (found := artifact.code_sha256()) != model.modules:
        raise ModelError(
            f"the modules beside {model.artifact} are not those that the manifest pins",
            f"the digest of what is there is {found}",
            f"the manifest says {model.modules}",
            hint="put the right modules there; or correct `modules`, or leave it out",
        )


def check_size(model: ModelSpec, size: int) -> None:
    """Raises `ModelError` for an artifact without a byte."""
    if not size:
        raise ModelError(f"{model.artifact} is empty", hint="was its copy interrupted?")


def stamp_of(path: Path) -> Stamp:
    """What changes when a file, or one in a folder, is replaced."""
    found = [one.stat() for one in (files_in(path) if path.is_dir() else [path])]
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)
