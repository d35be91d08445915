"""The worker package runs in any interpreter from 3.10 on that has pandas and pyarrow.

Those named by TEST_PYTHONS (separated by colons), of pyenv, and on PATH are tried.
"""

from __future__ import annotations

import functools
import operator
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from job.workers import Needs, Worker, worker_environment

MINORS = ("3.10", "3.11", "3.12", "3.13")
ASK = "import sys, pandas, pyarrow.parquet; print('%d.%d' % sys.version_info[:2])"


@functools.cache
def interpreters() -> dict[str, Path]:
    """By minor version, the first one that has what the worker needs."""
    found: dict[str, Path] = {}
    for python in candidates():
        asked = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True)
        if asked.returncode == 0:
            found.setdefault(asked.stdout.strip(), python)
    return found


def candidates() -> list[Path]:
    named = [Path(path) for path in os.environ.get("TEST_PYTHONS", "").split(":") if path]
    on_path = [Path(path) for minor in MINORS if (path := shutil.which(f"python{minor}"))]
    pyenv = Path.home() / ".pyenv" / "versions"
    return [*named, Path(sys.executable), *sorted(pyenv.glob("3.1[0-9].*/bin/python")), *on_path]


@pytest.mark.parametrize("minor", MINORS)
def test_a_model_predicts_in_another_python(minor, live_path, live_frame, tmp_path):
    if minor not in interpreters():
        pytest.skip(f"no Python {minor} with pandas and pyarrow")
    artifact, out = tmp_path / "model.pkl", tmp_path / "out.csv"
    artifact.write_bytes(pickle.dumps(operator.itemgetter(["feature_cedar"]), protocol=4))
    environment = worker_environment(os.environ, threads=1, home=tmp_path / "home")
    limits = {"timeout": 60, "memory": None}
    with Worker(python=interpreters()[minor], environment=environment) as worker:
        needs = worker.load(artifact, format="pickle", features=["feature_cedar"], **limits)
        assert needs == Needs("function", ("era", "feature_cedar"), benchmarks=False)
        assert worker.predict(live_path, None, out, **limits).rows == len(live_frame)
    answers = pd.read_csv(out, index_col="id")["prediction"]
    assert answers.tolist() == live_frame["feature_cedar"].tolist()
    assert answers.index.tolist() == live_frame.index.tolist()
