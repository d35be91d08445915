"""A log of every request, for tests that count them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from job.sandbox.messages import Operation
from job.sandbox.rounds import Clock


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    `kind` is graphql, get, head, put or other; `received` and `sent` are bytes of the bodies, both
    ways; `status` is None while it is under way and when the connection was reset without a reply.
    """

    kind: str
    operations: tuple[str, ...]
    path: str
    received: int
    sent: int
    at: datetime
    status: int | None


@dataclass(slots=True)
class Entry:
    """A request that is being answered."""

    kind: str
    path: str
    at: datetime
    operations: tuple[Operation, ...] = ()
    received: int = 0
    sent: int = 0
    status: int | None = None
    under_way: bool = True

    def frozen(self) -> Request:
        """What the log shows."""
        names = tuple(operation.name for operation in self.operations)
        return Request(self.kind, names, self.path, self.received, self.sent, self.at, self.status)


class Traffic:
    """Entries in the order in which the requests came. Thread-safe."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._under_way: dict[str, int] = {}
        self._peaks: dict[str, int] = {}

    def begin(self, kind: str, path: str) -> Entry:
        """A request came."""
        entry = Entry(kind, path, self._now())
        with self._lock:
            self._entries.append(entry)
            for group in (kind, "all"):
                self._under_way[group] = self._under_way.get(group, 0) + 1
                self._peaks[group] = max(self._peaks.get(group, 0), self._under_way[group])
        return entry

    def end(self, entry: Entry) -> None:
        """It is answered, or about to be with the next write. Calling twice does no harm."""
        with self._lock:
            if entry.under_way:
                entry.under_way = False
                for group in (entry.kind, "all"):
                    self._under_way[group] -= 1

    def peak(self, kind: str = "all") -> int:
        """The most requests of this kind that were under way at the same time."""
        return self._peaks.get(kind, 0)

    def requests(self) -> list[Request]:
        """Everything so far, requests under way included."""
        with self._lock:
            return [entry.frozen() for entry in self._entries]

    def clear(self) -> None:
        """Forgets the requests and the peaks."""
        with self._lock:
            self._entries.clear()
            self._peaks.clear()
