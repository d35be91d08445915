"""What is made of a proof: Numerai's word is the truth, and sending again is the exception."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import Exit, RoundTurnedError
from job.outcomes import planned
from job.plan import UPLOAD_SECONDS, Submit
from job.prove import (
    LOOK_FOR_SECONDS,
    Absent,
    Look,
    Proven,
    Refused,
    Unreadable,
    Verdict,
    read_back,
)
from job.record import ModelResult, Outcome, RunRecord
from job.settle import (
    LOOK_NEAR_DEADLINE_SECONDS,
    NEAR_DEADLINE_SECONDS,
    Settler,
    is_near_deadline,
    should_resend,
)
from job.store import Folder
from job.tournament import Receipt, Submission
from job.upload import Sent
from tests.builders import a_round, a_row, a_step
from tests.clock import NOON, FakeClock
from tests.fakes import FakeNumerai, Made, unreadable

SHOWN = a_row(filename="u.csv")


@pytest.fixture
def numerai(clock: FakeClock) -> FakeNumerai:
    fake = FakeNumerai(clock)
    fake.rounds["classic"] = [a_round(1400)]
    fake.add_model("mallard")
    fake.add_model("teal")
    return fake


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    record = RunRecord(Folder(tmp_path), started=NOON)
    record.begin(planned(a_step(name)) for name in ("mallard", "teal"))
    return record


@pytest.fixture
def settler(numerai: FakeNumerai, record: RunRecord, clock: FakeClock) -> Settler:
    return Settler(numerai, record, clock)


def sent(name: str = "mallard", *, known: bool = True, step: Submit | None = None) -> Sent:
    receipt = Receipt(f"s-{name}", 1400) if known else None
    return Sent(step or a_step(name), Path("u.csv"), f"{name}-u.csv", receipt, 0.0)


def show(
    numerai: FakeNumerai, name: str = "mallard", *, number: int = 1400, error: str | None = None
) -> None:
    """Numerai has the upload."""
    at = numerai.clock.now()
    numerai.submissions.append(Made(f"s-{name}", name, number, f"{name}-u.csv", at, b"", error))


def result(record: RunRecord, name: str = "mallard") -> ModelResult:
    return next(result for result in record.results if result.model == name)


def near(seconds: float) -> datetime:
    return a_step().round.close_staking_time - timedelta(seconds=seconds)


def test_an_upload_that_numerai_shows_is_submitted(
    settler: Settler, numerai: FakeNumerai, record: RunRecord
) -> None:
    show(numerai)
    assert settler.settle([sent()], may_resend=True) == []
    assert result(record).outcome is Outcome.SUBMITTED
    assert result(record).submission_id == "s-mallard"
    assert result(record).exit_code == 0


def test_all_uploads_are_proven_with_one_question(
    settler: Settler, numerai: FakeNumerai, record: RunRecord
) -> None:
    show(numerai, "mallard")
    show(numerai, "teal")
    settler.settle([sent("mallard"), sent("teal")], may_resend=True)
    assert numerai.calls == ["account_state"]
    assert {one.outcome for one in record.results} == {Outcome.SUBMITTED}


def test_a_refused_file_is_that_models_failure(
    settler: Settler, numerai: FakeNumerai, record: RunRecord
) -> None:
    show(numerai, "mallard", error="too few ids")
    show(numerai, "teal")
    assert settler.settle([sent("mallard"), sent("teal")], may_resend=True) == []
    assert result(record).outcome is Outcome.FAILED
    assert result(record).exit_code == Exit.MODELS_FAILED
    assert "too few ids" in result(record).reason
    assert result(record, "teal").outcome is Outcome.SUBMITTED


def test_an_upload_that_takes_its_time_to_show_is_waited_for(
    settler: Settler, numerai: FakeNumerai, record: RunRecord, clock: FakeClock
) -> None:
    numerai.settle_after = 20.0
    show(numerai)
    assert settler.settle([sent()], may_resend=True) == []
    assert result(record).outcome is Outcome.SUBMITTED
    assert 20.0 <= sum(clock.sleeps) <= 26.0


def test_an_upload_with_a_receipt_that_never_shows_is_unproven(
    settler: Settler, record: RunRecord, clock: FakeClock
) -> None:
    assert settler.settle([sent()], may_resend=True) == []
    assert result(record).outcome is Outcome.UNPROVEN
    assert result(record).exit_code == Exit.UNAVAILABLE
    assert sum(clock.sleeps) >= LOOK_FOR_SECONDS


def test_a_lost_reply_that_left_nothing_is_sent_again_only_after_a_minute(
    settler: Settler, clock: FakeClock
) -> None:
    lost = sent(known=False)
    assert settler.settle([lost], may_resend=True) == [lost]
    assert sum(clock.sleeps) >= LOOK_FOR_SECONDS


def test_a_lost_reply_that_numerai_shows_is_not_sent_again(
    settler: Settler, numerai: FakeNumerai, record: RunRecord
) -> None:
    show(numerai)
    assert settler.settle([sent(known=False)], may_resend=True) == []
    assert result(record).outcome is Outcome.SUBMITTED


def test_what_may_not_be_sent_again_is_unproven(settler: Settler, record: RunRecord) -> None:
    assert settler.settle([sent(known=False)], may_resend=False) == []
    assert result(record).outcome is Outcome.UNPROVEN


def test_an_unreadable_state_is_unknown_and_not_absent(
    settler: Settler, numerai: FakeNumerai, record: RunRecord
) -> None:
    numerai.fail("account_state", unreadable(), times=99)
    assert settler.settle([sent(known=False)], may_resend=True) == []
    assert result(record).outcome is Outcome.UNPROVEN
    assert "could not ask" in result(record).reason


def test_near_the_deadline_an_unreadable_state_is_sent_again(
    settler: Settler, numerai: FakeNumerai, clock: FakeClock
) -> None:
    numerai.fail("account_state", unreadable(), times=99)
    clock.move_to(near(NEAR_DEADLINE_SECONDS))
    assert settler.settle([sent()], may_resend=True) == [sent()]


def test_near_the_deadline_looking_ends_early_but_not_at_once(
    settler: Settler, numerai: FakeNumerai, record: RunRecord, clock: FakeClock
) -> None:
    numerai.settle_after = 3.0
    clock.move_to(near(60.0))
    show(numerai)
    assert settler.settle([sent()], may_resend=True) == []
    assert result(record).outcome is Outcome.SUBMITTED
    assert settler.settle([sent("teal", known=False)], may_resend=True)
    assert sum(clock.sleeps) <= 3.0 + LOOK_NEAR_DEADLINE_SECONDS + 3 * 5.0


def test_looking_leaves_the_time_that_sending_again_takes(
    settler: Settler, clock: FakeClock
) -> None:
    clock.move_to(near(UPLOAD_SECONDS + 4.0))
    lost = sent(known=False)
    assert settler.settle([lost], may_resend=True) == [lost]
    assert clock.now() <= near(UPLOAD_SECONDS)


@pytest.mark.parametrize("seconds", [UPLOAD_SECONDS - 1.0, 0.0, -60.0])
def test_when_no_time_is_left_nothing_is_sent_again(
    settler: Settler, numerai: FakeNumerai, record: RunRecord, clock: FakeClock, seconds: float
) -> None:
    numerai.fail("account_state", unreadable(), times=99)
    clock.move_to(near(seconds))
    assert settler.settle([sent(known=False)], may_resend=True) == []
    assert result(record).outcome is Outcome.UNPROVEN


def test_an_upload_that_another_round_took_begins_all_again(
    settler: Settler, numerai: FakeNumerai, clock: FakeClock
) -> None:
    clock.move(60.0)
    numerai.open_round(1401)
    show(numerai, number=1401)
    with pytest.raises(RoundTurnedError, match="taken for round 1401"):
        settler.settle([sent(known=False)], may_resend=True)


def test_an_upload_that_came_late_is_not_called_on_time(
    settler: Settler, numerai: FakeNumerai, record: RunRecord, clock: FakeClock
) -> None:
    clock.move_to(near(-1.0))
    show(numerai)
    settler.settle([sent()], may_resend=True)
    assert result(record).outcome is Outcome.SUBMITTED_LATE
    assert result(record).exit_code == Exit.MISSED


def test_a_late_upload_that_was_wished_for_is_no_fault(
    settler: Settler, numerai: FakeNumerai, record: RunRecord, clock: FakeClock
) -> None:
    clock.move_to(near(-3600.0))
    show(numerai)
    settler.settle([sent(step=a_step(late=True))], may_resend=True)
    assert result(record).outcome is Outcome.SUBMITTED_LATE
    assert result(record).exit_code == 0


def test_what_was_registered_counts_as_unproven_until_it_is_read_back(
    settler: Settler, record: RunRecord
) -> None:
    settler.registered(sent())
    assert result(record).outcome is Outcome.UNPROVEN
    assert result(record).submission_id == "s-mallard"
    settler.registered(sent(known=False))
    assert result(record).submission_id is None
    assert "lost" in result(record).reason


def test_a_file_that_is_not_judged_yet_is_waited_for_and_then_counts(
    numerai: FakeNumerai, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = Submission("s", "u.csv", 1400, "pending")
    slot = replace(numerai.slots["classic", "mallard"], latest=pending)
    monkeypatch.setitem(numerai.slots, ("classic", "mallard"), slot)
    until = clock.monotonic() + 30.0
    looks = [Look(("classic", "mallard"), "u.csv")]
    verdicts = read_back(numerai, looks, clock=clock, until=until)
    assert verdicts == {("classic", "mallard"): Proven(pending)}
    assert clock.monotonic() >= until


def test_reading_back_is_gentle(numerai: FakeNumerai, clock: FakeClock) -> None:
    looks = [Look(("classic", "mallard"), "u.csv")]
    read_back(numerai, looks, clock=clock, until=clock.monotonic() + 60.0)
    assert len(numerai.calls) <= 20
    assert max(clock.sleeps) <= 5.0


def test_a_model_that_left_the_account_is_absent(numerai: FakeNumerai, clock: FakeClock) -> None:
    look = Look(("classic", "gone"), "u.csv")
    verdicts = read_back(numerai, [look], clock=clock, until=clock.monotonic())
    assert verdicts == {look.key: Absent()}


@given(
    seconds=st.floats(-7200, 7200),
    known=st.booleans(),
    late=st.booleans(),
    verdict=st.sampled_from(
        [Proven(SHOWN), Proven(SHOWN, late=True), Refused(SHOWN), Absent(), Unreadable("503")]
    ),
)
def test_sending_again_is_for_what_is_absent_or_what_time_does_not_let_one_ask(
    seconds: float, known: bool, late: bool, verdict: Verdict
) -> None:
    step = a_step(late=late)
    assert step.deadline is not None
    now = step.deadline - timedelta(seconds=seconds)
    again = should_resend(sent(known=known, step=step), verdict, now=now)
    if isinstance(verdict, (Proven, Refused)) or seconds < UPLOAD_SECONDS - 0.001:
        assert not again
    if isinstance(verdict, Unreadable):
        assert again is (is_near_deadline(step, now) and seconds >= UPLOAD_SECONDS)
    if again and known:
        assert not late
        assert is_near_deadline(step, now)
