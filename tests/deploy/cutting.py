"""A way to Azurite that ends: after so many requests nothing comes through any more, as when a
process is killed.
"""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit


class CutLine:
    """A proxy on loopback that counts.

    Args:
        origin: scheme, host and port of the service.
        after: requests that come through; None: all.
        done: whether the first one that does not is carried out all the same, and only its answer
            is lost.
    """

    def __init__(self, origin: str, *, after: int | None = None, done: bool = False) -> None:
        self._to = urlsplit(origin).netloc
        self._after, self._done = after, done
        self._guard = threading.Lock()
        self.count = 0
        """Requests so far, those that did not come through included."""
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not line._forward(self, body):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> bool:
        """Whether it was answered."""
        with self._guard:
            self.count += 1
            over = self._after is not None and self.count > self._after
            last = self._done and self._after is not None and self.count == self._after + 1
        if over and not last:
            return False
        upstream = http.client.HTTPConnection(self._to, timeout=30)
        try:
            upstream.request(request.command, request.path, body, dict(request.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if last:
            return False
        request.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else None
        request.send_header("Content-Length", length or str(len(content)))
        request.end_headers()
        request.wfile.write(content)
        return True

    def __enter__(self) -> CutLine:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
