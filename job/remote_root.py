"""The models root in a store elsewhere: what a run needs of it is copied to this machine when it is
needed, verified, and kept by digest.

    objects/<sha256>             a file, a folder's listing (see `tree`), a list of features (.json)
    objects/<sha256>.meta.json   the sidecar of the artifact with that digest

A pinned artifact is looked for among the objects, then at its path. What nothing pins is read at
its path, and read again as soon as another file lies there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from job.artifact_cache import BY_PATH, ArtifactCache
from job.artifacts import Artifact, artifact_at, check_pinned
from job.errors import ModelError, UnavailableError, UsageError
from job.files import disk_errors, sha256_of, write_whole
from job.manifest import Manifest, load_manifest, manifest_bytes
from job.model_spec import FeatureFile, ModelSpec
from job.models_root import Stored
from job.objects import Found, Objects, object_name
from job.sidecar import SUFFIX, Sidecar, parse_sidecar, sidecar_path
from job.store import Entry, Store

log = logging.getLogger(__name__)

FEATURE_LIST: Final = re.compile(r"objects/([0-9a-f]{64})\.json")
UNPINNED: Final = (
    "`python -m deploy push` pins it; or put its sha256 into the manifest, or set "
    "NUMERAI_ALLOW_UNPINNED=true"
)
UNPINNED_LIST: Final = "`python -m deploy push` pins it; or set NUMERAI_ALLOW_UNPINNED=true"


class RemoteRoot:
    """A models root in a store.

    Args:
        cache: the folder of this machine that artifacts are kept in.
        allow_unpinned: whether to read artifacts whose sha256 the manifest does not give.
    """

    is_local = False

    def __init__(self, store: Store, cache: Path, *, allow_unpinned: bool) -> None:
        self._store = store
        self._objects = Objects(store)
        self._cache = ArtifactCache(cache)
        self._allow_unpinned = allow_unpinned
        self._copied: dict[PurePosixPath, Entry] = {}
        self._notes: dict[str, bytes | None] = {}

    @property
    def shown(self) -> str:
        """The store's root."""
        return self._store.shown

    def manifest(self, setting: str) -> Manifest:
        """From the store; from this machine where the setting is an absolute path."""
        if Path(setting).is_absolute():
            data: bytes | None = manifest_bytes(Path(setting))
            source = setting
        else:
            data, source = self._store.read(setting), f"{self.shown}/{setting}"
        if data is None:
            raise UsageError(
                "no manifest pushed yet",
                [f"{self.shown} holds no {setting}"],
                hint="`python -m deploy push` puts it there, with the models that it names",
            )
        manifest = load_manifest(data, source=source)
        if faults := list(_runtime_faults(manifest)):
            raise UsageError(f"{source} is of no use here; nothing was tried", faults)
        return manifest

    def artifact(self, model: ModelSpec) -> Artifact:
        """A copy on this machine, made unless it is here already."""
        self.check_pinned(model)
        if model.format != "predictions" and model.sha256 is not None:
            return self._by_digest(model, model.sha256)
        return self._by_path(model)

    def check_pinned(self, model: ModelSpec) -> None:
        """The manifest gives its sha256, unless what nothing pins is allowed."""
        if model.format == "predictions" or model.sha256 is not None:
            return
        self._check_allowed(model.artifact, "the manifest does not give its sha256", hint=UNPINNED)
        if model.modules is not None:
            raise ModelError(
                f"{model.artifact} has `modules` in the manifest, but no sha256", hint=UNPINNED
            )

    def feature_file(self, path: PurePosixPath) -> Path:
        """A copy on this machine, verified by the object's path that it lies at; raises
        `ModelError` for another path, unless what nothing pins is allowed.
        """
        found = FEATURE_LIST.fullmatch(str(path))
        if found is None:
            self._check_allowed_list(path)
            with self._cache.turn(str(path)):
                self._copy(path)
            return self._cache.place(BY_PATH, path)
        place, digest = self._cache.place(found[1], path.name), found[1]
        with self._cache.turn(digest), disk_errors(f"cannot read {place}"):
            if not place.is_file() or sha256_of(place) != digest:
                with self._cache.part() as part:
                    made = part / place.name
                    self._objects.copy(digest, (str(path),), made, shown=str(path))
                    self._cache.settle(made, place)
        return place

    def stored(self, model: ModelSpec) -> Stored | None:
        """Asked for as `artifact` reads it, file by file: among the objects, then at its path."""
        pinned = model.sha256 if model.format != "predictions" else None
        if pinned is None:
            name = str(model.artifact)
            entry = self._store.find(name)
            return None if entry is None else Stored(entry.size, self._sidecar(name, None))
        found = self._find(model, pinned)
        if found is None:
            return None
        alone = found.get(PurePosixPath(model.artifact.name)) if model.modules else None
        return Stored(
            size=sum(one.entry.size for one in ([alone] if alone else found.values())),
            sidecar=self._sidecar(object_name(pinned), pinned),
            by_path=any(one.by_path for one in found.values()),
        )

    def check_feature_file(self, path: PurePosixPath) -> None:
        """The list is not read."""
        if FEATURE_LIST.fullmatch(str(path)) is None:
            self._check_allowed_list(path)
        if self._store.find(str(path)) is None:
            raise self._objects.absent(str(path))

    def tidy(self, manifest: Manifest) -> None:
        """By digest; what is kept by its path stays."""
        self._cache.tidy({key for model in manifest.models for key in _keys(model)})

    def _find(self, model: ModelSpec, sha256: str) -> Mapping[PurePosixPath, Found] | None:
        """The files that `_lay_out` would copy; None where there is no such artifact."""
        path = model.artifact
        if model.modules is not None:
            return self._objects.find_all(self._objects.modules(model), path.parent)
        if (files := self._objects.folder(model)) is not None:
            return self._objects.find_all(files, path)
        found = self._objects.find(sha256, path)
        return None if found is None else {path: found}

    def _sidecar(self, name: str, pinned: str | None) -> Sidecar | None:
        note = f"{name}{SUFFIX}"
        data = self._store.read(note)
        if data is None:
            return None
        return parse_sidecar(data, sha256=pinned, shown=f"{self.shown}/{note}")

    def _check_allowed_list(self, path: PurePosixPath) -> None:
        self._check_allowed(path, "it is not kept by its sha256", hint=UNPINNED_LIST)

    def _check_allowed(self, path: PurePosixPath, why: str, *, hint: str) -> None:
        if not self._allow_unpinned:
            raise ModelError(
                f"{path} is not pinned: {why}",
                f"whoever may write into {self.shown} could exchange it",
                hint=hint,
            )

    def _by_digest(self, model: ModelSpec, sha256: str) -> Artifact:
        key, note = model.modules or sha256, f"{object_name(sha256)}{SUFFIX}"
        place = self._cache.place(key, model.artifact.name)
        with self._cache.turn(key):
            artifact = self._kept(model, place)
            if artifact is None:
                # First, and in place first: what is kept has beside it what was read last.
                data = self._note(note)
                with self._cache.part() as part:
                    self._lay_out(model, sha256, part)
                    made = part / place.name
                    if model.modules is None:
                        _lay_beside(place, data)
                        self._cache.settle(made, place)
                    else:
                        _lay_beside(made, data)
                        self._cache.settle(part, place.parent)
                artifact = artifact_at(place, digest=sha256)
                check_pinned(model, artifact)
            else:
                _lay_beside(place, self._note(note, kept=place))
        self._cache.touch(key)
        return artifact

    def _kept(self, model: ModelSpec, place: Path) -> Artifact | None:
        """What is here already, verified anew: it may have been damaged since."""
        if not place.exists():
            return None
        try:
            artifact = artifact_at(place)
            check_pinned(model, artifact)
        except ModelError as error:
            log.warning("%s is not what was put there (%s); reading it again", place, error.what)
            return None
        return artifact

    def _lay_out(self, model: ModelSpec, sha256: str, folder: Path) -> None:
        """Makes the artifact in a folder, under its own name, with the modules that it pins."""
        path = model.artifact
        if model.modules is not None:
            self._objects.copy_all(self._objects.modules(model), path.parent, folder)
        elif (files := self._objects.folder(model)) is not None:
            self._objects.copy_all(files, path, folder / path.name)
        else:
            names = (object_name(sha256), str(path))
            self._objects.copy(sha256, names, folder / path.name, shown=str(path))

    def _by_path(self, model: ModelSpec) -> Artifact:
        with self._cache.turn(str(model.artifact)):
            entry = self._copy(model.artifact)
            if entry is None:
                raise ModelError(
                    f"there is no file {model.artifact} in {self.shown}",
                    hint="" if model.artifact.suffix else "a folder is read by its sha256 only",
                )
            artifact = replace(
                artifact_at(self._cache.place(BY_PATH, model.artifact)),
                modified=entry.modified,
                noted_here=False,
                is_current=partial(self._is_current, model.artifact, entry),
            )
            check_pinned(model, artifact)
            if model.format != "predictions":
                _lay_beside(artifact.path, self._store.read(f"{model.artifact}{SUFFIX}"))
        return artifact

    def _copy(self, path: PurePosixPath) -> Entry | None:
        """What is known of the file at a path, once a copy of it is here; None where there is none.
        It is read again only if another one has taken its place.
        """
        place = self._cache.place(BY_PATH, path)
        entry = self._store.find(str(path))
        if entry is not None and (self._copied.get(path) != entry or not place.is_file()):
            with self._cache.part() as part:
                entry = self._store.fetch(str(path), part / path.name)
                if entry is not None:
                    self._cache.settle(part / path.name, place)
                    self._copied[path] = entry
        if entry is None:
            with disk_errors(f"cannot remove {place}"):
                place.unlink(missing_ok=True)
        return entry

    def _is_current(self, path: PurePosixPath, entry: Entry) -> bool:
        return self._store.find(str(path)) == entry

    def _note(self, name: str, *, kept: Path | None = None) -> bytes | None:
        """The sidecar of an object, read once; None where there is none.

        Args:
            kept: the artifact, if it is here: what lies beside it will do where the store cannot
                be read.
        """
        if name not in self._notes:
            try:
                self._notes[name] = self._store.read(name)
            except UnavailableError as error:
                if kept is None:
                    raise
                log.warning("%s; the note kept beside %s is used", error, kept)
                self._notes[name] = _beside(kept)
        return self._notes[name]


