"""What a run writes down, and what the next one may believe of it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from job.errors import Exit, UnavailableError
from job.outcomes import planned
from job.record import (
    SUFFIX,
    ModelResult,
    Outcome,
    RunRecord,
)
from job.store import Folder
from tests.builders import MALLARD, a_step, begun
from tests.clock import NOON

LIVE = "v5.3/live.parquet"


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_record_has_the_promised_shape(store: Folder) -> None:
    record = begun(store, outcome=Outcome.SUBMITTED, rows=3, datasets={LIVE: "d1"})
    record.end(outcome="ok", exit_code=Exit.OK, message="", now=NOON + timedelta(seconds=2))
    written = json.loads(store.read(record.name) or b"")
    assert written == json.loads(json.dumps(record.as_dict()))
    assert written["schema"] == 1
    assert written["round"] == 1400
    assert written["outcome"] == "ok"
    assert written["exit_code"] == 0
    assert written["started_at"] == "2026-11-03T12:10:00.000+00:00"
    assert written["ended_at"] == "2026-11-03T12:10:02.000+00:00"
    assert {"job", "python", "numerapi", "pandas", "pyarrow"} <= written["versions"].keys()
    assert written["api_requests"] == written["bytes_downloaded"] == 0
    assert set(written["models"][0]) >= {
        "model",
        "tournament",
        "outcome",
        "reason",
        "submission_id",
        "upload_filename",
        "artifact_sha256",
        "datasets",
        "rows",
        "seconds",
    }
    assert written["models"][0]["outcome"] == "submitted"


def test_a_record_is_there_from_the_start_as_running(store: Folder) -> None:
    record = RunRecord(store, started=NOON)
    record.save()
    written = json.loads(store.read(record.name) or b"")
    assert (written["outcome"], written["round"], written["exit_code"]) == ("running", None, None)
    assert written["models"] == []


def test_a_record_is_called_after_its_run_and_sorts_behind_the_newest(store: Folder) -> None:
    first = RunRecord(store, started=NOON + timedelta(hours=1))
    second = RunRecord(store, started=NOON, after=first.name)
    assert second.name > first.name
    assert second.name == f"{second.as_dict()['run']}{SUFFIX}"


def test_updates_are_written_about_once_a_second_and_at_once_when_asked(store: Folder) -> None:
    record = begun(store)

    def outcome() -> str:
        return str(json.loads(store.read(record.name) or b"")["models"][0]["reason"])

    record.update(MALLARD, now=NOON + timedelta(seconds=0.5), reason="first")
    assert outcome() != "first"
    record.update(MALLARD, now=NOON + timedelta(seconds=1.5), reason="second")
    assert outcome() == "second"
    record.update(MALLARD, now=NOON + timedelta(seconds=1.6), reason="third", save=True)
    assert outcome() == "third"


def test_secrets_are_taken_out_of_reasons_and_messages(store: Folder) -> None:
    record = RunRecord(store, started=NOON, redact=lambda text: text.replace("s3cret", "<hidden>"))
    record.begin([planned(a_step())])
    record.update(MALLARD, now=NOON, reason="it said s3cret")
    record.end(outcome="failed", exit_code=Exit.OK, message="s3cret again", now=NOON)
    text = (store.read(record.name) or b"").decode()
    assert "s3cret" not in text
    assert text.count("<hidden>") == 2


def test_only_a_save_that_was_asked_for_fails_for_a_full_disk(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = begun(store)

    def full(name: str, data: bytes) -> None:
        raise UnavailableError("cannot write it", "No space left on device")

    monkeypatch.setattr(store, "write", full)
    record.update(MALLARD, now=NOON + timedelta(minutes=1), reason="for people who watch")
    with pytest.raises(UnavailableError):
        record.update(MALLARD, now=NOON, save=True, upload_filename="u.csv")


def test_many_threads_may_write_one_record(store: Folder) -> None:
    record = RunRecord(store, started=NOON)
    results = [ModelResult(f"m{n}", "classic") for n in range(24)]
    record.begin(results)

    def work(result: ModelResult) -> None:
        for n in range(10):
            record.update(result.key, now=NOON + timedelta(seconds=n), rows=n, save=n == 9)

    threads = [threading.Thread(target=work, args=(result,)) for result in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = json.loads(store.read(record.name) or b"")
    assert [row["rows"] for row in written["models"]] == [9] * 24
    assert [row["model"] for row in written["models"]] == [f"m{n}" for n in range(24)]
    assert store.names("") == [record.name]


def test_a_result_is_a_value(store: Folder) -> None:
    record = begun(store)
    (before,) = record.results
    record.update(MALLARD, now=NOON, rows=5)
    assert before.rows is None
    assert record.results == [replace(before, rows=5)]
