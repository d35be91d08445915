"""The dead of whom nobody has heard, as the records have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.errors import Exit, UnavailableError
from job.handed_on import HandedOn
from job.notices.predecessors import Before, look_back, mark_reported
from job.past_records import PastRecords, live_data
from job.record import SUFFIX, RunRecord
from job.store import Folder
from tests.builders import begun
from tests.clock import NOON


@pytest.fixture
def runs(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def ended(record: RunRecord, code: Exit = Exit.OK, *, sent: bool | None = None) -> RunRecord:
    if sent is not None:
        record.notices = [{"to": "json", "about": "outcome", "sent": sent, "error": ""}]
        record.looked_back = True
    record.end(outcome="ok", exit_code=code, message="", now=NOON)
    return record


def before(runs: Folder, *, for_the_dead: bool = True) -> Before:
    return look_back(PastRecords(runs), for_the_dead=for_the_dead)


def names(runs: Folder) -> list[str]:
    return [str(dead.record["run"]) for dead in before(runs).dead]


def run_of(record: RunRecord) -> str:
    return record.name.removesuffix(SUFFIX)


def test_without_records_there_is_nothing_to_tell(runs: Folder) -> None:
    assert before(runs) == Before()


def test_a_record_left_at_running_is_that_of_a_dead_run(runs: Folder) -> None:
    record = begun(runs, number=1400)
    (dead,) = before(runs).dead
    assert dead.record["run"] == run_of(record)
    assert dead.began == record.started
    assert dead.unfinished == ("mallard",)
    assert dead.rounds["classic"].number == 1400


def test_one_that_ended_is_not(runs: Folder) -> None:
    ended(begun(runs))
    assert names(runs) == []


def test_the_dead_are_told_in_the_order_in_which_they_died(runs: Folder) -> None:
    records = [begun(runs, minutes=minutes) for minutes in (0, 1, 2)]
    assert names(runs) == [run_of(record) for record in records]


def test_one_is_told_of_once(runs: Folder) -> None:
    first, second = begun(runs, minutes=0), begun(runs, minutes=1)
    then = json.loads(runs.read(first.name) or b"")
    mark_reported(runs, before(runs).dead[0], at=NOON)
    assert names(runs) == [run_of(second)]
    now = json.loads(runs.read(first.name) or b"")
    assert now.pop("reported_at") == "2026-11-03T12:10:00+00:00"
    assert now == then


def test_the_end_of_one_that_was_only_taken_for_dead_stays(runs: Folder) -> None:
    record = begun(runs, minutes=0)
    (dead,) = before(runs).dead
    ended(record)
    mark_reported(runs, dead, at=NOON)
    now = json.loads(runs.read(record.name) or b"")
    assert (now["outcome"], now["exit_code"]) == ("ok", 0)
    assert now["reported_at"] is not None


def test_a_run_that_ended_has_told_of_those_before_it(runs: Folder) -> None:
    begun(runs, minutes=0)
    ended(begun(runs, minutes=1), sent=True)
    assert names(runs) == []


@pytest.mark.parametrize("why", ["refused", "not taken"])
def test_one_that_could_not_tell_leaves_it_to_the_next(runs: Folder, why: str) -> None:
    dead = begun(runs, minutes=0)
    record = begun(runs, minutes=1)
    ended(record, Exit.USAGE) if why == "refused" else ended(record, sent=False)
    assert names(runs) == [run_of(dead)]


def test_what_was_told_comes_from_the_newest_record(runs: Folder) -> None:
    old, new = begun(runs, minutes=0), begun(runs, minutes=1)
    old.handed_on = HandedOn(failing=("classic/teal 1399 missed",))
    new.handed_on = HandedOn(failing=("classic/teal 1400 failing",))
    ended(old)
    ended(new)
    assert before(runs).handed_on.failing == ("classic/teal 1400 failing",)
    assert before(runs).rounds["classic"].number == 1400


@pytest.mark.parametrize(
    "change",
    [
        {"started_at": "soon"},
        {"started_at": None},
        {"run": 3},
        {"rounds": {"classic": {"number": "many"}}},
        {"rounds": None},
        {"failing": "teal"},
        {"untold": ["teal", "teal 1400 missed", 5], "settled": {"classic": 1400}},
        {"untold": {"teal": 1400}, "settled": {"classic": {"teal": "many"}}},
        {"settled": ["teal"]},
        {"notices": 5},
    ],
)
def test_a_record_that_makes_no_sense_does_no_harm(runs: Folder, change: dict[str, object]) -> None:
    record = begun(runs)
    runs.write(record.name, json.dumps(record.as_dict() | change).encode())
    found = before(runs)
    assert found.handed_on == HandedOn()
    assert len(found.dead) <= 1


def test_records_that_cannot_be_read_are_no_reason_not_to_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "20261103T121000-0.run.json").touch()

    def broken(self: Folder, name: str) -> bytes:
        raise UnavailableError("cannot read it", "Input/output error")

    monkeypatch.setattr(Folder, "read", broken)
    assert before(Folder(tmp_path)).dead == ()
    assert "no run record can be read" in caplog.text


def test_one_that_had_nobody_to_tell_leaves_it_to_the_next(runs: Folder) -> None:
    """A dry run, or one by hand without `NUMERAI_NOTIFY`."""
    dead = begun(runs, minutes=0)
    for minutes in (1, 2):
        ended(begun(runs, minutes=minutes))
    assert names(runs) == [run_of(dead)]
    record = begun(runs, minutes=3)
    record.looked_back = True
    ended(record)
    assert names(runs) == []


def test_records_of_older_versions_are_read_as_ever(runs: Folder) -> None:
    begun(runs, minutes=0)
    record = ended(begun(runs, minutes=1)).as_dict()
    for key in ("looked_back", "untold", "settled"):
        del record[key]
    runs.write(f"{record['run']}{SUFFIX}", json.dumps(record).encode())
    assert names(runs) == []
    assert before(runs).handed_on == HandedOn()


class Counting(Folder):
    """A store that counts what it is asked."""

    asked = 0

    def read(self, name: str) -> bytes | None:
        self.asked += 1
        return super().read(name)

    def names(self, suffix: str, *, under: str = "") -> list[str]:
        self.asked += 1
        return super().names(suffix, under=under)


@pytest.mark.parametrize("for_the_dead", [True, False])
def test_looking_back_and_live_data_share_one_list_and_one_record(
    tmp_path: Path, for_the_dead: bool
) -> None:
    runs = Counting(tmp_path)
    for minutes in range(3):
        record = begun(runs, minutes=minutes, datasets={"v5.3/live.parquet": "d1"})
        record.looked_back = for_the_dead
        ended(record)
    runs.asked = 0
    past = PastRecords(runs)
    look_back(past, for_the_dead=for_the_dead)
    assert live_data(past)
    assert runs.asked == 2
