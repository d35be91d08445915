"""The seam to where models live: the manifest, the artifacts that it names, and what lies with
them; and the models root that is a folder of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from job.artifacts import Artifact, Artifacts
from job.features import names_in
from job.manifest import Manifest, find_manifest, read_manifest, resolve_inside
from job.model_spec import ModelSpec
from job.sidecar import Sidecar, read_sidecar
from job.tree import files_in


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an artifact without reading it.

    Attributes:
        size: in bytes, those of a folder's files together.
        sidecar: what `add` wrote down of it.
        by_path: whether some of it is pinned, and lies where any file may lie.
    """

    size: int
    sidecar: Sidecar | None
    by_path: bool = False


class ModelsRoot(Protocol):
    """A models root. Safe to use from many threads.

    Raises `UnavailableError` when it cannot be reached or read.
    """

    @property
    def shown(self) -> str:
        """The root as people know it, without secrets."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether reading an artifact costs nothing but the disk's time."""
        ...

    def manifest(self, setting: str) -> Manifest:
        """The manifest that `NUMERAI_MANIFEST` names; raises `UsageError` for one that is not there
        or is wrong.
        """
        ...

    def artifact(self, model: ModelSpec) -> Artifact:
        """A model's artifact on this machine, verified, its sidecar beside it.

        Raises `ModelError` when it is absent, empty, or not the one pinned.
        """
        ...

    def feature_file(self, path: PurePosixPath) -> Path:
        """Where a list of features can be read on this machine; nothing need be there.

        Raises `ModelError` for a path or a file that is not what it should be.
        """
        ...

    def stored(self, model: ModelSpec) -> Stored | None:
        """What is known of a model's artifact without reading it, None where there is none.

        Raises `ModelError` for a path, a folder or modules that are not what they should be.
        """
        ...

    def check_pinned(self, model: ModelSpec) -> None:
        """Raises the `ModelError` of an artifact that is not read for want of a pin."""
        ...

    def check_feature_file(self, path: PurePosixPath) -> None:
        """Raises the `ModelError` of a run that wants this list of features, as far as it can be
        told without fetching the list.
        """
        ...

    def tidy(self, manifest: Manifest) -> None:
        """Removes what was kept on this machine of artifacts that the manifest no longer names."""
        ...


class LocalRoot:
    """A folder of this machine."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._artifacts = Artifacts(folder)

    @property
    def shown(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def manifest(self, setting: str) -> Manifest:
        """From this folder, else from the working directory."""
        path = find_manifest(setting, models_dir=self._folder, cwd=Path.cwd())
        return read_manifest(path, models_dir=self._folder)

    def artifact(self, model: ModelSpec) -> Artifact:
        """The file or folder where it lies."""
        return self._artifacts.get(model)

    def feature_file(self, path: PurePosixPath) -> Path:
        """The file where it lies."""
        return resolve_inside(self._folder, path)

    def stored(self, model: ModelSpec) -> Stored | None:
        """The sidecar is that of the file that the manifest pins; without a pin, of any: the file
        itself, which may be large, is not read for this.
        """
        path = resolve_inside(self._folder, model.artifact)
        try:
            files = files_in(path) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files)
        except OSError:
            return None
        return Stored(size, read_sidecar(path, sha256=model.sha256))

    def check_pinned(self, model: ModelSpec) -> None:
        """Here nothing need be pinned."""

    def check_feature_file(self, path: PurePosixPath) -> None:
        """The list is read, which costs nothing."""
        names_in(self.feature_file(path), str(path))

    def tidy(self, manifest: Manifest) -> None:
        """Nothing is kept beside what is the user's own."""
