"""HTTP on a loopback socket, with TLS or without: requests in, replies out, connections cut."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.azure.messages import Reply, Request

Answer = Callable[[Request], Reply]


class Server(ThreadingHTTPServer):
    """Serves `answer` on a port of its own until `stop`, which leaves no thread and no socket.

    With `listening=False` the port is taken but connections are refused until `listen`.
    """

    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(
        self,
        answer: Answer,
        *,
        name: str,
        context: ssl.SSLContext | None = None,
        listening: bool = True,
    ) -> None:
        self.answer, self._context = answer, context
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name=name
        )
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        if listening:
            self.listen()

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"http{'s' if self._context else ''}://127.0.0.1:{self.server_port}"

    def listen(self) -> None:
        """From now on connections are taken. Calling twice does no harm."""
        with self._lock:
            if not self._thread.is_alive():
                self.server_activate()
                self._thread.start()

    def stop(self) -> None:
        """Ends every connection and waits for every thread."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        """Takes a connection; its handshake is left to its own thread."""
        connection, address = super().get_request()
        if self._context is not None:
            connection = self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection, then gives it a thread."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes the connection: with FIN, or with RST where a fault has set it so."""
        with self._lock:
            self._open.discard(request)
        if _lingers(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here; anything else is, and is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and writes the replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Any method: what it means is for the server's `answer` to know."""
        size = int(self.headers.get("Content-Length") or 0)
        body = _dechunked(self.rfile) if "Transfer-Encoding" in self.headers else None
        target = urlsplit(self.path)
        query = parse_qsl(target.query, keep_blank_values=True)
        request = Request(
            self.command,
            self.path,
            unquote(target.path),
            {name.lower(): value for name, value in query},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(size) if body is None else body,
        )
        self._send(cast(Server, self.server).answer(request))

    do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815 - asked for by name

    def log_message(self, *_: object) -> None:
        """Stays quiet; the servers keep their own lists of requests."""

    def _send(self, reply: Reply) -> None:
        if reply.cut:
            self.close_connection = True
            _linger(self.connection)
            return
        lines = [f"HTTP/1.1 {reply.status} {_reason(reply.status)}"]
        names = {name.lower() for name in reply.headers}
        lines.extend(f"{name}: {value}" for name, value in reply.headers.items())
        if reply.status not in (204, 304) and "content-length" not in names:
            lines.append(f"Content-Length: {len(reply.body)}")
        body = b"" if self.command == "HEAD" or reply.status in (204, 304) else reply.body
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)


def _dechunked(stream: Any) -> bytes:
    parts = []
    while size := int(stream.readline().split(b";")[0], 16):
        parts.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(parts)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _linger(connection: socket.socket) -> None:
    """Makes the coming close an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _lingers(connection: socket.socket) -> bool:
    try:
        option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    except OSError:
        return False
    return bool(struct.unpack("ii", option)[0])
