"""A small live file of the real shape: index `id`, `era`, int8 features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FEATURES = [f"feature_{name}" for name in ("amber", "birch", "cedar", "delta", "ember", "fjord")]


@pytest.fixture(scope="session")
def live_frame() -> pd.DataFrame:
    values = np.random.default_rng(7).integers(0, 5, (40, len(FEATURES)), dtype=np.int8)
    index = pd.Index([f"n{i:04x}" for i in range(len(values))], name="id")
    frame = pd.DataFrame(values, columns=FEATURES, index=index)
    frame.insert(0, "era", "1042")
    return frame


@pytest.fixture(scope="session")
def live_path(live_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "live.parquet"
    live_frame.to_parquet(path)
    return path
