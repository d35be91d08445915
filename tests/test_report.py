"""What became of the models -> exit code, a word, a table; and errors -> what the record says."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import (
    DeadlineError,
    Exit,
    JobError,
    ModelError,
    NotReadyError,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    StoppedError,
    TokenError,
    TransientError,
    UnavailableError,
    UsageError,
)
from job.outcomes import failure, is_fault, planned, unfinished
from job.plan import Fail, Miss, Skip
from job.record import ModelResult, Outcome
from job.report import exit_code, headline, outcome_word, summary
from job.round_state import Fresh
from tests.builders import a_model, a_row, a_step

OK, UNFORESEEN = Exit.OK, Exit.UNFORESEEN
FAILED, UNAVAILABLE, MISSED = Exit.MODELS_FAILED, Exit.UNAVAILABLE, Exit.MISSED


def results(*codes: int) -> list[ModelResult]:
    return [ModelResult(f"m{n}", "classic", exit_code=int(c)) for n, c in enumerate(codes)]


def test_without_fault_the_exit_is_0() -> None:
    assert exit_code([]) is OK
    assert exit_code(results(OK, OK)) is OK


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ({FAILED}, FAILED),
        ({FAILED, MISSED}, MISSED),
        ({FAILED, MISSED, UNAVAILABLE}, UNAVAILABLE),
        ({FAILED, MISSED, UNAVAILABLE, UNFORESEEN}, UNFORESEEN),
        ({FAILED, UNFORESEEN}, UNFORESEEN),
    ],
)
def test_where_several_apply_the_order_is_1_4_5_3(codes: set[Exit], wanted: Exit) -> None:
    for order in permutations([OK, *codes]):
        assert exit_code(results(*order)) is wanted


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (ModelError("it raises"), Outcome.FAILED, 3),
        (RefusedError("no"), Outcome.FAILED, 3),
        (DeadlineError("too late"), Outcome.MISSED, 5),
        (UnavailableError("gone"), Outcome.FAILED, 4),
        (TransientError("busy"), Outcome.FAILED, 4),
        (NotReadyError("not yet"), Outcome.FAILED, 4),
        (TokenError("wrong"), Outcome.FAILED, 4),
        (ReplyLostError("lost"), Outcome.FAILED, 4),
        (ZeroDivisionError("oops"), Outcome.FAILED, 1),
    ],
)
def test_an_errors_kind_decides_the_outcome(error: Exception, outcome: Outcome, code: int) -> None:
    changes = failure(error)
    assert (changes["outcome"], changes["exit_code"]) == (outcome, code)
    assert str(error) in changes["reason"]


@pytest.mark.parametrize(
    "error", [StoppedError("terminated", Exit.TERMINATED), RoundTurnedError("turned")]
)
def test_what_ends_the_work_is_no_models_fault(error: JobError) -> None:
    assert failure(error) == {"outcome": Outcome.PENDING, "reason": error.what}


def test_only_what_the_job_does_not_know_is_its_own_fault() -> None:
    assert is_fault(KeyError("x"))
    assert not is_fault(ModelError("x"))


def test_a_reason_holds_cause_and_way_out() -> None:
    changes = failure(ModelError("it is empty", "0 bytes", hint="was its copy interrupted?"))
    assert changes["reason"] == "it is empty\n  0 bytes\n  was its copy interrupted?"


def test_every_step_has_its_result() -> None:
    model, row = a_model(), a_row()
    pending = planned(a_step())
    assert (pending.outcome, pending.key) == (Outcome.PENDING, ("classic", "mallard"))
    already = planned(Skip(model, "already submitted", Fresh(row)))
    assert already.outcome is Outcome.ALREADY_SUBMITTED
    assert (already.submission_id, already.upload_filename) == (row.id, row.filename)
    late = planned(Skip(model, "already submitted", Fresh(a_row(status="late"))))
    assert "late" in late.reason
    assert "late" not in already.reason
    assert planned(Skip(model, "no round is open")).outcome is Outcome.SKIPPED
    failed = planned(Fail(model, "archived", "restore it"))
    assert (failed.outcome, failed.exit_code) == (Outcome.FAILED, 3)
    assert "restore it" in failed.reason
    missed = planned(Miss(model, "too late"))
    assert (missed.outcome, missed.exit_code) == (Outcome.MISSED, 5)
    assert {r.exit_code for r in (pending, already, late)} == {0}


def test_what_a_run_did_not_reach_is_skipped_and_what_it_was_registering_unproven() -> None:
    error = StoppedError("terminated", Exit.TERMINATED)
    pending = planned(a_step())
    assert unfinished(pending, error)["outcome"] is Outcome.SKIPPED
    begun = ModelResult("m", "classic", intent_at="2026-11-03T12:10:00+00:00")
    assert unfinished(begun, error)["outcome"] is Outcome.UNPROVEN
    assert unfinished(begun, None)["exit_code"] == 4


def test_a_run_that_found_nothing_to_do_says_so() -> None:
    done = ModelResult("m", "classic", outcome=Outcome.ALREADY_SUBMITTED)
    sent = ModelResult("n", "classic", outcome=Outcome.SUBMITTED)
    assert outcome_word(OK, []) == outcome_word(OK, [done]) == "nothing_to_do"
    assert outcome_word(OK, [done, sent]) == "ok"
    assert outcome_word(MISSED, [done]) == "missed"


@pytest.mark.parametrize("code", list(Exit))
def test_every_exit_has_a_word(code: Exit) -> None:
    assert outcome_word(code, [])


def test_the_headline_counts_every_outcome() -> None:
    rows = [ModelResult(f"m{n}", "classic", outcome=outcome) for n, outcome in enumerate(Outcome)]
    text = headline(rows)
    for outcome in Outcome:
        assert f"1 {outcome.replace('_', ' ')}" in text
    assert headline([]) == "no models"


@given(reason=st.text(max_size=300))
def test_a_table_has_a_line_for_each_model_whatever_the_reason(reason: str) -> None:
    rows = [ModelResult(f"m{n}", "classic", reason=reason, rows=6500) for n in range(3)]
    lines = summary(rows).split("\n")
    assert len(lines) == 5
    assert all("6,500" in line for line in lines[2:])


def test_a_usage_error_carries_all_its_faults() -> None:
    error = UsageError("the settings are wrong", ["A: wrong", "B: missing"], hint="see --help")
    assert error.lines() == ["the settings are wrong", "  A: wrong", "  B: missing", "  see --help"]
    assert error.exit_code is Exit.USAGE
