"""What is to be done with each model, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.plan import UPLOAD_SECONDS, Fail, Miss, Skip, Step, Submit, Wishes, make_plan
from job.tournament import Round, Slot
from tests.builders import a_model, a_round, a_row, a_slot, a_state
from tests.clock import NOON

LATE = NOON + timedelta(hours=3)
ROUND = a_round()


def step_for(
    slot: Slot | None = None,
    *,
    hours: float = 0.0,
    rounds: tuple[Round, ...] | None = None,
    force: bool = False,
    submit_late: bool = False,
    only: tuple[str, ...] = (),
    enabled: bool = True,
) -> Step:
    (step,) = make_plan(
        [a_model(enabled=enabled)],
        a_state(a_slot() if slot is None else slot, rounds=rounds),
        now=NOON + timedelta(hours=hours),
        wishes=Wishes(only=only, force=force, submit_late=submit_late),
    )
    return step


def test_a_model_without_submission_is_submitted_before_the_on_time_deadline() -> None:
    step = step_for()
    assert isinstance(step, Submit)
    assert step.deadline == ROUND.close_staking_time
    assert not step.late
    assert step.key == ("classic", "mallard")


def test_a_submitted_model_is_left_alone() -> None:
    step = step_for(a_slot(a_row()))
    assert isinstance(step, Skip)
    assert step.reason == "already submitted"
    assert step.fresh is not None


def test_a_forced_model_is_submitted_again_while_it_would_be_on_time() -> None:
    step = step_for(a_slot(a_row()), force=True)
    assert isinstance(step, Submit)
    assert "--force" in step.reason


def test_force_does_not_replace_an_on_time_submission_by_a_late_one() -> None:
    step = step_for(a_slot(a_row()), hours=3, force=True, submit_late=True)
    assert isinstance(step, Skip)


def test_past_the_deadline_a_model_is_missed() -> None:
    step = step_for(hours=3)
    assert isinstance(step, Miss)
    assert step.reason == "the on-time deadline Tue 13:00 UTC has passed"


def test_past_the_deadline_a_submitted_model_lacks_nothing() -> None:
    assert isinstance(step_for(a_slot(a_row()), hours=3), Skip)
    assert isinstance(step_for(a_slot(a_row(status="late")), hours=3), Skip)


def test_late_work_is_done_where_it_is_wished_for() -> None:
    step = step_for(hours=3, submit_late=True)
    assert isinstance(step, Submit)
    assert step.late
    assert step.deadline == ROUND.close_time


def test_late_work_has_no_deadline_where_numerai_tells_none() -> None:
    step = step_for(hours=3, submit_late=True, rounds=(a_round(close_time=None),))
    assert isinstance(step, Submit)
    assert step.late
    assert step.deadline is None


@pytest.mark.parametrize(
    ("seconds", "kind"), [(UPLOAD_SECONDS, Miss), (UPLOAD_SECONDS + 1, Submit)]
)
def test_nothing_is_begun_that_could_not_be_uploaded_in_time(
    seconds: float, kind: type[Step]
) -> None:
    now = ROUND.close_staking_time - timedelta(seconds=seconds)
    (step,) = make_plan([a_model()], a_state(a_slot()), now=now, wishes=Wishes())
    assert isinstance(step, kind)


def test_without_an_open_round_nothing_is_done() -> None:
    assert step_for(rounds=()) == Skip(a_model(), "no round is open")
    coming = a_round(1401, open_time=NOON + timedelta(minutes=1))
    assert step_for(rounds=(coming,)) == Skip(a_model(), "no round is open")


def test_a_disabled_model_is_skipped_even_when_it_is_asked_for() -> None:
    step = step_for(enabled=False, only=("mallard",))
    assert isinstance(step, Skip)
    assert step.reason == "disabled in the manifest"


def test_a_model_that_was_not_asked_for_is_skipped() -> None:
    step = step_for(only=("teal",))
    assert isinstance(step, Skip)
    assert "--only" in step.reason
    assert isinstance(step_for(only=("teal", "mallard")), Submit)


@pytest.mark.parametrize(
    ("slot", "word"),
    [
        (a_slot(name="other"), "account drake has no classic model of this name"),
        (a_slot(tournament="crypto"), "has no classic model"),
        (a_slot(archived=True), "archived"),
        (a_slot(hosted="m.pkl"), "serves this model from an uploaded pickle (m.pkl)"),
    ],
)
@pytest.mark.parametrize("hours", [0, 3])
def test_a_model_that_takes_no_uploads_fails_with_the_way_out(
    slot: Slot, word: str, hours: float
) -> None:
    step = step_for(slot, hours=hours)
    assert isinstance(step, Fail)
    assert word in step.reason
    assert "enabled: false" in step.hint


def test_an_unknown_model_fails_even_between_rounds() -> None:
    assert isinstance(step_for(a_slot(name="other"), rounds=()), Fail)


def test_a_hosted_model_that_is_disabled_or_not_asked_for_is_no_fault() -> None:
    hosted = a_slot(hosted="m.pkl")
    assert isinstance(step_for(hosted, enabled=False), Skip)
    assert isinstance(step_for(hosted, only=("teal",)), Skip)


def test_a_model_is_found_whatever_the_case_of_its_name() -> None:
    assert isinstance(step_for(a_slot(name="Mallard")), Submit)


def test_the_newest_open_round_is_worked_for() -> None:
    before = a_round(1399, open_time=ROUND.open_time - timedelta(days=1))
    step = step_for(rounds=(before, ROUND))
    assert isinstance(step, Submit)
    assert step.round.number == 1400


@given(priorities=st.lists(st.integers(-3, 3), max_size=8))
def test_higher_priority_goes_first_then_manifest_order(priorities: list[int]) -> None:
    models = [a_model(f"m{n}", priority=p) for n, p in enumerate(priorities)]
    slots = [a_slot(name=model.name) for model in models]
    plan = make_plan(models, a_state(*slots), now=NOON, wishes=Wishes())
    wanted = sorted(range(len(models)), key=lambda n: (-priorities[n], n))
    assert [step.model.name for step in plan] == [f"m{n}" for n in wanted]


@given(
    hours=st.floats(-1, 30),
    force=st.booleans(),
    submit_late=st.booleans(),
    status=st.sampled_from(["on-time", "late", None]),
)
def test_whatever_is_planned_can_be_done_in_time(
    hours: float, force: bool, submit_late: bool, status: str | None
) -> None:
    slot = a_slot() if status is None else a_slot(a_row(status=status))
    step = step_for(slot, hours=hours, force=force, submit_late=submit_late)
    now = NOON + timedelta(hours=hours)
    if isinstance(step, Submit):
        assert step.deadline is not None
        assert now < step.deadline
        assert step.late is (not step.round.is_on_time(now + timedelta(seconds=UPLOAD_SECONDS)))
        assert status is None or (force and not step.late)
        assert submit_late or not step.late
