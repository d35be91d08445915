"""Rounds, deadlines, waiting, signals and the time-out: exit codes 0, 1, 4, 5, 6, 130 and 143."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from .animals import good, slow
from .driver import Ended, Home, Running, children_of, is_running, wait_for

pytestmark = pytest.mark.slow


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def make_late(home: Home) -> None:
    """The open round is past its on-time deadline."""
    home.box.rounds.set(close_staking_time=in_seconds(-30))


def test_after_the_deadline_what_lacks_a_submission_is_missed(home: Home) -> None:
    home.add("teal", good())
    make_late(home)
    ended = home.run()
    assert ended.code == 5
    assert ended.outcomes() == {"teal": "missed"}
    assert "deadline" in ended.err
    assert home.box.submissions == []
    assert home.run(NUMERAI_EXIT_ZERO="true").code == 0


def test_after_the_deadline_it_is_submitted_late_where_that_is_wanted(home: Home) -> None:
    home.add("teal", good())
    make_late(home)
    ended = home.run(NUMERAI_LATE="submit")
    assert ended.code == 0, ended.err
    assert ended.outcomes() == {"teal": "submitted_late"}
    assert len(home.box.submissions) == 1
    assert home.run(NUMERAI_LATE="submit").outcomes() == {"teal": "already_submitted"}
    assert home.run().code == 0  # nothing is lacking


def test_a_late_submission_carried_into_the_next_round_does_not_count_there(home: Home) -> None:
    home.add("teal", good())
    make_late(home)
    assert home.run(NUMERAI_LATE="submit").code == 0
    home.box.rounds.turn()
    ended = home.run()
    assert ended.code == 0, ended.err
    assert ended.outcomes() == {"teal": "submitted"}
    assert [made.round for made in home.box.submissions] == [1400, 1401]
    assert home.box.submissions[1].data_round == 1401


def test_between_rounds_there_is_nothing_to_do(home: Home) -> None:
    home.add("teal", good())
    home.box.rounds.close()
    ended = home.run()
    assert ended.code == 0
    assert "no round is open" in ended.out
    assert ended.record is not None
    assert ended.record["round"] is None


@pytest.mark.parametrize("state", ["between", "late"])
def test_a_wait_in_which_no_round_opens_exits_6(home: Home, state: str) -> None:
    home.add("teal", good())
    home.box.rounds.close() if state == "between" else make_late(home)
    ended = home.run("--wait", "1s")
    assert ended.code == 6
    assert "no classic round opened" in ended.err
    assert ended.record is not None
    assert ended.record["outcome"] == "no_round"


def test_a_wait_in_which_a_round_opens_submits_to_it(home: Home) -> None:
    home.add("teal", good())
    make_late(home)
    asked: list[object] = []

    def open_round(operation: object) -> None:
        asked.append(operation)
        if len(asked) == 2:
            home.box.rounds.turn()

    home.box.on("account", open_round)
    ended = home.run(NUMERAI_WAIT="20s")
    assert ended.code == 0, ended.err
    assert [(made.round, made.data_round) for made in home.box.submissions] == [(1401, 1401)]


def test_what_cannot_be_predicted_before_the_deadline_is_missed_and_the_rest_is_sent(
    home: Home,
) -> None:
    home.add("mallard", good(), priority=1)
    home.add("teal", slow(60, str(home.root / "beacon")))
    home.box.rounds.set(close_staking_time=in_seconds(19))
    ended = home.run()
    assert ended.code == 5, ended.err
    assert ended.outcomes() == {"mallard": "submitted", "teal": "missed"}
    assert ended.seconds < 15


def test_the_gravest_code_wins(home: Home) -> None:
    """1, 4, 5, 3: here a model's fault, and an upload that does not get through."""
    home.add("gone")
    home.add("teal", good())
    home.box.faults.add(where="put", kind="status", times=None)
    ended = home.run(NUMERAI_RETRY_PATIENCE="0.3s")
    assert ended.outcomes() == {"gone": "failed", "teal": "failed"}
    assert ended.code == 4
    home.box.faults.clear()
    make_late(home)
    home.add("stranger", good(), at_numerai=False)
    ended = home.run()
    assert ended.outcomes() == {"gone": "missed", "teal": "missed", "stranger": "failed"}
    assert ended.code == 5


