"""Numerai's answer about past rounds, read as strictly as it has to be."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from job.errors import UnavailableError
from job.history import Entry, State, build_history
from job.history.told import Records
from job.numerai import answers, queries
from job.tournament import AccountState

ALIASES = {"rounds_classic": "classic"}
ROUND = {
    "number": 1399,
    "openTime": "2026-10-31T12:00:00Z",
    "closeTime": "2026-11-03T12:00:00Z",
    "closeStakingTime": "2026-11-02T14:00:00Z",
}


def answer(rounds: Any, rows: Any = ()) -> AccountState:
    model = {"id": "m", "name": "mallard", "tournament": 8, "latestSubmissions": list(rows)}
    data = {"account": {"username": "drake", "models": [model]}, "rounds_classic": rounds}
    return answers.account_history(data, ALIASES)


def test_a_round_whose_times_are_not_told_is_left_out_and_no_fault() -> None:
    ancient = {"number": 7, "openTime": "2016-02-01T00:00:00Z", "closeStakingTime": None}
    found = answer([ROUND, None, ancient, {"number": 8}]).rounds["classic"]
    assert [round_.number for round_ in found] == [1399]
    assert answer(None).rounds["classic"] == ()


def test_the_days_of_a_row_are_read() -> None:
    row = {
        "id": None,
        "filename": None,
        "timestamp": None,
        "roundNumber": 1399,
        "status": "none",
        "roundOpen": "2026-10-31",
        "roundCloseStaking": "2026-11-02T14:00:00Z",
    }
    (found,) = answer([], [row]).slots[0].recent
    assert (found.opened_on, found.deadline_on) == (date(2026, 10, 31), date(2026, 11, 2))
    (without,) = answer([], [row | {"roundOpen": None, "roundCloseStaking": None}]).slots[0].recent
    assert (without.opened_on, without.deadline_on) == (None, None)


@pytest.mark.parametrize("rounds", [7, [7], [{**ROUND, "openTime": 7}], [{**ROUND, "number": ""}]])
def test_what_cannot_be_understood_is_unavailable(rounds: Any) -> None:
    with pytest.raises(UnavailableError):
        answer(rounds)


def test_it_asks_for_as_many_rounds_as_are_wanted() -> None:
    assert "latestNRounds: 92)" in queries.history(92)


def test_a_real_answer_gives_a_history(shared: Path) -> None:
    data = json.loads((shared / "real" / "latest-submissions.json").read_text())["data"]
    state = answers.account_history({**data, "rounds_classic": []}, ALIASES)
    models = [Entry("classic", slot.name) for slot in state.slots]
    now = datetime(2025, 9, 24, 15, tzinfo=UTC)
    found = build_history(models, Records(), state, now=now, last=20)
    (grid,) = found.grids
    assert {row.name: row.cells[1].state for row in grid.rows}["model_1"] is State.LATE
    first = grid.rows[0].cells
    assert [cell.state for cell in first[:3]] == [State.OPEN, State.LATE, State.NOT_DUE]
    assert found.shares[0].counted >= 1
