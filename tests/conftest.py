"""Accidents made impossible: no socket but loopback, no credentials, no real waiting. And what
many tests stand on: a clock, a sandbox on that clock, and the adapter to it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.retry import Retry
from job.sandbox import TINY, Sandbox
from tests.azurite.fixtures import (  # noqa: F401 - fixtures for all
    azurite,
    container,
    secured_azurite,
    secured_container,
)
from tests.clock import FakeClock

SHARED = Path(__file__).resolve().parents[2] / "shared"
SCRUBBED = (
    "NUMERAI_",
    "AZURE_",
    "AWS_",
    "IDENTITY_",
    "MSI_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)
SHORT_SECONDS = 0.05
"""Longer than this, a test sleeps for real only if it is marked slow."""

hypothesis.settings.register_profile("job", deadline=None)
hypothesis.settings.load_profile("job")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in a shell's background, and in all that is started from here as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_connect, _connect_ex, _sleep = socket.socket.connect, socket.socket.connect_ex, time.sleep
_getaddrinfo = socket.getaddrinfo


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0])
    if host in {"localhost", ""}:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: object) -> Any:
        if not _is_loopback(address):
            raise AssertionError(f"a test wants to reach {address}: only loopback is allowed")
        return connect(self, address)

    return guarded


def _local_names_only(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host is not None and not _is_loopback((host.decode() if isinstance(host, bytes) else host,)):
        raise socket.gaierror(socket.EAI_NONAME, f"a test looks up {host}: only loopback is there")
    return _getaddrinfo(host, *args, **kwargs)


def _short_sleeps_only(seconds: float) -> None:
    caller = sys._getframe(1).f_globals.get("__name__", "")
    ours = caller.split(".")[0] in {"job", "tests"} and not caller.startswith("job.sandbox")
    if ours and seconds > SHORT_SECONDS:
        raise AssertionError(f"{caller} sleeps {seconds} s for real: use the clock fixture")
    _sleep(seconds)


# A model in a test may mention time.sleep: its pickle is to name that, not this.
_short_sleeps_only.__module__, _short_sleeps_only.__qualname__ = "time", "sleep"
_short_sleeps_only.__name__ = "sleep"


@pytest.fixture(autouse=True)
def _no_accidents(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _guarded(_connect))
    monkeypatch.setattr(socket.socket, "connect_ex", _guarded(_connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", _local_names_only)
    for name in list(os.environ):
        if name.upper().startswith(SCRUBBED):
            monkeypatch.delenv(name)
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(time, "sleep", _short_sleeps_only)


@pytest.fixture
def clock() -> FakeClock:
    """Ten past twelve on a Tuesday; sleeping moves it and takes no time."""
    return FakeClock()


@pytest.fixture
def box(clock: FakeClock) -> Iterator[Sandbox]:
    """A sandbox on that clock: its Classic round 1400 opened ten minutes ago, for an hour."""
    with Sandbox(shape=TINY, now=clock.now) as running:
        yield running


@pytest.fixture
def transport() -> Iterator[Transport]:
    """A connection pool that calls a connection dead after two seconds of silence."""
    pool = Transport(stall=2.0)
    yield pool
    pool.close()


@pytest.fixture
def numerai(box: Sandbox, clock: FakeClock, transport: Transport) -> Numerai:
    """The real adapter, signed in to the sandbox, with a minute of patience."""
    return Numerai(
        url=box.api_url,
        token=(box.public_id, box.secret_key),
        transport=transport,
        retry=Retry(clock, patience=60.0),
    )


@pytest.fixture
def shared() -> Path:
    """The folder of facts and real material beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"there is no {SHARED}")
    return SHARED
