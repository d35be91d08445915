"""`push`, `run`, `status` and `logs` on the real job: what a person sees of it, and exit codes."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.push.names import OBJECTS
from deploy.session import begin
from tests.azure.container_groups import Image
from tests.deploy.place import REPOSITORY, Place
from tests.e2e.animals import good
from tests.e2e.driver import wait_for

pytestmark = pytest.mark.slow


DYING = "raise SystemExit(7)"
FALLING = """
import os, sys
if "FALLS" in os.environ:
    print("BOOM")
    raise SystemExit(7)
os.execv(sys.executable, [sys.executable, "-m", "job", *sys.argv[1:]])
"""
"""The job, until something is wrong with what is around it."""


@pytest.fixture
def image(request: pytest.FixtureRequest) -> Image:
    """The job as it is, or a program in its place."""
    program = getattr(request, "param", None)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(REPOSITORY)}
    command = ("-m", "job") if program is None else ("-c", program)
    return Image(command=(sys.executable, *command), environment=environment)


@pytest.fixture
def place(place: Place) -> Place:
    """Deployed, with its first run at an end; `mallard` lies in the local root."""
    place.add_model("mallard", good())
    assert place.run("apply").code == 0
    place.settled()
    return place


def test_the_first_run_says_that_nothing_is_pushed_yet(place: Place) -> None:
    status = place.run("status")
    assert status.code == 0
    assert "usage, exit code 2" in status.out
    assert "no manifest pushed yet" in status.out
    assert "UTC or when Numerai calls, as deploy.yaml says" in status.out
    assert "no manifest pushed yet" in place.run("logs").out


def test_what_is_pushed_is_submitted(place: Place) -> None:
    pushed = place.run("push")
    assert (pushed.code, pushed.err) == (0, "")
    assert "sent mallard.pkl" in pushed.out
    assert "1 file new" in pushed.out
    ran = place.run("run")
    assert ran.code == 0, ran.text
    assert "started numerai-job" in ran.out
    assert "mallard: submitted" in ran.out
    assert ran.out.count("rows    seconds") == 1  # the job's own summary, and not another
    assert [made.model for made in place.box.submissions] == ["mallard"]
    again = place.run("run")
    assert again.code == 0
    assert "nothing to do (1 already submitted)" in again.out
    assert len(place.box.submissions) == 1
    status = place.run("status").out
    assert "nothing to do, exit code 0" in status
    assert "container Terminated (Completed), exit code 0" in status
    assert "last 4 weeks: no round is known to have ended" in status
    assert "measured" in place.run("cost").out
    assert "(a run takes" in place.run("cost").out


def test_pushing_the_same_again_sends_nothing(place: Place) -> None:
    place.run("push")
    before = len(place.cloud.blob_requests)
    assert "nothing to push" in place.run("push").out
    asked = place.cloud.blob_requests[before:]
    assert {one.method for one in asked} <= {"GET", "HEAD"}


def test_a_push_can_be_tried_rolled_back_and_cleared_up(place: Place) -> None:
    assert "would send mallard.pkl" in place.run("push", "--dry-run").out
    assert "is current" in place.run("push").out
    place.add_model("mallard", good(shift=0.5))
    second = place.run("push").out
    assert "in place of" in second
    rolled = place.run("push", "--rollback")
    assert rolled.code == 0
    assert rolled.out.startswith("returned from manifest ")
    assert place.run("push", "--rollback").code == 2
    pruned = place.run("push", "--prune").out
    assert "removed 0 files (0.0 kB) and 0 old manifests" in pruned
    assert "younger than a day" not in pruned  # what was rolled back from can be returned to
    shelf = begin(Namespace(file=place.file), place.environ()).shelf()
    shelf.write(f"{OBJECTS}{'ab' * 32}", b"no manifest names it")
    spared = place.run("push", "--prune")
    assert "removed 0 files" in spared.out
    assert "kept 1 file younger than a day" in spared.out
    assert "would keep 1 file younger than" in place.run("push", "--prune", "--dry-run").out


def test_a_failed_model_is_the_exit_code_although_the_container_ends_with_0(place: Place) -> None:
    def broken(live_features: object) -> object:
        raise ValueError("no such luck")

    place.add_model("mallard", broken)
    place.run("push")
    ran = place.run("run")
    assert ran.code == 3, ran.text
    assert "container Terminated (Completed), exit code 0" in ran.out
    assert "no such luck" in ran.out
    status = place.run("status").out
    assert "models failed, exit code 3" in status
    assert "no such luck" in status


def test_a_run_that_is_under_way_is_followed(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def waiting(live_features: object, gate: str = str(gate)) -> object:
        import time
        from pathlib import Path

        Path(f"{gate}.begun").touch()
        while not Path(gate).exists():
            time.sleep(0.02)
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")  # type: ignore

    place.add_model("mallard", waiting)
    place.run("push")
    process = place.start("run")
    try:
        wait_for(lambda: Path(f"{gate}.begun").exists(), "the model predicts", within=60.0)
        assert "Running" in place.run("status").out
        assert "still going on" in place.run("status").out
        assert "models to submit" in place.run("logs").out
        gate.touch()
        followed = place.run("logs", "--follow")
        assert "mallard: submitted" in followed.out
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    assert "mallard: submitted" in out


def test_a_start_that_wants_a_stop_before_it_gets_one(place: Place) -> None:
    place.run("push")
    fault = place.cloud.faults.add(
        where="containerGroups.start",
        kind="status",
        status=409,
        code="ContainerGroupTransitioning",
        message="The container group 'numerai-job' is still transitioning, please retry later.",
    )
    ran = place.run("run")
    assert (fault.hits, ran.code) == (1, 0), ran.text
    assert "containerGroups.stop" in [one.operation for one in place.cloud.requests]


def test_a_container_that_never_begins_is_not_waited_for_without_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.following.STARTING", 0.3)
    place.cloud.faults.add(where="containerGroups.start", kind="stuck")
    ran = place.run("run")
    assert ran.code == 4
    assert "the container has not begun within" in ran.err


def test_logs_that_cannot_be_read_change_nothing_of_what_a_run_is(place: Place) -> None:
    place.run("push")
    place.more["NUMERAI_RETRY_PATIENCE"] = "1s"
    place.cloud.faults.add(where="containerGroups.logs", kind="status", status=404, times=None)
    ran = place.run("run")
    assert ran.code == 0, ran.text
    assert "mallard  submitted" in ran.out


def test_logs_that_fail_are_asked_for_once_at_each_look(place: Place) -> None:
    place.run("push")
    place.more["NUMERAI_RETRY_PATIENCE"] = "10m"
    fault = place.cloud.faults.add(where="containerGroups.logs", kind="status", times=None)
    ran = place.run("run")
    assert fault.hits
    assert ran.code == 0, ran.text
    assert "next try in" not in ran.err
    assert "mallard  submitted" in ran.out


@pytest.mark.parametrize("image", [DYING], indirect=True)
def test_records_that_cannot_be_read_keep_no_run_from_its_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.commands.run.HURRY", 0.3)
    monkeypatch.setattr("deploy.commands.run.ENDED", 0.3)
    fault = place.cloud.faults.add(where="blob.read", kind="forbidden", times=None)
    ran = place.run("run")
    assert fault.hits
    assert ran.code == 4, ran.text
    assert "started numerai-job" in ran.out
    assert "its record cannot be read" in ran.err
    assert "exit code 7" in ran.err


@pytest.mark.parametrize("image", [FALLING], indirect=True)
def test_a_start_that_left_no_record_is_not_taken_for_the_run_before_it(
    place: Place, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.instance.SLACK", timedelta(0))
    place.run("push")
    assert place.run("run").code == 0
    assert "left no record" not in place.run("status").out
    environment = image.environment
    assert isinstance(environment, dict)
    environment["FALLS"] = "yes"
    assert place.run("run").code == 4
    assert place.run("logs").out == "BOOM\n"
    status = place.run("status")
    assert status.code == 0
    assert "left no record" in status.out
    assert "    BOOM\n" in status.out


@pytest.mark.parametrize("image", [DYING], indirect=True)
def test_a_container_that_dies_without_a_record_is_no_success(place: Place) -> None:
    ran = place.run("run")
    assert ran.code == 4, ran.text
    assert "the run left no record; its container: Terminated (Error), exit code 7" in ran.err


@pytest.mark.parametrize("image", [DYING.replace("7", "0")], indirect=True)
def test_a_run_that_found_the_lock_held_leaves_no_record_and_is_no_failure(place: Place) -> None:
    ran = place.run("run")
    assert ran.code == 0, ran.text
    assert "the run left no record" in ran.out


def test_before_anything_is_deployed_the_next_step_is_said(place: Place) -> None:
    place.run("destroy", "--yes", "--with-data")
    assert "`python -m deploy apply` makes it" in place.run("status").out
    for words in (["run"], ["logs"], ["push"]):
        ran = place.run(*words)
        assert ran.code == 2
        assert "`python -m deploy apply` makes it" in ran.err


@pytest.mark.parametrize("command", ["cost", "status"])
def test_what_is_good_to_know_is_not_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(f"deploy.commands.{command}.HURRY", 0.5)
    fault = place.cloud.faults.add(where="blob.read", kind="forbidden", times=None)
    ran = place.run(command)
    assert fault.hits
    assert ran.code == 0, ran.text
    assert "there was no answer in time" in ran.out
