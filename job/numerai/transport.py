"""HTTP with every answer checked: at most four requests at once, no read without a time-out and a
least pace, TLS always verified.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError

from job import __version__
from job.errors import JobError, TransientError, UnavailableError
from job.files import disk_errors

AT_ONCE = 4
DOWNLOADS_AT_ONCE = 2
"""So many of those may be downloads, which take long: an upload need not wait for them."""
CONNECT_SECONDS = 10.0
STALL_SECONDS = 60.0
ANSWER_SECONDS = 60.0
ANSWER_BYTES = 64 * 1024 * 1024
TRICKLE_SECONDS = 60.0
TRICKLE_BYTES = 16 * 1024
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` are found whatever their case; `age` is how many seconds ago they
    came.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    age: float = 0.0


class Transport:
    """One connection pool for a run. Foreign exceptions leave it only as `JobError`s, without
    URLs' queries.

    Args:
        stall: seconds without a byte after which a request counts as dead.
        answer: seconds that the body of an answer to `post_json` or `put` may take.
        answer_bytes: what such a body may hold.
        trickle: seconds of waiting in which a download brings `TRICKLE_BYTES`, or counts as dead.
    """

    def __init__(
        self,
        *,
        stall: float = STALL_SECONDS,
        answer: float = ANSWER_SECONDS,
        answer_bytes: int = ANSWER_BYTES,
        trickle: float = TRICKLE_SECONDS,
    ) -> None:
        self._answer_seconds, self._answer_bytes = answer, answer_bytes
        self._trickle = trickle
        self._gate = threading.BoundedSemaphore(AT_ONCE)
        self._downloads = threading.BoundedSemaphore(DOWNLOADS_AT_ONCE)
        self._timeout = (min(CONNECT_SECONDS, stall), stall)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"numerai-job/{__version__}"
        # Without it a line in ~/.netrc would replace the Authorization header.
        self._session.auth = _unchanged
        pool = HTTPAdapter(pool_connections=AT_ONCE, pool_maxsize=AT_ONCE, max_retries=0)
        self._session.mount("https://", pool)
        self._session.mount("http://", pool)
        self._count = threading.Lock()
        self.posts = 0
        self.bytes_downloaded = 0

    def close(self) -> None:
        """Closes the pool's connections."""
        self._session.close()

    def post_json(
        self,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> Answer:
        """POSTs JSON and gives the answer whatever its status; redirects are not followed.

        Args:
            check: raises if it is not to be sent any more, now that it is its turn.
        """
        return self._whole("POST", url, check=check, json=body, headers=headers)

    def post_text(self, url: str, text: bytes) -> Answer:
        """POSTs UTF-8 text and gives the answer whatever its status; redirects are not followed."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return self._whole("POST", url, data=text, headers=headers)

    def put(self, url: str, file: Path) -> Answer:
        """PUTs a file's bytes and gives the answer whatever its status."""
        with disk_errors(f"cannot read {file}"):
            data = file.read_bytes()
        return self._whole("PUT", url, data=data)

    def _whole(
        self, method: str, url: str, *, check: Callable[[], None] = lambda: None, **content: Any
    ) -> Answer:
        """Sends a request and reads all of its answer, within the limits of time and size."""
        with self._gate:
            check()
            with self._count:
                self.posts += method == "POST"
            return self._answer(method, url, **content)

    def _answer(self, method: str, url: str, **content: Any) -> Answer:
        with (
            translated(url),
            self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True, **content
            ) as answer,
        ):
            came = time.monotonic()
            body = self._read(answer, until=came + self._answer_seconds)
            age = time.monotonic() - came
            return Answer(answer.url, answer.status_code, answer.headers, body, age)

    def _read(self, answer: requests.Response, *, until: float) -> bytes:
        body = bytearray()
        # A time-out of the socket begins anew with every byte: against a trickle it does nothing.
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._answer_bytes:
                raise TransientError(f"{host_of(answer.url)} answered without end", maybe_done=True)
            if time.monotonic() >= until:
                raise _too_slow(answer.url)
        return bytes(body)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """GETs an object; its body is still on the wire, to be read with `chunks`."""
        with self._downloads, self._gate:
            with translated(url):
                answer = self._session.get(
                    url,
                    # A transparently compressed body has another length than its object.
                    headers={**headers, "Accept-Encoding": "identity"},
                    timeout=self._timeout,
                    stream=True,
                )
            try:
                yield answer
            finally:
                answer.close()

    def chunks(self, answer: requests.Response) -> Iterator[bytes]:
        """The body's bytes as they come; one cut short, or trickling, raises `TransientError`."""
        waited, came = 0.0, 0
        with translated(answer.url):
            while True:
                started = time.monotonic()
                # Not iter_content: it waits for whole chunks, and this read returns what has come.
                chunk = answer.raw.read1(CHUNK_BYTES, decode_content=False)
                # What the reader of the chunks takes for itself is not the server's slowness.
                waited, came = waited + time.monotonic() - started, came + len(chunk)
                if not chunk:
                    return
                with self._count:
                    self.bytes_downloaded += len(chunk)
                yield chunk
                if waited >= self._trickle:
                    if came < TRICKLE_BYTES:
                        raise _too_slow(answer.url)
                    waited, came = 0.0, 0


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turns what requests and urllib3 raise into our errors, with the host and no query string."""
    try:
        yield
    except (requests.RequestException, Urllib3Error, ConnectionError, TimeoutError) as error:
        raise _translate(error, host=host_of(url)) from None


def _translate(error: BaseException, *, host: str) -> JobError:
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return UnavailableError(
            f"the TLS certificate of {host} could not be verified",
            hint="is a proxy in between? REQUESTS_CA_BUNDLE names the certificates to trust",
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return TransientError(f"{host} took no connection in time")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return UnavailableError(f"{host} is no address that can be asked")
    if isinstance(error, requests.ConnectionError) and _never_sent(error):
        return TransientError(f"{host} could not be reached")
    if isinstance(error, (requests.Timeout, TimeoutError)) or "timed out" in text.lower():
        return TransientError(f"{host} sent nothing for too long", maybe_done=True)
    return TransientError(f"the connection to {host} broke", maybe_done=True)


def _never_sent(error: requests.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, (NewConnectionError, NameResolutionError)) and not isinstance(
        reason, ProtocolError
    )


def host_of(url: str) -> str:
    """Host and port of a URL: what a message may say of it."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or "the server"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer's Retry-After asks for, be it a number or a date (RFC 9110, 10.2.3);
    None where absent.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        # Beside the answer's own Date, so that it does not matter what this machine's clock says.
        sent = parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (parsedate_to_datetime(value) - sent).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a zone
        return None


def server_time(answer: Answer) -> datetime | None:
    """What the server's clock shows now, by the answer's Date (RFC 9110, 6.6.1); None where it has
    none.
    """
    try:
        sent = parsedate_to_datetime(answer.headers.get("Date", ""))
        zone = sent.tzinfo or UTC  # the obsolete forms of a date name none
        return sent.replace(tzinfo=zone).astimezone(UTC) + timedelta(seconds=answer.age)
    except (TypeError, ValueError, OverflowError):
        return None


def _too_slow(url: str) -> TransientError:
    return TransientError(f"{host_of(url)} sent too little for too long", maybe_done=True)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
