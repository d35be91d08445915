"""Pure: models and rounds -> a grid of what became of each, and the on-time shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from job.history.judging import Case, Cell, State, judge
from job.history.rounds import PastRound, all_rounds, is_over, past_round, placed, rounds_of_rows
from job.history.share import WEEKS, Share, count_share
from job.history.told import Key, Records, Told
from job.tournament import AccountState, Slot

Calendar = Sequence[tuple[PastRound, datetime | None]]
"""Rounds, newest first, each with when being on time ended as far as can be said."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that the history is of."""

    tournament: str
    name: str
    enabled: bool = True

    @property
    def key(self) -> Key:
        """Tournament and name: what tells models apart."""
        return self.tournament, self.name


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model with a cell for each of the grid's rounds, and its on-time shares."""

    name: str
    enabled: bool
    cells: tuple[Cell, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """One tournament: its rounds, newest first, and its models in the manifest's order."""

    tournament: str
    rounds: tuple[PastRound, ...]
    rows: tuple[ModelRow, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What became of the models in past rounds.

    Attributes:
        at: when this was so, in UTC.
        grids: one for each tournament that has models.
        shares: of the enabled models together, over the last 4 and 13 weeks.
        asked: whether Numerai's answer is part of it.
        records_read: how many run records are part of it.
        records_passed_over: how many could not be understood.
    """

    at: datetime
    grids: tuple[Grid, ...]
    shares: tuple[Share, ...]
    asked: bool
    records_read: int
    records_passed_over: int


def build_history(
    models: Sequence[Entry],
    records: Records,
    answer: AccountState | None,
    *,
    now: datetime,
    last: int,
) -> History:
    """The history of these models.

    Args:
        answer: what Numerai says of the account's past rounds; None: the records alone tell.
        last: how many rounds of each tournament are shown; the shares are over their own weeks.
    """
    told: dict[Key, dict[int, list[Told]]] = defaultdict(lambda: defaultdict(list))
    for one in records.told:
        told[one.key][one.round].append(one)
    grids, counted = [], []
    for tournament in sorted({model.tournament for model in models}):
        calendar = list(placed(_rounds(tournament, records, answer, now)))
        rows = []
        for model in (model for model in models if model.tournament == tournament):
            slot = answer.slot(tournament=tournament, name=model.name) if answer else None
            cells = _cells(model, calendar, slot, told[model.key], now)
            dated = [(moment, cell) for (_, moment), cell in zip(calendar, cells, strict=True)]
            counted += dated if model.enabled else []
            rows.append(ModelRow(model.name, model.enabled, cells[:last], _shares(dated, now)))
        rounds = tuple(round_ for round_, _ in calendar)
        grids.append(Grid(tournament, rounds[:last], tuple(rows)))
    return History(
        at=now,
        grids=tuple(grids),
        shares=_shares(counted, now),
        asked=answer is not None,
        records_read=records.read,
        records_passed_over=records.passed_over,
    )


def _shares(dated: Sequence[tuple[datetime | None, Cell]], now: datetime) -> tuple[Share, ...]:
    return tuple(count_share(dated, weeks=weeks, now=now) for weeks in WEEKS)


def _rounds(
    tournament: str, records: Records, answer: AccountState | None, now: datetime
) -> tuple[PastRound, ...]:
    recorded = records.rounds.get(tournament, {})
    if answer is None:
        return all_rounds(recorded, now=now)
    slots = [slot for slot in answer.slots if slot.tournament == tournament]
    given = {r.number: past_round(r) for r in answer.rounds.get(tournament, ())}
    return all_rounds(rounds_of_rows(slots), recorded, given, now=now)


def _cells(
    model: Entry,
    calendar: Calendar,
    slot: Slot | None,
    told: Mapping[int, Sequence[Told]],
    now: datetime,
) -> tuple[Cell, ...]:
    """The model's cells, newest round first."""
    newest = calendar[0][0].number if calendar else 0
    cases = [
        Case(
            tournament=model.tournament,
            round=round_,
            over=is_over(round_, newest, now),
            slot=slot,
            told=told.get(round_.number, ()),
        )
        for round_, _ in reversed(calendar)
    ]
    return tuple(reversed(list(_judged(cases))))


def _judged(cases: Sequence[Case]) -> Iterator[Cell]:
    """A cell for each case, oldest round first.

    A submission is due from the first round on in which the model is seen, in a record or with a
    submission, unless the newest record until then has it disabled.
    """
    due = False
    for case in cases:
        enabled = case.enabled
        if enabled is not None:
            due = enabled
        cell = judge(case, due=due)
        due = due or (enabled is None and cell.state in {State.ON_TIME, State.LATE})
        yield cell
