"""Time as the job sees it: one object to read it, to sleep by it, and to be woken from it by a
stop.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from job.errors import Exit, StoppedError

log = logging.getLogger(__name__)

AGREEING = timedelta(seconds=60)
"""Two clocks that differ by no more than this agree: an answer is on its way for a while."""


class Clock:
    """The system's clock, or Numerai's where that one differs. Safe to use from many threads.

    Sleeping ends early with `StoppedError` once `stop` was called.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._reason = StoppedError("stopped", Exit.TERMINATED)
        self._stopped_at: float | None = None
        self._agreeing = threading.Lock()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC) + self._ahead

    def corrected(self, noted: datetime) -> datetime:
        """A moment that this machine's clock noted, such as when a file was written, by the clock
        that is gone by.
        """
        return noted + self._ahead

    def agree_with(self, server_now: datetime) -> None:
        """Goes by a server's clock from now on, if the two differ by more than `AGREEING`.

        Rounds open and close by Numerai's clock; `monotonic`, and with it every span, stays.
        """
        with self._agreeing:
            difference = server_now - self.now()
            if abs(difference) <= AGREEING:
                return
            self._ahead += difference
            _tell(self._ahead)

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
            self._stopped_at = self.monotonic()
            self._stopped.set()

    @property
    def stopping(self) -> StoppedError | None:
        """Why the run is to stop, or None while it may go on."""
        return self._reason if self._stopped.is_set() else None

    @property
    def stopping_for(self) -> float:
        """Seconds since the run was told to stop; 0 while it may go on."""
        return 0.0 if self._stopped_at is None else self.monotonic() - self._stopped_at

    def check(self) -> None:
        """Raises `StoppedError` when the run is to stop."""
        if self._stopped.is_set():
            raise StoppedError(self._reason.what, self._reason.exit_code)


def monotonic_at(clock: Clock, moment: datetime) -> float:
    """The monotonic reading that `clock` will show at a time of day."""
    return clock.monotonic() + (moment - clock.now()).total_seconds()


def _tell(ahead: timedelta) -> None:
    if abs(ahead) <= AGREEING:
        log.info("this machine's clock agrees with Numerai's again")
        return
    log.warning(
        "this machine's clock is %s %s Numerai's; going by Numerai's",
        _in_words(abs(ahead)),
        "behind" if ahead > timedelta(0) else "ahead of",
    )


def _in_words(span: timedelta) -> str:
    minutes = round(span / timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
