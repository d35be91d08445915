"""SIGKILL in each stage: the next run completes, sends nothing twice, and uses no half file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.sandbox import TINY, Sandbox

from .animals import HangsWhenRead, counting, good, slow
from .driver import Home, is_running, wait_for

pytestmark = pytest.mark.slow

BEFORE_PREDICTION = {
    "state query": {"where": "account", "when": "before"},
    "download of features": {"where": "get", "when": "during", "match": "features.json"},
    "download of live": {"where": "get", "when": "during", "match": "live.parquet"},
}
AFTER_PREDICTION = {
    "before the ticket": {"where": "submissionUploadAuth", "when": "before", "done": False},
    "after the ticket": {"where": "submissionUploadAuth", "when": "after"},
    "during the PUT": {"where": "put", "when": "before", "done": False},
    "after the PUT": {"where": "put", "when": "after"},
    "createSubmission, not carried out": {"where": "createSubmission", "done": False},
    "createSubmission, carried out": {"where": "createSubmission", "when": "after"},
    "before the read-back": {"where": "account", "when": "before", "nth": 2},
    "during the read-back": {"where": "account", "when": "after", "nth": 2},
}
Csvs = dict[str, bytes]


def stock(home: Home) -> Path:
    """Two models; the second, which `features` reach by name, notes each of its predictions."""
    log = home.root / "predicted"
    home.add("mallard", good(), priority=1)
    home.add("teal", counting(str(log)), features="small")
    return log


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Csvs:
    """What a run that nothing disturbs submits."""
    with Sandbox(shape=TINY, models=[]) as box:
        home = Home(box, tmp_path_factory.mktemp("undisturbed"))
        stock(home)
        assert home.run().code == 0
        return {made.model: made.csv for made in box.submissions}


def check_completes(home: Home, undisturbed: Csvs) -> None:
    """The next run ends well, with one submission of the right bytes for every model."""
    for worker in home.running[-1].workers:
        wait_for(lambda pid=worker: not is_running(pid), "model processes end with their parent", 3)
    home.age_intents(58)  # of the minute for which an upload that does not show is looked for
    ended = home.run()
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert {made.model: made.csv for made in home.box.submissions} == undisturbed
    assert len(home.box.submissions) == len(undisturbed)
    assert set(ended.outcomes().values()) <= {"submitted", "already_submitted"}
    assert [name for name in home.files() if "part" in name or "scratch" in name] == []


@pytest.mark.parametrize("stage", BEFORE_PREDICTION)
def test_a_run_killed_before_predicting_is_made_good(
    home: Home, undisturbed: Csvs, stage: str
) -> None:
    stock(home)
    home.run_killed(**BEFORE_PREDICTION[stage])  # type: ignore[arg-type]
    home.age_intents(58)  # other models may be further on than the one that is killed here
    check_completes(home, undisturbed)


@pytest.mark.parametrize("stage", AFTER_PREDICTION)
def test_a_run_killed_after_predicting_is_continued_without_predicting_again(
    home: Home, undisturbed: Csvs, stage: str
) -> None:
    log = stock(home)
    match = "teal" if "nth" not in AFTER_PREDICTION[stage] else ""
    if AFTER_PREDICTION[stage]["where"] == "account":
        match = ""
    home.run_killed(match=match, **AFTER_PREDICTION[stage])  # type: ignore[arg-type]
    check_completes(home, undisturbed)
    assert log.read_text().splitlines() == ["predicted"]


@pytest.mark.parametrize("stage", ["load", "predict"])
def test_a_run_killed_while_a_model_works_takes_its_process_along(
    home: Home, undisturbed: Csvs, stage: str
) -> None:
    stock(home)
    beacon = home.root / "beacon"
    stand_in: Callable[..., Any] | HangsWhenRead = (
        HangsWhenRead(60, str(beacon)) if stage == "load" else slow(60, str(beacon))
    )
    artifact = home.models / "teal.pkl"
    right = artifact.read_bytes()
    home.add("teal", stand_in, at_numerai=False)
    del home.entries[-1]
    home.write_manifest()
    run = home.start()
    pid = int(wait_for(lambda: beacon.exists() and beacon.read_text(), "the model begins"))
    run.kill()
    assert run.end().code == 137
    assert pid in run.workers
    artifact.write_bytes(right)
    check_completes(home, undisturbed)


@pytest.mark.parametrize(("nth", "half"), [(1, True), (2, False), (3, True), (4, False)])
def test_a_run_killed_while_it_writes_its_record_is_made_good(
    home: Home, undisturbed: Csvs, nth: int, half: bool
) -> None:
    stock(home)
    killed = home.run(PYTHONPATH=_killer(home, ".run.json", nth, half))
    assert killed.code == 137, killed.err
    home.age_intents(58)  # of another model, which may be further on
    check_completes(home, undisturbed)


@pytest.mark.parametrize("name", ["teal.json", "live.parquet.json", "lock.json"])
def test_a_file_that_was_half_written_is_not_used(home: Home, undisturbed: Csvs, name: str) -> None:
    stock(home)
    killed = home.run(PYTHONPATH=_killer(home, name, 1, True))
    assert killed.code == 137, killed.err
    home.age_intents(58)  # of another model, which may be further on
    check_completes(home, undisturbed)


def _killer(home: Home, suffix: str, nth: int, half: bool) -> str:
    """A PYTHONPATH with which the process dies as it moves the `nth` such file into its place."""
    folder = home.root / "killer"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"""
import os, pathlib, signal
move, seen = pathlib.Path.replace, []
def replace(self, target):
    if str(target).endswith({suffix!r}):
        seen.append(target)
        if len(seen) == {nth}:
            if {half}:
                os.truncate(self, os.stat(self).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    return move(self, target)
pathlib.Path.replace = replace
""")
    return os.pathsep.join([str(folder), home.environ()["PYTHONPATH"]])
