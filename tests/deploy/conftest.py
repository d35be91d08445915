"""What tests of the deployment stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.shelves import FolderShelf, Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A models root with one model, `mallard`."""
    made = Root(tmp_path / "models")
    made.put("mallard.pkl", b"a model")
    made.write({"name": "mallard", "artifact": "mallard.pkl"})
    return made


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    """An empty models container."""
    (tmp_path / "container").mkdir()
    return FolderShelf(tmp_path / "container")
