"""Histories by the dozen: rounds on the days that Numerai has them, and what became of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from job.history import Entry, History, build_history
from job.history.rounds import PastRound
from job.history.told import Records, Told
from job.record import Outcome
from job.tournament import AccountState, Round, Slot, Submission
from tests.builders import a_slot
from tests.clock import NOON

NEWEST = 1400
"""Round 1400 opened ten minutes ago, as everywhere in the tests."""
ROUND_DAYS = frozenset({1, 2, 3, 4, 5})
"""Tuesday to Saturday."""


def rounds(count: int, *, now: datetime = NOON, tournament: str = "classic") -> tuple[Round, ...]:
    """The newest rounds until now, newest first; each is on time for an hour."""
    return tuple(
        Round(tournament, NEWEST - place, opened, opened + timedelta(hours=1), None)
        for place, opened in zip(range(count), _openings(now), strict=False)
    )


def _openings(now: datetime) -> Iterator[datetime]:
    opened = now.replace(minute=0, second=0)
    while True:
        if opened.weekday() in ROUND_DAYS:
            yield opened
        opened -= timedelta(days=1)


def a_made(round_: Round, minutes: float = 47.0, **more: Any) -> Submission:
    """Numerai's row of a submission, so many minutes before the deadline."""
    at = round_.close_staking_time - timedelta(minutes=minutes)
    given = {
        "id": f"s-{round_.number}",
        "filename": f"mallard_{round_.number}-AAAA.csv",
        "status": "on-time" if minutes >= 0 else "late",
        "timestamp": at,
        **more,
    }
    return _dated(Submission(round_number=round_.number, **given), round_)


def a_none(round_: Round) -> Submission:
    """Numerai's row of a round without a submission."""
    return _dated(Submission(None, None, round_.number, "none"), round_)


def _dated(row: Submission, round_: Round) -> Submission:
    days = round_.open_time.date(), round_.close_staking_time.date()
    return replace(row, opened_on=days[0], deadline_on=days[1])


def an_answer(slots: Sequence[Slot], known: Sequence[Round]) -> AccountState:
    """What Numerai says of the account."""
    return AccountState("drake", tuple(slots), {"classic": tuple(known)})


def a_told(number: int, outcome: Outcome, *, model: str = "mallard", **more: Any) -> Told:
    """A line of a run record."""
    given = {"reason": "", "at": None, "registering": False, **more}
    return Told(("classic", model), number, outcome.value, **given)


def some_records(*told: Told, known: Sequence[Round] = ()) -> Records:
    """Run records with these lines, oldest first, and the times of these rounds."""
    times = {r.number: PastRound(r.number, r.open_time, r.close_staking_time) for r in known}
    return Records(told, {"classic": times}, {}, read=len(told))


def a_history(
    models: int = 4,
    count: int = 65,
    *,
    names: Mapping[int, str] | None = None,
    now: datetime = NOON,
) -> History:
    """A history with something of everything in it, the same each time."""
    known = rounds(count, now=now)
    called = [(names or {}).get(place, f"duck_{place:03d}") for place in range(models)]
    slots = [
        a_slot(*(row for r in known if (row := _row(r, place)) is not None), name=name)
        for place, name in enumerate(called)
    ]
    told = [
        one
        for round_ in reversed(known)
        for place, name in enumerate(called)
        if (one := _line(round_, place, name)) is not None
    ]
    entries = [Entry("classic", name) for name in called]
    records = some_records(*told, known=known)
    return build_history(entries, records, an_answer(slots, known), now=now, last=count)


def _row(round_: Round, place: int) -> Submission | None:
    kind = (round_.number * 7 + place * 13) % 61
    if kind == 53:
        return None
    if kind in {3, 17, 29}:
        return a_none(round_)
    return a_made(round_, -95.0 if kind == 41 else 3.0 + (round_.number * 11 + place * 5) % 50)


def _line(round_: Round, place: int, name: str) -> Told | None:
    kind = (round_.number * 7 + place * 13) % 61
    if kind == 3:
        reason = "churn is 0.212, more than max_churn 0.15"
        return a_told(round_.number, Outcome.HELD_BACK, model=name, reason=reason)
    if kind == 17:
        reason = 'the model raised KeyError: "feature_<b>\'s & co"'
        return a_told(round_.number, Outcome.FAILED, model=name, reason=reason)
    return None if kind in {29, 53} else a_told(round_.number, Outcome.SUBMITTED, model=name)
