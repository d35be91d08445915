"""What is read from run records, as runs write them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from job.errors import UnavailableError
from job.history import State, history_of
from job.history.reading import MOST_RECORDS, read_records
from job.history.told import Records
from job.outcomes import planned
from job.plan import Skip
from job.record import Outcome, RunRecord
from job.store import Folder
from tests.builders import MALLARD, a_model, a_round, begun
from tests.clock import NOON

LONG_AGO = NOON - timedelta(days=3650)


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def read(store: Folder) -> Records:
    return read_records(store, since=LONG_AGO)


def damaged(store: Folder, **changes: Any) -> None:
    """A record of which some things are something else."""
    record = begun(store, minutes=5, outcome=Outcome.SUBMITTED)
    value = record.as_dict() | changes
    store.write(record.name, json.dumps(value).encode())


def test_a_record_says_what_became_of_a_model_in_a_round_and_when(store: Folder) -> None:
    begun(store, outcome=Outcome.SUBMITTED, submitted_at=NOON.isoformat(), reason="one\ntwo")
    (told,) = read(store).told
    assert (told.key, told.round, told.outcome) == (MALLARD, 1400, "submitted")
    assert (told.at, told.reason, told.registering) == (NOON, "one", False)
    assert read(store).rounds["classic"][1400].deadline == a_round().close_staking_time


def test_older_records_lack_the_time_and_have_the_intent(store: Folder) -> None:
    record = begun(store, outcome=Outcome.SUBMITTED, intent_at=NOON.isoformat())
    value = record.as_dict()
    for row in value["models"]:
        del row["submitted_at"]
    store.write(record.name, json.dumps(value).encode())
    (told,) = read(store).told
    assert (told.at, told.registering) == (NOON, True)


def test_a_run_that_saw_no_round_says_nothing(store: Folder) -> None:
    RunRecord(store, started=NOON).begin([planned(Skip(a_model(), "no round is open"))])
    found = read(store)
    assert (found.told, found.read, dict(found.models)) == ([], 1, {MALLARD: True})


def test_the_newest_record_says_which_models_there_are(store: Folder) -> None:
    begun(store)
    record = RunRecord(store, started=NOON + timedelta(minutes=9))
    record.begin([planned(Skip(a_model("teal"), "disabled in the manifest"))])
    RunRecord(store, started=NOON + timedelta(minutes=10)).save()
    assert dict(read(store).models) == {("classic", "teal"): False}
    grid = history_of(store, now=NOON + timedelta(days=1)).grids[0]
    assert [(row.name, row.enabled) for row in grid.rows] == [("teal", False)]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"models": None},
        {"models": [{"model": "mallard"}]},
        {"models": [7]},
        {"rounds": {"classic": {"number": "1400"}}},
        {"rounds": {"classic": {"number": 1400, "open_time": 7}}},
        {"rounds": [1400]},
    ],
    ids=str,
)
def test_a_record_that_cannot_be_understood_is_passed_over_and_counted(
    store: Folder, changes: dict[str, Any]
) -> None:
    damaged(store, **changes)
    begun(store, outcome=Outcome.SUBMITTED)
    found = read(store)
    assert (len(found.told), found.read, found.passed_over) == (1, 1, 1)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_so_is_what_is_no_json(store: Folder, text: bytes) -> None:
    begun(store)
    store.write("20261103T121500-aaaaaaaa.run.json", text)
    assert (read(store).read, read(store).passed_over) == (1, 1)


def test_one_that_cannot_be_read_is_passed_over_but_not_all_of_them(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "20261103T121500-aaaaaaaa.run.json"
    store.write(broken, b"")
    whole = Folder.read

    def reading(self: Folder, name: str) -> bytes | None:
        if name == broken:
            raise UnavailableError("cannot read it", "Input/output error")
        return whole(self, name)

    monkeypatch.setattr(Folder, "read", reading)
    with pytest.raises(UnavailableError):
        read(store)
    begun(store)
    assert (read(store).read, read(store).passed_over) == (1, 1)


def test_records_of_former_times_are_not_even_read(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in (-60 * 24 * 200, -60 * 24 * 100, 0):
        begun(store, minutes=minutes)
    names: list[str] = []
    monkeypatch.setattr(Folder, "read", lambda _, name: names.append(name))
    history_of(store, now=NOON + timedelta(hours=1))
    assert len(names) == 2
    names.clear()
    history_of(store, now=NOON + timedelta(hours=1), last=200)
    assert len(names) == 3


def test_no_more_are_read_than_there_is_reason_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Many(Folder):
        def names(self, suffix: str, *, under: str = "") -> list[str]:
            return [f"20261103T{n:06d}-aaaaaaaa{suffix}" for n in range(MOST_RECORDS + 7)]

        def read(self, name: str) -> bytes | None:
            return None

    assert read_records(Many(Path("/nowhere")), since=LONG_AGO).passed_over == MOST_RECORDS


def test_the_store_alone_gives_the_figures(store: Folder) -> None:
    for number, outcome in enumerate([Outcome.SUBMITTED, Outcome.FAILED, Outcome.HELD_BACK]):
        begun(store, number=1400 + number, minutes=number, outcome=outcome)
    found = history_of(store, now=NOON + timedelta(days=1))
    assert (found.asked, found.records_read) == (False, 3)
    (row,) = found.grids[0].rows
    assert [cell.state for cell in row.cells] == [State.HELD_BACK, State.MISSED, State.ON_TIME]
    assert [share.counted for share in found.shares] == [3, 3]


def test_a_store_without_records_gives_a_history_without_models(store: Folder) -> None:
    found = history_of(store, now=NOON)
    assert (found.grids, found.shares[0].share) == ((), None)
