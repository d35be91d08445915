"""The datasets of a round: once each, verified, never the round before's."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.data import RoundData, check_dataset, live_ids, remove_old_rounds
from job.errors import Exit, NotReadyError, UnavailableError
from job.fetch import WrongBytesError
from job.retry import Retry
from tests.builders import a_round
from tests.clock import FakeClock
from tests.fakes import FakeNumerai
from tests.worlds import LIVE

FEATURES = "v5.3/features.json"


def parquet(ids: list[str] | None = None, *, checksums: bool = True, **columns: list[int]) -> bytes:
    sink = io.BytesIO()
    given = {"id": ids} if ids is not None else {}
    pq.write_table(pa.table({**given, **columns}), sink, write_page_checksum=checksums)
    return sink.getvalue()


CONTENT = parquet(["n1", "n2"], feature_a=[0, 4])


class Shelf:
    """The data of round 1400 on the fake, opened as often as a run starts."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock, self.folder = clock, folder
        self.numerai = FakeNumerai(clock)
        self.publish(LIVE, CONTENT)
        self.publish(FEATURES, b'{"feature_sets": {"small": ["feature_a"]}, "x": NaN}')

    def publish(self, filename: str, content: bytes) -> None:
        self.numerai.files["classic", 1400, filename] = content

    def open(self, *, stale: Mapping[str, str] | None = None) -> RoundData:
        return RoundData(
            self.numerai,
            self.folder,
            a_round(),
            clock=self.clock,
            retry=Retry(self.clock, 30.0),
            stale=stale or {},
        )

    @property
    def reads(self) -> int:
        return self.numerai.calls.count("dataset")


@pytest.fixture
def shelf(clock: FakeClock, tmp_path: Path) -> Shelf:
    return Shelf(clock, tmp_path / "classic" / "1400")


