"""Prediction files that another program writes for each round: submitted once they have come."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from job.errors import Exit, ModelError
from job.sandbox import CLASSIC
from tests.clock import NOON
from tests.home import Home, home

__all__ = ["home"]


def finished(home: Home, *, minutes: float) -> None:
    """`teal` is a finished file, written so many minutes after the round's opening."""
    home.specs["teal"] = {"format": "predictions"}
    path = home.folder / "models" / "teal.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"what the instant worker does not read")
    opened = home.box.rounds.current(CLASSIC)
    assert opened is not None
    at = (opened.open_time + timedelta(minutes=minutes)).timestamp()
    os.utime(path, (at, at))


def test_a_file_from_before_the_round_opened_is_not_submitted(home: Home) -> None:
    finished(home, minutes=-1.0)
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "submitted", "teal": "failed"}
    assert "before round 1400 opened" in home.result("teal").reason


def test_a_file_that_comes_during_the_wait_is_submitted(home: Home) -> None:
    finished(home, minutes=-1.0)
    home.clock.when(NOON + timedelta(minutes=3), lambda: finished(home, minutes=12.0))
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}


def test_a_file_of_this_round_is_submitted_at_once(home: Home) -> None:
    finished(home, minutes=1.0)
    assert home.run() is Exit.OK
    assert sum(home.clock.sleeps) < 1.0


@pytest.mark.parametrize(("wait", "seconds"), [(8.0, 4.0), (95.0, 91.5)])
def test_a_file_that_comes_just_before_the_wait_ends_is_submitted(
    home: Home, wait: float, seconds: float
) -> None:
    finished(home, minutes=-1.0)
    home.clock.when(NOON + timedelta(seconds=seconds), lambda: finished(home, minutes=10.1))
    assert home.run(wait=wait, only=["teal"]) is Exit.OK
    assert home.outcomes["teal"] == "submitted"


def test_a_file_that_comes_just_before_the_deadline_is_submitted_on_time(home: Home) -> None:
    home.clock.move(5.0)  # tries ten seconds apart would meet the last moment for a prediction
    finished(home, minutes=-1.0)
    opened = home.box.rounds.current(CLASSIC)
    assert opened is not None
    deadline = opened.close_staking_time
    home.clock.when(deadline - timedelta(seconds=23), lambda: finished(home, minutes=59.6))
    assert home.run(wait=4 * 3600.0, only=["teal"]) is Exit.OK
    assert home.outcomes["teal"] == "submitted"
    assert home.clock.now() <= deadline


@pytest.mark.parametrize("state", ["absent", "empty"])
def test_a_file_that_is_not_there_yet_is_waited_for(home: Home, state: str) -> None:
    finished(home, minutes=1.0)
    path = home.folder / "models" / "teal.pkl"

    def write() -> None:
        finished(home, minutes=12.0)

    home.artifacts["teal"] = None if state == "absent" else b""
    home.clock.when(NOON + timedelta(minutes=3), write)
    path.unlink()
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}


def test_a_file_that_is_written_while_it_is_read_is_waited_for(home: Home) -> None:
    finished(home, minutes=1.0)
    grown: list[int] = []

    def grow() -> None:
        if not grown:
            grown.append(1)
            finished(home, minutes=5.0)
            raise ModelError("row 7 has 1 cells, the header has 2")

    home.models["teal"].first = grow
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes["teal"] == "submitted"


def test_a_file_of_other_ids_is_waited_out(home: Home) -> None:
    finished(home, minutes=1.0)
    home.models["teal"].csv = b"id,prediction\nn1,0.5\nn2,0.25\n"

    def write() -> None:
        home.models["teal"].csv = None
        finished(home, minutes=12.0)

    home.clock.when(NOON + timedelta(minutes=3), write)
    assert home.run(wait=600.0) is Exit.OK
    assert home.outcomes["teal"] == "submitted"
