"""A small live file of the real shape: index `id`, `era`, int8 features."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras_files import FEATURES as NETWORK_FEATURES
from worker_round import ROWS, WIDE, Round, new_worker

from job.workers import Worker

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("round")
    rng = np.random.default_rng(3)
    index = pd.Index([f"n{i:06x}" for i in range(ROWS)], name="id")
    values = rng.integers(0, 5, (ROWS, len(WIDE)), dtype=np.int8)
    live = pd.DataFrame(values, index=index, columns=WIDE)
    live.insert(0, "era", "1042")
    live.to_parquet(folder / "live.parquet")
    benchmarks = pd.DataFrame({"v53_lgbm_ender20": rng.random(ROWS)}, index=index)
    benchmarks.to_parquet(folder / "live_benchmark_models.parquet")
    return folder / "live.parquet", folder / "live_benchmark_models.parquet"


@pytest.fixture(scope="session")
def networks(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what `keras_files` writes, for the first features of live."""
    folder = tmp_path_factory.mktemp("keras")
    live = pd.read_parquet(files[0])[WIDE[:NETWORK_FEATURES]]
    np.save(folder / "live.npy", live.to_numpy())
    own = {"KERAS_BACKEND": "jax", "KERAS_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    script = Path(__file__).with_name("keras_files.py")
    command = [sys.executable, str(script), str(folder)]
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def round_(files: tuple[Path, Path], tmp_path: Path) -> Round:
    return Round(tmp_path, *files)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with new_worker(tmp_path_factory.mktemp("worker")) as shared:
        yield shared


@pytest.fixture
def own_worker(tmp_path: Path) -> Iterator[Worker]:
    with new_worker(tmp_path) as own:
        yield own
