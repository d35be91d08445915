"""The schedule against the rounds' windows: is each met by a start that has time enough?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from deploy.settings import DeploySettings
from deploy.triggers import DAYS, FULL_DAYS, starts_between
from deploy.words import listed
from job.tournament import Round

NEEDED: Final = timedelta(minutes=5)
"""A start later than this before a window closes does not count."""
LONGEST_RUN_BEFORE: Final = timedelta(days=2)
# https://docs.numer.ai/numerai-tournament/submissions: noon, for an hour; on Saturday until Sunday
# or Monday 14:00. The shorter one is taken.
DOCUMENTED: Final = {
    "Tue": timedelta(hours=1),
    "Wed": timedelta(hours=1),
    "Thu": timedelta(hours=1),
    "Fri": timedelta(hours=1),
    "Sat": timedelta(hours=26),
}
NOON: Final = time(12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """When one round takes submissions on time: from `opens` until `closes`."""

    name: str
    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """What a start comes to: from `begins` on, and waiting for a round until `waits_until`."""

    begins: datetime
    waits_until: datetime


def recent_windows(rounds: Iterable[Round], now: datetime) -> tuple[Window, ...]:
    """The windows of rounds that have opened by `now`, oldest first."""
    opened = sorted((r for r in rounds if r.open_time <= now), key=lambda r: r.open_time)
    return tuple(_window_of(round_) for round_ in opened)


def _window_of(round_: Round) -> Window:
    opens, closes = (
        moment.astimezone(UTC) for moment in (round_.open_time, round_.close_staking_time)
    )
    spelt = f"{DAYS[opens.weekday()]} {opens:%Y-%m-%d %H:%M} to {_ending(opens, closes)} UTC"
    return Window(f"round {round_.number} ({spelt})", opens, closes)


def documented_windows(now: datetime) -> tuple[Window, ...]:
    """The windows of a week as Numerai documents them: that which begins before `now`."""
    monday = now.astimezone(UTC).date() - timedelta(days=now.astimezone(UTC).weekday())
    return tuple(_documented(monday, day, length) for day, length in DOCUMENTED.items())


def _documented(monday: date, day: str, length: timedelta) -> Window:
    number = DAYS.index(day)
    opens = datetime.combine(monday + timedelta(days=number), NOON)
    closes = opens + length
    spelt = f"documented: {opens:%H:%M} to {_ending(opens, closes)} UTC"
    return Window(f"the round of {FULL_DAYS[number]} ({spelt})", opens, closes)


def _ending(opens: datetime, closes: datetime) -> str:
    day = "" if closes.date() == opens.date() else f"{DAYS[closes.weekday()]} "
    return f"{day}{closes:%H:%M}"


def window_warnings(
    settings: DeploySettings, windows: Sequence[Window], *, needed: timedelta = NEEDED
) -> tuple[str, ...]:
    """A sentence for each window that no start of the schedule meets.

    Args:
        needed: the time that a run has to have before a window closes.
    """
    if not any(starts_between(settings.triggers, w.opens, w.opens + timedelta(7)) for w in windows):
        if not settings.webhook:
            return ()  # that nothing starts the job is said elsewhere
        return (
            "nothing but Numerai's call starts the job: a call that is missed is a round missed",
        )
    runs = _runs(settings, windows)
    hope = "; Numerai's call alone may start the job then" if settings.webhook else ""
    return tuple(
        f"{window.name} is met by no start of the schedule{hope}"
        for window in windows
        if not any(_meets(run, window, needed) for run in runs)
    )


def latest_openings(settings: DeploySettings, windows: Sequence[Window]) -> str:
    """Until when a round may open and still be met on its day, as a sentence; empty where no
    window is met.
    """
    runs = _runs(settings, windows)
    until: dict[str, list[str]] = {}
    for window in windows:
        evening = window.opens + timedelta(hours=12)
        met = [run.waits_until for run in runs if window.opens <= run.waits_until < evening]
        if met:
            day = DAYS[window.opens.weekday()]
            until.setdefault(f"{max(met):%H:%M}", []).append(day)
    spelt = [f"{moment} on {listed(list(dict.fromkeys(days)))}" for moment, days in until.items()]
    return f"a round that opens late is met until {listed(spelt)} UTC" if spelt else ""


def _meets(run: Run, window: Window, needed: timedelta) -> bool:
    works_from = max(run.begins, window.opens)
    return run.waits_until >= window.opens and works_from + needed <= window.closes


def _runs(settings: DeploySettings, windows: Sequence[Window]) -> tuple[Run, ...]:
    """What the starts around the windows come to. One that finds the job waiting does nothing."""
    if not windows:
        return ()
    begin = min(window.opens for window in windows) - LONGEST_RUN_BEFORE
    end = max(window.closes for window in windows)
    return tuple(_awake(settings, starts_between(settings.triggers, begin, end), windows))


def _awake(
    settings: DeploySettings, starts: Iterable[datetime], windows: Sequence[Window]
) -> Iterator[Run]:
    busy_until: datetime | None = None
    for start in starts:
        if busy_until is not None and start < busy_until:
            continue
        run = Run(start, start + timedelta(seconds=settings.wait))
        yield run
        opened = [w.opens for w in windows if w.opens <= run.waits_until and start < w.closes]
        # A run ends soon after its round has opened; until then it waits.
        busy_until = max(start, min(opened)) if opened else run.waits_until