def test_an_unforeseen_error_shows_a_traceback_and_what_was_submitted(home: Home) -> None:
    home.add("mallard", good(), priority=1)
    home.add("teal", good())
    folder = home.root / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BREAK)
    ended = home.run(PYTHONPATH=f"{folder}:{home.environ()['PYTHONPATH']}")
    assert ended.code == 1, ended.err
    assert "Traceback" in ended.err
    assert "LookupError: nobody foresaw this" in ended.err
    assert ended.outcomes() == {"mallard": "submitted", "teal": "failed"}
    assert "mallard" in ended.out
    assert ended.record is not None
    assert ended.record["outcome"] == "unforeseen_error"


BREAK = """
import job.validate
right = job.validate.validate_submission
def wrong(csv, **more):
    if "teal" in str(csv):
        raise LookupError("nobody foresaw this")
    return right(csv, **more)
job.validate.validate_submission = wrong
"""


def check_stopped(run: Running, number: int) -> Ended:
    """The run ends within ten seconds as the signal wants, and leaves a record and no process."""
    workers = children_of(run.pid)
    run.signal(number)
    ended = run.end(within=10.0)
    interrupted = number == signal.SIGINT
    assert ended.code == (130 if interrupted else 143), ended.err
    assert "Traceback" not in ended.err
    assert ended.record is not None
    assert ended.record["outcome"] == ("interrupted" if interrupted else "terminated")
    assert ended.record["exit_code"] == ended.code
    assert "running" not in str(ended.record)
    wait_for(lambda: not any(map(is_running, workers)), "model processes end too", within=2)
    return ended


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_a_prediction(home: Home, number: int) -> None:
    beacon = home.root / "beacon"
    home.add("mallard", good(), priority=1)
    home.add("teal", slow(60, str(beacon)))
    run = home.start()
    wait_for(beacon.exists, "the model predicts")
    wait_for(lambda: home.box.submissions, "the other one is sent")
    record = run.record()
    assert record is not None
    assert (record["outcome"], record["exit_code"], record["ended_at"]) == ("running", None, None)
    ended = check_stopped(run, number)
    assert ended.outcomes()["teal"] == "skipped"
    assert ended.seconds < 6
    del home.entries[-1]
    home.add("teal", good())
    assert home.run().code == 0
    assert sorted(made.model for made in home.box.submissions) == ["mallard", "teal"]


def test_a_signal_while_an_answer_stalls(further: Callable[[str], Home]) -> None:
    stalls = {"account": "", "get": "live.parquet", "put": "", "createSubmission": ""}
    homes = {where: further(where) for where in stalls}
    for where, home in homes.items():
        home.add("teal", good())
        home.box.faults.add(where=where, kind="stall", match=stalls[where], times=None)
    runs = {where: home.start() for where, home in homes.items()}
    for where, home in homes.items():
        wait_for(lambda w=where, h=home: operations(h)[w], f"{where} stalls")
    began = time.monotonic()
    for run in runs.values():
        run.signal(signal.SIGTERM)
    for run in runs.values():
        check_stopped(run, signal.SIGTERM)
    assert time.monotonic() - began < 10
    for where in ("put", "createSubmission"):
        homes[where].box.faults.clear()
        assert homes[where].run().code == 0
        assert len(homes[where].box.submissions) == 1


def operations(home: Home) -> Counter[str]:
    """How often each was asked for."""
    return Counter(name for request in home.box.requests for name in request.operations)


def test_a_signal_while_it_waits_for_a_round(home: Home) -> None:
    home.add("teal", good())
    home.box.rounds.close()
    run = home.start("--wait", "1h")
    wait_for(lambda: home.box.requests, "it asks")
    assert check_stopped(run, signal.SIGTERM).seconds < 5


def test_a_signal_before_the_work_has_begun(home: Home) -> None:
    """The libraries take a second to import; as a container's first process it would ignore it."""
    home.add("teal", good())
    folder = home.root / "early"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(EARLY)
    ended = home.run(PYTHONPATH=f"{folder}:{home.environ()['PYTHONPATH']}")
    assert ended.code == 143, ended.err
    assert "Traceback" not in ended.err
    assert home.box.requests == []


