"""A models container that is a folder: a shelf without a service, and a place to put models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.push.shelf import Report, nothing
from job.errors import ModelError
from job.files import sha256_of
from job.store import Folder

MANIFEST = "models_manifest.yaml"


class FolderShelf(Folder):
    """Obeys `deploy.push.Shelf`; what it was asked is in `asked`, in order.

    Args:
        before: called with an operation and a name before anything is done.
    """

    def __init__(self, root: Path, before: Callable[[str, str], None] | None = None) -> None:
        super().__init__(root)
        self.before = before
        self.asked: list[tuple[str, str]] = []

    def _note(self, operation: str, name: str) -> None:
        if self.before is not None:
            self.before(operation, name)
        self.asked.append((operation, name))

    def read(self, name: str) -> bytes | None:
        self._note("read", name)
        return super().read(name)

    def write(self, name: str, data: bytes) -> None:
        self._note("write", name)
        super().write(name, data)

    def names(self, suffix: str, *, under: str = "") -> list[str]:
        self._note("names", under)
        return super().names(suffix, under=under)

    def upload(self, name: str, source: Path, *, sha256: str, report: Report = nothing) -> None:
        self._note("upload", name)
        if self.find(name) is None:
            if sha256_of(source) != sha256:
                raise ModelError(f"{source.name} changed while it was uploaded")
            super().write(name, source.read_bytes())
        report(source.stat().st_size, None)

    def delete(self, name: str) -> None:
        self._note("delete", name)
        (self.root / name).unlink(missing_ok=True)

    def read_tagged(self, name: str) -> tuple[bytes, str] | None:
        self._note("read", name)
        data = super().read(name)
        return None if data is None else (data, self._tag(name))

    def exchange(self, name: str, data: bytes, tag: str | None) -> bool:
        self._note("exchange", name)
        if self._tag(name) != (tag or ""):
            return False
        super().write(name, data)
        return True

    def _tag(self, name: str) -> str:
        entry = self.find(name)
        return "" if entry is None else entry.tag

    def age(self, seconds: float) -> None:
        """Makes everything look so much older."""
        for path in self.root.rglob("*"):
            if path.is_file():
                then = path.stat().st_mtime - seconds
                os.utime(path, (then, then))

    def files(self) -> dict[str, bytes]:
        """Everything but the lock, by name."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name not in {"lock", "lock.json"}
        }


class Root:
    """A local models root."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    @property
    def manifest(self) -> Path:
        """The manifest's file."""
        return self.path / MANIFEST

    def put(self, name: str, data: bytes | str) -> None:
        """A file under the root."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def write(self, *models: dict[str, Any], **more: Any) -> None:
        """The manifest, with these models."""
        self.manifest.write_text(json.dumps({"version": 1, **more, "models": models}, indent=1))
