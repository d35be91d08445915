"""A blob on its way to a file: in ranges, all of one version, whole or absent."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path

import pytest

from job.blob import Blob
from job.errors import Exit, StoppedError, UnavailableError
from tests.azure.messages import CUT, Reply, Request
from tests.azurite.fixtures import Container
from tests.azurite.proxy import Proxy, refusal
from tests.clock import FakeClock

ROOT = Path(__file__).parents[2]
SIZE = 20 * 1024 + 7
"""Twenty ranges of a KiB, and a bit."""


def some_bytes(seed: int, size: int = SIZE) -> bytes:
    return random.Random(seed).randbytes(size)


def ranges_asked(proxy: Proxy) -> list[str]:
    return [one.headers["x-ms-range"] for one in proxy.requests if "x-ms-range" in one.headers]


def test_ranges_are_put_together_in_their_order(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path
) -> None:
    container.client.upload_blob("model", some_bytes(1))
    assert store.fetch("model", tmp_path / "model") is not None
    assert (tmp_path / "model").read_bytes() == some_bytes(1)
    assert len(ranges_asked(proxy)) == len(set(ranges_asked(proxy))) == 21


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 2048])
def test_a_size_at_the_edge_of_a_range_is_read_whole(
    store: Blob, container: Container, tmp_path: Path, size: int
) -> None:
    container.client.upload_blob("model", some_bytes(size, size))
    store.fetch("model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == some_bytes(size, size)


def replace_at(
    proxy: Proxy, container: Container, number: int, versions: Iterable[bytes | None]
) -> None:
    """Each time the range of that number is asked for, another version comes before the answer;
    None: the blob is removed.
    """
    coming = iter(versions)

    def step(request: Request) -> Reply | None:
        if request.headers.get("x-ms-range", "").startswith(f"bytes={number * 1024}-"):
            for version in islice(coming, 1):
                if version is None:
                    container.client.delete_blob("model")
                else:
                    container.client.upload_blob("model", version, overwrite=True)
        return None

    proxy.on(step)


@pytest.mark.parametrize("size", [SIZE, SIZE - 5000, SIZE + 5000, 0])
def test_a_blob_that_is_replaced_while_it_is_read_is_read_again_from_the_start(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path, size: int
) -> None:
    container.client.upload_blob("model", some_bytes(1))
    replace_at(proxy, container, 7, [some_bytes(2, size)])
    entry = store.fetch("model", tmp_path / "model")
    assert entry == store.find("model")
    assert (tmp_path / "model").read_bytes() == some_bytes(2, size)
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


def test_a_blob_that_is_removed_while_it_is_read_is_absent(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path
) -> None:
    container.client.upload_blob("model", some_bytes(1))
    replace_at(proxy, container, 7, [None])
    assert store.fetch("model", tmp_path / "model") is None
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_is_replaced_all_the_time_is_given_up_and_the_former_copy_stays(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path
) -> None:
    (tmp_path / "model").write_bytes(b"a former copy")
    container.client.upload_blob("model", some_bytes(1))
    replace_at(proxy, container, 7, (some_bytes(seed) for seed in count()))
    with pytest.raises(UnavailableError, match="replaced 5 times while it was read"):
        store.fetch("model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"a former copy"
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


def test_a_small_file_that_is_replaced_while_it_is_read_is_read_again(
    proxy: Proxy, store: Blob, clock: FakeClock
) -> None:
    store.write("latest.json", b"{}")
    proxy.on(refusal(412, "ConditionNotMet"), method="GET", times=1)
    assert store.read("latest.json") == b"{}"
    assert len(clock.sleeps) == 1


@pytest.mark.parametrize("trouble", [CUT, refusal(503, "ServerBusy")], ids=["cut", "503"])
def test_only_the_range_that_met_trouble_is_asked_for_again(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path, trouble: Reply
) -> None:
    container.client.upload_blob("model", some_bytes(1))
    proxy.on(trouble, method="GET", times=3)
    store.fetch("model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == some_bytes(1)
    assert len(ranges_asked(proxy)) == 21 + 3


@pytest.mark.slow
@pytest.mark.parametrize("how", ["truncate", "stall"])
def test_a_body_that_breaks_off_is_asked_for_again(
    proxy: Proxy, store: Blob, container: Container, clock: FakeClock, tmp_path: Path, how: str
) -> None:
    container.client.upload_blob("model", some_bytes(1))
    proxy.on(getattr(proxy, how), method="GET", times=4)
    store.fetch("model", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == some_bytes(1)


@pytest.mark.slow
def test_bodies_that_always_break_off_leave_nothing(
    proxy: Proxy, container: Container, clock: FakeClock, tmp_path: Path
) -> None:
    environ = proxy.environ(container.connection_string)
    store = Blob.open(proxy.url(container.url), environ=environ, clock=clock, retry_patience=1.0)
    container.client.upload_blob("model", some_bytes(1, 1000))
    proxy.on(proxy.truncate, method="GET")
    with pytest.raises(UnavailableError) as caught:
        store.fetch("model", tmp_path / "cache" / "model")
    assert "cannot read model in" in caught.value.what
    assert "broke off" in caught.value.why[0]
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_range_that_is_shorter_than_it_says_is_not_taken(
    proxy: Proxy, store: Blob, container: Container, tmp_path: Path
) -> None:
    container.client.upload_blob("model", some_bytes(1))

    def shorten(request: Request) -> Reply:
        reply = proxy.forward(request)
        return Reply(reply.status, reply.body[:-1], reply.headers)

    proxy.on(shorten, method="GET")
    with pytest.raises(UnavailableError, match="of 1,024 B"):
        store.fetch("model", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_stop_ends_a_copy(
    proxy: Proxy, store: Blob, container: Container, clock: FakeClock, tmp_path: Path
) -> None:
    container.client.upload_blob("model", some_bytes(1))

    def stop(_: Request) -> None:
        clock.stop(StoppedError("terminated by a signal", Exit.TERMINATED))

    proxy.on(stop, method="GET")
    with pytest.raises(StoppedError):
        store.fetch("model", tmp_path / "model")
    assert len(ranges_asked(proxy)) <= 4
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(
    store: Blob, container: Container, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    container.client.upload_blob("model", some_bytes(1))
    with pytest.raises(UnavailableError, match="cannot write"):
        store.fetch("model", tmp_path / "cache" / "model")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_a_large_file_is_copied_right_and_takes_no_memory_to_speak_of(
    container: Container, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    dice = random.Random(0)
    with source.open("wb") as file:
        for offset in range(0, 200 * MIB, 10 * MIB):
            file.seek(offset + dice.randrange(9 * MIB))
            file.write(dice.randbytes(MIB))
        file.truncate(200 * MIB)
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    upload, fetch = (run_apart(script, container, source, target, digest) for script in (UP, DOWN))
    with target.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    assert target.stat().st_size == 200 * MIB
    assert int(upload) < 150 * 1024
    assert int(fetch) < 100 * 1024


MIB = 1024 * 1024
OPEN = """
import os, sys
from pathlib import Path
from job.blob import Blob
from job.blob_url import parse_blob_url
from job.clock import Clock
url, source, target, digest = sys.argv[1:]
store = Blob.open(parse_blob_url(url), environ=os.environ, clock=Clock())
store.find("nothing")
def peak():  # not ru_maxrss: a process is born with that of whoever started it
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
before = peak()
"""
UP = OPEN + "store.upload('big', Path(source), sha256=digest); print(peak() - before)"
DOWN = OPEN + "store.fetch('big', Path(target)); print(peak() - before)"


def run_apart(script: str, container: Container, *args: str | Path) -> str:
    """What the script prints, in a process of its own: by how many KiB its peak has grown."""
    command = [sys.executable, "-c", script, str(container.url), *map(str, args)]
    environ = {**os.environ, **container.environ}
    return subprocess.run(
        command, env=environ, cwd=ROOT, check=True, capture_output=True, text=True, timeout=150
    ).stdout
