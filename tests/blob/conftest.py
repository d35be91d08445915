"""A proxy before Azurite, in which tests order faults, and a store behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from job.blob import Blob
from tests.azurite.fixtures import Container
from tests.azurite.proxy import Proxy, before
from tests.azurite.server import Azurite
from tests.clock import FakeClock

KIB = 1024


@pytest.fixture
def proxy(azurite: Azurite) -> Iterator[Proxy]:
    """Between the store and Azurite."""
    with before(azurite.origin) as running:
        yield running


@pytest.fixture
def store(proxy: Proxy, container: Container, clock: FakeClock) -> Blob:
    """A store behind the proxy, with a minute of patience; it reads and writes in small pieces."""
    return Blob.open(
        proxy.url(container.url),
        environ=proxy.environ(container.connection_string),
        clock=clock,
        retry_patience=60.0,
        stall=1.0,
        range_bytes=KIB,
        block_bytes=KIB,
    )
