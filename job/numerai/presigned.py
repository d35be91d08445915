"""The object store behind presigned URLs: what it answers to uploads, and datasets read from any
offset.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import requests

from job.errors import TransientError, UnavailableError
from job.numerai.transport import Answer, Transport, host_of, retry_after
from job.tournament import Body, Source

MD5 = re.compile(r"[0-9a-fA-F]{32}")
RANGE_NOT_SATISFIABLE = 416


def check_stored(answer: Answer) -> None:
    """Raises unless the object store took the file."""
    host, status = host_of(answer.url), answer.status
    if status in {200, 201, 204}:
        return
    if status in {408, 429} or status >= 500:
        raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer.headers))
    raise UnavailableError(
        f"{host} answered {status} to the upload", "the upload address may have expired"
    )


def read_whole(source: Source, *, most: int) -> bytes:
    """The bytes of an object in one go, checked against its length and its MD5 where it tells them.

    Raises `TransientError` when they are not whole, `UnavailableError` for more than `most`.
    """
    content = bytearray()
    with source.open(offset=0, etag=None) as body:
        if (body.total or 0) > most:
            raise UnavailableError(f"{source.name} is larger than {most:,} bytes")
        for chunk in body.chunks:
            content += chunk
            if len(content) > most:
                raise UnavailableError(f"{source.name} is larger than {most:,} bytes")
    if body.total is not None and len(content) != body.total:
        raise TransientError(f"{source.name} ended after {len(content):,} of {body.total:,} bytes")
    if body.md5 is not None and body.md5 != _md5_of(content):
        raise TransientError(f"{source.name} came with wrong bytes (MD5)")
    return bytes(content)


def _md5_of(content: bytearray) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class DatasetSource:
    """An object that can be read from any offset, with a fresh URL whenever the last one has
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
        with self._answer(self._url, offset, etag) as answer:
            self._check(answer)
            yield _body(answer, self._transport.chunks(answer))

    @contextmanager
    def _answer(self, url: str, offset: int, etag: str | None) -> Iterator[requests.Response]:
        with self._transport.get(url, _range(offset, etag)) as answer:
            if not offset or answer.status_code != RANGE_NOT_SATISFIABLE:
                yield answer
                return
        # Nothing follows what is here: it was all, or another version. The whole tells.
        with self._transport.get(url, {}) as answer:
            yield answer

    def _check(self, answer: requests.Response) -> None:
        host, status = host_of(answer.url), answer.status_code
        if status in {200, 206}:
            return
        self._url = None  # expired, or moved: ask for a fresh one
        if status in {400, 401, 403, 404, 408, 410, 412, 429} or status >= 500:
            raise TransientError(
                f"{host} answered {status}", retry_after=retry_after(answer.headers)
            )
        raise UnavailableError(f"{host} answered {status} for {self.name}")


def _range(offset: int, etag: str | None) -> dict[str, str]:
    if not offset:
        return {}
    pinned = {"If-Range": f'"{etag}"'} if etag else {}
    return {"Range": f"bytes={offset}-", **pinned}


def _body(answer: requests.Response, chunks: Iterator[bytes]) -> Body:
    etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"') or None
    md5 = _md5(etag, answer.headers)
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == 200:
        return Body(0, int(length) if length.isdigit() else None, etag, chunks, md5)
    # Content-Range: bytes 100-199/200
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    if not start.isdigit():
        raise TransientError(f"{host_of(answer.url)} sent a part without saying which")
    return Body(int(start), int(total) if total.isdigit() else None, etag, chunks, md5)


def _md5(etag: str | None, headers: Mapping[str, str]) -> str | None:
    """The object's MD5, where its ETag is that.

    An ETag of S3 is none for objects in several parts, which shows in its form, nor for encrypted
    ones, which shows only in other headers:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    encryption = headers.get("x-amz-server-side-encryption", "")
    own_key = headers.get("x-amz-server-side-encryption-customer-algorithm", "")
    if not etag or not MD5.fullmatch(etag) or encryption.startswith("aws:") or own_key:
        return None
    return etag.lower()
