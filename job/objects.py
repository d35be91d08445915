"""Files that a store holds under the digest of their bytes: copied from there and verified."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from job.errors import ModelError
from job.files import disk_errors, sha256_of
from job.model_spec import ModelSpec
from job.store import Entry, Store
from job.tree import digest_of, read_listing

log = logging.getLogger(__name__)

OBJECT: Final = re.compile("objects/[0-9a-f]{64}")
TRIES: Final = 2
"""How often something is read whose bytes are not what its name says."""
AT_ONCE: Final = 8
PUSH: Final = "`python -m deploy push` puts there what the manifest names"
REMOVE: Final = "remove it there, then `python -m deploy push` puts the right one there"

Files = Mapping[PurePosixPath, str]
"""The digest of each file of a folder, by its path in it."""


def object_name(sha256: str) -> str:
    """Where a file with this digest is."""
    return f"objects/{sha256}"


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is pinned, as it is there."""

    name: str
    entry: Entry

    @property
    def by_path(self) -> bool:
        """Whether its name says nothing of what it holds."""
        return OBJECT.fullmatch(self.name) is None


class Objects:
    """The files of a store by digest. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def copy(self, sha256: str, names: tuple[str, ...], target: Path, *, shown: str) -> None:
        """Makes a verified local copy of the first of these names that is there.

        Raises `ModelError` where none is, or where what is there is something else.
        """
        for _ in range(TRIES):
            name = self._fetch(names, target)
            if name is None:
                raise self.absent(shown)
            with disk_errors(f"cannot read {target}"):
                found = sha256_of(target)
            if found == sha256:
                return
            log.warning("%s in %s is not what it should be", name, self._store.shown)
        raise ModelError(
            f"{shown} is not the file that the manifest pins",
            f"the sha256 of {name} in {self._store.shown} is {found}",
            f"the manifest says {sha256}",
            hint=REMOVE,
        )

    def copy_all(self, files: Files, base: PurePosixPath, folder: Path) -> None:
        """Makes verified copies of a folder's files; `base` is where they lie without a digest."""

        def copy(path: PurePosixPath) -> None:
            shown = str(base / path)
            self.copy(files[path], (object_name(files[path]), shown), folder / path, shown=shown)

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="objects") as pool:
            list(pool.map(copy, files))

    def folder(self, model: ModelSpec) -> Files | None:
        """The files of an artifact that is a folder and pinned, None for any other."""
        is_code = model.format == "python" and model.artifact.suffix not in {".py", ".zip"}
        return self._listing(model.sha256) if is_code and model.sha256 else None

    def modules(self, model: ModelSpec) -> Files:
        """The files of code that an artifact's `modules` pin, itself among them.

        Raises `ModelError` where they are not known, or the artifact is another one there.
        """
        assert model.modules is not None
        files = self._listing(model.modules)
        if files is None:
            raise ModelError(
                f"the modules beside {model.artifact} are not in {self._store.shown}",
                f"there is no listing {object_name(model.modules)}",
                hint=PUSH,
            )
        if files.get(PurePosixPath(model.artifact.name)) != model.sha256:
            raise ModelError(
                f"sha256 and `modules` of {model.artifact} do not belong together",
                hint="take both out of the manifest; `python -m deploy push` fills them in",
            )
        return files

    def find(self, sha256: str, path: PurePosixPath) -> Found | None:
        """What `copy` would read of a file with this digest; None where there is none."""
        for name in (object_name(sha256), str(path)):
            if (entry := self._store.find(name)) is not None:
                return Found(name, entry)
        return None

    def find_all(self, files: Files, base: PurePosixPath) -> Mapping[PurePosixPath, Found]:
        """What `copy_all` would read of each file; raises `ModelError` where one is nowhere."""

        def find(path: PurePosixPath) -> Found:
            found = self.find(files[path], base / path)
            if found is None:
                raise self.absent(str(base / path))
            return found

        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="objects") as pool:
            return dict(zip(files, pool.map(find, files), strict=True))

    def absent(self, shown: str) -> ModelError:
        """What is wrong where a file is nowhere."""
        return ModelError(f"there is no file {shown} in {self._store.shown}", hint=PUSH)

    def _fetch(self, names: tuple[str, ...], target: Path) -> str | None:
        with disk_errors(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
        return next((name for name in names if self._store.fetch(name, target)), None)

    def _listing(self, sha256: str) -> Files | None:
        """What is listed under a digest; None where nothing is, or something that is no listing."""
        for _ in range(TRIES):
            data = self._store.read(object_name(sha256))
            if data is None:
                return None
            if digest_of(data) == sha256:
                return read_listing(data)
            log.warning("%s in %s is not what it should be", object_name(sha256), self._store.shown)
        raise ModelError(
            f"{object_name(sha256)} in {self._store.shown} does not hold what its name says",
            hint=REMOVE,
        )
