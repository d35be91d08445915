"""The sandbox starts on a free port, counts what it serves, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from job.sandbox import TINY, Sandbox

from .client import Client

ROOT = Path(__file__).parents[2]
LIVE = "v5.3/live.parquet"
ACCOUNT = "{ account { username } }"


def test_nothing_is_left_after_the_end() -> None:
    before = threading.active_count()
    with Sandbox(shape=TINY) as box, requests.Session() as session:
        assert session.get(box.api_url, timeout=5).status_code == 404
        port = int(box.api_url.rpartition(":")[2])
        assert threading.active_count() > before
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_the_end_does_not_wait_for_a_stalled_or_slow_reply() -> None:
    with Sandbox(shape=TINY, latency=30) as box:
        with pytest.raises(requests.ReadTimeout):
            requests.get(box.api_url, timeout=0.1)
        began = time.perf_counter()
    assert time.perf_counter() - began < 2


def test_two_sandboxes_have_ports_of_their_own() -> None:
    with Sandbox(shape=TINY) as one, Sandbox(shape=TINY) as other:
        assert one.api_url != other.api_url


def test_a_sandbox_can_be_stopped_twice_and_started_again() -> None:
    box = Sandbox(shape=TINY).start()
    box.stop()
    box.stop()
    with pytest.raises(RuntimeError, match="not started"):
        _ = box.api_url
    with box:
        assert requests.get(box.api_url, timeout=5).status_code == 404


def test_a_connection_is_kept_for_many_requests(client: Client) -> None:
    for _ in range(3):
        client.ask(ACCOUNT)
        client.get()
    adapter = client.session.get_adapter(client.box.api_url)
    pools = adapter.poolmanager.pools
    (pool,) = (pools[key] for key in pools.keys())  # noqa: SIM118 - no mapping, it only has keys()
    assert pool.num_connections == 1


def test_requests_are_logged_with_their_bytes(client: Client) -> None:
    client.get()
    client.put(b"id,prediction\n")
    kinds = [(one.kind, one.operations, one.status) for one in client.box.requests]
    assert kinds == [
        ("graphql", ("dataset",), 200),
        ("get", ("get",), 200),
        ("graphql", ("submissionUploadAuth",), 200),
        ("put", ("put",), 200),
    ]
    _, got, _, put = client.box.requests
    assert got.sent == len(client.box.objects.content(LIVE))
    assert put.received == len(b"id,prediction\n")
    assert got.path == "/objects/8/1400/v5.3/live.parquet"
    client.box.traffic.clear()
    assert client.box.requests == []


def test_requests_one_after_another_are_never_at_once(client: Client) -> None:
    for _ in range(20):
        client.ask(ACCOUNT)
    assert client.box.peak() == 1


def test_fifty_requests_at_once_take_little_longer_than_one(client: Client) -> None:
    client.box.link.latency = 0.2
    began = time.perf_counter()
    with ThreadPoolExecutor(50) as pool:
        statuses = list(
            pool.map(
                lambda _: (
                    requests.post(
                        client.box.api_url, json={"query": "{ rounds { number } }"}, timeout=10
                    ).status_code
                ),
                range(50),
            )
        )
    assert statuses == [200] * 50
    assert 0.2 <= time.perf_counter() - began < 3
    assert client.box.peak("graphql") > 25


def test_latency_is_added_to_objects_too(client: Client) -> None:
    url = client.url(LIVE)
    client.box.link.latency = 0.15
    began = time.perf_counter()
    client.session.get(url, timeout=5)
    assert time.perf_counter() - began >= 0.15


def test_bandwidth_is_shared_by_all_downloads(client: Client) -> None:
    url, size = client.url(LIVE), len(client.box.objects.content(LIVE))
    client.box.link.bandwidth = size / 0.1
    began = time.perf_counter()
    with ThreadPoolExecutor(3) as pool:
        contents = list(pool.map(lambda _: requests.get(url, timeout=5).content, range(3)))
    assert 0.28 <= time.perf_counter() - began < 3
    assert {len(content) for content in contents} == {size}


def test_uploads_share_the_bandwidth(client: Client) -> None:
    client.box.link.bandwidth = 1_000_000
    began = time.perf_counter()
    client.put(b"x" * 200_000)
    assert time.perf_counter() - began >= 0.2


@pytest.mark.parametrize("ending", ["stdin", "SIGTERM"])
def test_the_command_says_where_it_is_and_ends_when_told(ending: str) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "job.sandbox",
        "--shape",
        "tiny",
        "--models",
        "3",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        access = json.loads(process.stdout.readline())
        token = f"Token {access['public_id']}${access['secret_key']}"
        answer = requests.post(
            access["api_url"],
            json={"query": "{ account { models { name } } }"},
            headers={"Authorization": token},
            timeout=5,
        ).json()
        if ending == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert [m["name"] for m in answer["data"]["account"]["models"]] == [
        "duck_000",
        "duck_001",
        "duck_002",
    ]
    assert (process.returncode, errors) == (0, b"")


def test_the_command_teaches_how_it_is_used() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "job.sandbox", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    for word in ("--latency", "--bandwidth", "--shape", "--models", "examples:", "SIGTERM"):
        assert word in shown
