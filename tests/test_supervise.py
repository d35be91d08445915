"""A run's end: results and errors pass, signals and the time-out are obeyed."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from job.clock import Clock
from job.errors import Exit, StoppedError, UnavailableError
from job.supervise import (
    END_SECONDS,
    LEAST_SECONDS,
    Abandoned,
    done_in_time,
    in_time,
    obeyed,
    supervise,
)
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


LONG = 60.0


def test_a_stop_that_comes_while_something_is_waited_for_shortens_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("job.supervise.END_SECONDS", 0.1)
    clock, hung = Clock(), threading.Event()

    def action() -> None:
        clock.stop(StoppedError("terminated by a signal", Exit.TERMINATED))
        hung.wait(LONG)

    assert not done_in_time(action, clock=clock, seconds=math.inf)
    assert not hung.is_set()
    hung.set()


def test_what_is_done_in_time_may_fail(clock: FakeClock) -> None:
    assert done_in_time(lambda: None, clock=clock, seconds=math.inf)
    with pytest.raises(ZeroDivisionError):
        done_in_time(lambda: 1 // 0, clock=clock, seconds=LONG)


def swallow(action: Callable[[], object]) -> None:
    """As a library does that takes any error for its own."""
    with suppress(Exception):
        action()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)],
)
def test_an_order_to_stop_that_a_library_swallows_is_not_lost(number: int, code: Exit) -> None:
    clock, before = Clock(), signal.getsignal(number)

    def run() -> None:
        with obeyed(clock):
            swallow(lambda: signal.raise_signal(number))
            clock.sleep(LONG)

    with pytest.raises(StoppedError) as caught:
        run()
    assert caught.value.exit_code is code
    assert signal.getsignal(number) is before


def test_an_order_to_stop_is_raised_again_in_what_hangs_after_it_was_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("job.supervise.INSIST_SECONDS", 0.05)

    def run() -> None:
        with obeyed(Clock()):
            swallow(lambda: signal.raise_signal(signal.SIGTERM))
            threading.Event().wait(LONG)

    with pytest.raises(StoppedError, match="terminated"):
        run()


def test_the_time_of_a_run_is_over_in_what_hangs_in_the_main_thread() -> None:
    clock = Clock()

    def run() -> None:
        with obeyed(clock) as orders:
            orders.end_within(1.0, since=clock.monotonic() - 0.6)
            threading.Event().wait(LONG)

    with pytest.raises(StoppedError, match="did not end within 1 s") as caught:
        run()
    assert caught.value.exit_code is Exit.UNAVAILABLE


def test_an_order_to_stop_only_stops_the_clock_once_the_record_is_begun() -> None:
    clock = Clock()
    with obeyed(clock) as orders:
        orders.raises = False
        signal.raise_signal(signal.SIGTERM)
    assert clock.stopping is not None
    assert clock.stopping.exit_code is Exit.TERMINATED
