"""When a Recurrence trigger fires: a grid of days, hours and minutes, from its start time on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from tests.azure.errors import Json, Refusal

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FAR = 366


def fires_at_once(recurrence: Json) -> bool:
    """Whether the deployment of a workflow makes the trigger fire: it does without a start time.

    https://learn.microsoft.com/azure/connectors/connectors-native-recurrence
    """
    return "startTime" not in recurrence


def next_firings(recurrence: Json, after: datetime, count: int) -> list[datetime]:
    """The next times, aware UTC, later than `after`. Slots that were missed are not made up for."""
    return list(islice(_firings(recurrence, after.astimezone(UTC)), count))


def check_recurrence(recurrence: Json) -> None:
    """Refuses what this stand-in cannot reckon with, and what the service refuses.

    Raises:
        Refusal: 400, and why.
    """
    if recurrence["frequency"] not in ("Day", "Week"):
        raise _bad(f"a frequency of {recurrence['frequency']} is not known to this stand-in")
    if recurrence.get("timeZone", "UTC") != "UTC":
        raise _bad("no time zone but UTC is known to this stand-in")
    schedule = recurrence.get("schedule", {})
    if "weekDays" in schedule and recurrence["frequency"] != "Week":
        raise _bad("The recurrence schedule 'weekDays' needs the frequency 'Week'")
    if "minutes" not in schedule and "startTime" not in recurrence:
        raise _bad("without minutes and without a start time the slots are not known beforehand")
    if "startTime" in recurrence:
        _start(recurrence)


def _firings(recurrence: Json, after: datetime) -> Iterator[datetime]:
    start = _start(recurrence)
    schedule = recurrence.get("schedule", {})
    hours = sorted(schedule.get("hours", [start.hour if start else 0]))
    minutes = sorted(schedule.get("minutes", [start.minute if start else 0]))
    for number in range(_FAR):
        day = after.date() + timedelta(days=number)
        if not _is_day(recurrence, day, start):
            continue
        for hour in hours:
            for minute in minutes:
                at = datetime.combine(day, time(hour, minute), UTC)
                if at > after and (start is None or at >= start):
                    yield at


def _is_day(recurrence: Json, day: date, start: datetime | None) -> bool:
    first = start.date() if start else day
    days = recurrence.get("schedule", {}).get("weekDays")
    interval: int = recurrence["interval"]
    if recurrence["frequency"] == "Day":
        return (day - first).days % interval == 0
    monday = first - timedelta(days=first.weekday())
    if ((day - monday).days // 7) % interval:
        return False
    return _DAYS[day.weekday()] in days if days else day.weekday() == first.weekday()


def _start(recurrence: Json) -> datetime | None:
    if "startTime" not in recurrence:
        return None
    try:
        at = datetime.fromisoformat(recurrence["startTime"])
    except ValueError as error:
        raise _bad(str(error)) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _bad(why: str) -> Refusal:
    return Refusal(
        400, "InvalidRecurrence", f"The template validation failed: the recurrence: {why}."
    )
