"""HTTP with every answer checked: four at once, no wait without end, no foreign exception."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import urllib3

from job.errors import Exit, JobError, TransientError, UnavailableError
from job.sandbox import Operation, Sandbox
from job.transport import AT_ONCE, Transport, host_of, retry_after, translated

SIGNED = "https://user:pass@store.invalid:8443/a/b?X-Amz-Signature=s3cret"


def url_of(box: Sandbox, filename: str = "v5.3/live.parquet") -> str:
    return box.objects.dataset_url(filename, 8, 1400)


def read(transport: Transport, url: str) -> bytes:
    with transport.get(url, {}) as answer:
        return b"".join(transport.chunks(answer))


def test_at_most_four_requests_are_under_way(box: Sandbox, transport: Transport) -> None:
    together = threading.Barrier(AT_ONCE)

    def meet(_: Operation) -> None:
        together.wait(10.0)

    url = url_of(box)
    box.on("get", meet)
    with ThreadPoolExecutor(3 * AT_ONCE) as pool:
        bodies = list(pool.map(lambda _: read(transport, url), range(3 * AT_ONCE)))
    assert len(set(bodies)) == 1
    assert box.peak() == AT_ONCE == 4


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
    assert transport.post_json(box.api_url, body, {"Authorization": "x"}).status_code == 307


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
    answer = requests.Response()
    answer.headers.update(headers)
    assert retry_after(answer) == seconds


def test_a_host_is_all_that_is_said_of_an_url() -> None:
    assert host_of(SIGNED) == "store.invalid:8443"
    assert host_of("nonsense") == "the server"


def test_a_put_sends_the_files_very_bytes(
    box: Sandbox, transport: Transport, tmp_path: Path
) -> None:
    csv = tmp_path / "p.csv"
    csv.write_bytes(b"id,prediction\r\nn1,0.5")
    assert transport.put(box.objects.upload_url("p.csv"), csv).status_code == 200
    assert box.objects.uploads == {"p.csv": csv.read_bytes()}
