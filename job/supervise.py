"""Keeps a run's promises about its end: signals are obeyed within ten seconds, and the time-out
holds whatever hangs.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from job.clock import Clock
from job.errors import Exit, StoppedError

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.5
"""What the work gets to end by itself once it is to stop; the rest of the ten is for the record."""
END_SECONDS = 8.6
"""By then record and log are done with; the rest is for the lock and the interpreter."""
LEAST_SECONDS = 0.3
HEARTBEAT_SECONDS = 0.2


class Abandoned(StoppedError):  # noqa: N818 - says what was done, not what went wrong
    """The work did not end in its grace; its threads are still about."""


def supervise(
    work: Callable[[], Exit], *, clock: Clock, timeout: float, afterwards: float = 0.0
) -> Exit:
    """Runs `work` beside the main thread, which stays free for signals and the time-out.

    Args:
        timeout: seconds after which the run has ended, its grace included.
        afterwards: seconds of both that are for what comes after the work.

    Raises what `work` raises; `Abandoned` when it did not end though it was told to.
    """
    results: list[Exit | BaseException] = []
    thread = threading.Thread(target=_keep_result, args=(work, results), name="run", daemon=True)
    grace = min(GRACE_SECONDS - afterwards, timeout / 5)
    stop_at = clock.monotonic() + timeout - grace - min(afterwards, timeout / 5)
    with _signals(clock):
        thread.start()
        while thread.is_alive() and clock.stopping is None:
            thread.join(HEARTBEAT_SECONDS)
            if clock.monotonic() >= stop_at:
                clock.stop(
                    StoppedError(f"the run did not end within {timeout:.0f} s", Exit.UNAVAILABLE)
                )
        thread.join(grace)
    if thread.is_alive():
        reason = clock.stopping or StoppedError("stopped", Exit.TERMINATED)
        raise Abandoned(reason.what, reason.exit_code)
    result = results[0]
    if isinstance(result, BaseException):
        raise result
    return result


def in_time(clock: Clock, seconds: float) -> float:
    """So many seconds, or what a run that was told to stop has left of its ten."""
    if clock.stopping is None:
        return seconds
    return min(seconds, max(LEAST_SECONDS, END_SECONDS - clock.stopping_for))


def done_in_time(action: Callable[[], object], *, clock: Clock, seconds: float) -> bool:
    """Whether an action was done in so many seconds, or in what a run that was told to stop has
    left; else it is left behind. It must not raise.
    """
    acting = threading.Thread(target=action, name="in time", daemon=True)
    acting.start()
    acting.join(in_time(clock, seconds))
    return not acting.is_alive()


def _keep_result(work: Callable[[], Exit], results: list[Exit | BaseException]) -> None:
    try:
        results.append(work())
    except BaseException as error:  # noqa: BLE001 - raised again in the main thread
        results.append(error)


@contextmanager
def _signals(clock: Clock) -> Iterator[None]:
    def stop(number: int, _: FrameType | None) -> None:
        interrupted = number == signal.SIGINT
        clock.stop(
            StoppedError(
                "interrupted" if interrupted else "terminated by a signal",
                Exit.INTERRUPTED if interrupted else Exit.TERMINATED,
            )
        )

    # SIGHUP: the terminal was closed. Windows has none.
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
