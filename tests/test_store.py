"""What every store promises, a folder and a container in Blob Storage alike."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from job.blob import Blob
from job.errors import Exit, UnavailableError
from job.store import HOLDER, Folder, Holder, Store, check_will_end
from tests.azurite.fixtures import Container
from tests.clock import FakeClock

Open = Callable[[], Store]


@pytest.fixture(params=["folder", "blob", "blob below a prefix"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Open:
    """Opens the same place, as another run would."""
    if request.param == "folder":
        return lambda: Folder(tmp_path / "runs")
    container: Container = request.getfixturevalue("container")
    url = container.below("team/one/") if "prefix" in request.param else container.url
    return lambda: Blob.open(url, environ=container.environ, clock=clock)


@pytest.fixture
def store(reopen: Open) -> Store:
    return reopen()


def test_what_is_written_is_read_and_listed_in_order(store: Store) -> None:
    assert store.names(".json") == []
    assert store.read("b.json") is None
    for name in ("b.json", "a.json", "c.txt"):
        store.write(name, name.encode())
    assert store.read("b.json") == b"b.json"
    assert store.names(".json") == ["a.json", "b.json"]
    store.write("b.json", b"again")
    assert store.read("b.json") == b"again"


def test_a_listing_knows_one_folder_and_not_those_below(store: Store) -> None:
    for name in ("top.json", "objects/one.json", "objects/deep/two.json", "objects/one.txt"):
        store.write(name, b"{}")
    assert store.names(".json") == ["top.json"]
    assert store.names(".json", under="objects/") == ["objects/one.json"]
    assert store.names("", under="objects/") == ["objects/one.json", "objects/one.txt"]
    assert store.names("", under="nothing/") == []


@pytest.mark.parametrize("name", ["a b.txt", "50%.txt", "q?.txt", "#1.txt", "größe.txt", "a+b&c=d"])
def test_a_name_is_taken_as_it_is(store: Store, tmp_path: Path, name: str) -> None:
    store.write(f"in/{name}", b"odd")
    assert store.read(f"in/{name}") == b"odd"
    assert store.names("", under="in/") == [f"in/{name}"]
    assert store.find(f"in/{name}") is not None
    assert store.fetch(f"in/{name}", tmp_path / "copy") is not None


def test_what_is_known_of_a_file_is_its_size_its_time_and_its_version(store: Store) -> None:
    assert store.find("a.csv") is None
    store.write("a.csv", b"1234")
    first = store.find("a.csv")
    assert first is not None
    assert first.size == 4
    assert abs(first.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert store.find("a.csv") == first
    store.write("a.csv", b"4321")
    second = store.find("a.csv")
    assert second is not None
    assert second.tag != first.tag


@pytest.mark.parametrize("data", [b"", b"some bytes"])
def test_a_copy_is_whole_and_tells_what_was_copied(
    store: Store, tmp_path: Path, data: bytes
) -> None:
    store.write("objects/model", data)
    target = tmp_path / "cache" / "model.pkl"
    assert store.fetch("objects/model", target) == store.find("objects/model")
    assert target.read_bytes() == data
    assert [entry.name for entry in target.parent.iterdir()] == ["model.pkl"]


def test_a_copy_takes_the_place_of_what_is_there(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "model.pkl"
    target.write_bytes(b"a former and longer one")
    store.write("model", b"new")
    store.fetch("model", target)
    assert target.read_bytes() == b"new"


def test_no_copy_of_what_is_not_there(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "model.pkl"
    assert store.fetch("objects/model", target) is None
    assert not target.exists()


def test_the_second_run_is_told_who_holds_the_lock(store: Store, reopen: Open) -> None:
    with store.lock("noon") as mine:
        assert mine is None
        store.check_lock()
        for _ in range(2):
            with reopen().lock("later") as holder:
                assert holder is not None
                assert f"process {os.getpid()}" in holder.text
                assert "running since noon" in holder.text
        store.check_lock()
    with store.lock("evening") as free:
        assert free is None


def test_a_holder_that_left_no_note_holds_the_lock_all_the_same(store: Store, reopen: Open) -> None:
    with store.lock("noon"):
        store.write(HOLDER, b"half a no")
        with reopen().lock("later") as holder:
            assert holder is not None
            assert holder.text == "another run"


def test_a_lock_whose_note_cannot_be_written_is_let_go(
    store: Store, reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, data: bytes) -> None:
        raise UnavailableError("cannot write it", "No space left on device")

    monkeypatch.setattr(store, "write", full)
    with pytest.raises(UnavailableError), store.lock("noon"):
        pytest.fail("it has no note and must not be held")
    other = reopen()
    with other.lock("later") as holder:
        assert holder is None
        assert json.loads(other.read(HOLDER) or b"")["since"] == "later"


def test_a_lock_ends_with_the_work_that_fails_under_it(store: Store, reopen: Open) -> None:
    with pytest.raises(ZeroDivisionError), store.lock("noon"):
        raise ZeroDivisionError
    with reopen().lock("later") as holder:
        assert holder is None


def test_a_holders_beginning_is_known_where_it_noted_one(store: Store, reopen: Open) -> None:
    began = "2026-11-20T12:05:00+00:00"
    notes = {
        began: datetime(2026, 11, 20, 12, 5, tzinfo=UTC),
        "2026-11-20T12:05:00": None,  # of no time zone
        "noon": None,
    }
    for since, moment in notes.items():
        with store.lock(since), reopen().lock("later") as holder:
            assert holder is not None
            assert (holder.since, holder.endless) == (moment, False)
            assert holder.how_to_end


BEGAN = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("holder", "after"),
    [
        (Holder("a run"), timedelta(days=9)),
        (Holder("a run", BEGAN), timedelta(0)),
        (Holder("a run", BEGAN), timedelta(hours=1, minutes=10)),
    ],
)
def test_a_holder_that_may_be_a_run_that_goes_on_is_left_alone(
    holder: Holder, after: timedelta
) -> None:
    check_will_end(holder, shown="runs", now=BEGAN + after, run_timeout=3600.0)


@pytest.mark.parametrize(
    ("holder", "after", "why"),
    [
        (Holder("a run", BEGAN, how_to_end="end it"), 4201, "longer than NUMERAI_RUN_TIMEOUT"),
        (Holder("a run", endless=True, how_to_end="end it"), 0, "its lease has no end"),
    ],
)
def test_a_holder_that_will_not_end_is_told_with_what_to_do(
    holder: Holder, after: int, why: str
) -> None:
    now = BEGAN + timedelta(seconds=after)
    with pytest.raises(UnavailableError, match="the lock of runs is held") as caught:
        check_will_end(holder, shown="runs", now=now, run_timeout=3600.0)
    assert why in str(caught.value)
    assert "a run" in str(caught.value)
    assert (caught.value.hint, caught.value.exit_code) == ("end it", Exit.UNAVAILABLE)
