"""A models root as `push` leaves it in a store, and a store that counts what is read of it and goes
wrong on demand.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from job.errors import JobError
from job.model_spec import ModelSpec
from job.objects import object_name
from job.sidecar import SUFFIX
from job.store import Entry, Folder, Store
from tests.builders import a_model


class Watched(Folder):
    """A folder that remembers what was asked of it.

    Attributes:
        asked: method and name of every request, in order.
        faults: what a request for this name raises.
        wrong: how often the bytes of this name come out wrong.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[str, JobError] = {}
        self.wrong: dict[str, int] = {}
        self._guard = threading.Lock()

    def read(self, name: str) -> bytes | None:
        """As a folder does."""
        self._ask("read", name)
        data = super().read(name)
        return self._spoilt(name, data) if data is not None else None

    def find(self, name: str) -> Entry | None:
        """As a folder does."""
        self._ask("find", name)
        return super().find(name)

    def fetch(self, name: str, target: Path) -> Entry | None:
        """As a folder does."""
        self._ask("fetch", name)
        entry = super().fetch(name, target)
        if entry is not None:
            target.write_bytes(self._spoilt(name, target.read_bytes()))
        return entry

    def read_names(self) -> set[str]:
        """Of what came over whole, sidecars aside."""
        names = {name for method, name in self.asked if method in {"read", "fetch"}}
        return {name for name in names if not name.endswith(SUFFIX)}

    def _ask(self, method: str, name: str) -> None:
        with self._guard:
            self.asked.append((method, name))
        if name in self.faults:
            raise self.faults[name]

    def _spoilt(self, name: str, data: bytes) -> bytes:
        if self.wrong.get(name, 0) <= 0:
            return data
        self.wrong[name] -= 1
        return b"x" + data[1:]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What is in a store."""

    store: Store

    def object(self, data: bytes) -> str:
        """Puts a file among the objects; gives its digest."""
        digest = sha256(data).hexdigest()
        self.store.write(object_name(digest), data)
        return digest

    def file(self, name: str, content: bytes = b"", **more: Any) -> ModelSpec:
        """A model that is one file."""
        content = content or name.encode()
        return a_model(PurePosixPath(name).stem, sha256=self.object(content), **_at(name), **more)

    def files(self, files: Mapping[str, bytes]) -> str:
        """Puts several files there and their listing; gives its digest."""
        pairs = sorted(files.items())
        lines = [f"{self.object(data)}  ./{name}\n" for name, data in pairs]
        return self.object("".join(lines).encode())

    def folder(self, name: str, files: Mapping[str, bytes]) -> ModelSpec:
        """A model that is a folder."""
        return a_model(name, sha256=self.files(files), format="python", **_at(name))

    def code(self, name: str, files: Mapping[str, bytes]) -> ModelSpec:
        """A model that is a file of code with modules beside it, itself among `files`."""
        own = sha256(files[PurePosixPath(name).name]).hexdigest()
        more = {"sha256": own, "modules": self.files(files), "format": "python"}
        return a_model(PurePosixPath(name).stem, **more, **_at(name))


def _at(name: str) -> dict[str, Any]:
    return {"artifact": PurePosixPath(name)}
