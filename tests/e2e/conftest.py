"""A sandbox on the real clock, and a machine to run the job on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
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


@pytest.fixture
def further(tmp_path: Path) -> Iterator[Callable[[str], Home]]:
    """Makes machines, each with a sandbox of its own, for what is to go on side by side."""
    with ExitStack() as stack:

        def make(name: str) -> Home:
            box = stack.enter_context(Sandbox(shape=TINY, models=[]))
            made = Home(box, tmp_path / name)
            stack.callback(made.stop)
            return made

        yield make
