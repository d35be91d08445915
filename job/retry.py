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
        ends = _Ends(self, started)
        attempts = Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=lambda state: self._wait(state, ends.after(state) - self.clock.monotonic()),
            stop=lambda state: self._is_over(state, ends.after(state)),
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


class _Ends:
    """When the patience with each kind of trouble ends: a kind that has a patience of its own gets
    it from when it came up, and what comes up thereafter begins anew.
    """

    def __init__(self, retry: Retry, started: float) -> None:
        self._retry = retry
        self._started = started
        self._begun: dict[float | None, float] = {}

    def after(self, state: RetryCallState) -> float:
        """The end after this failure, on the clock's monotonic scale."""
        error = _error(state)
        own = error.patience if isinstance(error, TransientError) else None
        first = self._retry.clock.monotonic() if self._begun else self._started
        begun = self._begun.setdefault(own, first)
        end = begun + (self._retry.patience if own is None else own)
        return end if self._retry.until is None else min(end, self._retry.until)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _asked(state: RetryCallState) -> float:
    """Seconds that the server asked to wait."""
    error = _error(state)
    return (error.retry_after or 0.0) if isinstance(error, TransientError) else 0.0


def _log_retry(state: RetryCallState) -> None:
    error = _error(state)
    if isinstance(error, TransientError) and state.attempt_number > 1:  # its hint has been given
        error = TransientError(error.what, *error.why)
    log.warning("%s; next try in %.1f s", error, state.upcoming_sleep)


def _give_up(state: RetryCallState, *, what: str, seconds: float) -> T:  # type: ignore[type-var]
    error = _error(state)
    tries = "once" if state.attempt_number == 1 else f"{state.attempt_number} times"
    cause, hint = f"{error}", ""
    why: tuple[str, ...] = ()
    if isinstance(error, TransientError):
        cause, why, hint = error.what, error.why, error.hint
    raise UnavailableError(
        what, f"{cause} ({tries} over {seconds:.0f} s)", *why, hint=hint or "run again later"
    ) from error