EARLY = """
import sys, importlib.abc
class Terminator(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "numerapi":
            import os, signal
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Terminator())
"""


def test_the_run_ends_in_its_time_whatever_hangs(further: Callable[[str], Home]) -> None:
    homes = {where: further(where) for where in ("account", "get", "put", "model")}
    for where, home in homes.items():
        beacon = str(home.root / "beacon")
        home.add("teal", slow(60, beacon) if where == "model" else good())
        if where != "model":
            home.box.faults.add(where=where, kind="stall", times=None)
    runs = [home.start(NUMERAI_RUN_TIMEOUT="4s") for home in homes.values()]
    for run in runs:
        ended = run.end(within=8.0)
        assert ended.code == 4, ended.err
        assert "did not end within 4 s" in ended.err
        assert ended.record is not None
        assert ended.record["exit_code"] == 4
        assert "running" not in str(ended.record)


def test_a_round_that_turns_before_or_during_the_submission_starts_the_run_over(
    further: Callable[[str], Home],
) -> None:
    """Numerai maps what was made from old data to the new round and says nothing."""
    homes = [further(where) for where in ("submissionUploadAuth", "createSubmission")]
    for home in homes:
        home.add("mallard", good(), priority=1)
        home.add("teal", good())
        turn_once(home, home.root.name, "before")
    for run, home in [(home.start(), home) for home in homes]:
        ended = run.end()
        assert ended.code == 0, ended.err
        assert ended.record is not None
        assert ended.record["round"] == 1401
        assert ended.outcomes() == {"mallard": "submitted", "teal": "submitted"}
        check_made_for_their_round(home)


def test_a_run_killed_as_the_round_turns_is_made_good(home: Home) -> None:
    home.add("teal", good())
    turn_once(home, "createSubmission", "before")
    home.run_killed("createSubmission", when="after")
    assert [(made.round, made.data_round) for made in home.box.submissions] == [(1401, 1400)]
    ended = home.run()
    assert ended.code == 0, ended.err
    check_made_for_their_round(home)


def turn_once(home: Home, where: str, when: str) -> None:
    turned = threading.Event()

    def turn(_: object) -> None:
        if not turned.is_set():
            turned.set()
            home.box.rounds.turn()

    home.box.on(where, turn, when=when, match="teal")


def check_made_for_their_round(home: Home) -> None:
    """What counts in the open round was made from its own data."""
    for name in ("mallard", "teal"):
        made = home.submissions(name)
        if made:
            assert (made[-1].round, made[-1].data_round) == (1401, 1401)
            assert len([one for one in made if one.round == one.data_round == 1401]) == 1
    assert home.submissions("teal")


SIGNALLED = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "job.commands.run":
            sys.meta_path.remove(self)
            from job.record import RunRecord
            announce = RunRecord.announce
            def signalled(self):
                os.kill(os.getpid(), signal.SIGTERM)
                announce(self)
            RunRecord.announce = signalled

sys.meta_path.insert(0, Finder())
"""


def test_a_signal_while_the_record_begins_is_in_it(home: Home) -> None:
    """Else the next run would take this one for killed."""
    home.add("teal", good())
    (home.root / "sitecustomize.py").write_text(SIGNALLED)
    ended = home.run(PYTHONPATH=f"{home.root}:{home.environ()['PYTHONPATH']}")
    assert ended.code == 143, ended.err
    assert ended.record is not None
    assert (ended.record["outcome"], ended.record["exit_code"]) == ("terminated", 143)
    assert ended.record["ended_at"] is not None


def test_the_newest_record_is_the_last_run_s_though_a_clock_went_back(home: Home) -> None:
    home.add("teal", good())
    home.run()
    (first,) = home.records()
    ahead = first.rename(first.with_name(f"2099{first.name[4:]}"))
    assert home.run().code == 0
    assert [path for path in home.records() if path > ahead] == home.records()[1:]
    assert len(home.records()) == 2
