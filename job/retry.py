"""The one retry policy: what waiting can mend is tried again, gently, within a patience and a
deadline.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from job.clock import Clock
from job.errors import TransientError, UnavailableError

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Tries an operation again on `TransientError` until `patience` seconds are used up.

    `until` (on the clock's monotonic scale) cuts the patience short, e.g. at a round's deadline.
    """

    clock: Clock
    patience: float
    until: float | None = None
    backoff: Callable[[RetryCallState], float] = field(
        default_factory=lambda: (
            wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT) + wait_random(0, FIRST_WAIT)
        )
    )

    def __call__(self, operation: Callable[[], T], *, what: str) -> T:
        """Runs `operation`; raises `UnavailableError` naming `what`, the last cause and the tries
        made.
        """
        started = self.clock.monotonic()
        end = (
            started + self.patience
            if self.until is None
            else min(started + self.patience, self.until)
        )
        attempts = Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=lambda state: self._wait(state, end - self.clock.monotonic()),
            stop=lambda state: self._is_over(state, end),
            sleep=self.clock.sleep,
            before_sleep=_log_retry,
            retry_error_callback=lambda state: _give_up(
                state, what=what, seconds=self.clock.monotonic() - started
            ),
        )
        return attempts(operation)

    def _wait(self, state: RetryCallState, left: float) -> float:
        """Seconds until the next try; the last one comes when the patience ends."""
        return max(min(self.backoff(state), left), _asked(state), 0.0)

    def _is_over(self, state: RetryCallState, end: float) -> bool:
        """Whether the patience is used up, or would be while the server wants to be left alone.

        Not by `upcoming_sleep`: it was cut to the time that was left when it was computed, and
        by now less is.
        """
        now = self.clock.monotonic()
        return now >= end or now + _asked(state) > end


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _asked(state: RetryCallState) -> float:
    """Seconds that the server asked to wait."""
    error = _error(state)
    return (error.retry_after or 0.0) if isinstance(error, TransientError) else 0.0


def _log_retry(state: RetryCallState) -> None:
    log.warning("%s; next try in %.1f s", _error(state), state.upcoming_sleep)


def _give_up(state: RetryCallState, *, what: str, seconds: float) -> T:  # type: ignore[type-var]
    error = _error(state)
    tries = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
    raise UnavailableError(
        what, f"{error} ({tries} over {seconds:.0f} s)", hint="run again later"
    ) from error
