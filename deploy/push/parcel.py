"""A local models root as what is to lie in the models container: files by their digests, and the
manifest that names them. Every artifact is verified as the job verifies it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deploy.push.names import feature_files, is_folder, list_name, sidecar_name
from deploy.push.pinning import pinned
from deploy.push.surroundings import RUNTIMES
from job.artifacts import Artifact, Artifacts
from job.errors import ModelError, UsageError
from job.files import disk_errors
from job.manifest import Manifest, load_manifest, resolve_inside
from job.model_spec import ModelSpec
from job.objects import object_name
from job.sidecar import Sidecar, read_sidecar, sidecar_bytes
from job.tree import digest_of, listing, modules_listing, read_listing


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be stored.

    Attributes:
        name: in the container; an object's says what its bytes are.
        source: a local file, or the bytes themselves.
        size: in bytes.
        shown: what people know it by.
    """

    name: str
    source: Path | bytes
    size: int
    shown: str

    @property
    def sha256(self) -> str:
        """What an object's name says of its bytes."""
        return PurePosixPath(self.name).name


@dataclass(frozen=True, slots=True)
class Parcel:
    """What belongs in the container.

    Attributes:
        manifest: the text that is to be the current manifest.
        objects: named by their own digests, each once.
        sidecars: notes, which may be other ones than those of the same names in the container.
        models: how many of the manifest's models are stored.
        left_out: a sentence for each model of which nothing is.
    """

    manifest: bytes
    objects: tuple[Item, ...]
    sidecars: tuple[Item, ...]
    models: int
    left_out: tuple[str, ...]


@dataclass(slots=True)
class _Packing:
    """A parcel that is being filled; whatever is wrong with a model is kept as a fault."""

    root: Path
    objects: dict[str, Item] = field(default_factory=dict)
    sidecars: dict[str, Item] = field(default_factory=dict)
    notes: dict[str, Sidecar] = field(default_factory=dict)
    pins: dict[int, Mapping[str, str]] = field(default_factory=dict)
    lists: dict[PurePosixPath, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def model(self, index: int, model: ModelSpec) -> None:
        if (why := _why_left_out(model)) is not None:
            self.left_out.append(f"{model.name}: {why}")
        if not model.enabled:
            return
        try:
            if model.format != "predictions":
                self.pins[index] = self._artifact(model)
            for path in feature_files(model):
                self.lists[path] = self._feature_list(path)
        except ModelError as error:
            self.faults += [f"{model.name}: {error.lines()[0]}", *error.lines()[1:]]

    def _artifact(self, model: ModelSpec) -> dict[str, str]:
        """Packs an artifact; gives the keys that its entry in the manifest is to have."""
        artifact = Artifacts(self.root).get(model)
        pins = {"sha256": artifact.sha256}
        if is_folder(model):
            self._listed(listing(artifact.path), artifact.path, model)
        else:
            self._file(artifact.path, artifact.sha256, str(model.artifact))
        if model.format == "python" and artifact.path.suffix == ".py":
            pins |= self._modules(artifact, model)
        self._sidecar(artifact, model)
        artifact.check_unchanged()
        return pins

    def _modules(self, artifact: Artifact, model: ModelSpec) -> dict[str, str]:
        """Packs what a single .py file may import of its own, if there is anything."""
        found = modules_listing(artifact.path)
        if found.count(b"\n") == 1 and model.modules is None:
            return {}
        self._listed(found, artifact.path.parent, model)
        return {"modules": digest_of(found)}

    def _listed(self, text: bytes, folder: Path, model: ModelSpec) -> None:
        files = read_listing(text)
        if files is None:
            raise ModelError(f"a file of {model.artifact} has a line end in its name")
        for path, sha256 in files.items():
            self._file(folder / path, sha256, f"{model.artifact} ({path})")
        self._bytes(object_name(digest_of(text)), text, str(model.artifact))

    def _feature_list(self, path: PurePosixPath) -> str:
        file = resolve_inside(self.root, path)
        if not file.is_file():
            raise ModelError(f"there is no feature list {path} in {self.root}")
        with disk_errors(f"cannot read {file}"):
            data = file.read_bytes()
        _check_names(data, path)
        self._bytes(list_name(data), data, str(path))
        return list_name(data)

    def _sidecar(self, artifact: Artifact, model: ModelSpec) -> None:
        """Packs what `add` wrote down; of equal files in two places, what is known of either."""
        found = read_sidecar(artifact.path, sha256=artifact.sha256)
        if found is None:
            return
        name, shown = sidecar_name(artifact.sha256), f"{model.artifact} (note)"
        self.notes[name] = found.after(self.notes.get(name))
        data = sidecar_bytes(self.notes[name])
        self.sidecars[name] = Item(name, data, len(data), shown)

    def _file(self, path: Path, sha256: str, shown: str) -> None:
        with disk_errors(f"cannot read {path}"):
            size = path.stat().st_size
        name = object_name(sha256)
        self.objects.setdefault(name, Item(name, path, size, shown))

    def _bytes(self, name: str, data: bytes, shown: str) -> None:
        self.objects.setdefault(name, Item(name, data, len(data), shown))


def pack(root: Path, manifest_path: Path) -> Parcel:
    """What of a models root belongs in the container.

    Raises `UsageError` with everything that is wrong with the manifest, or with its models' files.
    """
    with disk_errors(f"cannot read {manifest_path}"):
        data = manifest_path.read_bytes()
    manifest = load_manifest(data, source=str(manifest_path))
    packing = _Packing(root)
    packing.faults += _relative_runtimes(manifest)
    for index, model in enumerate(manifest.models):
        packing.model(index, model)
    if packing.faults:
        raise UsageError(
            f"what {manifest_path} names is not all in order; nothing was pushed",
            packing.faults,
            hint="`enabled: false` leaves a model out",
        )
    return Parcel(
        manifest=pinned(data, packing.pins, packing.lists, source=str(manifest_path)),
        objects=tuple(packing.objects.values()),
        sidecars=tuple(packing.sidecars.values()),
        models=len(packing.pins),
        left_out=tuple(packing.left_out),
    )


def _relative_runtimes(manifest: Manifest) -> Iterator[str]:
    """Interpreters in the models root: nothing can be started from where it is pushed to."""
    for name, python in manifest.runtimes.items():
        if not python.is_absolute():
            yield (
                f"runtimes.{name}: {python} is relative to the models root; give the absolute path "
                f"that it has in the image, such as {RUNTIMES}/{name}/bin/python"
            )


def _why_left_out(model: ModelSpec) -> str | None:
    if not model.enabled:
        return "disabled, so its files stay here"
    if model.format == "predictions":
        return (
            f"its predictions are not pushed, for an old file would look new; "
            f"another program is to write {model.artifact} into the container"
        )
    return None


def _check_names(data: bytes, path: PurePosixPath) -> None:
    """Found here rather than in a round; what the names mean, the job finds out."""
    try:
        names = json.loads(data)
    except ValueError as error:
        raise ModelError(f"the feature list {path} is not JSON", str(error)) from error
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ModelError(f"the feature list {path} is not a list of names")
