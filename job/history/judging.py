"""Pure: what two witnesses say of a model in a round -> what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from job.history.rounds import PastRound
from job.history.told import Told
from job.record import Outcome
from job.round_state import Fresh, freshness
from job.tournament import Slot, Submission

LATE_REASON = "late"
"""What the record of a run says of a model that it found submitted late."""
NO_RUN = "no run is recorded"
TOO_LATE = "no run came in time"
UNFINISHED = "a run began and was ended before this model's turn"


class State(StrEnum):
    """What became of a model in a round."""

    ON_TIME = "on_time"
    LATE = "late"
    HELD_BACK = "held_back"
    MISSED = "missed"
    UNKNOWN = "unknown"
    OPEN = "open"
    NOT_DUE = "not_due"


COUNTED = (State.ON_TIME, State.LATE, State.HELD_BACK, State.MISSED)
"""What an on-time share is a share of."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One model in one round.

    Attributes:
        submitted_at: when Numerai had the submission that counts.
        minutes_before: from then to the on-time deadline; negative after it.
        note: what there is to know beside that, such as why nothing was submitted.
    """

    round: int
    state: State
    submitted_at: datetime | None = None
    minutes_before: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a model in a round: its row in the account, None where Numerai was not
    asked or has no such model, and what the records say, oldest first.
    """

    tournament: str
    round: PastRound
    over: bool
    slot: Slot | None
    told: Sequence[Told]

    @property
    def answered(self) -> Fresh | None:
        """The submission of its own that Numerai has."""
        if self.row is None or self.slot is None:
            return None
        fresh = freshness(self.slot, self.round.as_round(self.tournament))
        # A late submission is queued in the round after it; without times only this word tells.
        carried = self.round.opened is None and self.row.status == "queued"
        return fresh if isinstance(fresh, Fresh) and not carried else None

    @property
    def row(self) -> Submission | None:
        """What Numerai says of the round; None where it says nothing, which is not a no."""
        rows = self.slot.recent if self.slot else ()
        return next((row for row in rows if row.round_number == self.round.number), None)

    @property
    def enabled(self) -> bool | None:
        """Whether the manifest had the model enabled, None where no record tells."""
        return None if not self.told else any(not told.disabled for told in self.told)


def judge(case: Case, *, due: bool) -> Cell:
    """What became of the model.

    Args:
        due: whether a submission was to be expected.
    """
    cell = _judged(case, due=due)
    if cell.note or cell.state not in {State.MISSED, State.UNKNOWN}:
        return cell
    return replace(cell, note=TOO_LATE if case.told else NO_RUN)


def _judged(case: Case, *, due: bool) -> Cell:
    recorded = _recorded(case)
    fresh = case.answered
    if fresh is not None:
        state = State.LATE if _is_late(fresh, case.round) else State.ON_TIME
        return _made(case.round, state, fresh.submission.timestamp)
    if not due:
        return Cell(case.round.number, State.NOT_DUE)
    if case.row is None:
        return recorded
    if recorded.state in {State.HELD_BACK, State.OPEN}:
        return recorded
    note = recorded.note
    if recorded.state in {State.ON_TIME, State.LATE}:
        note = "a run recorded a submission, but Numerai has none"
    if case.row.id is not None and not note:
        note = "Numerai has a submission of another round only"
    return Cell(case.round.number, State.MISSED if case.over else State.OPEN, note=note)


def _is_late(fresh: Fresh, round_: PastRound) -> bool:
    made, status = fresh.submission.timestamp, fresh.submission.status
    if status in {"on-time", "late"} or made is None or round_.ends is None:
        return fresh.late
    return made > round_.ends


def _made(round_: PastRound, state: State, at: datetime | None) -> Cell:
    if at is None or round_.deadline is None:
        return Cell(round_.number, state, at)
    minutes = (round_.deadline - at).total_seconds() / 60
    return Cell(round_.number, state, at, round(minutes, 2))


def _recorded(case: Case) -> Cell:
    """What the records alone make of it.

    A submission that was proven stays one. An upload that may have been registered leaves the
    rest unknown, until a later run has asked Numerai and found none.
    """
    number = case.round.number
    cell = Cell(number, State.UNKNOWN if case.over else State.OPEN)
    for told in case.told:
        cell = _after(cell, told, case)
    return cell


def _after(cell: Cell, told: Told, case: Case) -> Cell:
    """What is known once another run's record was read."""
    proven = _proven(told)
    if proven is not None:
        if cell.state is State.ON_TIME or (cell.state is State.LATE and proven is State.LATE):
            return cell
        return _made(case.round, proven, told.at)
    if cell.state in {State.ON_TIME, State.LATE} or _is_silent(told):
        return cell
    if _is_open_ended(told):
        return replace(cell, state=State.UNKNOWN, note=told.reason or "a run ended in its upload")
    if told.outcome == Outcome.HELD_BACK:
        return replace(cell, state=State.HELD_BACK, note=told.reason.removeprefix("held back: "))
    if cell.state is State.HELD_BACK:
        return cell
    state = State.MISSED if case.over else State.OPEN
    return replace(cell, state=state, note=_why(told) or cell.note)


def _why(told: Told) -> str:
    """Why a run submitted nothing; that it came too late is not why those before it did not."""
    if told.outcome == Outcome.MISSED:
        return ""
    return UNFINISHED if told.outcome == Outcome.PENDING else told.reason


def _proven(told: Told) -> State | None:
    late = told.outcome == Outcome.SUBMITTED_LATE or (
        told.outcome == Outcome.ALREADY_SUBMITTED and told.reason == LATE_REASON
    )
    if late:
        return State.LATE
    on_time = {Outcome.SUBMITTED, Outcome.ALREADY_SUBMITTED}
    return State.ON_TIME if told.outcome in on_time else None


def _is_silent(told: Told) -> bool:
    """A model that a run left alone says nothing of its submissions; one it did not get to does."""
    return told.outcome == Outcome.SKIPPED and not told.reason.startswith("not done")


def _is_open_ended(told: Told) -> bool:
    """Whether an upload may have come to be registered without this run's knowing."""
    pending = told.outcome == Outcome.PENDING and told.registering
    return pending or told.outcome == Outcome.UNPROVEN
