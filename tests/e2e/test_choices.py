"""What the flags and the manifest choose: --dry-run, --only, --force, enabled, priority."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .animals import counting, good
from .driver import Home, graphql_requests

pytestmark = pytest.mark.slow


def test_a_dry_run_leaves_the_files_says_where_and_sends_nothing(home: Home) -> None:
    log = home.root / "predicted"
    home.add("teal", counting(str(log)))
    home.add("mallard", good())
    dry = home.run("--dry-run")
    assert dry.code == 0, dry.err
    assert dry.outcomes() == {"teal": "dry_run", "mallard": "dry_run"}
    csv = Path(dry.model("teal")["csv"])
    assert csv.read_text().startswith("id,prediction\n")
    assert str(csv.parent) in dry.out
    assert home.box.submissions == []
    assert {name for names in graphql_requests(home.box) for name in names} == {
        "account", "rounds", "dataset",
    }  # fmt: skip
    assert [request for request in home.box.requests if request.kind == "put"] == []
    real = home.run()
    assert real.code == 0
    assert home.submissions("teal")[0].csv == csv.read_bytes()
    assert log.read_text().splitlines() == ["predicted"]


def test_only_takes_several_names_and_leaves_the_rest_alone(home: Home) -> None:
    for name in ("teal", "mallard", "gadwall"):
        home.add(name, good())
    ended = home.run("--only", "teal", "--only=gadwall")
    assert ended.code == 0
    assert ended.outcomes() == {"teal": "submitted", "mallard": "skipped", "gadwall": "submitted"}
    assert {made.model for made in home.box.submissions} == {"teal", "gadwall"}


def test_force_sends_again_what_is_submitted(home: Home) -> None:
    home.add("teal", good())
    assert home.run().code == 0
    ended = home.run("--force")
    assert ended.code == 0
    assert ended.outcomes() == {"teal": "submitted"}
    first, second = home.submissions("teal")
    assert first.csv == second.csv
    assert first.id != second.id
    assert ended.model("teal")["submission_id"] == second.id


def test_disabled_models_are_skipped_and_nothing_of_theirs_is_read(home: Home) -> None:
    home.add("teal", enabled=False)
    home.add("mallard", good())
    ended = home.run()
    assert ended.code == 0
    assert ended.outcomes() == {"teal": "skipped", "mallard": "submitted"}


def test_higher_priority_goes_first_then_the_manifest_s_order(home: Home) -> None:
    log = home.root / "predicted"
    for name, priority in (("third", 0), ("second", 5), ("fourth", 0), ("first", 10)):
        home.add(name, counting(str(log), name), priority=priority)
    ended = home.run()
    assert ended.code == 0
    order = ["first", "second", "third", "fourth"]
    assert log.read_text().split() == list(ended.outcomes()) == order


def test_the_record_on_stdout_is_the_one_on_disk_and_logs_are_json_on_stderr(home: Home) -> None:
    home.add("teal", good())
    home.add("gone")
    ended = home.run("--json", NUMERAI_LOG_FORMAT="json", NUMERAI_LOG_LEVEL="debug")
    assert ended.code == 3
    assert ended.out.count("\n") == 1
    assert json.loads(ended.out) == ended.record
    entries = [json.loads(line) for line in ended.err.splitlines()]
    assert entries
    assert {"at", "level", "logger", "message"} <= set(entries[0])
    assert "error" in {entry["level"] for entry in entries}


def test_a_changed_artifact_is_predicted_anew(home: Home) -> None:
    home.add("teal", good())
    assert home.run("--dry-run").code == 0
    home.entries.clear()
    home.add("teal", good(3.0))
    assert home.run("--force").code == 0
    kept = next(iter(home.data.rglob("teal.csv")))
    home.entries.clear()
    home.add("teal", good())
    assert home.run("--force").code == 0
    first, second = home.submissions("teal")
    assert first.csv != second.csv
    assert kept.read_bytes() == second.csv


def test_a_summary_that_nobody_reads_changes_nothing(home: Home) -> None:
    home.add("teal", good())
    run = home.start()
    assert run.process.stdout is not None
    run.process.stdout.close()
    run.process.stdout = None
    ended = run.end()
    assert ended.code == 0, ended.err
    assert len(home.box.submissions) == 1


def test_a_name_of_digits_is_shown_as_it_is(home: Home) -> None:
    home.add("0077", good())
    ended = home.run()
    assert ended.code == 0
    assert "\n0077 " in ended.out


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_streams_that_are_closed_or_full_change_nothing(home: Home, closed: str) -> None:
    home.add("teal", good())
    home.add("gone")
    home.prefix = ("/bin/sh", "-c", f'exec "$@" {closed}', "sh")
    ended = home.run()
    assert ended.code == 3
    assert ended.outcomes() == {"teal": "submitted", "gone": "failed"}
    assert len(home.box.submissions) == 1


def test_what_the_terminal_cannot_show_is_spelt_out(home: Home) -> None:
    home.add("teal", artifact="canard_été.pkl")
    ended = home.run(PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ended.code == 3
    assert r"canard_\xe9t\xe9.pkl" in ended.out
    assert "Traceback" not in ended.err


def test_with_every_model_disabled_it_says_so(home: Home) -> None:
    home.add("teal", good(), enabled=False)
    ended = home.run()
    assert ended.code == 0
    assert "no model is enabled" in ended.out
