"""Receivers on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.receivers import Mailbox, Receiver, http_receiver, mail_server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Some of these tests start the log; what pytest listens with stays."""
    root, ours = logging.getLogger(), logging.getLogger("job")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
