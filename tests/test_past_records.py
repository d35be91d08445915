"""What a run believes of the records of former ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import UnavailableError
from job.past_records import LOOK_BACK, InFlight, PastRecords, in_flight, live_data
from job.record import SUFFIX, Outcome, RunRecord
from job.store import Folder
from job.tournament import Round
from tests.builders import MALLARD, a_round, begun
from tests.clock import NOON, FakeClock

LIVE = "v5.3/live.parquet"
CURRENT = {"classic": a_round()}


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def intent(**more: Any) -> dict[str, Any]:
    return {"upload_filename": "u.csv", "intent_at": NOON.isoformat(), **more}


def stale_digests(store: Folder, round_: Round) -> Mapping[str, str]:
    """What the next run takes for the last round's live data."""
    known = live_data(PastRecords(store))
    return RunRecord(store, started=NOON, live_data=known).stale_digests(round_)


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
    idle = RunRecord(store, started=NOON, live_data=live_data(PastRecords(store))).as_dict()
    for n in range(LOOK_BACK + 50):
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
