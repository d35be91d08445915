"""One connection: reads requests off it, writes the replies, and ends it as they say."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from job.sandbox.link import CHUNK, Link
from job.sandbox.messages import Ending, Incoming, Reply
from job.sandbox.rounds import Clock
from job.sandbox.traffic import Entry, Traffic

Answer = Callable[[Incoming, Entry], Reply]
KINDS = {"POST": "graphql", "GET": "get", "HEAD": "head", "PUT": "put"}
BIG_CHUNK = 1024 * 1024
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Serving(Protocol):
    """What a connection needs of its server."""

    answer: Answer
    link: Link
    traffic: Traffic
    now: Clock


class Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes the replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def serving(self) -> Serving:
        """The server."""
        return cast(Serving, self.server)

    def do_POST(self) -> None:
        """GraphQL."""
        self._serve()

    do_GET = do_HEAD = do_PUT = do_POST  # noqa: N815 - the base class looks for these names

    def log_message(self, *_: object) -> None:
        """Stays quiet; `box.requests` is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What a Date header says: the service's time, which need not be this machine's."""
        return format_datetime(self.serving.now(), usegmt=True)

    def _serve(self) -> None:
        target = urlsplit(self.path)
        path = unquote(target.path) or "/"
        entry = self.serving.traffic.begin(KINDS.get(self.command, "other"), path)
        try:
            self.serving.link.travel()
            read = _once(lambda: self._body(entry))
            query = dict(parse_qsl(target.query))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Incoming(self.command, path, query, headers, read)
            self._send(self.serving.answer(request, entry), entry)
        finally:
            self.serving.traffic.end(entry)

    def _body(self, entry: Entry) -> bytes:
        """The request's body, at the pace of the link when it is an upload."""
        size = int(self.headers.get("Content-Length") or 0)
        parts = []
        while entry.received < size:
            part = self.rfile.read(min(CHUNK, size - entry.received))
            if not part:
                raise ConnectionAbortedError("the client hung up within the body")
            entry.received += len(part)
            parts.append(part)
            if entry.kind == "put":
                self.serving.link.carry(len(part))
        return b"".join(parts)

    def _send(self, reply: Reply, entry: Entry) -> None:
        """Writes the reply, or as much of it as is to be sent, and ends as it says."""
        if reply.ending is not Ending.KEEP or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        silent = not reply.body and reply.ending in (Ending.HANG, Ending.CLOSE)
        if reply.status and not silent:
            self._write(reply, entry)
        if reply.ending is Ending.RESET:
            _linger(self.connection)
        if reply.ending is Ending.HANG:
            self._hang()

    def _write(self, reply: Reply, entry: Entry) -> None:
        entry.status = reply.status
        body = memoryview(reply.body)[: reply.sent]
        if self.command == "HEAD" or reply.status in NO_BODY:
            body = body[:0]
        pieces = list(self._pieces(reply, body)) or [body]
        halfway = len(pieces) // 2 or 1
        waiting = self._head(reply)
        for place, piece in enumerate(pieces):
            if place == halfway and reply.halfway:
                reply.halfway()
            self._pace(reply, entry, len(piece), len(pieces))
            entry.sent += len(piece)
            if place == len(pieces) - 1:
                self.serving.traffic.end(entry)
            self.wfile.write(waiting + piece if len(piece) <= CHUNK else waiting)
            if len(piece) > CHUNK:
                self.wfile.write(piece)
            waiting = b""

    def _pieces(self, reply: Reply, body: memoryview) -> Iterator[memoryview]:
        """The body in as many writes as pacing needs."""
        size = CHUNK if self.serving.link.bandwidth else BIG_CHUNK
        if reply.seconds or reply.halfway:
            size = max(1, min(size, len(body) // 10))
        for start in range(0, len(body), size):
            yield body[start : start + size]

    def _pace(self, reply: Reply, entry: Entry, size: int, pieces: int) -> None:
        if reply.seconds:
            self.serving.link.wait(reply.seconds / pieces)
        if entry.kind == "get":
            self.serving.link.carry(size)

    def _head(self, reply: Reply) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {_reason(reply.status)}", "Server: sandbox"]
        lines.append(f"Date: {self.date_time_string()}")
        lines.extend(f"{name}: {value}" for name, value in reply.headers.items())
        if reply.length and reply.status not in NO_BODY:
            lines.append(f"Content-Length: {len(reply.body)}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _hang(self) -> None:
        """Says nothing more until the client hangs up or the sandbox stops."""
        while not self.serving.link.wait(0.02):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return


def _once(read: Callable[[], bytes]) -> Callable[[], bytes]:
    """A body can be read one time; later calls get the same bytes."""
    kept: list[bytes] = []

    def reader() -> bytes:
        if not kept:
            kept.append(read())
        return kept[0]

    return reader


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _linger(connection: socket.socket) -> None:
    """Makes the coming close an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
