"""The HTTP server: real sockets on the loopback interface, keep-alive, one thread a connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from job.sandbox.handler import Answer, Handler
from job.sandbox.link import Link
from job.sandbox.rounds import Clock
from job.sandbox.traffic import Traffic


class Server(ThreadingHTTPServer):
    """Serves until `stop`, which leaves no thread and no socket behind."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 512

    def __init__(self, *, answer: Answer, link: Link, traffic: Traffic, now: Clock) -> None:
        self.answer, self.link, self.traffic, self.now = answer, link, traffic, now
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox"
        )

    def start(self) -> None:
        """Serves in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends every connection and waits for every thread."""
        self.shutdown()
        self._thread.join()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection, then gives it a thread."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes the connection: with FIN, or with RST where a fault wants that."""
        with self._open_lock:
            self._open.discard(request)
        if _lingers(request):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error here; anything else is, and is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _lingers(connection: socket.socket) -> bool:
    try:
        option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    except OSError:
        return False
    return bool(struct.unpack("ii", option)[0])
