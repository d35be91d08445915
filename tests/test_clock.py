"""Whoever sleeps is woken by a stop, and told why."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

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


def real_now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("seconds", [61.5, -61.5, 660.0, -3300.0, 172_800.0, 30 * 86_400.0])
def test_where_two_clocks_differ_the_servers_is_gone_by(seconds: float) -> None:
    clock, ahead = Clock(), timedelta(seconds=seconds)
    before = clock.monotonic()
    clock.agree_with(real_now() + ahead)
    assert abs(clock.now() - real_now() - ahead) < timedelta(seconds=1)
    assert clock.monotonic() - before < 1.0
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("seconds", [0.0, 58.0, -58.0])
def test_a_small_difference_is_an_answers_way_and_ignored(
    seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    clock.agree_with(real_now() + timedelta(seconds=seconds))
    assert abs(clock.now() - real_now()) < timedelta(seconds=1)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (timedelta(minutes=11), "11 min behind"),
        (timedelta(minutes=-119), "119 min ahead of"),
        (timedelta(hours=3), "3 h behind"),
        (timedelta(days=-2), "2 days ahead of"),
    ],
)
def test_a_wrong_clock_is_told_of_once(
    ahead: timedelta, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: clock.agree_with(real_now() + ahead), range(40)))
    clock.agree_with(real_now() + ahead + timedelta(seconds=30))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"this machine's clock is {said} Numerai's; going by Numerai's"
    assert abs(clock.now() - real_now() - ahead) < timedelta(seconds=1)


def test_a_clock_that_is_set_right_in_between_is_gone_by_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    clock.agree_with(real_now() + timedelta(hours=1))
    with caplog.at_level(logging.INFO):
        clock.agree_with(real_now())
    assert abs(clock.now() - real_now()) < timedelta(seconds=1)
    assert "agrees with Numerai's again" in caplog.records[-1].getMessage()
    assert caplog.records[-1].levelno == logging.INFO


def test_the_fake_clock_shows_what_was_set(clock: FakeClock) -> None:
    before = clock.now()
    clock.agree_with(before + timedelta(hours=1))
    assert clock.now() == before


def test_what_a_wrong_clock_noted_is_read_by_the_right_one() -> None:
    clock, noted = Clock(), real_now()
    assert clock.corrected(noted) == noted
    clock.agree_with(real_now() - timedelta(hours=2))
    assert abs(noted - timedelta(hours=2) - clock.corrected(noted)) < timedelta(seconds=5)