def test_a_file_is_fetched_once_however_many_ask(shelf: Shelf) -> None:
    data = shelf.open()
    got = []
    threads = [threading.Thread(target=lambda: got.append(data.get(LIVE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert shelf.reads == 1
    assert got[0].path.read_bytes() == CONTENT
    assert got[0].sha256 == sha256(CONTENT).hexdigest()


def test_what_is_here_and_verified_is_not_fetched_again(shelf: Shelf) -> None:
    first = shelf.open().get(LIVE)
    assert shelf.open().get(LIVE) == first
    assert shelf.reads == 1


@pytest.mark.parametrize("damage", ["changed", "truncated", "note gone", "note damaged", "gone"])
def test_what_is_here_and_not_as_it_was_verified_is_fetched_again(
    shelf: Shelf, damage: str
) -> None:
    path = shelf.open().get(LIVE).path
    note = path.with_name(path.name + ".json")
    if damage == "changed":
        path.write_bytes(bytes(len(CONTENT)))
    elif damage == "truncated":
        path.write_bytes(CONTENT[:-1])
    elif damage == "note gone":
        note.unlink()
    elif damage == "note damaged":
        note.write_bytes(b"[]")
    else:
        path.unlink()
    assert shelf.open().get(LIVE).path.read_bytes() == CONTENT
    assert shelf.reads == 2


def test_a_failure_is_told_to_all_who_wait_and_not_to_the_next_run(shelf: Shelf) -> None:
    shelf.numerai.fail("dataset", UnavailableError("the store is gone"))
    data = shelf.open()
    for _ in range(2):
        with pytest.raises(UnavailableError, match="gone"):
            data.get(LIVE)
    assert shelf.reads == 1
    assert shelf.open().get(LIVE).path.exists()


def test_a_file_that_is_not_there_is_asked_for_again_only_after_a_while(
    shelf: Shelf, clock: FakeClock
) -> None:
    shelf.numerai.fail("dataset", NotReadyError("not there yet"), times=2)
    data = shelf.open()
    waits = []
    for _ in range(2):
        with pytest.raises(NotReadyError) as caught:
            data.get(LIVE)
        with pytest.raises(NotReadyError):
            data.get(LIVE)
        waits.append(caught.value.again_in)
        clock.move(caught.value.again_in)
    assert data.get(LIVE).path.exists()
    assert shelf.numerai.calls.count("dataset") == 3
    assert waits == sorted(waits)
    assert waits[0] >= 1.0


def test_a_file_that_is_not_there_fails_at_once_and_keeps_nobody_waiting(
    shelf: Shelf, clock: FakeClock
) -> None:
    with pytest.raises(NotReadyError) as caught:
        shelf.open().get("v5.3/missing.parquet")
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert clock.sleeps == []


def test_the_last_rounds_bytes_are_not_ready_and_are_not_kept(shelf: Shelf) -> None:
    stale = {LIVE: sha256(CONTENT).hexdigest()}
    with pytest.raises(NotReadyError, match="not ready yet"):
        shelf.open(stale=stale).get(LIVE)
    assert not (shelf.folder / LIVE).exists()
    assert shelf.open(stale=stale).here(LIVE) is None
    fresh = parquet(["n3", "n4"], feature_a=[1, 2])
    shelf.publish(LIVE, fresh)
    assert shelf.open(stale=stale).get(LIVE).path.read_bytes() == fresh


def test_other_files_may_be_the_same_as_last_round(shelf: Shelf) -> None:
    assert shelf.open(stale={LIVE: "other"}).get(FEATURES).path.exists()


def test_a_file_begun_ahead_is_fetched_once(shelf: Shelf) -> None:
    data = shelf.open()
    data.begin(LIVE)
    data.begin(LIVE)
    assert data.get(LIVE).path.exists()
    assert shelf.reads == 1


def test_a_failure_of_what_was_begun_ahead_is_told_to_who_asks(shelf: Shelf) -> None:
    shelf.numerai.fail("dataset", UnavailableError("the store is gone"))
    data = shelf.open()
    data.begin(LIVE)
    with pytest.raises(UnavailableError):
        data.get(LIVE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("live.parquet", b""),
        ("live.parquet", b"PAR1"),
        ("live.parquet", b"<html>Sorry</html>"),
        ("live.parquet", CONTENT[:-1]),
        ("live.parquet", CONTENT + b"\0"),
        ("live.parquet", parquet(["n1", "n1"])),
        ("features.json", b""),
        ("features.json", b"{"),
        ("features.json", b"\xff\xfe\x00"),
    ],
)
@pytest.mark.parametrize("proven", [False, True])
def test_a_file_that_does_not_decode_is_wrong(
    tmp_path: Path, name: str, content: bytes, proven: bool
) -> None:
    path = tmp_path / f".{name}.part"
    path.write_bytes(content)
    with pytest.raises(WrongBytesError) as caught:
        check_dataset(path, proven)
    assert name in caught.value.what
    assert ".part" not in caught.value.what


def test_a_damaged_page_is_known_where_no_digest_tells(tmp_path: Path) -> None:
    path = tmp_path / "live.parquet"
    content = parquet([f"{n:040x}" for n in range(500)])
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(16) + content[middle + 16 :])
    with pytest.raises(WrongBytesError, match="does not decode"):
        check_dataset(path, False)


@pytest.mark.parametrize("content", [CONTENT, parquet(feature_a=[1, 1]), parquet([])])
def test_a_right_file_passes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "live.parquet"
    path.write_bytes(content)
    check_dataset(path, False)
    check_dataset(path, True)


def test_json_with_nan_and_files_of_other_kinds_pass(tmp_path: Path) -> None:
    path = tmp_path / "features.json"
    path.write_bytes(b'{"a": NaN}')
    check_dataset(path, False)
    other = tmp_path / "example.csv"
    other.write_bytes(b"\xff")
    check_dataset(other, False)


def test_real_features_are_taken(shared: Path) -> None:
    check_dataset(shared / "real" / "features-v5.0.json", False)


def test_ids_come_in_file_order(shelf: Shelf) -> None:
    shelf.publish(LIVE, parquet(["n2", "n1", "n3"]))
    assert live_ids(shelf.open().get(LIVE)) == ["n2", "n1", "n3"]


def test_live_data_without_ids_are_unavailable(shelf: Shelf) -> None:
    shelf.publish(LIVE, parquet(feature_a=[1, 2]))
    with pytest.raises(UnavailableError, match="no readable `id`"):
        live_ids(shelf.open().get(LIVE))


def test_rounds_before_the_last_are_removed(tmp_path: Path) -> None:
    for name in ("1397", "1398", "1399", "1400", "1401", "notes", "12x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "live.parquet").write_bytes(b"x")
    remove_old_rounds(tmp_path, current=1400)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["12x", "1399", "1400", "1401", "notes"]
    remove_old_rounds(tmp_path / "none", current=1400)


def test_the_note_names_what_was_verified(shelf: Shelf) -> None:
    got = shelf.open().get(LIVE)
    note = json.loads(got.path.with_name(got.path.name + ".json").read_bytes())
    assert note == {"path": "live.parquet", "sha256": got.sha256, "size": len(CONTENT)}
