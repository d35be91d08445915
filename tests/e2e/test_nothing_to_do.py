"""The happy path."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from job.sandbox import Operation

from .animals import good
from .driver import Home, graphql_requests

pytestmark = pytest.mark.slow

HEAVY = ("pyarrow.parquet", "psutil", "joblib", "lightgbm", "sklearn", "tabulate", "job.crew")


def test_a_run_submits_and_the_next_finds_nothing_to_do_with_one_request(home: Home) -> None:
    home.add("teal", good())
    first = home.run()
    assert first.code == 0, first.err
    assert first.outcomes() == {"teal": "submitted"}
    assert [made.status for made in home.submissions("teal")] == ["validated"]
    home.box.traffic.clear()
    second = home.run(python=("-X", "importtime"))
    assert second.code == 0
    assert second.outcomes() == {"teal": "already_submitted"}
    assert len(home.box.requests) == len(graphql_requests(home.box)) == 1
    imported = {line.rpartition("|")[2].strip() for line in second.err.splitlines()}
    assert "numerapi" in imported
    assert sorted(imported & set(HEAVY)) == []
    assert second.record is not None
    assert second.record["outcome"] == "nothing_to_do"
    assert (second.record["api_requests"], second.record["bytes_downloaded"]) == (1, 0)


def test_the_record_tells_all_that_was_done(home: Home) -> None:
    home.add("teal", good())
    home.box.settle_after = 1.5  # Numerai takes its time to show a submission
    ended = home.run()
    assert ended.code == 0, ended.err
    record, (made,) = ended.record, home.box.submissions
    assert record is not None
    assert (record["schema"], record["round"], record["outcome"]) == (1, 1400, "ok")
    assert record["started_at"] < record["ended_at"]
    assert {"job", "python", "numerapi", "pandas", "pyarrow"} <= set(record["versions"])
    assert record["api_requests"] == len(graphql_requests(home.box))
    assert record["bytes_downloaded"] == len(home.box.objects.content("v5.3/live.parquet"))
    row = ended.model("teal")
    assert row["outcome"] == "submitted"
    assert (row["submission_id"], row["upload_filename"]) == (made.id, made.filename)
    assert (
        row["artifact_sha256"]
        == hashlib.sha256((home.models / "teal.pkl").read_bytes()).hexdigest()
    )
    live = home.box.objects.content("v5.3/live.parquet")
    assert row["datasets"] == {"v5.3/live.parquet": hashlib.sha256(live).hexdigest()}
    assert row["rows"] == made.rows == 200
    assert {"fetch", "load", "predict", "upload"} <= set(row["seconds"])
    assert Path(row["csv"]).read_bytes() == made.csv


def test_a_submission_that_numerai_refused_afterwards_is_a_failure_and_pending_again(
    home: Home,
) -> None:
    home.add("teal", good())
    spoiled = threading.Event()

    def spoil(operation: Operation) -> None:
        if not spoiled.is_set():
            spoiled.set()
            name = operation.text.removeprefix("/uploads/")
            home.box.objects.uploads[name] = b"id,prediction\n"

    home.box.on("put", spoil, when="after")
    ended = home.run()
    assert ended.code == 3
    assert "invalid_submission" in ended.model("teal")["reason"]
    again = home.run()
    assert again.code == 0, again.err
    assert [made.status for made in home.box.submissions] == ["failed", "validated"]


def test_near_the_deadline_an_upload_that_stays_unproven_is_sent_again(home: Home) -> None:
    home.add("teal", good())
    soon = datetime.now(UTC) + timedelta(seconds=30)
    home.box.rounds.set(close_staking_time=soon)
    home.box.faults.add(where="createSubmission", kind="html")
    ended = home.run()
    assert ended.code == 0, ended.err
    assert len(home.box.submissions) == 1
    assert home.box.submissions[0].timestamp < soon
