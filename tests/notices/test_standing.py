"""What is wrong after a run, and what of it is news: every trigger of a message and of silence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from job.errors import Exit
from job.notices.standing import Standing, standing, was_left_alone
from job.record import ModelResult, Outcome
from tests.builders import a_round
from tests.clock import NOON

ROUNDS = {"classic": a_round(1400)}
NEXT_ROUNDS = {"classic": a_round(1401)}
TEAL, MALLARD = ("classic", "teal"), ("classic", "mallard")
FAILED = "classic/teal 1400 failing"
MISSED = "classic/teal 1400 missed"


def row(outcome: Outcome, code: int = 0, name: str = "teal") -> ModelResult:
    return ModelResult(name, "classic", outcome, "why", int(code))


def after(
    *results: ModelResult, before: Iterable[str] = (), code: Exit = Exit.OK, **more: object
) -> Standing:
    given = {"enabled": {TEAL, MALLARD}, "rounds": ROUNDS, "now": NOON, **more}
    return standing(before, code=code, results=results, **given)  # type: ignore[arg-type]


GOOD = (Outcome.SUBMITTED, Outcome.SUBMITTED_LATE, Outcome.ALREADY_SUBMITTED)
BAD = (Outcome.FAILED, Outcome.UNPROVEN, Outcome.HELD_BACK, Outcome.MISSED)


@pytest.mark.parametrize("outcome", [*GOOD, Outcome.SKIPPED])
def test_what_is_well_is_told_only_to_who_asked_for_all(outcome: Outcome) -> None:
    state = after(row(outcome))
    assert [state.is_news(on) for on in ("failure", "change", "always")] == [False, False, True]
    assert state.told(sent=True) == []


@pytest.mark.parametrize("outcome", BAD)
def test_a_model_that_is_not_submitted_is_told_to_all(outcome: Outcome) -> None:
    state = after(row(outcome, 3), code=Exit.MODELS_FAILED)
    assert all(state.is_news(on) for on in ("failure", "change", "always"))


@pytest.mark.parametrize("code", [code for code in Exit if code is not Exit.OK])
def test_every_exit_but_0_is_told_to_all(code: Exit) -> None:
    for results in ((), (row(Outcome.SKIPPED),)):
        assert all(after(*results, code=code).is_news(on) for on in ("failure", "change", "always"))


def test_the_same_failure_in_the_same_round_is_no_change() -> None:
    state = after(row(Outcome.FAILED, 3), before=[FAILED], code=Exit.MODELS_FAILED)
    assert not state.is_news("change")
    assert state.is_news("failure"), "there is less time left than at the last message"


def test_a_failure_that_has_become_a_miss_is_a_change() -> None:
    state = after(row(Outcome.MISSED, 5), before=[FAILED], code=Exit.MISSED)
    assert state.is_news("change")
    assert state.is_news("failure")
    assert state.told(sent=True) == [MISSED]


def test_a_miss_is_told_once_for_nothing_can_be_done_about_it() -> None:
    state = after(row(Outcome.MISSED, 5), before=[MISSED], code=Exit.MISSED)
    assert not state.is_news("failure")
    assert not state.is_news("change")
    worse = after(
        row(Outcome.MISSED, 5), row(Outcome.FAILED, 3, "mallard"), before=[MISSED], code=Exit.MISSED
    )
    assert worse.is_news("failure")
    assert worse.is_news("change")


def test_the_same_failure_in_the_next_round_is_a_change() -> None:
    state = after(
        row(Outcome.FAILED, 3), before=[FAILED], code=Exit.MODELS_FAILED, rounds=NEXT_ROUNDS
    )
    assert state.is_news("change")
    assert state.told(sent=True) == ["classic/teal 1401 failing"]


def test_the_first_run_in_which_all_is_well_is_a_recovery() -> None:
    state = after(row(Outcome.SUBMITTED), before=[FAILED])
    assert state.recovered
    assert state.is_news("change")
    assert not state.is_news("failure")
    assert not after(row(Outcome.ALREADY_SUBMITTED), before=state.told(sent=True)).is_news("change")


def test_a_run_that_does_not_touch_a_model_says_nothing_about_it() -> None:
    """Between rounds, or with --only, a model that failed is not shown to be well."""
    state = after(row(Outcome.SKIPPED), before=[FAILED])
    assert not state.recovered
    assert not state.is_news("change")
    assert state.told(sent=True) == [FAILED]


def test_half_a_recovery_is_none() -> None:
    before = [FAILED, "classic/mallard 1400 failing"]
    state = after(row(Outcome.SUBMITTED), row(Outcome.SKIPPED, name="mallard"), before=before)
    assert not state.is_news("change")
    assert state.told(sent=True) == ["classic/mallard 1400 failing"]


def test_a_model_that_was_taken_out_of_the_manifest_is_forgotten() -> None:
    state = after(row(Outcome.SUBMITTED, name="mallard"), before=[FAILED], enabled={MALLARD})
    assert state.recovered


def test_a_run_s_own_failure_is_told_again_on_another_day() -> None:
    first = after(code=Exit.UNAVAILABLE)
    assert first.told(sent=True) == ["run 2026-11-03 unavailable"]
    again = after(code=Exit.UNAVAILABLE, before=first.after)
    assert not again.is_news("change")
    assert again.is_news("failure")
    tomorrow = after(code=Exit.UNAVAILABLE, before=first.after, now=NOON + timedelta(days=1))
    assert tomorrow.is_news("change")
    assert after(row(Outcome.SUBMITTED), before=first.after).recovered


def test_a_run_whose_manifest_cannot_be_read_forgets_nothing() -> None:
    state = after(before=[FAILED], code=Exit.USAGE, enabled=None, rounds={})
    assert state.told(sent=True) == [FAILED, "run 2026-11-03 usage"]


def test_what_nobody_could_be_told_is_news_to_the_next_run() -> None:
    state = after(row(Outcome.FAILED, 3), code=Exit.MODELS_FAILED)
    assert state.told(sent=False) == []
    recovery = after(row(Outcome.SUBMITTED), before=[FAILED])
    assert recovery.told(sent=False) == [FAILED]


def test_a_round_missed_before_is_told_once_and_is_never_over() -> None:
    state = after(row(Outcome.SUBMITTED), past=["classic/teal 1399 missed"])
    assert all(state.is_news(on) for on in ("failure", "change", "always"))
    assert state.told(sent=True) == []
    assert not after(row(Outcome.ALREADY_SUBMITTED), before=state.told(sent=True)).is_news("change")


def test_only_a_model_that_the_run_was_not_about_was_left_alone() -> None:
    alone = ModelResult("teal", "classic", Outcome.SKIPPED, "not asked for (--only)")
    assert was_left_alone(alone)
    undone = ModelResult("teal", "classic", Outcome.SKIPPED, "not done: terminated by a signal")
    assert not was_left_alone(undone)
    assert not any(was_left_alone(row(outcome)) for outcome in (*GOOD, *BAD))
