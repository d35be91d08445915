"""The datasets of a round: once each, verified, never the round before's."""

from __future__ import annotations

import io
import json
import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.data import Dataset, RoundData, live_keys, read_column, remove_old_rounds
from job.errors import Exit, ModelError, NotReadyError, UnavailableError, UnpublishedError
from job.fetch import WrongBytesError
from job.published import check_dataset, read_days
from job.retry import Retry
from job.universe import KEYS, LIVE_NAMES, dataset_name
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
    """The data of one round on the fake, opened as often as a run starts."""

    def __init__(self, clock: FakeClock, folder: Path, tournament: str = "classic") -> None:
        self.clock, self.folder = clock, folder
        self.round = a_round(tournament=tournament)
        self.numerai = FakeNumerai(clock)

    def publish(self, filename: str, content: bytes) -> None:
        self.numerai.files[self.round.tournament, self.round.number, filename] = content

    def open(
        self, *, stale: Mapping[str, str] | None = None, wait_until: float = math.inf
    ) -> RoundData:
        return RoundData(
            self.numerai,
            self.folder,
            self.round,
            clock=self.clock,
            retry=Retry(self.clock, 30.0),
            stale=stale or {},
            wait_until=wait_until,
        )

    @property
    def reads(self) -> int:
        return self.numerai.calls.count("dataset")

    @property
    def listings(self) -> int:
        return self.numerai.calls.count("datasets")


@pytest.fixture
def shelf(clock: FakeClock, tmp_path: Path) -> Shelf:
    shelf = Shelf(clock, tmp_path / "classic" / "1400")
    shelf.publish(LIVE, CONTENT)
    shelf.publish(FEATURES, b'{"feature_sets": {"small": ["feature_a"]}, "x": NaN}')
    return shelf


@pytest.fixture(params=["signals", "crypto"])
def universes(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Shelf:
    """Of a tournament whose universe has not been published yet."""
    return Shelf(clock, tmp_path / request.param / "1400", request.param)


def universe(
    tournament: str, *, day: object = "2026-11-02", names: tuple[str, ...] = ("AAA", "AAB")
) -> bytes:
    days = day if isinstance(day, list) else [day] * len(names)
    return table({KEYS[tournament]: list(names), "date": days, "feature_a": [0.5] * len(names)})


def table(columns: Mapping[str, object]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


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


def test_a_file_that_is_not_there_is_asked_for_when_the_wait_ends(
    shelf: Shelf, clock: FakeClock
) -> None:
    data = shelf.open(wait_until=clock.monotonic() + 3.0)
    waits = []
    for _ in range(4):
        with pytest.raises(NotReadyError) as caught:
            data.get("v5.3/live_benchmark_models.parquet")
        waits.append(caught.value.again_in)
        clock.move(caught.value.again_in)
    assert waits == [2.0, 1.0, 10.0, 20.0]
    assert shelf.reads == 4


def test_a_file_that_is_not_there_fails_at_once_and_keeps_nobody_waiting(
    shelf: Shelf, clock: FakeClock
) -> None:
    with pytest.raises(NotReadyError) as caught:
        shelf.open().get("v5.3/live_benchmark_models.parquet")
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
    assert live_keys(shelf.open().get(LIVE), "classic") == ["n2", "n1", "n3"]


def test_live_data_without_ids_are_unavailable(shelf: Shelf) -> None:
    shelf.publish(LIVE, parquet(feature_a=[1, 2]))
    with pytest.raises(UnavailableError, match="no readable `id`"):
        live_keys(shelf.open().get(LIVE), "classic")


def test_a_row_without_a_ticker_makes_a_universe_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "live.parquet"
    path.write_bytes(table({"numerai_ticker": ["AAA US", None]}))
    with pytest.raises(UnavailableError, match="no readable `numerai_ticker`"):
        live_keys(Dataset("signals/v3.1/live.parquet", path, ""), "signals")


def test_classic_live_data_are_not_looked_for(shelf: Shelf) -> None:
    data = shelf.open()
    data.begin_live("v5.3")
    assert data.live("v5.3") == data.get(LIVE)
    assert (shelf.reads, shelf.listings) == (1, 0)


@pytest.mark.parametrize("name", LIVE_NAMES)
def test_a_universe_is_found_under_the_name_that_is_listed(universes: Shelf, name: str) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", name)
    universes.publish(filename, universe(tournament))
    data = universes.open()
    live = data.live("v9.9")
    assert live.filename == filename
    assert live_keys(live, tournament) == ["AAA", "AAB"]
    assert data.live("v9.9") == data.get(filename) == live
    assert (universes.reads, universes.listings) == (1, 1)


def test_many_who_want_the_universe_ask_once(universes: Shelf) -> None:
    tournament = universes.round.tournament
    for version in ("v9.8", "v9.9"):
        universes.publish(dataset_name(tournament, version, "live.parquet"), universe(tournament))
    data = universes.open()
    data.begin_live("v9.9")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(data.live, ["v9.8", "v9.9"] * 4))
    assert len(found) == 2
    assert (universes.reads, universes.listings) == (2, 1)


def test_a_universe_that_is_here_is_neither_looked_for_nor_fetched(universes: Shelf) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live_universe.parquet")
    universes.publish(filename, universe(tournament))
    first = universes.open().live("v9.9")
    assert universes.open().live("v9.9") == first
    assert (universes.reads, universes.listings) == (1, 1)


def with_a_universe(universes: Shelf) -> str:
    """Publishes it; gives the name of a file that is not there."""
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, universe(tournament))
    return dataset_name(tournament, "v9.9", "features.json")


