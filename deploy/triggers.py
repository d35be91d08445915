"""What starts the job, and what starts a check of it: times of the week in UTC, and Numerai's own
call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FULL_DAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
WEEK: Final = timedelta(days=7)
A_MONDAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
WEEKS_A_MONTH: Final = 365.25 / 12 / 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """Starts at each of `at` on each of `days`, every week.

    Attributes:
        days: names out of `DAYS`, in their order, each once.
        at: times of day in UTC, whole minutes, in order, each once.
        wait: seconds that a run so started waits for its round.
    """

    days: tuple[str, ...]
    at: tuple[time, ...]
    wait: float = 0.0

    def __str__(self) -> str:
        times = ", ".join(f"{moment:%H:%M}" for moment in self.at)
        return f"{' '.join(self.days)} at {times} UTC"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A start whenever Numerai says that a round has opened.

    Attributes:
        wait: seconds that a run so started waits for its round.
    """

    wait: float = 0.0

    def __str__(self) -> str:
        return "Numerai's call when a round opens"


@dataclass(frozen=True, slots=True)
class Check:
    """Starts of a check, which looks for all that would make a run fail and submits nothing. It is
    no start of the job: whatever is told of triggers below passes it over.
    """

    schedule: Schedule

    def __str__(self) -> str:
        return str(self.schedule)


Trigger = Schedule | Webhook | Check


@dataclass(frozen=True, slots=True)
class Grid:
    """Starts at every one of `minutes` of every one of `hours` on every one of `days`: the only
    kind of schedule that a recurrence can say.
    """

    days: tuple[str, ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]

    def __str__(self) -> str:
        times = ", ".join(f"{hour:02}:{m:02}" for hour in self.hours for m in self.minutes)
        return f"{' '.join(self.days)} at {times} UTC"


def grids(schedule: Schedule) -> tuple[Grid, ...]:
    """The fewest grids by hour that start the job at the schedule's times and at no other."""
    minutes_of: dict[int, list[int]] = {}
    for moment in schedule.at:
        minutes_of.setdefault(moment.hour, []).append(moment.minute)
    hours_of: dict[tuple[int, ...], list[int]] = {}
    for hour, minutes in minutes_of.items():
        hours_of.setdefault(tuple(minutes), []).append(hour)
    return tuple(Grid(schedule.days, tuple(hours), minutes) for minutes, hours in hours_of.items())


def starts_a_week(triggers: Iterable[Trigger]) -> int:
    """How often the schedules start the job in a week; two at one moment start it once."""
    return len(_week(triggers))


def starts_between(
    triggers: Iterable[Trigger], begin: datetime, end: datetime
) -> tuple[datetime, ...]:
    """The moments with `begin <= moment < end` at which a schedule starts the job, in order."""
    week = _week(triggers)
    monday = A_MONDAY + (begin - A_MONDAY) // WEEK * WEEK
    found = []
    while monday < end:
        found += [monday + offset for offset in week]
        monday += WEEK
    return tuple(sorted(start for start in found if begin <= start < end))


def next_start(triggers: Iterable[Trigger], now: datetime) -> datetime | None:
    """The first start of a schedule after `now`; None where there is no schedule."""
    after = now + timedelta(microseconds=1)
    return next(iter(starts_between(triggers, after, after + WEEK)), None)


def _week(triggers: Iterable[Trigger]) -> set[timedelta]:
    """Each start as the span since Monday 00:00."""
    return {
        timedelta(days=DAYS.index(day), hours=moment.hour, minutes=moment.minute)
        for trigger in triggers
        if isinstance(trigger, Schedule)
        for day in trigger.days
        for moment in trigger.at
    }
