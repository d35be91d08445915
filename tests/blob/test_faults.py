"""Each kind of trouble with Blob Storage: what is mended by waiting, and what is said when not."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from job.blob import Blob
from job.blob_url import BlobUrl, parse_blob_url
from job.clock import Clock
from job.errors import Exit, StoppedError, UnavailableError, UsageError
from job.logs import start_log
from job.secret import Secret
from tests.azure.messages import CUT, Reply
from tests.azurite.fixtures import Container
from tests.azurite.proxy import Proxy, refusal
from tests.azurite.server import KEY, Azurite
from tests.clock import NOON, FakeClock

TROUBLE = [refusal(503, "ServerBusy"), refusal(429, "TooManyRequests"), refusal(500, "x"), CUT]
READS: list[Callable[[Blob], object]] = [
    lambda store: store.read("a.json"),
    lambda store: store.find("a.json"),
    lambda store: store.names(".json"),
    lambda store: store.fetch("a.json", Path("/nonexistent/a.json")),
]
WRITES: list[Callable[[Blob], object]] = [
    lambda store: store.write("a.json", b"{}"),
    lambda store: store.exchange("a.json", b"{}", None),
    lambda store: store.delete("a.json"),
    lambda store: store.lock("noon").__enter__(),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=["503", "429", "500", "cut"])
def test_trouble_that_passes_is_waited_for(
    proxy: Proxy, store: Blob, clock: FakeClock, tmp_path: Path, trouble: Reply
) -> None:
    for operation in (
        lambda: store.write("a.json", b"{}"),
        lambda: store.read("a.json") == b"{}",
        lambda: store.names(".json") == ["a.json"],
        lambda: store.fetch("a.json", tmp_path / "a.json") is not None,
        lambda: store.delete("a.json"),
    ):
        proxy.on(trouble, times=2)
        before = len(clock.sleeps)
        assert operation() in {None, True}
        assert len(clock.sleeps) == before + 2


def test_the_service_says_how_long_it_wants_to_be_left_alone(
    proxy: Proxy, store: Blob, clock: FakeClock
) -> None:
    proxy.on(refusal(503, "ServerBusy", Retry_After="17"), times=1)
    assert store.read("a.json") is None
    assert clock.sleeps == [17.0]


@pytest.mark.parametrize("ask", READS + WRITES)
def test_trouble_that_stays_ends_with_its_cause_when_the_patience_does(
    proxy: Proxy, store: Blob, clock: FakeClock, ask: Callable[[Blob], object]
) -> None:
    proxy.on(refusal(503, "ServerBusy"))
    started = clock.monotonic()
    with pytest.raises(UnavailableError) as caught:
        ask(store)
    assert clock.monotonic() - started == pytest.approx(60.0)
    assert store.shown in caught.value.what
    assert "answered 503 ServerBusy" in caught.value.why[0]
    assert "over 60 s" in caught.value.why[0]


def test_an_account_that_is_not_there_is_asked_again_and_then_doubted(
    clock: FakeClock, azurite: Azurite, container: Container
) -> None:
    nowhere = "http://127.0.0.1:1/testaccount"
    string = container.connection_string.replace(azurite.url, nowhere)
    environ = {"AZURE_STORAGE_CONNECTION_STRING": string}
    store = Blob.open(BlobUrl(nowhere, "models"), environ=environ, clock=clock)
    with pytest.raises(UnavailableError) as caught:
        store.read("models_manifest.yaml")
    assert caught.value.what == f"cannot read models_manifest.yaml in {nowhere}/models"
    assert "127.0.0.1:1/testaccount could not be reached" in caught.value.why[0]
    assert "name of the account" in caught.value.hint
    assert sum(clock.sleeps) == pytest.approx(60.0)


@pytest.mark.parametrize("ask", READS + WRITES)
def test_a_container_that_is_not_there_is_said_at_once(
    container: Container, clock: FakeClock, ask: Callable[[Blob], object]
) -> None:
    url = replace(container.url, container="nobody-made-this")
    store = Blob.open(url, environ=container.environ, clock=clock)
    with pytest.raises(UnavailableError) as caught:
        ask(store)
    assert "404 ContainerNotFound" in caught.value.why[0]
    assert "there is no container nobody-made-this" in caught.value.hint
    assert clock.sleeps == []


def test_nothing_there_is_believed_only_of_a_blob(proxy: Proxy, store: Blob) -> None:
    proxy.on(refusal(404, "ResourceNotFound"))
    for ask in READS:
        with pytest.raises(UnavailableError, match="is there an account at"):
            ask(store)


def test_a_key_that_is_refused_is_not_tried_again(
    azurite: Azurite, container: Container, clock: FakeClock
) -> None:
    wrong = container.connection_string.replace(azurite.key, "d3Jvbmc=")
    store = Blob.open(
        container.url, environ={"AZURE_STORAGE_CONNECTION_STRING": wrong}, clock=clock
    )
    with pytest.raises(UnavailableError) as caught:
        store.read("a.json")
    assert "AZURE_STORAGE_CONNECTION_STRING is not (any longer) the account's" in str(caught.value)
    assert clock.sleeps == []


def test_an_account_that_takes_no_keys_says_so(proxy: Proxy, store: Blob) -> None:
    proxy.on(refusal(403, "KeyBasedAuthenticationNotPermitted"))
    with pytest.raises(UnavailableError, match="unset AZURE_STORAGE_CONNECTION_STRING"):
        store.read("a.json")


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("body", [b"<html>proxy login</html>", b"", b"<?xml version='1.0'?><a>"])
def test_an_answer_that_is_none_is_trouble_and_not_an_empty_list(
    proxy: Proxy, store: Blob, body: bytes
) -> None:
    proxy.on(Reply(200, body, {"Content-Type": "application/xml"}))
    with pytest.raises(UnavailableError, match="cannot list what is there"):
        store.names(".json")
    with pytest.raises(UnavailableError, match="cannot read"):
        store.read("a.json")
    del store
    gc.collect()  # the SDK leaves such an answer's connection to the collector, which warns of it


def test_a_stop_ends_every_wait(proxy: Proxy, store: Blob, clock: FakeClock) -> None:
    proxy.on(refusal(503, "ServerBusy"))
    reason = StoppedError("terminated by a signal", Exit.TERMINATED)
    clock.when(NOON + timedelta(seconds=20), lambda: clock.stop(reason))
    with pytest.raises(StoppedError) as caught:
        store.read("a.json")
    assert caught.value.exit_code is Exit.TERMINATED
    assert clock.now() - NOON < timedelta(seconds=40)


def test_a_record_can_still_be_written_when_the_run_is_to_stop(
    store: Blob, clock: FakeClock
) -> None:
    clock.stop(StoppedError("terminated by a signal", Exit.TERMINATED))
    store.write("a.run.json", b"{}")
    assert store.read("a.run.json") == b"{}"


def test_a_lost_reply_to_a_write_does_no_harm(proxy: Proxy, store: Blob) -> None:
    proxy.on(proxy.lose_reply, method="PUT", times=1)
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"


def test_an_exchange_is_refused_to_who_knows_an_older_version(store: Blob) -> None:
    assert store.exchange("m.yaml", b"1", None)
    assert not store.exchange("m.yaml", b"2", None)
    found = store.read_tagged("m.yaml")
    assert found is not None
    assert found[0] == b"1"
    assert store.exchange("m.yaml", b"2", found[1])
    assert not store.exchange("m.yaml", b"3", found[1])
    assert store.read("m.yaml") == b"2"
    store.delete("m.yaml")
    store.delete("m.yaml")
    assert not store.exchange("m.yaml", b"4", found[1])
    assert store.read_tagged("m.yaml") is None


def test_an_exchange_whose_reply_is_lost_is_for_the_caller_to_read_back(
    proxy: Proxy, store: Blob
) -> None:
    proxy.on(proxy.lose_reply, method="PUT", times=1)
    assert not store.exchange("m.yaml", b"1", None)
    assert store.read("m.yaml") == b"1"


def test_a_line_in_netrc_does_not_replace_who_asks(
    store: Blob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"


def test_a_connection_string_that_is_wrong_is_not_quoted(
    container: Container, clock: FakeClock
) -> None:
    environ = {"AZURE_STORAGE_CONNECTION_STRING": f"AccountKey={KEY}"}
    with pytest.raises(UsageError) as caught:
        Blob.open(container.url, environ=environ, clock=clock)
    assert caught.value.exit_code is Exit.USAGE
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_connection_string_of_another_account_is_left_alone(
    clock: FakeClock, container: Container, caplog: pytest.LogCaptureFixture
) -> None:
    url = parse_blob_url("https://elsewhere.blob.core.windows.net/models")
    Blob.open(url, environ=container.environ, clock=clock)
    assert "names another account than https://elsewhere.blob.core.windows.net" in caplog.text
    assert KEY not in caplog.text


def test_an_account_is_the_same_under_both_names_of_this_machine(
    container: Container, clock: FakeClock
) -> None:
    url = replace(container.url, account=container.url.account.replace("127.0.0.1", "localhost"))
    store = Blob.open(url, environ=container.environ, clock=clock)
    assert store.read("a.json") is None


def test_an_identity_is_not_shown_to_who_speaks_plain_http(
    container: Container, clock: FakeClock
) -> None:
    with pytest.raises(UsageError, match="not sent over plain http"):
        Blob.open(container.url, environ={}, clock=clock)


def signed(container: Container, azurite: Azurite, *, write: bool = True) -> BlobUrl:
    """The container's URL with a SAS."""
    sas = generate_container_sas(
        azurite.account,
        container.url.container,
        azurite.key,
        permission=ContainerSasPermissions(read=True, list=True, write=write, create=write),
        expiry=Clock().now() + timedelta(hours=1),
    )
    return replace(container.url, sas=Secret(sas))