def _beside(artifact: Path) -> bytes | None:
    """The sidecar that lies beside an artifact."""
    place = sidecar_path(artifact)
    with disk_errors(f"cannot read {place}"):
        return place.read_bytes() if place.exists() else None


def _lay_beside(artifact: Path, sidecar: bytes | None) -> None:
    """Lays the sidecar beside the artifact, if there is one; else there is none there either."""
    place = sidecar_path(artifact)
    if sidecar is not None:
        write_whole(place, sidecar)
        return
    with disk_errors(f"cannot remove {place}"):
        place.unlink(missing_ok=True)


def _runtime_faults(manifest: Manifest) -> Iterator[str]:
    """What a manifest says of interpreters that only a models root on this machine could hold."""
    for name, python in manifest.runtimes.items():
        if not python.is_absolute():
            yield (
                f"{manifest.path}: runtimes.{name}: {python} is relative to the models root, from "
                "which nothing can be started; give an absolute path, of the image"
            )


def _keys(model: ModelSpec) -> Iterator[str]:
    """What a model's files are kept under."""
    yield from filter(None, (model.sha256, model.modules))
    paths = [one.path for one in model.all_features if isinstance(one, FeatureFile)]
    yield from (found[1] for path in paths if (found := FEATURE_LIST.fullmatch(str(path))))
