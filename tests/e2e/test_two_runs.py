"""Two runs at once: the second says who holds the lock, and touches nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .animals import good, held, slow
from .driver import Home, children_of, is_running, wait_for

pytestmark = pytest.mark.slow


def test_the_second_run_names_the_holder_and_touches_nothing(home: Home) -> None:
    beacon = home.root / "beacon"
    home.add("teal", slow(60, str(beacon)))
    first = home.start()
    wait_for(beacon.exists, "the model predicts")
    requests = len(home.box.requests)
    files = home.files()
    records = home.records()
    second = home.run(NUMERAI_LOG_LEVEL="warning")
    assert second.code == 0
    assert f"process {first.pid}" in second.err
    assert "running since" in second.err
    assert len(home.box.requests) == requests
    assert home.files() == files
    assert home.records() == records
    assert first.process.poll() is None


def test_a_holder_that_should_have_ended_long_ago_is_no_success(home: Home) -> None:
    beacon = home.root / "beacon"
    home.add("teal", slow(60, str(beacon)))
    first = home.start()
    wait_for(beacon.exists, "the model predicts")
    note = home.runs / "lock.json"
    noted = json.loads(note.read_bytes())
    note.write_text(json.dumps({**noted, "since": "2020-02-02T12:00:00+00:00"}))
    records = home.records()
    second = home.run("--json")
    assert second.code == 4
    assert f"process {first.pid}" in second.err
    assert "running since 2020-02-02T12:00:00+00:00" in second.err
    assert second.err.rstrip().endswith("end that process")
    assert home.records() == records
    first.kill()
    assert home.run("--dry-run", "--only", "teal", NUMERAI_MODEL_TIMEOUT="1s").code == 3


def test_a_model_process_does_not_hold_the_lock_of_a_run_that_died(home: Home) -> None:
    """One that is stopped cannot see its parent's end, and is the worst heir of a lock."""
    others = children_of(os.getpid())  # a server of the session's
    beacon = home.root / "beacon"
    home.add("teal", slow(60, str(beacon)))
    first = home.start()
    wait_for(beacon.exists, "the model predicts")
    worker = int(beacon.read_text())
    lock = (home.runs / "lock").stat()
    held = [path.stat() for path in Path(f"/proc/{worker}/fd").iterdir()]
    assert (lock.st_dev, lock.st_ino) not in {(one.st_dev, one.st_ino) for one in held}
    first.kill()
    assert first.workers == [worker]
    home.entries.clear()
    home.add("teal", good())
    ended = home.run()
    assert ended.code == 0, ended.err
    assert ended.outcomes() == {"teal": "submitted"}
    assert not is_running(worker)
    assert children_of(os.getpid()) == others


def test_runs_one_after_another_do_not_find_the_lock_held(home: Home) -> None:
    home.add("teal", good())
    assert [home.run().code for _ in range(3)] == [0, 0, 0]
    assert len(home.records()) == 3
    assert len(home.box.submissions) == 1


def test_two_accounts_that_share_a_data_folder_work_in_turn(
    home: Home, further: Callable[[str], Home]
) -> None:
    """Their records, and so their locks, are apart; what they fetch and scratch is not."""
    other = further("other")
    beacon, gate = home.root / "beacon", home.root / "gate"
    home.add("teal", held(str(beacon), str(gate)))
    other.add("mallard", good())
    first = home.start()
    wait_for(beacon.exists, "the first is at work")
    second = other.start(NUMERAI_DATA_DIR=str(home.data), NUMERAI_RUNS_DIR=str(other.runs))
    assert second.process.stderr is not None
    assert any("another run works in" in line for line in second.process.stderr)
    gate.touch()
    for running in (first, second):
        ended = running.end()
        assert ended.code == 0, ended.err
    assert (len(home.submissions("teal")), len(other.submissions("mallard"))) == (1, 1)
