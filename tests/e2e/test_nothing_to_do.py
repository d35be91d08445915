"""The happy path."""

from __future__ import annotations

import pytest

from .animals import good
from .driver import Home, graphql_requests

pytestmark = pytest.mark.slow

HEAVY = ("pyarrow.parquet", "psutil", "joblib", "lightgbm", "sklearn", "tabulate", "job.crew")


def test_a_run_submits_and_the_next_finds_nothing_to_do_with_one_request(home: Home) -> None:
    home.add("teal", good())
    first = home.run()
    assert first.code == 0, first.err
    assert first.outcomes() == {"teal": "submitted"}
    assert [made.status for made in home.submissions("teal")] == ["validated"]
    home.box.traffic.clear()
    second = home.run(python=("-X", "importtime"))
    assert second.code == 0
    assert second.outcomes() == {"teal": "already_submitted"}
    assert len(home.box.requests) == len(graphql_requests(home.box)) == 1
    imported = {line.rpartition("|")[2].strip() for line in second.err.splitlines()}
    assert "numerapi" in imported
    assert sorted(imported & set(HEAVY)) == []
    assert second.record is not None
    assert second.record["outcome"] == "nothing_to_do"
    assert (second.record["api_requests"], second.record["bytes_downloaded"]) == (1, 0)
