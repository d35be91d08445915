"""A cloud for each test, and the SDK's own clients on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azure.cloud import Cloud
from tests.azure.sdk import Sdk

GROUP = "models"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """An empty subscription with one resource group."""
    with Cloud(tmp_path / "cloud", grace=5.0) as running:
        running.add_group(GROUP)
        yield running


@pytest.fixture
def sdk(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    """The clients, signed in as the deployer."""
    with Sdk(cloud, monkeypatch) as clients:
        yield clients
