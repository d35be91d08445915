"""The object store behind presigned URLs: what it answers to uploads, and datasets read from any
offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from job.errors import TransientError, UnavailableError
from job.tournament import Body
from job.transport import Transport, host_of, retry_after


def check_stored(answer: requests.Response) -> None:
    """Raises unless the object store took the file."""
    host, status = host_of(answer.url), answer.status_code
    if status in {200, 201, 204}:
        return
    if status in {408, 429} or status >= 500:
        raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer))
    raise UnavailableError(
        f"{host} answered {status} to the upload", "the upload address may have expired"
    )


class DatasetSource:
    """A dataset that can be read from any offset, with a fresh URL whenever the last one has
    expired.
    """

    def __init__(
        self, filename: str, *, transport: Transport, fresh_url: Callable[[], str]
    ) -> None:
        self.name = filename
        self._transport = transport
        self._fresh_url = fresh_url
        self._url: str | None = None

    @contextmanager
    def open(self, *, offset: int, etag: str | None) -> Iterator[Body]:
        """Starts a read at `offset` of the version `etag`; a changed object comes whole, from 0."""
        if self._url is None:
            self._url = self._fresh_url()
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if etag:
                headers["If-Range"] = f'"{etag}"'
        with self._transport.get(self._url, headers) as answer:
            self._check(answer)
            yield _body(answer, self._transport.chunks(answer))

    def _check(self, answer: requests.Response) -> None:
        host, status = host_of(answer.url), answer.status_code
        if status in {200, 206}:
            return
        self._url = None  # expired, or moved: ask for a fresh one
        if status in {400, 401, 403, 404, 408, 410, 412, 416, 429} or status >= 500:
            raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer))
        raise UnavailableError(f"{host} answered {status} for {self.name}")


def _body(answer: requests.Response, chunks: Iterator[bytes]) -> Body:
    etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"') or None
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == 200:
        return Body(0, int(length) if length.isdigit() else None, etag, chunks)
    # Content-Range: bytes 100-199/200
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    if not start.isdigit():
        raise TransientError(f"{host_of(answer.url)} sent a part without saying which")
    return Body(int(start), int(total) if total.isdigit() else None, etag, chunks)
