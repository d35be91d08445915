"""What tests of the deployment stand on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.sandbox import TINY, Sandbox
from tests.azure.cloud import Cloud
from tests.azure.container_groups import Image
from tests.deploy.place import Place
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


HELLO = "print('hello from the container', flush=True)"


@pytest.fixture
def image() -> Image:
    """What every container is: a program that says hello; a test may have another."""
    return Image(command=(sys.executable, "-c", HELLO), environment=dict(os.environ))


@pytest.fixture
def place(
    tmp_path: Path,
    image: Image,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A user's machine: nothing is deployed yet, and the account has one model, `mallard`."""
    with (
        Sandbox(shape=TINY, models=[]) as box,
        Cloud(tmp_path / "cloud", image=image, grace=2.0) as cloud,
    ):
        box.add_model("mallard")
        for name, value in cloud.environ.items():  # Azure's libraries read these themselves
            monkeypatch.setenv(name, value)
        yield Place(tmp_path, cloud, box, capsys)
