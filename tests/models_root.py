"""A models root with one model in it, and a round's data with its feature sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.data import RoundData
from job.retry import Retry
from tests.builders import a_round
from tests.clock import FakeClock
from tests.fakes import FakeNumerai

SETS = {"feature_sets": {"small": ["b", "a"], "broken": "b", "empty": [], "twice": ["a", "a"]}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    (root / "mallard.pkl").write_bytes(b"a model")
    return root


@pytest.fixture
def data(clock: FakeClock, tmp_path: Path) -> RoundData:
    numerai = FakeNumerai(clock)
    numerai.files["classic", 1400, "v5.3/features.json"] = json.dumps(SETS).encode()
    numerai.files["classic", 1400, "v5.2/features.json"] = b"[]"
    return RoundData(
        numerai,
        tmp_path / "classic" / "1400",
        a_round(),
        clock=clock,
        retry=Retry(clock, 30.0),
        stale={},
    )
