"""A sandbox on the real clock, and a machine to run the job on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from job.sandbox import TINY, Sandbox

from .driver import Home


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(shape=TINY, models=[]) as running:
        yield running


@pytest.fixture
def home(box: Sandbox, tmp_path: Path) -> Iterator[Home]:
    made = Home(box, tmp_path)
    yield made
    made.stop()
