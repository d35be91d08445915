"""HTTP with every answer checked: four at once, no wait without end, no foreign exception."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from job.errors import Exit, JobError, TransientError, UnavailableError
from job.numerai.transport import (
    AT_ONCE,
    DOWNLOADS_AT_ONCE,
    Answer,
    Transport,
    host_of,
    retry_after,
    server_time,
    translated,
)
from job.sandbox import Operation, Sandbox

SIGNED = "https://user:pass@store.invalid:8443/a/b?X-Amz-Signature=s3cret"


def url_of(box: Sandbox, filename: str = "v5.3/live.parquet") -> str:
    return box.objects.dataset_url(filename, 8, 1400)


def read(transport: Transport, url: str) -> bytes:
    with transport.get(url, {}) as answer:
        return b"".join(transport.chunks(answer))


class Server(ThreadingHTTPServer):
    """Counts the connections that are made to it."""

    connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever is too slow is hung up on."""


@contextmanager
def answering(
    body: bytes, *, header: bytes = b"X: y", pause: float = 0.0, piece: int = 10**9
) -> Iterator[Server]:
    """A server that says the same to every request, in pieces with a pause after each."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.wfile.write(b"HTTP/1.1 200 OK\r\n%b\r\n" % header)
            self.wfile.write(b"Content-Length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), piece):
                self.wfile.write(body[start : start + piece])
                time.sleep(pause)

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_at_most_four_requests_are_under_way(box: Sandbox, transport: Transport) -> None:
    together = threading.Barrier(AT_ONCE)

    def meet(_: Operation) -> None:
        together.wait(10.0)

    box.on("apiTokenInfo", meet)
    body = {"query": "query { apiTokenInfo { scopes } }"}
    headers = {"Authorization": f"Token {box.public_id}${box.secret_key}"}
    with ThreadPoolExecutor(3 * AT_ONCE) as pool:
        asked = [
            pool.submit(transport.post_json, box.api_url, body, headers) for _ in range(3 * AT_ONCE)
        ]
    assert {one.result().status for one in asked} == {200}
    assert box.peak() == AT_ONCE == 4


def test_downloads_leave_room_for_other_requests(box: Sandbox, transport: Transport) -> None:
    go_on, under_way = threading.Event(), threading.Semaphore(0)

    def hold(_: Operation) -> None:
        under_way.release()
        go_on.wait(30.0)

    box.on("get", hold)
    url = url_of(box)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        bodies = [pool.submit(read, transport, url) for _ in range(AT_ONCE)]
        answer = transport.post_json(box.api_url, {"query": "query { __typename }"}, {})
        assert all(under_way.acquire(timeout=30.0) for _ in range(DOWNLOADS_AT_ONCE))
        assert not any(body.done() for body in bodies)
        go_on.set()
    assert answer.status == 200
    assert len({body.result() for body in bodies}) == 1
    assert box.peak("get") == DOWNLOADS_AT_ONCE == 2


def test_what_is_not_to_be_sent_any_more_is_not_sent(box: Sandbox, transport: Transport) -> None:
    def check() -> None:
        raise TransientError("its time was over")

    with pytest.raises(TransientError, match="its time was over"):
        transport.post_json(box.api_url, {"query": "query { __typename }"}, {}, check=check)
    assert box.requests == []
    assert transport.posts == 0


def test_a_request_that_fails_makes_room_for_others(box: Sandbox, transport: Transport) -> None:
    url = url_of(box)
    box.faults.add(where="get", kind="reset", times=2 * AT_ONCE)
    for _ in range(2 * AT_ONCE):
        with pytest.raises(TransientError):
            read(transport, url)
    assert read(transport, url) == box.objects.content("v5.3/live.parquet")


def test_a_read_that_is_given_up_makes_room_for_others(box: Sandbox, transport: Transport) -> None:
    url = url_of(box)
    for _ in range(2 * AT_ONCE):
        with transport.get(url, {}):
            pass
    assert read(transport, url)


@pytest.mark.parametrize("kind", ["truncate", "stall", "lost_reply", "reset"])
def test_a_body_cut_short_is_an_error_and_never_an_end(
    box: Sandbox, transport: Transport, kind: str
) -> None:
    box.faults.add(where="get", kind=kind)
    with pytest.raises(TransientError) as caught:
        read(transport, url_of(box))
    assert caught.value.maybe_done
    assert "127.0.0.1" in caught.value.what
    assert "X-Amz" not in str(caught.value)


def test_bodies_are_not_decompressed_behind_our_back(box: Sandbox, transport: Transport) -> None:
    with transport.get(url_of(box), {}) as answer:
        assert answer.request.headers["Accept-Encoding"] == "identity"


def test_bytes_and_requests_are_counted(box: Sandbox, transport: Transport) -> None:
    content = read(transport, url_of(box))
    assert transport.bytes_downloaded == len(content)
    transport.post_json(box.api_url, {"query": "{ rounds { number } }"}, {})
    assert transport.posts == 1


def test_redirects_do_not_carry_the_token_elsewhere(box: Sandbox, transport: Transport) -> None:
    box.faults.add(where="rounds", kind="status", status=307)
    body = {"query": "{ rounds { number } }"}
    assert transport.post_json(box.api_url, body, {"Authorization": "x"}).status == 307


@pytest.mark.parametrize(
    ("error", "kind", "maybe_done"),
    [
        (requests.exceptions.ReadTimeout("x"), TransientError, True),
        (requests.exceptions.ConnectTimeout("x"), TransientError, False),
        (requests.exceptions.ChunkedEncodingError("x"), TransientError, True),
        (requests.exceptions.ContentDecodingError("x"), TransientError, True),
        (requests.exceptions.ConnectionError("x"), TransientError, True),
        (requests.exceptions.SSLError(SIGNED), UnavailableError, None),
        (requests.exceptions.InvalidURL(SIGNED), UnavailableError, None),
        (requests.exceptions.InvalidSchema(SIGNED), UnavailableError, None),
        (requests.exceptions.TooManyRedirects(SIGNED), TransientError, True),
        (urllib3.exceptions.ProtocolError(SIGNED), TransientError, True),
        (urllib3.exceptions.ReadTimeoutError(None, SIGNED, "x"), TransientError, True),  # type: ignore[arg-type]
        (ConnectionResetError(104, "reset"), TransientError, True),
        (BrokenPipeError(32, "broken"), TransientError, True),
        (TimeoutError("timed out"), TransientError, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_foreign_exceptions_become_ours_without_the_urls_query(
    error: Exception, kind: type[JobError], maybe_done: bool | None
) -> None:
    with pytest.raises(JobError) as caught, translated(SIGNED):
        raise error
    assert type(caught.value) is kind
    assert getattr(caught.value, "maybe_done", None) is maybe_done
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert "store.invalid:8443" in caught.value.what
    for hidden in ("s3cret", "X-Amz", "pass"):
        assert hidden not in str(caught.value)


def test_our_own_exceptions_and_faults_pass() -> None:
    for error in (TransientError("busy"), ValueError("a bug"), FileNotFoundError("gone")):
        with pytest.raises(type(error)) as caught, translated(SIGNED):
            raise error
        assert caught.value is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 5 "}, 5.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        (
            {
                "Date": "Tue, 03 Nov 2026 12:00:00 GMT",
                "Retry-After": "Tue, 03 Nov 2026 12:01:30 GMT",
            },
            90.0,
        ),
        (
            {
                "Date": "Tue, 03 Nov 2026 12:00:00 GMT",
                "Retry-After": "Tue, 03 Nov 2026 11:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Tue, 03 Nov 2026 12:01:30 GMT"}, None),
        ({"Date": "today", "Retry-After": "Tue, 03 Nov 2026 12:01:30 GMT"}, None),
    ],
)
def test_a_wait_is_asked_for_in_seconds_or_until_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_host_is_all_that_is_said_of_an_url() -> None:
    assert host_of(SIGNED) == "store.invalid:8443"
    assert host_of("nonsense") == "the server"


def test_a_put_sends_the_files_very_bytes(
    box: Sandbox, transport: Transport, tmp_path: Path
) -> None:
    csv = tmp_path / "p.csv"
    csv.write_bytes(b"id,prediction\r\nn1,0.5")
    assert transport.put(box.objects.upload_url("p.csv"), csv).status == 200
    assert box.objects.uploads == {"p.csv": csv.read_bytes()}


ROUNDS = {"query": "{ rounds(status: OPEN) { number openTime closeTime } }"}


@pytest.mark.parametrize("method", ["post_json", "put"])
def test_an_answer_that_trickles_is_given_up(method: str) -> None:
    with (
        answering(b"x" * 40, pause=0.04, piece=1) as server,
        closing(Transport(stall=5.0, answer=0.1)) as pool,
    ):
        ask: dict[str, Callable[[], Answer]] = {
            "post_json": lambda: pool.post_json(server.url, ROUNDS, {}),
            "put": lambda: pool.put(server.url, Path(__file__)),
        }
        started = time.monotonic()
        with pytest.raises(TransientError, match="too little") as caught:
            ask[method]()
        assert time.monotonic() - started < 1.0
    assert caught.value.maybe_done


def test_an_answer_that_trickles_makes_room_for_others(box: Sandbox) -> None:
    box.faults.add(where="rounds", kind="slow", seconds=1.0, times=2 * AT_ONCE)
    with closing(Transport(stall=5.0, answer=0.05)) as pool:
        for _ in range(2 * AT_ONCE):
            with pytest.raises(TransientError, match="too little"):
                pool.post_json(box.api_url, ROUNDS, {})
        assert pool.post_json(box.api_url, ROUNDS, {}).status == 200


def test_an_answer_without_end_is_given_up() -> None:
    with (
        answering(b"x" * 2_000_000) as server,
        closing(Transport(stall=5.0, answer_bytes=1_000_000)) as pool,
        pytest.raises(TransientError, match="without end") as caught,
    ):
        pool.post_json(server.url, ROUNDS, {})
    assert caught.value.maybe_done


def test_an_answer_may_be_compressed() -> None:
    said = b'{"data": {}}' * 100_000
    with (
        answering(gzip.compress(said), header=b"Content-Encoding: gzip") as server,
        closing(Transport(stall=5.0)) as pool,
    ):
        assert pool.post_json(server.url, ROUNDS, {}).body == said


@pytest.mark.parametrize("body", [b"{}", b""])
def test_one_connection_serves_many_questions(body: bytes) -> None:
    with answering(body) as server, closing(Transport(stall=5.0)) as pool:
        for _ in range(3):
            assert pool.post_json(server.url, ROUNDS, {}).body == body
            assert pool.put(server.url, Path(__file__)).status == 200
        assert server.connections == 1


def test_a_download_that_trickles_counts_as_stalled(box: Sandbox) -> None:
    content = box.objects.content("v5.3/features.json")
    url = url_of(box, "v5.3/features.json")
    box.faults.add(where="get", kind="slow", seconds=1.0)
    with closing(Transport(stall=5.0, trickle=0.15)) as pool:
        with pytest.raises(TransientError, match="too little"):
            read(pool, url)
        assert 0 < pool.bytes_downloaded < len(content)
        assert read(pool, url) == content


def test_a_slow_download_that_brings_enough_goes_on() -> None:
    content = b"x" * 2_000_000
    with (
        answering(content, pause=0.02, piece=100_000) as server,
        closing(Transport(stall=5.0, trickle=0.05)) as pool,
    ):
        assert read(pool, server.url) == content


def test_a_reader_that_takes_its_time_is_not_the_servers_slowness(box: Sandbox) -> None:
    box.faults.add(where="get", kind="slow", seconds=0.01)
    with (
        closing(Transport(stall=5.0, trickle=0.2)) as pool,
        pool.get(url_of(box, "v5.3/features.json"), {}) as answer,
    ):
        sizes = []
        for chunk in pool.chunks(answer):
            sizes.append(len(chunk))
            time.sleep(0.04)
    assert sum(sizes) == len(box.objects.content("v5.3/features.json"))


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("Tue, 03 Nov 2026 12:00:00 GMT", datetime(2026, 11, 3, 12, 0, 2, tzinfo=UTC)),
        ("Tue, 03 Nov 2026 14:00:00 +0200", datetime(2026, 11, 3, 12, 0, 2, tzinfo=UTC)),
        ("Tue Nov  3 12:00:00 2026", datetime(2026, 11, 3, 12, 0, 2, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("", None),
        ("today", None),
    ],
)
def test_the_servers_time_is_its_date_and_what_has_passed_since(
    date: str, shown: datetime | None
) -> None:
    assert server_time(Answer("https://x.invalid", 200, {"Date": date}, age=2.0)) == shown
    assert server_time(Answer("https://x.invalid", 200, {})) is None


def test_an_answer_knows_how_long_its_body_took(box: Sandbox, transport: Transport) -> None:
    box.faults.add(where="rounds", kind="slow", seconds=0.4)
    answer = transport.post_json(box.api_url, ROUNDS, {})
    assert 0.3 < answer.age < 5.0
    shown = server_time(answer)
    assert shown is not None
    assert timedelta(0) < shown - box.now() < timedelta(seconds=5)
