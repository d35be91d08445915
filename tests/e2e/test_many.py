"""Many models on two processes, one of each kind of crash among them."""

from __future__ import annotations

import pytest

from .animals import bad, good
from .driver import Home, graphql_requests

pytestmark = pytest.mark.slow

CRASHES = ("raises", "exits", "ends_hard", "crashes", "prints_and_raises")


def test_thirty_models_on_two_processes_with_crashes_between_them(home: Home) -> None:
    models = bad()
    for number in range(25):
        home.add(
            f"duck_{number:02d}", good(float(number)), features="small" if number % 2 else "all"
        )
        if number % 5 == 2:
            name = CRASHES[number // 5]
            home.add(name, models[name])
    ended = home.run(NUMERAI_WORKERS="2")
    assert ended.code == 3, ended.err
    good_ones = {name for name in ended.outcomes() if name.startswith("duck_")}
    assert {made.model for made in home.box.submissions} == good_ones
    assert len(home.box.submissions) == 25
    assert {name for name, word in ended.outcomes().items() if word == "failed"} == set(CRASHES)
    assert home.box.peak() <= 4
    asked = [name for names in graphql_requests(home.box) for name in names]
    assert asked.count("account") == 2  # the plan, and the proof of all uploads together
    assert asked.count("dataset") == 2
    assert ended.record is not None
    assert ended.record["api_requests"] == len(graphql_requests(home.box))
    home.box.traffic.clear()
    again = home.run(NUMERAI_WORKERS="2")
    assert again.code == 3
    assert len(home.box.submissions) == 25
    assert [one.kind for one in home.box.requests] == ["graphql"]  # no data for the third time
