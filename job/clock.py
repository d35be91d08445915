"""Time as the job sees it: one object to read it, to sleep by it, and to be woken from it by a
stop.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from job.errors import Exit, StoppedError


class Clock:
    """The system's clock. Sleeping ends early with `StoppedError` once `stop` was called."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._reason = StoppedError("stopped", Exit.TERMINATED)

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed moment; for measuring spans."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleeps `seconds`; raises `StoppedError` as soon as the run is to stop."""
        self._stopped.wait(max(0.0, seconds))
        self.check()

    def stop(self, reason: StoppedError) -> None:
        """Wakes every sleeper; the first reason given stays."""
        if not self._stopped.is_set():
            self._reason = reason
            self._stopped.set()

    @property
    def stopping(self) -> StoppedError | None:
        """Why the run is to stop, or None while it may go on."""
        return self._reason if self._stopped.is_set() else None

    def check(self) -> None:
        """Raises `StoppedError` when the run is to stop."""
        if self._stopped.is_set():
            raise StoppedError(self._reason.what, self._reason.exit_code)


def monotonic_at(clock: Clock, moment: datetime) -> float:
    """The monotonic reading that `clock` will show at a time of day."""
    return clock.monotonic() + (moment - clock.now()).total_seconds()
