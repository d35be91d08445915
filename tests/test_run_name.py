"""Names of runs: in the order of the runs, whatever the clocks say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from job.run_name import run_name
from tests.clock import NOON


def test_a_run_that_begins_after_another_has_the_later_name() -> None:
    passed = [timedelta(milliseconds=n) for n in range(30)] + [timedelta(days=n) for n in (1, 2)]
    names = [run_name(NOON + later) for later in passed]
    assert names == sorted(names)
    assert names[0].startswith("20261103T121000.000000-")


def test_no_two_are_the_same() -> None:
    assert len({run_name(NOON) for _ in range(100)}) == 100


def test_a_clock_that_is_behind_the_one_before_changes_no_order() -> None:
    names = [run_name(NOON + timedelta(hours=1))]
    for second in range(5):
        names.append(run_name(NOON + timedelta(seconds=second), after=f"{names[-1]}.run.json"))
    assert names == sorted(names)


def test_what_is_long_over_changes_no_name() -> None:
    name = run_name(NOON, after=run_name(NOON - timedelta(seconds=1)))
    assert name.startswith("20261103T121000.000000-")


@pytest.mark.parametrize("after", ["", "-", "20261103T121000-1", "99991231T235959.999999-1", "x"])
def test_a_name_that_tells_no_time_counts_for_nothing(after: str) -> None:
    assert run_name(NOON, after=after).startswith("20261103T121000.000000-")
