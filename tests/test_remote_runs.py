"""Runs whose models and records live elsewhere: what is read, what a lost lock means, and what a
store that is away costs.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.pipeline.transport import RequestsTransport

from job.blob import Blob
from job.errors import Exit, StoppedError, UnavailableError
from job.objects import object_name
from job.record import LATEST, in_a_thread
from job.remote_root import RemoteRoot
from job.sandbox import CLASSIC
from job.sidecar import SUFFIX
from job.store import Folder
from tests.azurite.fixtures import Container
from tests.builders import begun
from tests.clock import NOON
from tests.e2e.driver import wait_for
from tests.home import Home, home, zoo
from tests.pushed import Pushed, Watched

__all__ = ["home", "zoo"]

LOST = "the lock of the run records is another run's by now"


@pytest.fixture
def elsewhere(home: Home, tmp_path: Path) -> Watched:
    """The store that `home` has its models in."""
    store = Watched(tmp_path / "elsewhere")
    home.root = RemoteRoot(store, tmp_path / "data" / "artifacts", allow_unpinned=False)
    return store


def push(home: Home, store: Watched, *names: str) -> None:
    """Has models lie there and the manifest pin them."""
    for name in names or home.models:
        digest = Pushed(store).object(name.encode())
        home.specs[name] = {**home.specs.get(name, {}), "sha256": digest}


def test_of_many_artifacts_only_those_of_pending_models_are_read(
    home: Home, elsewhere: Watched
) -> None:
    for number in range(198):
        home.add(f"m{number}")
    push(home, elsewhere)
    pending = {"mallard", "m17", "m101"}
    assert home.run(only=sorted(set(home.models) - pending)) is Exit.OK
    elsewhere.asked.clear()
    before = len(home.predicted)
    assert home.run() is Exit.OK
    assert set(home.predicted[before:]) == pending
    digests = {name: sha256(name.encode()).hexdigest() for name in pending}
    assert elsewhere.read_names() == set(map(object_name, digests.values()))
    elsewhere.asked.clear()
    assert home.run() is Exit.OK
    assert elsewhere.asked == []


def test_the_service_is_asked_for_pending_artifacts_only(
    home: Home, container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same by its requests, as Blob Storage gets them."""
    for number in range(198):
        home.add(f"m{number}", sha256=sha256(f"m{number}".encode()).hexdigest())
    for name in home.models:
        digest = sha256(name.encode()).hexdigest()
        home.specs.setdefault(name, {})["sha256"] = digest
        container.client.upload_blob(object_name(digest), name.encode())
    store = Blob.open(
        container.url,
        environ={"AZURE_STORAGE_CONNECTION_STRING": container.connection_string},
        clock=home.clock,
    )
    home.root = RemoteRoot(store, tmp_path / "cache", allow_unpinned=False)
    pending = {"mallard", "m17", "m101"}
    assert home.run(only=sorted(set(home.models) - pending)) is Exit.OK
    asked: list[str] = []
    send = RequestsTransport.send

    def recorded(self: RequestsTransport, request: Any, **more: Any) -> Any:
        asked.append(urlsplit(request.url).path)
        return send(self, request, **more)

    monkeypatch.setattr(RequestsTransport, "send", recorded)
    assert home.run() is Exit.OK
    prefix = f"{urlsplit(str(container.url)).path}/"
    digests = {sha256(name.encode()).hexdigest() for name in pending}
    expected = {f"{prefix}{object_name(digest)}" for digest in digests}
    assert set(asked) == expected | {f"{name}{SUFFIX}" for name in expected}
    assert len(asked) <= 4 * len(pending)
    asked.clear()
    assert home.run() is Exit.OK
    assert asked == []


