"""A sandbox on a clock that stands still, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from job.sandbox import TINY, Sandbox

from .client import Client, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(shape=TINY, now=clock) as running:
        yield running


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with requests.Session() as session:
        yield Client(box, session, f"{box.public_id}${box.secret_key}")
