"""What run records say of models and rounds; one that cannot be understood says nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.records import last_results, newest_records, usual_minutes
from job.errors import Exit
from job.record import ModelResult, Outcome, RunRecord
from job.store import Folder
from tests.builders import a_round
from tests.clock import NOON


@pytest.fixture
def runs(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def left(
    runs: Folder,
    *results: ModelResult,
    number: int = 1400,
    hours: float = 0.0,
    minutes: float = 3.0,
    outcome: str = "ok",
) -> RunRecord:
    """A record of a run that has ended."""
    record = RunRecord(runs, started=NOON + timedelta(hours=hours))
    record.enter(a_round(number))
    record.begin(results)
    now = record.started + timedelta(minutes=minutes)
    record.end(outcome=outcome, exit_code=Exit.OK, message="", now=now)
    return record


def row(model: str, outcome: Outcome, **more: Any) -> ModelResult:
    return ModelResult(model, "classic", outcome, **more)


def test_the_newest_comes_first_and_what_is_no_record_is_passed_over(runs: Folder) -> None:
    first, second = left(runs), left(runs, hours=1)
    runs.write("99999999T000000-0.run.json", b"no JSON")
    runs.write("99999999T000001-0.run.json", b"{}")
    names = [record.name for record in newest_records(runs)]
    assert [f"{name}.run.json" for name in names] == [second.name, first.name]


def test_keys_of_another_version_are_left_out(runs: Folder) -> None:
    name = left(runs, row("mallard", Outcome.SUBMITTED)).name
    content = json.loads(runs.read(name) or b"")
    content["models"][0]["invented_later"] = 1
    content["invented_later"] = 1
    runs.write(name, json.dumps(content).encode())
    assert newest_records(runs)[0].results[0].model == "mallard"


def test_each_models_last_outcome_is_that_of_the_newest_run_that_knew_it(runs: Folder) -> None:
    left(runs, row("mallard", Outcome.SUBMITTED), row("teal", Outcome.FAILED))
    left(runs, row("mallard", Outcome.ALREADY_SUBMITTED), hours=1)
    found = [(r.results and result.model, result.outcome) for r, result in _last(runs)]
    assert found == [("mallard", Outcome.ALREADY_SUBMITTED), ("teal", Outcome.FAILED)]


def _last(runs: Folder) -> Any:
    return last_results(newest_records(runs))


def test_minutes_are_those_of_runs_that_submitted(runs: Folder) -> None:
    assert usual_minutes(newest_records(runs), acted=True) is None
    for minutes in (3.0, 5.0, 40.0):
        left(runs, row("mallard", Outcome.SUBMITTED), hours=minutes, minutes=minutes)
    left(runs, row("mallard", Outcome.FAILED), hours=50, minutes=90, outcome="models_failed")
    left(
        runs,
        row("mallard", Outcome.ALREADY_SUBMITTED),
        hours=60,
        minutes=0.1,
        outcome="nothing_to_do",
    )
    assert usual_minutes(newest_records(runs), acted=True) == pytest.approx(5.0)
    assert usual_minutes(newest_records(runs), acted=False) == pytest.approx(0.1)
