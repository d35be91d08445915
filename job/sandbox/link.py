"""A model of the network between a client and the service: time per request, shared bandwidth."""

from __future__ import annotations

import threading
import time

CHUNK = 64 * 1024


class Link:
    """`latency` in seconds a request, `bandwidth` in bytes a second for object bodies of all
    connections together; 0 turns either off. Waiting ends at once when the sandbox stops."""

    def __init__(self, *, latency: float, bandwidth: float, stopping: threading.Event) -> None:
        self.latency = latency
        self.bandwidth = bandwidth
        self._stopping = stopping
        self._lock = threading.Lock()
        self._free_at = 0.0

    def travel(self) -> None:
        """Waits for the latency of one request."""
        if self.latency:
            self.wait(self.latency)

    def carry(self, size: int) -> None:
        """Waits until the link has carried `size` bytes of this and of every other transfer."""
        if not self.bandwidth:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + size / self.bandwidth
            delay = self._free_at - now
        self.wait(delay)

    def wait(self, seconds: float) -> bool:
        """Waits; True when the sandbox is stopping."""
        return self._stopping.wait(seconds)
