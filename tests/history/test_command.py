"""`history` against the sandbox: the table, the JSON, the page, and what it says when Numerai is
silent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from job.__main__ import command
from job.errors import Exit
from job.record import ModelResult, Outcome, RunRecord
from job.sandbox import CLASSIC, Sandbox
from job.sandbox.judging import Verdict
from job.store import Folder
from tests.builders import a_round
from tests.clock import FakeClock

MANIFEST = """
version: 1
models:
  - {name: mallard, artifact: m.pkl}
  - {name: teal, artifact: t.pkl}
"""
Run = Callable[..., int]


@pytest.fixture
def runs(tmp_path: Path) -> Folder:
    """The run records."""
    return Folder(tmp_path / "runs")


@pytest.fixture
def run(box: Sandbox, tmp_path: Path) -> Run:
    """Runs a command with everything set; keywords replace variables."""
    (tmp_path / "models_manifest.yaml").write_text(MANIFEST)

    def run_command(*argv: str, **changes: str) -> int:
        environ = {
            "NUMERAI_API_URL": box.api_url,
            "NUMERAI_PUBLIC_ID": box.public_id,
            "NUMERAI_SECRET_KEY": box.secret_key,
            "NUMERAI_MODELS_DIR": str(tmp_path),
            "NUMERAI_DATA_DIR": str(tmp_path),
            "NUMERAI_RUNS_DIR": str(tmp_path / "runs"),
            "NUMERAI_RETRY_PATIENCE": "0",
            **changes,
        }
        return command(argv, environ)

    return run_command


def submit(box: Sandbox, name: str) -> None:
    """A submission at this moment."""
    round_ = box.rounds.newest(CLASSIC)
    box.ledger.add(
        model=box.model(name),
        round_=round_,
        filename=f"{name}_{round_.number}-AAAA.csv",
        csv=b"",
        verdict=Verdict(None, round_.number, 1),
    )


def leave_record(runs: Folder, started: datetime, **changes: Any) -> None:
    """The record of a run for the round that is open, with mallard changed as told."""
    record = RunRecord(runs, started=started)
    opened = started - timedelta(minutes=10)
    record.enter(a_round(open_time=opened, close_staking_time=opened + timedelta(hours=1)))
    record.begin([ModelResult("mallard", "classic", **changes), ModelResult("teal", "classic")])


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture
def past(box: Sandbox, clock: FakeClock, runs: Folder) -> None:
    """mallard was submitted 50 minutes before the deadline, teal was not; that is an hour ago."""
    for name in ("mallard", "teal"):
        box.add_model(name)
    submit(box, "mallard")
    reason = "the model raised KeyError: 'feature_<b>'"
    leave_record(runs, clock.now(), outcome=Outcome.SUBMITTED)
    record = RunRecord(runs, started=clock.now() + timedelta(minutes=1))
    record.enter(a_round())
    record.begin([ModelResult("teal", "classic", outcome=Outcome.FAILED, reason=reason)])
    clock.move(7000.0)


@pytest.mark.usefixtures("past")
def test_the_table_says_what_became_of_each_model(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("history") == Exit.OK
    out = capsys.readouterr().out
    assert "last 4 weeks: 50 % on time (1 of 2; 1 missed)" in out
    assert re.search(r"^mallard +100 % +100 % +50m +-$", out, flags=re.MULTILINE)
    assert re.search(r"^teal +0 % +0 % +MISSED +-$", out, flags=re.MULTILINE)
    assert "1400 (Tue 03 Nov 13:00) teal: missed: the model raised KeyError" in out


@pytest.mark.usefixtures("past")
def test_it_fits_a_terminal(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run("history", "--rounds", "200") == Exit.OK
        assert max(map(len, capsys.readouterr().out.splitlines())) <= columns


@pytest.mark.usefixtures("past")
def test_the_json_says_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("history", "--rounds", "1", "--json") == Exit.OK
    found = printed(capsys)
    assert (found["schema"], found["asked_numerai"]) == (1, True)
    assert found["records"] == {"read": 2, "passed_over": 0}
    assert [share["weeks"] for share in found["on_time"]] == [4, 13]
    assert found["on_time"][0]["share"] == 0.5
    classic = found["tournaments"]["classic"]
    assert classic["rounds"] == [
        {
            "number": 1400,
            "open_time": "2026-11-03T12:00:00+00:00",
            "close_staking_time": "2026-11-03T13:00:00+00:00",
            "deadline_day": "2026-11-03",
        }
    ]
    mallard, teal = classic["models"]
    assert mallard["rounds"] == [
        {
            "round": 1400,
            "state": "on_time",
            "submitted_at": "2026-11-03T12:10:00+00:00",
            "minutes_before": 50.0,
            "note": "",
        }
    ]
    assert (teal["rounds"][0]["state"], teal["on_time"][0]["missed"]) == ("missed", 1)


@pytest.mark.usefixtures("past")
def test_numerai_is_asked_once_however_many_models(run: Run, box: Sandbox) -> None:
    for number in range(30):
        box.add_model(f"duck_{number}")
    asked = len(box.requests)
    assert run("history", "--rounds", "200") == Exit.OK
    assert len(box.requests) - asked == 1


@pytest.mark.usefixtures("past")
def test_the_page_is_written_whole_beside_the_table(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "pages" / "history.html"
    assert run("history", "--html", str(page)) == Exit.OK
    assert "mallard" in capsys.readouterr().out
    text = page.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert [entry.name for entry in page.parent.iterdir()] == ["history.html"]


def test_while_numerai_is_silent_the_records_are_shown_and_the_command_fails(
    run: Run, box: Sandbox, runs: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    box.faults.add(where="account", kind="status", times=None)
    leave_record(runs, datetime.now(UTC) - timedelta(days=2), outcome=Outcome.HELD_BACK)
    assert run("history", "--json") == Exit.UNAVAILABLE
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["asked_numerai"] is False
    (cell,) = found["tournaments"]["classic"]["models"][0]["rounds"]
    assert cell["state"] == "held_back"
    assert "what is shown is from the run records alone" in shown.err


def test_a_refused_token_is_told_as_such(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("history", NUMERAI_SECRET_KEY="A" * 64) == Exit.UNAVAILABLE
    shown = capsys.readouterr()
    assert "classic: no round is known" in shown.out
    assert "no round is known to have ended" in shown.out
    assert "token" in shown.err


@pytest.mark.parametrize("rounds", ["0", "-1", "x", "501", "²", "1.5", "9" * 9999])
def test_a_number_of_rounds_that_is_none_is_told_with_all_else(
    run: Run, rounds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("history", f"--rounds={rounds}", "--html", str(tmp_path), NUMERAI_WORKERS="none")
    assert code == Exit.USAGE
    err = capsys.readouterr().err
    assert "--rounds: " in err
    assert "--html: " in err
    assert "NUMERAI_WORKERS" in err


def test_a_page_that_cannot_be_written_is_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("history", "--html", str(tmp_path / "file" / "x.html")) == Exit.UNAVAILABLE
    assert "cannot write" in capsys.readouterr().err
