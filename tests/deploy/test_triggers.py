"""Schedules: what a recurrence can say, and when the job starts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from deploy.template.workflows import recurrence
from deploy.triggers import (
    DAYS,
    Check,
    Grid,
    Schedule,
    Webhook,
    grids,
    next_start,
    starts_a_week,
    starts_between,
)
from tests.azure.schedule import check_recurrence, fires_at_once, next_firings

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
WEEK = timedelta(days=7)

_times = st.sets(st.builds(time, st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=8)
_days = st.sets(st.sampled_from(DAYS), min_size=1)
schedules = st.builds(
    lambda days, at: Schedule(tuple(d for d in DAYS if d in days), tuple(sorted(at))), _days, _times
)


def test_hours_and_minutes_are_a_grid_so_other_times_take_several() -> None:
    schedule = Schedule(("Tue",), (time(9, 30), time(12, 5), time(12, 25), time(13, 30)))
    assert grids(schedule) == (
        Grid(("Tue",), (9, 13), (30,)),
        Grid(("Tue",), (12,), (5, 25)),
    )


@given(schedules)
def test_the_workflows_fire_at_the_times_of_the_schedule_and_at_no_other(
    schedule: Schedule,
) -> None:
    fired: list[datetime] = []
    for grid in grids(schedule):
        its = recurrence(grid)["recurrence"]
        check_recurrence(its)
        assert not fires_at_once(its)
        count = len(grid.days) * len(grid.hours) * len(grid.minutes)
        fired += next_firings(its, MONDAY - timedelta(seconds=1), count)
    assert len(set(fired)) == len(fired)
    assert tuple(sorted(fired)) == starts_between([schedule], MONDAY, MONDAY + WEEK)


@given(schedules, st.timedeltas(-100 * WEEK, 100 * WEEK).map(lambda span: MONDAY + span))
def test_the_next_start_is_the_first_after_now(schedule: Schedule, now: datetime) -> None:
    found = next_start([schedule], now)
    assert found is not None
    assert now < found <= now + WEEK
    assert (DAYS[found.weekday()], found.timetz()) in {
        (day, moment.replace(tzinfo=UTC)) for day in schedule.days for moment in schedule.at
    }
    assert starts_between([schedule], now + timedelta(microseconds=1), found) == ()


def test_two_schedules_that_meet_start_the_job_once() -> None:
    one, other = Schedule(("Tue", "Wed"), (time(12),)), Schedule(("Tue",), (time(12), time(13)))
    assert starts_a_week([one, other, Webhook()]) == 3


def test_a_check_is_no_start_of_the_job() -> None:
    run, check = Schedule(("Tue",), (time(12),)), Schedule(("Mon",), (time(6),))
    assert next_start([run, Check(check)], MONDAY) == MONDAY + timedelta(days=1, hours=12)
    assert next_start([check], MONDAY) == MONDAY + timedelta(hours=6)
    assert starts_a_week([run, Check(check)]) == 1


def test_nothing_is_next_where_only_numerai_calls() -> None:
    assert next_start([Webhook()], MONDAY) is None
