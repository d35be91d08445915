"""Which submission counts for a round, and which only looks as if it did."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.numerai import answers
from job.round_state import (
    Fresh,
    Lacking,
    current_round,
    find_upload,
    freshness,
    is_failed,
    is_late,
    is_undecided,
    round_in_name,
    upload_name,
)
from job.tournament import AccountState, Submission
from tests.builders import OPENED, a_round, a_row, a_slot, no_row
from tests.clock import NOON
from tests.fakes import utc

YESTERDAY = OPENED - timedelta(hours=3)


def real_state(shared: Path) -> AccountState:
    data = json.loads((shared / "real" / "latest-submissions.json").read_bytes())["data"]
    return answers.account_state({**data, "rounds_classic": []}, {"rounds_classic": "classic"})


def test_a_submission_made_in_this_round_is_fresh() -> None:
    row = a_row(at=OPENED)
    assert freshness(a_slot(row), a_round()) == Fresh(row)


def test_no_row_no_id_and_no_timestamp_mean_that_nothing_was_submitted() -> None:
    for rows in ((), (no_row(),), (a_row(at=None),), (a_row(1399),)):
        assert isinstance(freshness(a_slot(*rows), a_round()), Lacking)


def test_a_late_submission_carried_over_is_pending() -> None:
    carried = a_row(1400, "queued", at=YESTERDAY, id="s")
    late = a_row(1399, "late", at=YESTERDAY, id="s")
    found = freshness(a_slot(carried, late), a_round())
    assert found == Lacking("only a late submission of the round before, carried over")


def test_a_carried_over_row_does_not_hide_the_fresh_one() -> None:
    carried, fresh = a_row(1400, "queued", at=YESTERDAY), a_row(1400, id="new")
    for rows in ((carried, fresh), (fresh, carried)):
        assert freshness(a_slot(*rows), a_round()) == Fresh(fresh)


def test_a_row_without_time_does_not_hide_the_fresh_one() -> None:
    timeless, fresh = a_row(at=None), a_row(id="new")
    assert freshness(a_slot(timeless, fresh), a_round()) == Fresh(fresh)
    assert isinstance(freshness(a_slot(timeless, a_row(at=None)), a_round()), Lacking)


def test_rows_are_matched_by_number_and_not_by_place() -> None:
    rows = (a_row(1401, "queued", at=YESTERDAY), no_row(1399), a_row(1400))
    assert isinstance(freshness(a_slot(*rows), a_round()), Fresh)


def test_a_submission_that_numerai_marked_failed_is_pending() -> None:
    row = a_row()
    latest = Submission(row.id, row.filename, 1400, "failed", error="too few ids")
    found = freshness(a_slot(row, latest=latest), a_round())
    assert found == Lacking("Numerai marked its submission as failed: too few ids")


def test_a_failed_upload_after_a_good_one_leaves_the_good_one() -> None:
    latest = Submission("other", "other.csv", 1400, "failed", error="too few ids")
    assert isinstance(freshness(a_slot(a_row(), latest=latest), a_round()), Fresh)


def test_a_late_submission_of_this_round_is_fresh_and_late() -> None:
    found = freshness(a_slot(a_row(status="late")), a_round())
    assert isinstance(found, Fresh)
    assert found.late


def test_an_upload_that_met_the_turn_of_the_round_is_pending() -> None:
    row = a_row(1400, filename="Mallard_1399-JcGAbFbCccC4.csv")
    found = freshness(a_slot(row), a_round())
    assert found == Lacking("its submission was made from the data of round 1399")


@pytest.mark.parametrize(
    "filename",
    [
        "mallard_1400-JcGAbFbCccC4.csv",
        "predictions-JcGAbFbCccC4.csv",
        "other_1399-JcGAbFbCccC4.csv",
        "mallard_v2-JcGAbFbCccC4.csv",
        None,
    ],
)
def test_other_names_say_nothing_about_the_data(filename: str | None) -> None:
    assert isinstance(freshness(a_slot(a_row(filename=filename)), a_round()), Fresh)


@given(
    model=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True),
    number=st.integers(0, 99_999),
    token=st.from_regex(r"[a-zA-Z0-9]{12}", fullmatch=True),
)
def test_an_uploads_name_tells_its_round_for_ever(model: str, number: int, token: str) -> None:
    name = upload_name(model, number)
    assert round_in_name(name, model=model) == number
    assert round_in_name(name.replace(".csv", f"-{token}.csv"), model=model.upper()) == number


def test_the_current_round_is_the_newest_that_has_opened_and_not_closed() -> None:
    day = timedelta(days=1)
    before = a_round(1399, open_time=OPENED - day, close_time=OPENED)
    coming = a_round(1401, open_time=OPENED + day, close_time=None)
    rounds = (coming, a_round(), before)
    assert current_round(rounds, NOON) == a_round()
    assert current_round(rounds, OPENED - timedelta(seconds=1)) == before
    assert current_round(rounds, OPENED) == a_round()
    assert current_round(rounds, OPENED + 2 * day) == coming
    assert current_round((), NOON) is None
    assert current_round((before,), NOON) is None


def test_a_round_whose_next_has_opened_is_not_current_though_it_has_not_closed() -> None:
    slow = a_round(1399, open_time=OPENED - timedelta(days=1), close_time=None)
    assert current_round((slow, a_round()), NOON) == a_round()


def test_on_time_ends_with_the_staking_deadline() -> None:
    round_ = a_round()
    deadline = round_.close_staking_time
    assert round_.is_on_time(round_.open_time)
    assert round_.is_on_time(deadline - timedelta(microseconds=1))
    assert not round_.is_on_time(deadline)
    assert not round_.is_on_time(round_.open_time - timedelta(microseconds=1))


def test_an_upload_is_found_by_name_with_the_verdict_on_its_file() -> None:
    row = a_row(filename="u.csv", id="s")
    latest = Submission("s", "u.csv", 1400, "failed", error="too few ids")
    assert find_upload(a_slot(row), "u.csv") == row
    found = find_upload(a_slot(row, latest=latest), "u.csv")
    assert found == replace(latest, timestamp=row.timestamp)
    assert found is not None
    assert is_failed(found)
    assert find_upload(a_slot(latest=latest), "u.csv") == latest
    assert find_upload(a_slot(row, latest=latest), "other.csv") is None
    assert find_upload(a_slot(no_row()), "other.csv") is None


def test_an_upload_that_was_carried_over_is_found_in_the_round_that_took_it() -> None:
    carried = a_row(1401, "queued", filename="u.csv", id="s")
    late = a_row(1400, "late", filename="u.csv", id="s")
    found = find_upload(a_slot(carried, late), "u.csv")
    assert found == late
    assert is_late(a_slot(carried, late), late)
    assert not is_late(a_slot(carried), carried)


@pytest.mark.parametrize("status", ["failed", "FAILED", "invalid", "rejected", "errored"])
def test_every_word_for_failed_is_understood(status: str) -> None:
    assert is_failed(Submission("s", "u.csv", 1400, status))


def test_an_error_without_a_status_is_a_failure_and_no_status_is_not() -> None:
    assert is_failed(Submission("s", "u.csv", 1400, None, error="too few ids"))
    assert not is_failed(Submission("s", "u.csv", 1400, None))
    assert not is_failed(Submission("s", "u.csv", 1400, "validated"))
    assert is_undecided(Submission("s", "u.csv", 1400, "Pending"))
    assert not is_undecided(Submission("s", "u.csv", 1400, "validated"))


def test_real_answers_are_read_whole(shared: Path) -> None:
    state = real_state(shared)
    assert [slot.name for slot in state.slots] == ["model_1", "model_2", "model_3", "model_4"]
    assert {slot.tournament for slot in state.slots} == {"classic", "crypto"}
    assert all(len(slot.recent) == 8 for slot in state.slots)


def test_real_late_submissions_do_not_count_for_the_next_round(shared: Path) -> None:
    slot = real_state(shared).slot(tournament="classic", name="model_1")
    assert slot is not None
    opened = utc("2025-09-24 13:00")
    assert isinstance(freshness(slot, a_round(1101, open_time=opened)), Lacking)
    assert isinstance(freshness(slot, a_round(1100, open_time=utc("2025-09-23 13:00"))), Fresh)


def test_a_real_on_time_submission_counts(shared: Path) -> None:
    slot = real_state(shared).slot(tournament="crypto", name="model_4")
    assert slot is not None
    found = freshness(slot, a_round(1100, open_time=utc("2025-09-23 13:00")))
    assert isinstance(found, Fresh)
    assert not found.late


@given(minutes=st.integers(-3000, 1400), status=st.sampled_from(["on-time", "late", "queued"]))
def test_nothing_made_before_a_round_opened_is_fresh_in_it(minutes: int, status: str) -> None:
    at = NOON + timedelta(minutes=minutes)
    found = freshness(a_slot(a_row(1400, status, at=at)), a_round())
    assert isinstance(found, Fresh) is (at >= OPENED)
