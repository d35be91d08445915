"""What two witnesses say of a model in a round, and whom to believe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from job.history.judging import Case, Cell, State, judge
from job.history.rounds import PastRound
from job.history.told import Told
from job.plan import DISABLED
from job.record import Outcome
from job.tournament import Submission
from tests.builders import a_slot
from tests.history.builders import a_made, a_none, a_told, rounds

ROUND = rounds(2)[1]
PAST = PastRound(ROUND.number, ROUND.open_time, ROUND.close_staking_time)
DAY_ONLY = PastRound(
    ROUND.number, opened_on=ROUND.open_time.date(), deadline_on=ROUND.close_staking_time.date()
)


def judged(
    row: Submission | None = None,
    *told: Told,
    round_: PastRound = PAST,
    over: bool = True,
    due: bool = True,
) -> Cell:
    slot = None if row is None else a_slot(row)
    return judge(Case("classic", round_, over, slot, told), due=due)


def recorded(*outcomes: Outcome | Told) -> State:
    told = [one if isinstance(one, Told) else a_told(ROUND.number, one) for one in outcomes]
    return judged(None, *told).state


def test_numerai_says_when_it_was_submitted_and_how_long_that_was_before_the_deadline() -> None:
    cell = judged(a_made(ROUND, 12.5))
    assert (cell.state, cell.minutes_before) == (State.ON_TIME, 12.5)
    assert cell.submitted_at == ROUND.close_staking_time - timedelta(minutes=12.5)


def test_late_is_late_and_its_minutes_are_after_the_deadline() -> None:
    cell = judged(a_made(ROUND, -95))
    assert (cell.state, cell.minutes_before) == (State.LATE, -95)


def test_numerais_word_outranks_its_own_times() -> None:
    assert judged(a_made(ROUND, 5, status="late")).state is State.LATE
    assert judged(a_made(ROUND, 5, status="something new")).state is State.ON_TIME
    assert judged(a_made(ROUND, -5, status="something new")).state is State.LATE


def test_a_late_submission_of_the_round_before_is_none_of_this_round() -> None:
    carried = a_made(ROUND, 60 * 20, status="queued")
    for round_ in (PAST, DAY_ONLY):
        cell = judged(carried, round_=round_)
        assert (cell.state, cell.note) == (
            State.MISSED,
            "Numerai has a submission of another round only",
        )


def test_one_that_was_made_from_the_data_of_the_round_before_is_none_either() -> None:
    old = a_made(ROUND, filename=f"mallard_{ROUND.number - 1}-AAAA.csv")
    assert judged(old).state is State.MISSED


def test_without_the_times_of_the_round_the_word_counts_and_the_minutes_are_not_known() -> None:
    cell = judged(a_made(ROUND, 5), round_=DAY_ONLY)
    assert (cell.state, cell.minutes_before) == (State.ON_TIME, None)
    assert cell.submitted_at is not None


def test_nothing_at_numerai_is_missed_only_once_the_deadline_has_passed() -> None:
    assert judged(a_none(ROUND)).state is State.MISSED
    assert judged(a_none(ROUND), over=False).state is State.OPEN


def test_where_nothing_tells_it_is_unknown_and_not_missed() -> None:
    assert judged(None).state is State.UNKNOWN
    assert judged(a_none(rounds(3)[2])).state is State.UNKNOWN
    assert judged(None, over=False).state is State.OPEN


def test_what_was_not_due_is_not_missed() -> None:
    assert judged(a_none(ROUND), due=False).state is State.NOT_DUE
    assert judged(a_made(ROUND, 5), due=False).state is State.ON_TIME


def test_numerai_outranks_the_records() -> None:
    submitted = a_told(ROUND.number, Outcome.SUBMITTED, at=ROUND.open_time)
    cell = judged(a_none(ROUND), submitted)
    assert cell.state is State.MISSED
    assert "a run recorded a submission" in cell.note
    assert judged(a_made(ROUND, 5), a_told(ROUND.number, Outcome.MISSED)).state is State.ON_TIME


def test_the_records_say_why_nothing_is_there() -> None:
    held = a_told(ROUND.number, Outcome.HELD_BACK, reason="churn is 0.2")
    assert judged(a_none(ROUND), held) == Cell(ROUND.number, State.HELD_BACK, note="churn is 0.2")
    failed = a_told(ROUND.number, Outcome.FAILED, reason="the model raised")
    assert judged(a_none(ROUND), failed) == Cell(
        ROUND.number, State.MISSED, note="the model raised"
    )


def test_the_first_cause_is_told_and_not_that_a_later_run_came_too_late() -> None:
    failed = a_told(ROUND.number, Outcome.FAILED, reason="the model raised")
    missed = a_told(ROUND.number, Outcome.MISSED, reason="the on-time deadline has passed")
    assert judged(a_none(ROUND), failed, missed).note == "the model raised"
    assert judged(a_none(ROUND), missed).note == "no run came in time"
    assert judged(a_none(ROUND)).note == "no run is recorded"
    assert judged(None).note == "no run is recorded"
    assert judged(a_none(ROUND), over=False).note == ""
    killed = a_told(ROUND.number, Outcome.PENDING, reason="no submission in this round yet")
    assert judged(a_none(ROUND), killed).note.startswith("a run began and was ended")
    held = a_told(ROUND.number, Outcome.HELD_BACK, reason="held back: churn is 0.2")
    assert judged(a_none(ROUND), held).note == "churn is 0.2"


def test_a_model_that_was_held_back_and_then_forced_is_on_time() -> None:
    assert judged(a_made(ROUND, 5), a_told(ROUND.number, Outcome.HELD_BACK)).state is State.ON_TIME


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([Outcome.SUBMITTED], State.ON_TIME),
        ([Outcome.ALREADY_SUBMITTED], State.ON_TIME),
        ([a_told(ROUND.number, Outcome.ALREADY_SUBMITTED, reason="late")], State.LATE),
        ([Outcome.SUBMITTED_LATE], State.LATE),
        ([Outcome.SUBMITTED, Outcome.FAILED], State.ON_TIME),
        ([Outcome.FAILED, Outcome.SUBMITTED], State.ON_TIME),
        ([Outcome.FAILED], State.MISSED),
        ([Outcome.MISSED], State.MISSED),
        ([Outcome.DRY_RUN], State.MISSED),
        ([Outcome.PENDING], State.MISSED),
        ([Outcome.HELD_BACK, Outcome.MISSED], State.HELD_BACK),
        ([Outcome.UNPROVEN], State.UNKNOWN),
        ([Outcome.FAILED, Outcome.UNPROVEN], State.UNKNOWN),
        ([Outcome.UNPROVEN, Outcome.MISSED], State.MISSED),
        ([Outcome.UNPROVEN, Outcome.ALREADY_SUBMITTED], State.ON_TIME),
        ([a_told(ROUND.number, Outcome.PENDING, registering=True)], State.UNKNOWN),
        ([a_told(ROUND.number, Outcome.SKIPPED, reason="not asked for (--only)")], State.UNKNOWN),
        ([a_told(ROUND.number, Outcome.SKIPPED, reason="not done: terminated")], State.MISSED),
    ],
)
def test_what_the_records_alone_tell(outcomes: Sequence[Outcome | Told], state: State) -> None:
    assert recorded(*outcomes) is state


def test_the_records_tell_the_minutes_where_they_know_when_it_was_submitted() -> None:
    at = ROUND.close_staking_time - timedelta(minutes=20)
    cell = judged(None, a_told(ROUND.number, Outcome.SUBMITTED, at=at))
    assert (cell.state, cell.minutes_before) == (State.ON_TIME, 20)


def test_the_manifest_of_that_day_says_whether_a_model_was_enabled() -> None:
    off = a_told(ROUND.number, Outcome.SKIPPED, reason=DISABLED)
    on = a_told(ROUND.number, Outcome.FAILED)
    assert Case("classic", PAST, True, None, [off]).enabled is False
    assert Case("classic", PAST, True, None, [off, on]).enabled is True
    assert Case("classic", PAST, True, None, []).enabled is None
