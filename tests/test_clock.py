"""Whoever sleeps is woken by a stop, and told why."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from job.clock import Clock, monotonic_at
from job.errors import Exit, StoppedError
from tests.clock import FakeClock


def test_a_stop_wakes_every_sleeper_with_the_first_reason() -> None:
    clock = Clock()
    reasons: list[StoppedError] = []

    def sleep() -> None:
        try:
            clock.sleep(60.0)
        except StoppedError as error:
            reasons.append(error)

    sleepers = [threading.Thread(target=sleep) for _ in range(3)]
    for sleeper in sleepers:
        sleeper.start()
    clock.stop(StoppedError("interrupted", Exit.INTERRUPTED))
    clock.stop(StoppedError("terminated", Exit.TERMINATED))
    for sleeper in sleepers:
        sleeper.join(10.0)
    assert [str(reason) for reason in reasons] == ["interrupted"] * 3
    assert {reason.exit_code for reason in reasons} == {Exit.INTERRUPTED}


def test_a_stopped_clock_lets_nobody_sleep_or_go_on() -> None:
    clock = Clock()
    clock.check()
    assert clock.stopping is None
    clock.stop(StoppedError("terminated", Exit.TERMINATED))
    assert clock.stopping is not None
    for act in (clock.check, lambda: clock.sleep(60.0), lambda: clock.sleep(-1.0)):
        with pytest.raises(StoppedError):
            act()


def test_a_sleep_of_no_or_negative_time_returns_at_once() -> None:
    Clock().sleep(0.0)
    Clock().sleep(-5.0)


def test_a_moment_of_the_day_is_found_on_the_monotonic_scale(clock: FakeClock) -> None:
    moment = clock.now() + timedelta(minutes=2)
    assert monotonic_at(clock, moment) == clock.monotonic() + 120.0


def test_the_real_clock_is_aware_and_in_utc() -> None:
    assert Clock().now().utcoffset() == timedelta(0)
