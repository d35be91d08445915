"""An upload is never blind: the round, the deadline and the intent come before it is registered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from job.errors import (
    DeadlineError,
    Exit,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    StoppedError,
    TransientError,
    UnavailableError,
)
from job.plan import Submit
from job.retry import Retry
from job.upload import ROUND_TRUSTED_SECONDS, Uploader
from tests.builders import a_round, a_step
from tests.clock import FakeClock
from tests.fakes import FakeNumerai, unreadable


class Desk:
    """An uploader at work on the fake, and what it noted."""

    def __init__(self, clock: FakeClock, csv: Path) -> None:
        self.clock, self.csv = clock, csv
        self.numerai = FakeNumerai(clock)
        self.numerai.rounds["classic"] = [a_round()]
        self.numerai.add_model("mallard")
        self.intents: list[tuple[str, str, int]] = []
        self.uploader = Uploader(
            self.numerai,
            clock=clock,
            retry=Retry(clock, 60.0),
            note_intent=self.note,
            check_lock=lambda: None,
        )

    def note(self, step: Submit, filename: str) -> None:
        made = len(self.numerai.submissions)
        self.intents.append((step.model.name, filename, made))

    def send(self, *, late: bool = False) -> object:
        step = a_step(late=late)
        return self.uploader.send(step, self.csv)


@pytest.fixture
def desk(clock: FakeClock, tmp_path: Path) -> Desk:
    csv = tmp_path / "p.csv"
    csv.write_bytes(b"id,prediction\n")
    return Desk(clock, csv)


def test_an_upload_is_stored_registered_and_acknowledged(desk: Desk) -> None:
    sent = desk.uploader.send(a_step(), desk.csv)
    assert sent.receipt is not None
    assert sent.receipt.round_number == 1400
    assert [made.csv for made in desk.numerai.submissions] == [b"id,prediction\n"]
    assert desk.numerai.calls == ["upload_ticket", "put", "create"]


def test_the_intent_is_written_before_the_submission_is_registered(desk: Desk) -> None:
    sent = desk.uploader.send(a_step(), desk.csv)
    assert desk.intents == [("mallard", sent.filename, 0)]


def test_an_intent_that_cannot_be_written_keeps_the_upload_from_being_registered(
    desk: Desk, clock: FakeClock
) -> None:
    def full(step: Submit, filename: str) -> None:
        raise UnavailableError("cannot write the run record")

    uploader = Uploader(
        desk.numerai,
        clock=clock,
        retry=Retry(clock, 60.0),
        note_intent=full,
        check_lock=lambda: None,
    )
    with pytest.raises(UnavailableError, match="run record"):
        uploader.send(a_step(), desk.csv)
    assert desk.numerai.submissions == []


def test_a_lost_reply_is_no_failure_and_is_not_sent_again(desk: Desk) -> None:
    desk.numerai.fail("create", ReplyLostError("no answer"), done=True)
    sent = desk.uploader.send(a_step(), desk.csv)
    assert sent.receipt is None
    assert desk.numerai.calls.count("create") == 1
    assert len(desk.numerai.submissions) == 1


def test_what_was_certainly_not_done_is_tried_again(desk: Desk, clock: FakeClock) -> None:
    busy = TransientError("numerai.invalid answered 429", retry_after=3.0)
    desk.numerai.fail("create", busy, times=2)
    desk.send()
    assert len(desk.numerai.submissions) == 1
    assert clock.sleeps == [3.0, 3.0]
    assert desk.intents[0][1] == desk.intents[-1][1]


def test_a_definite_no_is_passed_on_at_once(desk: Desk, clock: FakeClock) -> None:
    desk.numerai.fail("create", RefusedError("Numerai answered: no"))
    with pytest.raises(RefusedError):
        desk.send()
    assert clock.sleeps == []
    assert desk.numerai.submissions == []


def test_a_refused_address_is_replaced_by_a_fresh_one(desk: Desk) -> None:
    desk.numerai.fail("put", UnavailableError("store.invalid answered 403"))
    desk.send()
    assert desk.numerai.calls == ["upload_ticket", "put", "upload_ticket", "put", "create"]
    assert len(desk.numerai.submissions) == 1


def test_a_store_that_takes_nothing_leaves_nothing_registered(desk: Desk) -> None:
    desk.numerai.fail("put", UnavailableError("store.invalid answered 403"), times=9)
    with pytest.raises(UnavailableError, match="403"):
        desk.send()
    assert "create" not in desk.numerai.calls
    assert desk.intents == []


def test_a_round_that_turned_before_registering_registers_nothing(
    desk: Desk, clock: FakeClock
) -> None:
    clock.move(60.0)
    desk.numerai.before("put", lambda: None)
    desk.numerai.open_round(1401)
    with pytest.raises(RoundTurnedError, match="from 1400 to 1401"):
        desk.send()
    assert desk.numerai.submissions == []
    assert desk.intents == []


def test_a_round_that_closed_before_registering_registers_nothing(
    desk: Desk, clock: FakeClock
) -> None:
    desk.numerai.rounds["classic"].clear()
    with pytest.raises(RoundTurnedError, match="to none"):
        desk.send()
    assert "create" not in desk.numerai.calls


def test_after_a_slow_put_the_round_is_asked_for_again(desk: Desk, clock: FakeClock) -> None:
    desk.numerai.before("put", lambda: clock.move(ROUND_TRUSTED_SECONDS + 1.0))
    desk.send()
    assert desk.numerai.calls == ["upload_ticket", "put", "open_rounds", "create"]


def test_a_round_that_turned_during_a_slow_put_registers_nothing(
    desk: Desk, clock: FakeClock
) -> None:
    def turn() -> None:
        clock.move(60.0)
        desk.numerai.open_round(1401)

    desk.numerai.before("put", turn)
    with pytest.raises(RoundTurnedError):
        desk.send()
    assert desk.numerai.submissions == []


def test_a_round_that_turned_while_a_try_was_waited_for_registers_nothing(
    desk: Desk, clock: FakeClock
) -> None:
    busy = TransientError("numerai.invalid answered 429", retry_after=30.0)
    desk.numerai.fail("create", busy)
    desk.numerai.before("open_rounds", lambda: desk.numerai.open_round(1401) and None)
    with pytest.raises(RoundTurnedError):
        desk.send()
    assert desk.numerai.submissions == []


def test_a_round_that_turned_during_the_registration_is_told(desk: Desk, clock: FakeClock) -> None:
    def turn() -> None:
        clock.move(1.0)
        desk.numerai.open_round(1401)

    desk.numerai.before("create", turn)
    with pytest.raises(RoundTurnedError, match="1400 turned into 1401"):
        desk.send()


def test_a_round_that_cannot_be_told_registers_nothing(desk: Desk, clock: FakeClock) -> None:
    desk.numerai.before("put", lambda: clock.move(ROUND_TRUSTED_SECONDS + 1.0))
    desk.numerai.fail("open_rounds", unreadable())
    with pytest.raises(UnavailableError):
        desk.send()
    assert desk.numerai.submissions == []


def test_after_the_deadline_nothing_is_sent(desk: Desk, clock: FakeClock) -> None:
    clock.move_to(a_round().close_staking_time)
    with pytest.raises(DeadlineError) as caught:
        desk.send()
    assert caught.value.exit_code is Exit.MISSED
    assert desk.numerai.calls == []


def test_a_deadline_that_passes_during_the_put_registers_nothing(
    desk: Desk, clock: FakeClock
) -> None:
    clock.move_to(a_round().close_staking_time - timedelta(seconds=2))
    desk.numerai.before("put", lambda: clock.move(3.0))
    with pytest.raises(DeadlineError):
        desk.send()
    assert desk.numerai.submissions == []
    assert desk.intents == []


def test_late_work_may_be_sent_after_the_on_time_deadline(desk: Desk, clock: FakeClock) -> None:
    clock.move_to(a_round().close_staking_time)
    desk.send(late=True)
    assert len(desk.numerai.submissions) == 1


def test_a_stop_before_registering_registers_nothing(desk: Desk, clock: FakeClock) -> None:
    stop = StoppedError("terminated", Exit.TERMINATED)
    desk.numerai.before("put", lambda: clock.stop(stop))
    with pytest.raises(StoppedError):
        desk.send()
    assert desk.numerai.submissions == []
    assert desk.intents == []