def test_an_artifact_that_cannot_be_had_costs_its_own_model_only(
    home: Home, elsewhere: Watched
) -> None:
    push(home, elsewhere)
    away = object_name(sha256(b"teal").hexdigest())
    elsewhere.faults[away] = UnavailableError("the models root did not answer", "timed out")
    assert home.run() is Exit.UNAVAILABLE
    assert home.outcomes == {"mallard": "submitted", "teal": "failed"}
    assert "did not answer" in home.result("teal").reason
    assert home.result("teal").exit_code == Exit.UNAVAILABLE
    elsewhere.faults.clear()
    assert home.run() is Exit.OK
    assert home.outcomes == {"mallard": "already_submitted", "teal": "submitted"}


def test_a_model_that_nothing_pins_is_its_own_failure(home: Home, elsewhere: Watched) -> None:
    push(home, elsewhere, "mallard")
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "failed"}
    assert "NUMERAI_ALLOW_UNPINNED" in home.result("teal").reason


def test_artifacts_that_the_manifest_no_longer_names_go_when_others_come(
    home: Home, elsewhere: Watched
) -> None:
    push(home, elsewhere)
    assert home.run() is Exit.OK
    cache = home.folder / "data" / "artifacts"
    for folder in cache.iterdir():
        os.utime(folder, (0, 0))
    home.specs["teal"]["sha256"] = Pushed(elsewhere).object(b"a new teal")
    assert home.run(force=True) is Exit.OK
    held = {path.name for path in cache.iterdir()}
    assert held == {sha256(name).hexdigest() for name in (b"mallard", b"a new teal")}


def finished(home: Home, store: Watched, content: bytes, *, minutes: float) -> None:
    """`teal` is a finished file, written there so many minutes after the round's opening."""
    home.specs["teal"] = {"format": "predictions"}
    store.write("teal.pkl", content)
    opened = home.box.rounds.current(CLASSIC)
    assert opened is not None
    at = (opened.open_time + timedelta(minutes=minutes)).timestamp()
    os.utime(store.root / "teal.pkl", (at, at))


def test_a_prediction_file_that_comes_during_the_wait_is_submitted(
    home: Home, elsewhere: Watched
) -> None:
    push(home, elsewhere, "mallard")
    finished(home, elsewhere, b"of yesterday", minutes=-600.0)

    def come() -> None:
        finished(home, elsewhere, b"of today", minutes=12.0)

    home.clock.when(NOON + timedelta(minutes=3), come)
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}
    assert home.result("teal").artifact_sha256 == sha256(b"of today").hexdigest()
    assert elsewhere.asked.count(("fetch", "teal.pkl")) == 2


def test_a_prediction_file_that_is_exchanged_while_it_is_read_is_waited_for(
    home: Home, elsewhere: Watched
) -> None:
    push(home, elsewhere, "mallard")
    finished(home, elsewhere, b"half", minutes=1.0)
    grown: list[int] = []

    def grow() -> None:
        if not grown:
            grown.append(1)
            finished(home, elsewhere, b"full", minutes=1.0)  # nothing but the file is another

    home.models["teal"].first = grow
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes["teal"] == "submitted"
    assert home.result("teal").artifact_sha256 == sha256(b"full").hexdigest()


class Losing(Folder):
    """A store whose lock is lost after so many looks at it."""

    def __init__(self, root: Path, looks: int) -> None:
        super().__init__(root)
        self._looks = looks
        self._guard = threading.Lock()

    def check_lock(self) -> None:
        with self._guard:
            self._looks -= 1
            if self._looks < 0:
                raise StoppedError(LOST, Exit.UNAVAILABLE)


def test_a_run_that_lost_its_lock_registers_nothing_more_and_ends(home: Home) -> None:
    for name in ("pintail", "smew", "scoter"):
        home.add(name)
    home.runs = Losing(home.folder / "runs", 4)  # an upload looks before and after its intent
    assert home.run(NUMERAI_WORKERS="1") is Exit.UNAVAILABLE
    assert len(home.submitted) == home.asked("createSubmission") <= 2
    assert home.clock.stopping is not None
    assert not (home.folder / "runs" / LATEST).exists()  # it is the other run's
    (path,) = (home.folder / "runs").glob("*.run.json")
    record = json.loads(path.read_bytes())
    assert record["exit_code"] == Exit.UNAVAILABLE
    noted = {row["model"] for row in record["models"] if row["intent_at"] is not None}
    assert noted >= {model for model, _ in home.submitted}


