"""By its managed identity: an endpoint that comes late, a role that counts late, and neither."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from job.blob import Blob
from job.clock import Clock
from job.errors import Exit, StoppedError, TransientError, UnavailableError
from job.identity import credential, is_managed
from tests.azure.directory import Directory
from tests.azure.faults import Faults
from tests.azure.identity_endpoint import IdentityEndpoint
from tests.azurite.fixtures import Container, Secured
from tests.azurite.proxy import Proxy, before, refusal
from tests.clock import NOON, FakeClock


class Endpoint:
    """An identity endpoint, and the environment of a container whose identity it knows."""

    def __init__(self, late: float, ca: Path) -> None:
        directory = Directory(now=Clock().now, seed=0)
        self.faults = Faults()
        self.served = IdentityEndpoint(directory, self.faults, wait=threading.Event().wait)
        one = directory.add("job")
        host = self.served.add_caller("group", lambda: [one], late=late)
        self.environ = {
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": host,
            "AZURE_CLIENT_ID": one.client_id,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "REQUESTS_CA_BUNDLE": str(ca),
        }


@pytest.fixture
def endpoint(
    request: pytest.FixtureRequest, secured_azurite: Secured, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoint]:
    """One that is up, or late by the seconds that the test is given."""
    running = Endpoint(getattr(request, "param", 0.0), secured_azurite.ca)
    for name, value in running.environ.items():
        monkeypatch.setenv(name, value)
    yield running
    running.served.stop()


@pytest.fixture
def proxy(secured_azurite: Secured) -> Iterator[Proxy]:
    """Between the store and an Azurite that takes tokens."""
    with before(secured_azurite.azurite.origin, secured_azurite.authority) as running:
        yield running


@pytest.fixture
def store(proxy: Proxy, secured_container: Container, endpoint: Endpoint, clock: FakeClock) -> Blob:
    """A store that is opened by the identity."""
    url = proxy.url(secured_container.url)
    return Blob.open(url, environ=endpoint.environ, clock=clock, retry_patience=60.0)


def test_an_identity_reads_writes_and_locks(
    store: Blob, endpoint: Endpoint, tmp_path: Path
) -> None:
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"
    assert store.names(".json") == ["a.json"]
    assert store.fetch("a.json", tmp_path / "a.json") == store.find("a.json")
    with store.lock("noon") as holder:
        assert holder is None
    assert endpoint.served.asked == ["https://storage.azure.com"]


def test_all_stores_of_a_process_ask_for_one_token(
    secured_container: Container, endpoint: Endpoint, clock: FakeClock
) -> None:
    for _ in range(3):
        store = Blob.open(secured_container.url, environ=endpoint.environ, clock=clock)
        assert store.read("a.json") is None
    assert len(endpoint.served.asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [10.0], indirect=True)
def test_an_endpoint_that_is_late_and_then_fails_and_then_works_is_waited_for(
    secured_container: Container, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.faults.add(where="token", kind="status", status=500, times=2)
    clock = Clock()
    store = Blob.open(secured_container.url, environ=endpoint.environ, clock=clock)
    started = clock.monotonic()
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"
    assert clock.monotonic() - started > 9.0
    assert "the managed identity gave no token" in caplog.text
    assert "next try in" in caplog.text
    assert {one.name.partition(".")[0] for one in caplog.records} == {"job"}


@pytest.mark.parametrize("endpoint", [3600.0], indirect=True)
def test_an_endpoint_that_never_comes_is_waited_for_a_minute_and_a_half(
    store: Blob, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnavailableError) as caught:
        store.read("a.json")
    assert sum(clock.sleeps) == pytest.approx(90.0, abs=0.01)
    assert caught.value.what == f"cannot read a.json in {store.shown}"
    assert "the managed identity gave no token" in caught.value.why[0]
    assert "no response from the IMDS endpoint" in caught.value.why[1]
    assert "AZURE_CLIENT_ID" in caught.value.hint
    assert max(clock.sleeps) <= 6.0


@pytest.mark.parametrize("endpoint", [3600.0], indirect=True)
def test_an_endpoint_that_comes_while_it_is_waited_for_is_enough(
    store: Blob, endpoint: Endpoint, clock: FakeClock
) -> None:
    clock.when(NOON + timedelta(seconds=60), endpoint.served.listen)
    assert store.read("a.json") is None
    assert 60.0 <= sum(clock.sleeps) <= 75.0


def test_a_wrong_client_id_is_named(
    proxy: Proxy, secured_container: Container, endpoint: Endpoint, clock: FakeClock
) -> None:
    environ = {**endpoint.environ, "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000000"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_CLIENT_ID", environ["AZURE_CLIENT_ID"])
        store = Blob.open(proxy.url(secured_container.url), environ=environ, clock=clock)
        with pytest.raises(UnavailableError, match="Identity not found"):
            store.read("a.json")


def test_a_fresh_role_assignment_is_waited_for(proxy: Proxy, store: Blob, clock: FakeClock) -> None:
    proxy.on(refusal(403, "AuthorizationPermissionMismatch"))
    clock.when(NOON + timedelta(seconds=240), proxy.calm)
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"
    assert sum(clock.sleeps) >= 240


@pytest.mark.parametrize(
    ("ask", "role"),
    [
        (lambda store: store.read("a.json"), "Storage Blob Data Reader"),
        (lambda store: store.find("a.json"), "Storage Blob Data Reader"),
        (lambda store: store.names(""), "Storage Blob Data Reader"),
        (lambda store: store.write("a.json", b""), "Storage Blob Data Contributor"),
        (lambda store: store.lock("noon").__enter__(), "Storage Blob Data Contributor"),
    ],
)
def test_a_role_that_is_missing_is_named_after_five_minutes(
    proxy: Proxy,
    store: Blob,
    secured_container: Container,
    clock: FakeClock,
    ask: Callable[[Blob], object],
    role: str,
) -> None:
    proxy.on(refusal(403, "AuthorizationPermissionMismatch"))
    with pytest.raises(UnavailableError) as caught:
        ask(store)
    assert sum(clock.sleeps) == pytest.approx(300.0, abs=0.01)
    assert "403 AuthorizationPermissionMismatch" in caught.value.why[0]
    assert f"{role} on the container {secured_container.url.container}" in caught.value.hint


def test_a_stop_ends_the_wait_for_a_role(proxy: Proxy, store: Blob, clock: FakeClock) -> None:
    proxy.on(refusal(403, "AuthorizationPermissionMismatch"))
    reason = StoppedError("terminated by a signal", Exit.TERMINATED)
    clock.when(NOON + timedelta(seconds=30), lambda: clock.stop(reason))
    with pytest.raises(StoppedError):
        store.read("a.json")
    assert sum(clock.sleeps) < 50


def test_a_certificate_of_nobody_is_said_at_once(
    secured_container: Container,
    endpoint: Endpoint,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    store = Blob.open(secured_container.url, environ=endpoint.environ, clock=clock)
    with pytest.raises(UnavailableError, match="TLS certificate of") as caught:
        store.read("a.json")
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert clock.sleeps == []


def test_a_key_is_preferred_to_an_identity(
    secured_container: Container, endpoint: Endpoint, clock: FakeClock
) -> None:
    environ = {**endpoint.environ, **secured_container.environ}
    store = Blob.open(secured_container.url, environ=environ, clock=clock)
    assert store.read("a.json") is None
    assert endpoint.served.asked == []


@pytest.mark.parametrize(
    ("environ", "managed"),
    [
        ({}, False),
        ({"AZURE_CLIENT_ID": "id"}, True),
        ({"AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": "s", "AZURE_TENANT_ID": "t"}, False),
        ({"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "t"}, False),
        ({"AZURE_CLIENT_ID": "id", "AZURE_FEDERATED_TOKEN_FILE": "f"}, False),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"MSI_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, True),
        ({"AZURE_TOKEN_CREDENTIALS": "dev", "AZURE_CLIENT_ID": "id"}, False),
        ({"AZURE_TOKEN_CREDENTIALS": "prod"}, True),
    ],
)
def test_what_speaks_for_a_managed_identity(environ: Mapping[str, str], managed: bool) -> None:
    assert is_managed(environ) is managed


@pytest.mark.parametrize("environ", [{}, {"AZURE_TENANT_ID": "t"}])
def test_nobody_who_is_signed_in_is_said_at_once_and_no_endpoint_is_asked(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="nobody is signed in to Azure here") as caught:
        credential(environ).get_token("https://storage.azure.com/.default")
    assert not isinstance(caught.value, TransientError)
    assert "az login" in caught.value.hint
    assert "ManagedIdentity" not in str(caught.value)


def test_a_choice_that_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"AZURE_TOKEN_CREDENTIALS": "mine"}
    monkeypatch.setenv(*environ.popitem())
    with pytest.raises(UnavailableError, match="Invalid value for AZURE_TOKEN_CREDENTIALS"):
        credential({"AZURE_TOKEN_CREDENTIALS": "mine"})