def test_a_sas_in_the_url_opens_the_container(
    container: Container, azurite: Azurite, clock: FakeClock, tmp_path: Path
) -> None:
    store = Blob.open(signed(container, azurite), environ={}, clock=clock)
    store.write("a.json", b"{}")
    assert store.names(".json") == ["a.json"]
    assert store.fetch("a.json", tmp_path / "a.json") == store.find("a.json")
    with store.lock("noon") as holder:
        assert holder is None


def test_a_sas_in_a_connection_string_opens_it_too(
    container: Container, azurite: Azurite, clock: FakeClock
) -> None:
    sas = signed(container, azurite).sas.reveal()
    environ = {
        "AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint={azurite.url};SharedAccessSignature={sas}"
    }
    store = Blob.open(container.url, environ=environ, clock=clock)
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"


@pytest.mark.parametrize(
    "trouble",
    [CUT, refusal(503, "ServerBusy"), refusal(403, "AuthenticationFailed"), refusal(400, "Odd")],
    ids=["cut", "busy", "refused", "odd"],
)
@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_sas_is_in_no_message_and_no_log(
    proxy: Proxy,
    container: Container,
    azurite: Azurite,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    trouble: Reply,
    level: str,
) -> None:
    url = proxy.url(signed(container, azurite))
    start_log(format="text", level=level, secrets=[])
    caplog.set_level(logging.DEBUG if level == "debug" else logging.INFO, "job")
    store = Blob.open(url, environ={}, clock=clock)
    proxy.on(trouble)
    said = [store.shown, repr(store), repr(url), str(url)]
    for ask in READS + WRITES:
        with pytest.raises(UnavailableError) as caught:
            ask(store)
        said += traceback.format_exception(caught.value)
    said += [caplog.text, *capsys.readouterr()]
    secret = dict(part.split("=", 1) for part in url.sas.reveal().split("&"))["sig"]
    assert "sig=" not in "".join(said)
    assert secret not in "".join(said)


def test_a_sas_that_lets_only_read_is_told_from_one_that_has_expired(
    container: Container, azurite: Azurite, clock: FakeClock
) -> None:
    store = Blob.open(signed(container, azurite, write=False), environ={}, clock=clock)
    assert store.read("a.json") is None
    with pytest.raises(UnavailableError, match="does not let write here") as caught:
        store.write("a.json", b"{}")
    assert caught.value.hint == "make a new SAS"
    assert clock.sleeps == []
