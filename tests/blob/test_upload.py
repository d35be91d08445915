"""A file on its way to a blob: in blocks, whole or absent, and only the promised bytes."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from job.blob import Blob
from job.errors import Exit, ModelError, StoppedError, UnavailableError
from tests.azure.messages import CUT, Reply, Request
from tests.azurite.fixtures import Container
from tests.azurite.proxy import Proxy, refusal
from tests.clock import FakeClock


@pytest.fixture(params=[10, 1024, 1025, 20_000], ids=["tiny", "one block", "two", "many"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A local file."""
    path = tmp_path / "model.pkl"
    path.write_bytes(random.Random(request.param).randbytes(request.param))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A local file of ten blocks, of which the middle ones are alike."""
    path = tmp_path / "large.pkl"
    dice = random.Random(1)
    path.write_bytes(dice.randbytes(3000) + bytes(4096) + dice.randbytes(2900))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def blocks_sent(proxy: Proxy) -> list[str]:
    return [one.query["blockid"] for one in proxy.requests if one.query.get("comp") == "block"]


def test_a_blob_has_the_files_bytes_and_their_md5(
    store: Blob, container: Container, source: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    store.upload("objects/a", source, sha256=digest(source), report=lambda *one: seen.append(one))
    blob = container.client.get_blob_client("objects/a")
    assert blob.download_blob().readall() == source.read_bytes()
    md5 = blob.get_blob_properties().content_settings.content_md5
    assert md5 == bytearray(hashlib.md5(source.read_bytes()).digest())
    size = source.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


def test_an_empty_file_becomes_an_empty_blob(store: Blob, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    store.upload("empty", tmp_path / "empty", sha256=digest(tmp_path / "empty"))
    assert store.read("empty") == b""


def test_a_file_with_other_bytes_than_promised_is_not_put_in_place(
    store: Blob, source: Path
) -> None:
    with pytest.raises(ModelError, match="changed while it was uploaded"):
        store.upload("objects/a", source, sha256="0" * 64)
    assert store.find("objects/a") is None


def test_a_blob_that_is_there_is_left_as_it_is(store: Blob, source: Path) -> None:
    store.upload("objects/a", source, sha256=digest(source))
    before = store.find("objects/a")
    store.upload("objects/a", source, sha256=digest(source))
    assert store.find("objects/a") == before


def test_equal_blocks_are_told_apart(proxy: Proxy, store: Blob, large: Path) -> None:
    store.upload("objects/a", large, sha256=digest(large))
    assert store.read("objects/a") == large.read_bytes()
    assert len(set(blocks_sent(proxy))) == 10


def test_an_upload_that_was_cut_goes_on_where_it_was(
    proxy: Proxy, store: Blob, large: Path
) -> None:
    left = 6

    def cut_after_some(request: Request) -> Reply | None:
        nonlocal left
        if request.query.get("comp") != "block":
            return None
        left -= 1
        return CUT if left < 0 else None

    proxy.on(cut_after_some)
    with pytest.raises(UnavailableError, match="cannot write objects/a"):
        store.upload("objects/a", large, sha256=digest(large))
    assert store.find("objects/a") is None
    proxy.calm()
    before = set(blocks_sent(proxy)[:6])
    proxy.requests.clear()
    store.upload("objects/a", large, sha256=digest(large))
    assert store.read("objects/a") == large.read_bytes()
    assert len(blocks_sent(proxy)) == 4
    assert not before & set(blocks_sent(proxy))


@pytest.mark.parametrize("comp", ["block", "blocklist"])
@pytest.mark.parametrize("how", ["503", "lost reply"])
def test_trouble_on_the_way_is_tried_again(
    proxy: Proxy, store: Blob, large: Path, comp: str, how: str
) -> None:
    trouble = proxy.lose_reply if how == "lost reply" else refusal(503, "ServerBusy")
    proxy.on(trouble, method="PUT", comp=comp, times=2)
    store.upload("objects/a", large, sha256=digest(large))
    assert store.read("objects/a") == large.read_bytes()


def test_a_small_file_whose_reply_is_lost_is_there(
    proxy: Proxy, store: Blob, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"small")
    proxy.on(proxy.lose_reply, method="PUT", times=1)
    store.upload("objects/a", tmp_path / "small", sha256=digest(tmp_path / "small"))
    assert store.read("objects/a") == b"small"


def test_blocks_that_are_gone_when_they_are_counted_on_are_sent_again(
    proxy: Proxy, store: Blob, large: Path
) -> None:
    proxy.on(refusal(400, "InvalidBlockList"), method="PUT", comp="blocklist", times=1)
    store.upload("objects/a", large, sha256=digest(large))
    assert store.read("objects/a") == large.read_bytes()


def test_another_upload_of_the_same_bytes_that_was_faster_is_taken(
    proxy: Proxy, store: Blob, container: Container, large: Path
) -> None:
    def overtake(_: Request) -> None:
        container.client.upload_blob("objects/a", large.read_bytes())

    proxy.on(overtake, method="PUT", comp="blocklist", times=1)
    store.upload("objects/a", large, sha256=digest(large))
    assert store.read("objects/a") == large.read_bytes()


def test_a_stop_ends_an_upload_and_leaves_no_blob(
    proxy: Proxy, store: Blob, clock: FakeClock, large: Path
) -> None:
    def stop(_: Request) -> None:
        clock.stop(StoppedError("interrupted", Exit.INTERRUPTED))

    proxy.on(stop, method="PUT", comp="block")
    with pytest.raises(StoppedError):
        store.upload("objects/a", large, sha256=digest(large))
    assert store.find("objects/a") is None


def test_a_file_that_is_not_there_is_said(store: Blob, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot read"):
        store.upload("objects/a", tmp_path / "nothing", sha256="0" * 64)