def test_no_intent_is_written_once_the_lock_is_lost(home: Home) -> None:
    home.runs = Losing(home.folder / "runs", 0)
    assert home.run() is Exit.UNAVAILABLE
    assert home.submitted == []
    assert home.result("mallard").intent_at is None


class Stuck(Folder):
    """A store that answers no write until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.go = threading.Event()
        self.waiting = threading.Event()
        self.stuck = False

    def write(self, name: str, data: bytes) -> None:
        if self.stuck:
            self.waiting.set()
            assert self.go.wait(30)
        super().write(name, data)


def _writers() -> int:
    return sum(thread.name == "record" for thread in threading.enumerate())


def test_saves_for_people_who_watch_hold_nothing_up(tmp_path: Path) -> None:
    store = Stuck(tmp_path)
    record = begun(store, aside=in_a_thread)
    store.stuck = True
    key = record.results[0].key
    for second in range(2, 8):
        record.update(key, now=NOON + timedelta(seconds=second), rows=second)
    assert store.waiting.wait(30)
    assert record.results[0].rows == 7
    wait_for(lambda: _writers() == 1, "all but one have left it to the others")
    store.go.set()
    record.update(key, now=NOON + timedelta(seconds=8), rows=8, save=True)
    assert json.loads(store.read(record.name) or b"")["models"][0]["rows"] == 8


def test_the_newest_record_is_found_under_one_name_from_the_start(tmp_path: Path) -> None:
    store = Folder(tmp_path)
    record = begun(store)
    assert store.read(LATEST) is None
    record.announce()
    assert json.loads(store.read(LATEST) or b"")["outcome"] == "running"
    record.end(outcome="ok", exit_code=Exit.OK, message="", now=NOON)
    assert store.read(LATEST) == store.read(record.name)


def test_a_copy_that_cannot_be_written_fails_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(Folder):
        def write(self, name: str, data: bytes) -> None:
            if name == LATEST:
                raise UnavailableError("no")
            super().write(name, data)

    store = Refusing(tmp_path)
    record = begun(store)
    record.announce()
    record.end(outcome="ok", exit_code=Exit.OK, message="", now=NOON)
    assert json.loads(store.read(record.name) or b"")["outcome"] == "ok"
    assert "latest.json could not be written" in caplog.text


class SlowToNote(Folder):
    """A store to which the first intent takes so long that something else happens meanwhile."""

    def __init__(self, root: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(root)
        self._meanwhile: list[Callable[[], None]] = [meanwhile]
        self.lost = False

    def write(self, name: str, data: bytes) -> None:
        if b'"intent_at": "2' in data and self._meanwhile:
            self._meanwhile.pop()()
        super().write(name, data)

    def check_lock(self) -> None:
        if self.lost:
            raise StoppedError(LOST, Exit.UNAVAILABLE)


def test_a_lock_that_is_lost_while_the_intent_is_written_is_noticed(home: Home) -> None:
    def lose() -> None:
        store.lost = True

    home.runs = store = SlowToNote(home.folder / "runs", lose)
    assert home.run(NUMERAI_WORKERS="1") is Exit.UNAVAILABLE
    assert home.asked("createSubmission") == 0


def test_a_round_that_turns_while_the_intent_is_written_gets_no_old_prediction(home: Home) -> None:
    def turn() -> None:
        home.clock.move(290)
        home.box.rounds.turn()

    home.runs = SlowToNote(home.folder / "runs", turn)
    before = home.box.rounds.newest(CLASSIC).number
    assert home.run(NUMERAI_WORKERS="1") is Exit.OK
    assert home.submitted == [("mallard", before + 1), ("teal", before + 1)]
    assert home.asked("createSubmission") == 2