def test_a_file_that_a_tournament_does_not_have_is_not_waited_for(universes: Shelf) -> None:
    filename = with_a_universe(universes)
    data = universes.open()
    for _ in range(2):
        with pytest.raises(UnpublishedError, match=filename):
            data.get(filename)
    assert (universes.reads, universes.listings) == (1, 2)


def test_a_file_that_the_round_before_had_is_waited_for(universes: Shelf, clock: FakeClock) -> None:
    filename = with_a_universe(universes)
    tournament, number = universes.round.tournament, universes.round.number
    universes.numerai.files[tournament, number - 1, filename] = b"{}"
    data = universes.open()
    with pytest.raises(NotReadyError) as caught:
        data.get(filename)
    universes.publish(filename, b"{}")
    clock.move(caught.value.again_in)
    assert data.get(filename).path.exists()


def test_a_file_is_waited_for_while_the_live_data_are_not_listed(
    universes: Shelf, clock: FakeClock
) -> None:
    filename = dataset_name(universes.round.tournament, "v9.9", "features.json")
    data = universes.open()
    with pytest.raises(NotReadyError) as caught:
        data.get(filename)
    with_a_universe(universes)
    clock.move(caught.value.again_in)
    with pytest.raises(UnpublishedError):
        data.get(filename)


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_is_waited_for_where_numerai_does_not_say_what_there_is(
    universes: Shelf, which: int
) -> None:
    filename = with_a_universe(universes)
    fail = partial(universes.numerai.fail, "datasets", UnavailableError("no answer"))
    if which:
        universes.numerai.before("datasets", lambda: universes.numerai.before("datasets", fail))
    else:
        fail()
    with pytest.raises(NotReadyError):
        universes.open().get(filename)
    assert universes.listings == which + 1


@pytest.mark.parametrize(
    "name", ["live_benchmark_models.parquet", "live_example_preds.parquet", "validation.parquet"]
)
def test_what_classic_has_is_waited_for_and_not_looked_for(shelf: Shelf, name: str) -> None:
    with pytest.raises(NotReadyError):
        shelf.open().get(f"v5.3/{name}")
    assert shelf.listings == 0


def test_a_rounds_own_file_is_waited_for(universes: Shelf) -> None:
    with_a_universe(universes)
    name = dataset_name(universes.round.tournament, "v9.9", "live_example_preds.parquet")
    with pytest.raises(NotReadyError):
        universes.open().get(name)


def test_a_universe_that_is_not_listed_is_looked_for_again_after_a_while(
    universes: Shelf, clock: FakeClock
) -> None:
    tournament = universes.round.tournament
    data = universes.open()
    for _ in range(2):
        with pytest.raises(NotReadyError, match=r"version v9\.9") as caught:
            data.live("v9.9")
    assert (universes.reads, universes.listings) == (0, 1)
    universes.publish(dataset_name(tournament, "v9.9", "live.parquet"), universe(tournament))
    assert caught.value.again_in > 0
    clock.move(caught.value.again_in)
    assert live_keys(data.live("v9.9"), tournament) == ["AAA", "AAB"]
    assert universes.listings == 2


def test_a_version_that_is_not_there_does_not_keep_another_waiting(universes: Shelf) -> None:
    tournament = universes.round.tournament
    universes.publish(dataset_name(tournament, "v9.9", "live.parquet"), universe(tournament))
    data = universes.open()
    with pytest.raises(NotReadyError, match="data_version"):
        data.live("v1.0")
    assert data.live("v9.9").path.exists()


