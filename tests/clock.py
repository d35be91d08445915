"""A clock that stands still until it is moved or slept by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from job.clock import Clock

NOON = datetime(2026, 11, 3, 12, 10, tzinfo=UTC)
"""Ten past twelve on a Tuesday."""


class FakeClock(Clock):
    """Sleeping moves it at once and is recorded in `sleeps`. Safe to use from many threads."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._now = now
        self._monotonic = 1000.0
        self.sleeps: list[float] = []
        self._calls: list[tuple[datetime, Callable[[], object]]] = []

    def now(self) -> datetime:
        """The time of day that was set."""
        with self._guard:
            return self._now

    def agree_with(self, server_now: datetime) -> None:
        """There is one time in a test, and whoever sets it is right."""

    def monotonic(self) -> float:
        """Seconds; moves with `now`."""
        with self._guard:
            return self._monotonic

    def move(self, seconds: float) -> None:
        """Lets time pass without anyone sleeping."""
        with self._guard:
            self._now += timedelta(seconds=seconds)
            self._monotonic += seconds
            due = [call for moment, call in self._calls if moment <= self._now]
            self._calls = [one for one in self._calls if one[0] > self._now]
        for call in due:
            call()

    def when(self, moment: datetime, call: Callable[[], object]) -> None:
        """Calls back once, as soon as time has passed a moment of the day."""
        self._calls.append((moment, call))

    def move_to(self, moment: datetime) -> None:
        """Lets time pass until a moment of the day."""
        self.move((moment - self.now()).total_seconds())

    def sleep(self, seconds: float) -> None:
        """Passes `seconds` at once; raises `StoppedError` once `stop` was called."""
        self.check()
        with self._guard:
            self.sleeps.append(seconds)
        self.move(max(0.0, seconds))
        self.check()
