"""A run's end: results and errors pass, signals and the time-out are obeyed."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from job.clock import Clock
from job.errors import Exit, StoppedError, UnavailableError
from job.supervise import END_SECONDS, LEAST_SECONDS, Abandoned, in_time, supervise
from tests.clock import FakeClock


def test_what_the_work_gives_is_passed_on() -> None:
    assert supervise(lambda: Exit.MISSED, clock=Clock(), timeout=60.0) is Exit.MISSED


@pytest.mark.parametrize("error", [UnavailableError("gone"), ZeroDivisionError("a bug")])
def test_what_the_work_raises_is_passed_on(error: Exception) -> None:
    def work() -> Exit:
        raise error

    with pytest.raises(type(error)) as caught:
        supervise(work, clock=Clock(), timeout=60.0)
    assert caught.value is error


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)],
)
def test_a_signal_wakes_the_work_and_names_its_exit(number: int, code: Exit) -> None:
    clock = Clock()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def work() -> Exit:
        os.kill(os.getpid(), number)
        clock.sleep(60.0)
        return Exit.OK

    with pytest.raises(StoppedError) as caught:
        supervise(work, clock=clock, timeout=60.0)
    assert caught.value.exit_code is code
    assert {n: signal.getsignal(n) for n in handlers} == handlers


def test_the_time_out_ends_a_run_that_sleeps() -> None:
    clock = Clock()

    def work() -> Exit:
        clock.sleep(60.0)
        return Exit.OK

    with pytest.raises(StoppedError, match="did not end within") as caught:
        supervise(work, clock=clock, timeout=0.1)
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert not isinstance(caught.value, Abandoned)


def test_the_time_out_ends_a_run_that_hangs() -> None:
    hung = threading.Event()

    def work() -> Exit:
        hung.wait(60.0)
        return Exit.OK

    try:
        with pytest.raises(Abandoned) as caught:
            supervise(work, clock=Clock(), timeout=0.1)
    finally:
        hung.set()
    assert caught.value.exit_code is Exit.UNAVAILABLE


def test_work_that_is_done_when_the_signal_comes_keeps_its_result() -> None:
    clock = Clock()

    def work() -> Exit:
        clock.stop(StoppedError("terminated", Exit.TERMINATED))
        return Exit.OK

    assert supervise(work, clock=clock, timeout=60.0) is Exit.OK


def test_what_is_done_at_the_end_shares_the_ten_seconds_of_a_stop(clock: FakeClock) -> None:
    assert in_time(clock, 60.0) == 60.0
    assert clock.stopping_for == 0.0
    clock.stop(StoppedError("terminated by a signal", Exit.TERMINATED))
    assert in_time(clock, 0.5) == 0.5
    assert in_time(clock, 60.0) == END_SECONDS < 10.0
    clock.move(5.0)
    clock.stop(StoppedError("a later reason", Exit.INTERRUPTED))
    assert clock.stopping_for == 5.0
    assert in_time(clock, 60.0) == pytest.approx(END_SECONDS - 5.0)
    clock.move(60.0)
    assert in_time(clock, 60.0) == LEAST_SECONDS
