"""What a run writes down, and what the next one may believe of it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import Exit, UnavailableError
from job.outcomes import planned
from job.record import (
    LOOK_BACK,
    SUFFIX,
    InFlight,
    ModelResult,
    Outcome,
    RunRecord,
    in_flight,
    stale_digests,
)
from job.store import Folder
from tests.builders import a_round, a_step
from tests.clock import NOON, FakeClock

MALLARD = ("classic", "mallard")
LIVE = "v5.3/live.parquet"
CURRENT = {"classic": a_round()}


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def begun(store: Folder, *, number: int = 1400, minutes: float = 0.0, **changes: Any) -> RunRecord:
    """A record of a run for a round, with one model changed as told."""
    record = RunRecord(store, started=NOON + timedelta(minutes=minutes))
    record.rounds = {"classic": a_round(number)}
    record.begin([planned(a_step())])
    record.update(MALLARD, now=NOON, save=True, **changes)
    return record


def intent(**more: Any) -> dict[str, Any]:
    return {"upload_filename": "u.csv", "intent_at": NOON.isoformat(), **more}


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


def test_records_sort_by_time_and_never_share_a_name(store: Folder) -> None:
    names = [RunRecord(store, started=NOON + timedelta(days=n)).name for n in range(3)]
    assert names == sorted(names)
    assert RunRecord(store, started=NOON).name != RunRecord(store, started=NOON).name
    assert all(name.endswith(SUFFIX) for name in names)


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
        record.update(MALLARD, now=NOON, save=True, **intent())


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


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNPROVEN])
def test_an_upload_that_a_killed_run_was_registering_is_known(
    store: Folder, outcome: Outcome
) -> None:
    begun(store, outcome=outcome, **intent())
    assert in_flight(store, CURRENT) == [InFlight(MALLARD, "u.csv", NOON)]


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.SUBMITTED, **intent()},
        {"outcome": Outcome.FAILED, **intent()},
        {"outcome": Outcome.PENDING},
        {"outcome": Outcome.PENDING, "upload_filename": "u.csv"},
    ],
)
def test_what_was_settled_or_never_begun_is_not_in_flight(
    store: Folder, changes: dict[str, Any]
) -> None:
    begun(store, **changes)
    assert in_flight(store, CURRENT) == []


def test_uploads_of_another_round_are_not_in_flight(store: Folder) -> None:
    begun(store, number=1399, **intent())
    assert in_flight(store, CURRENT) == []
    assert in_flight(store, {}) == []


def test_the_newest_intent_comes_first(store: Folder) -> None:
    begun(store, minutes=0, **intent(upload_filename="old.csv"))
    begun(store, minutes=1, **intent(upload_filename="new.csv"))
    assert [one.filename for one in in_flight(store, CURRENT)] == ["new.csv", "old.csv"]


def test_the_last_rounds_live_data_are_known_by_their_digests(store: Folder) -> None:
    begun(store, number=1398, minutes=0, datasets={LIVE: "older"})
    begun(store, number=1399, minutes=1, datasets={LIVE: "d1", "v5.3/features.json": "d2"})
    begun(store, number=1399, minutes=2)
    begun(store, number=1400, minutes=3, datasets={LIVE: "own"})
    assert stale_digests(store, a_round()) == {LIVE: "d1"}


def test_the_first_round_of_all_has_nothing_stale(store: Folder) -> None:
    assert stale_digests(store, a_round()) == {}
    begun(store, datasets={LIVE: "own"})
    assert stale_digests(store, a_round()) == {}


def test_many_runs_with_nothing_to_do_do_not_bury_the_last_rounds_digests(store: Folder) -> None:
    begun(store, number=1399, datasets={LIVE: "d1"})
    idle = RunRecord(store, started=NOON).as_dict() | {"models": []}
    for n in range(LOOK_BACK - 1):
        at = NOON + timedelta(minutes=30 * (n + 1))
        store.write(f"{at:%Y%m%dT%H%M%S}-{n:08x}{SUFFIX}", json.dumps(idle).encode())
    assert stale_digests(store, a_round()) == {LIVE: "d1"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["schema", "models", "rounds", "classic", "number", "datasets", "intent_at"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(garbage=st.binary(max_size=40) | json_values.map(lambda v: json.dumps(v).encode()))
def test_garbage_records_are_passed_over(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    store = Folder(tmp_path_factory.mktemp("runs"))
    begun(store, number=1400, **intent(), minutes=0)
    begun(store, number=1399, datasets={LIVE: "d1"}, minutes=1)
    store.write(f"99991231T000000-ffffffff{SUFFIX}", garbage)
    assert len(in_flight(store, CURRENT)) == 1
    assert stale_digests(store, a_round()) == {LIVE: "d1"}


@pytest.mark.parametrize(
    "row",
    [
        {"intent_at": "yesterday", "upload_filename": "u.csv"},
        {"intent_at": "2026-11-03T12:10:00", "upload_filename": "u.csv"},
        {"intent_at": 5, "upload_filename": "u.csv"},
        {"intent_at": NOON.isoformat(), "upload_filename": None},
        {"datasets": None},
        {"model": None},
        {"outcome": {}},
    ],
)
def test_a_damaged_row_is_passed_over(store: Folder, row: dict[str, Any]) -> None:
    record = begun(store, **intent())
    whole = record.as_dict()
    damaged = {**whole, "models": [{**whole["models"][0], **row}]}
    store.write(record.name, json.dumps(damaged).encode())
    assert in_flight(store, CURRENT) == []
    assert stale_digests(store, a_round(1401)) == {}


def test_records_of_another_schema_are_passed_over(store: Folder) -> None:
    record = begun(store, **intent())
    store.write(record.name, json.dumps(record.as_dict() | {"schema": 2}).encode())
    assert in_flight(store, CURRENT) == []


def test_a_place_that_cannot_be_read_is_unavailable(
    store: Folder, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(store, **intent())

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UnavailableError, match="cannot read"):
        in_flight(store, CURRENT)


def test_a_result_is_a_value(store: Folder) -> None:
    record = begun(store)
    (before,) = record.results
    record.update(MALLARD, now=NOON, rows=5)
    assert before.rows is None
    assert record.results == [replace(before, rows=5)]