def test_an_old_universe_is_not_ready_until_it_is_replaced(
    universes: Shelf, clock: FakeClock
) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, universe(tournament, day="2026-10-30"))
    data = universes.open()
    with pytest.raises(NotReadyError, match="its date is 2026-10-30; wanted is 2026-11-02") as old:
        data.live("v9.9")
    assert not (universes.folder / filename).exists()
    universes.publish(filename, universe(tournament))
    clock.move(old.value.again_in)
    assert data.live("v9.9").path.exists()
    assert (universes.reads, universes.listings) == (2, 1)


def test_the_last_rounds_bytes_are_no_universe_of_this_one(universes: Shelf) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, universe(tournament))
    stale = {filename: sha256(universe(tournament)).hexdigest()}
    with pytest.raises(NotReadyError, match="byte for byte"):
        universes.open(stale=stale).live("v9.9")


@pytest.mark.parametrize(
    "day", ["2026-11-03", ["2026-11-02", "2026-11-03"], "soon", None, 0.5, 20261301]
)
def test_a_universe_of_another_day_or_none_is_not_used_and_not_kept(
    universes: Shelf, day: object
) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, universe(tournament, day=day))
    with pytest.raises(UnavailableError) as caught:
        universes.open().live("v9.9")
    assert not isinstance(caught.value, NotReadyError)
    assert filename in caught.value.what
    assert not (universes.folder / filename).exists()


def test_a_universe_without_a_date_is_not_used(universes: Shelf) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, table({KEYS[tournament]: ["AAA"]}))
    with pytest.raises(UnavailableError, match="no readable `date`"):
        universes.open().live("v9.9")


def test_a_universe_that_names_a_row_twice_is_wrong(universes: Shelf) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "live.parquet")
    universes.publish(filename, universe(tournament, names=("AAA", "AAA")))
    with pytest.raises(UnavailableError, match="twice"):
        universes.open().live("v9.9")


def test_a_history_names_its_rows_many_times_and_is_of_many_days(universes: Shelf) -> None:
    tournament = universes.round.tournament
    filename = dataset_name(tournament, "v9.9", "train.parquet")
    days = ["2026-01-02", "2026-01-09"]
    universes.publish(filename, universe(tournament, day=days, names=("AAA", "AAA")))
    assert universes.open().get(filename).path.exists()


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["2026-11-02"]),
        pa.array(["2026-11-02 00:00:00"]),
        pa.array(["20261102"]).dictionary_encode(),
        pa.array([20261102]),
        pa.array([date(2026, 11, 2)], pa.date32()),
        pa.array([date(2026, 11, 2)], pa.date64()),
        pa.array([datetime(2026, 11, 2)], pa.timestamp("ns")),  # noqa: DTZ001
        pa.array([datetime(2026, 11, 2, 23, tzinfo=UTC)], pa.timestamp("ns", tz="UTC")),
        pa.array([datetime(2026, 11, 2, 3, tzinfo=UTC)], pa.timestamp("s", tz="America/New_York")),
    ],
    ids=lambda column: str(column.type),
)
def test_a_date_may_be_written_in_many_ways(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "live.parquet"
    path.write_bytes(table({"date": column}))
    assert read_days(path, filename=LIVE) == {date(2026, 11, 2)}


def test_a_reference_is_read_by_its_column_or_its_only_one(tmp_path: Path) -> None:
    path = tmp_path / "live_example_preds.parquet"
    dataset = Dataset("v5.3/live_example_preds.parquet", path, "")
    path.write_bytes(table({"id": ["n1", "n2"], "ender": [0.25, 0.5]}))
    expected = {"n1": 0.25, "n2": 0.5}
    assert read_column(dataset, None, tournament="classic") == expected
    assert read_column(dataset, "ender", tournament="classic") == expected
    path.write_bytes(table({"id": ["n1", "n2"], "a": [1.0, 2.0], "prediction": [0.25, None]}))
    found = read_column(dataset, None, tournament="classic")
    assert found["n1"] == 0.25
    assert math.isnan(found["n2"])


@pytest.mark.parametrize(("column", "wanted"), [(None, "prediction"), ("gone", "gone")])
def test_a_reference_without_the_column_says_which_there_are(
    tmp_path: Path, column: str | None, wanted: str
) -> None:
    path = tmp_path / "live_benchmark_models.parquet"
    dataset = Dataset("v5.3/live_benchmark_models.parquet", path, "")
    path.write_bytes(table({"id": ["n1"], "a": [0.1], "b": [0.2]}))
    with pytest.raises(ModelError, match=f"no column '{wanted}'") as caught:
        read_column(dataset, column, tournament="classic")
    assert caught.value.hint == "name one of its columns: a, b"


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
