"""Keeps a run's promises about its end: signals are obeyed within ten seconds, and the time-out
holds whatever hangs.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from job.clock import Clock
from job.errors import Exit, StoppedError

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.5
"""What the work gets to end by itself once it is to stop; the rest of the ten is for the record."""
END_SECONDS = 8.6
"""By then record and log are done with; the rest is for the lock and the interpreter."""
STOP_SECONDS = 10.0
"""From the order to stop to the end of all."""
LEAST_SECONDS = 0.3
HEARTBEAT_SECONDS = 0.2
INSIST_SECONDS = 2.0
"""After that an order to stop is raised once more, where it was not obeyed."""
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Abandoned(StoppedError):  # noqa: N818 - says what was done, not what went wrong
    """The work did not end in its grace; its threads are still about."""


def supervise(
    work: Callable[[], Exit],
    *,
    clock: Clock,
    timeout: float,
    since: float | None = None,
    afterwards: float = 0.0,
) -> Exit:
    """Runs `work` beside the main thread, which stays free for signals and the time-out.

    Args:
        timeout: seconds after which the run has ended, its grace included.
        since: when they began, on the clock's monotonic scale; None: now.
        afterwards: seconds of both that are for what comes after the work.

    Raises what `work` raises; `Abandoned` when it did not end though it was told to.
    """
    results: list[Exit | BaseException] = []
    thread = threading.Thread(target=_keep_result, args=(work, results), name="run", daemon=True)
    grace = min(GRACE_SECONDS - afterwards, timeout / 5)
    since = clock.monotonic() if since is None else since
    stop_at = since + timeout - grace - min(afterwards, timeout / 5)
    with _handled(lambda number, _: clock.stop(_reason(number)), SIGNALS):
        thread.start()
        while thread.is_alive() and clock.stopping is None:
            thread.join(HEARTBEAT_SECONDS)
            if clock.monotonic() >= stop_at:
                clock.stop(_out_of_time(timeout))
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
    """Whether an action was done in so many seconds, or in what a run that is told to stop, before
    or meanwhile, has left; else it is left behind. Raises what it raises.
    """
    results: list[object] = []
    acting = threading.Thread(
        target=_keep_result, args=(action, results), name="in time", daemon=True
    )
    acting.start()
    waited, until, hurries = 0.0, seconds, False
    while acting.is_alive() and waited < until:
        if clock.stopping is not None and not hurries:
            until, hurries = min(until, waited + in_time(clock, seconds)), True
        pause = min(HEARTBEAT_SECONDS, until - waited)
        acting.join(max(0.0, pause))
        waited += pause
    if acting.is_alive():
        return False
    if isinstance(results[0], BaseException):
        raise results[0]
    return True


class Orders:
    """What a run is told outside `supervise`: signals, and that its time is over. While `raises`
    it is raised in the main thread, which may hang in a request; after that it stops the clock
    only.
    """

    def __init__(self, clock: Clock) -> None:
        self.raises = True
        self._clock = clock
        self._timeout = 0.0

    def end_within(self, timeout: float, *, since: float) -> None:
        """Has the run stopped in time to end so many seconds after a monotonic moment."""
        self._timeout = timeout
        if hasattr(signal, "setitimer"):  # Windows has none
            left = since + timeout - min(STOP_SECONDS, timeout / 5) - self._clock.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(LEAST_SECONDS, left))

    @contextmanager
    def raised_in(self) -> Iterator[None]:
        """Raises inside at most, until `raises` is taken back; not in what follows an error."""
        try:
            yield
        finally:
            self.raises = False

    def take(self, number: int, _: FrameType | None) -> None:
        """Handles a signal."""
        is_alarm = number == getattr(signal, "SIGALRM", None)
        self._clock.stop(_out_of_time(self._timeout) if is_alarm else _reason(number))
        if self.raises:
            self._insist()
            self._clock.check()

    def _insist(self) -> None:
        """Raises it soon again: a library may take what is raised inside for an error of its own,
        and go on.
        """
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, INSIST_SECONDS)


@contextmanager
def obeyed(clock: Clock) -> Iterator[Orders]:
    """Obeys orders inside: the clock is stopped, so that what a library swallows is not lost."""
    orders = Orders(clock)
    with _handled(orders.take, (*SIGNALS, "SIGALRM")):
        try:
            yield orders
        finally:
            orders.raises = False
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0.0)


def _out_of_time(timeout: float) -> StoppedError:
    return StoppedError(f"the run did not end within {timeout:.0f} s", Exit.UNAVAILABLE)


def _reason(number: int) -> StoppedError:
    if number == signal.SIGINT:
        return StoppedError("interrupted", Exit.INTERRUPTED)
    return StoppedError("terminated by a signal", Exit.TERMINATED)


def _keep_result(work: Callable[[], object], results: list[Any]) -> None:
    try:
        results.append(work())
    except BaseException as error:  # noqa: BLE001 - raised again in the main thread
        results.append(error)


@contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], None], names: Iterable[str]
) -> Iterator[None]:
    # SIGHUP: the terminal was closed. Windows has none.
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
