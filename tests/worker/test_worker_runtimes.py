"""The worker package runs in any interpreter from 3.10 on that has pandas and pyarrow.

Interpreters named by TEST_PYTHONS (separated by colons), of pyenv, and on PATH are tried. One of
another minor version than this one's gets the libraries in a virtual environment.
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
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
MINOR = "import sys; print('%d.%d' % sys.version_info[:2])"
MINOR_WITH_LIBRARIES = f"import pandas, pyarrow.parquet; {MINOR}"
PINS = {
    "3.10": "numpy==1.26.4 pandas==1.5.3 pyarrow==14.0.2 cloudpickle==3.0.0",
    "3.11": "numpy==1.26.4 pandas==2.2.3 pyarrow==15.0.2 cloudpickle==3.1.1",
    "3.12": "numpy==2.1.3 pandas==2.3.1 pyarrow==18.1.0 cloudpickle==3.1.1",
    "3.13": "numpy==2.1.3 pandas==2.3.1 pyarrow==18.1.0 cloudpickle==3.1.1",
}
"""Old and new ends of what the worker runs with; 3.12 as in Numerai's image."""

MAKE_MODEL = """
import sys
import cloudpickle

SCALE, PYTHON = 4, sys.version_info[:2]

def predict(live_features):
    assert sys.version_info[:2] == PYTHON
    return live_features[[]].assign(prediction=[v / SCALE for v in live_features["feature_cedar"]])

with open(sys.argv[1], "wb") as file:
    cloudpickle.dump(predict, file)
"""

LIMITS = {"timeout": 60.0, "memory": None}


@functools.cache
def interpreters(ask: str) -> dict[str, Path]:
    """By minor version, the first one that answers."""
    found: dict[str, Path] = {}
    for python in candidates():
        asked = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True)
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
    if minor not in interpreters(MINOR_WITH_LIBRARIES):
        pytest.skip(f"no Python {minor} with pandas and pyarrow")
    artifact, out = tmp_path / "model.pkl", tmp_path / "out.csv"
    artifact.write_bytes(pickle.dumps(operator.itemgetter(["feature_cedar"]), protocol=4))
    environment = worker_environment(os.environ, threads=1, home=tmp_path / "home")
    python = interpreters(MINOR_WITH_LIBRARIES)[minor]
    with Worker(python=python, environment=environment) as worker:
        needs = worker.load(artifact, format="pickle", features=["feature_cedar"], **LIMITS)
        assert needs == Needs("function", ("era", "feature_cedar"), benchmarks=False)
        assert worker.predict(live_path, None, out, **LIMITS).rows == len(live_frame)
    answers = pd.read_csv(out, index_col="id")["prediction"]
    assert answers.tolist() == live_frame["feature_cedar"].tolist()
    assert answers.index.tolist() == live_frame.index.tolist()


def another_minor() -> str:
    """The oldest, which is the farthest from what the job itself runs with."""
    others = [minor for minor in interpreters(MINOR) if minor in PINS and minor != HERE]
    if not others:
        pytest.skip(f"no other Python than {HERE} from {MINORS[0]} to {MINORS[-1]} on this machine")
    return min(others, key=MINORS.index)


def runtime(minor: str, folder: Path) -> Path:
    """A virtual environment of that Python with the libraries that models need."""
    made = run(interpreters(MINOR)[minor], "-m", "venv", folder)
    if made.returncode:
        pytest.skip(f"Python {minor} makes no virtual environments: {made.stdout[-200:]}")
    python = folder / "bin" / "python"
    options = ("--quiet", "--disable-pip-version-check", "--no-cache-dir", "--only-binary", ":all:")
    installed = run(python, "-m", "pip", "install", *options, *PINS[minor].split())
    if installed.returncode:
        pytest.skip(f"no packages for Python {minor} can be had: {installed.stderr[-200:]}")
    return python


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=150)


@pytest.mark.slow
def test_a_cloudpickle_of_another_python_runs_in_a_runtime_of_that_python(
    live_path, live_frame, tmp_path
):
    minor = another_minor()
    python = runtime(minor, tmp_path / "runtime")
    artifact, out = tmp_path / "model.pkl", tmp_path / "out.csv"
    assert run(python, "-c", MAKE_MODEL, artifact).returncode == 0
    environment = worker_environment(os.environ, threads=1, home=tmp_path / "home")
    with Worker(environment=environment) as worker:  # of this Python; the model names its own
        assert worker.versions()["Python"].startswith(HERE)
        versions = worker.versions(python)
        assert versions["Python"].startswith(minor)
        assert {f"{name}=={versions[name]}" for name in versions} > set(PINS[minor].split())
        worker.load(artifact, format="pickle", features=None, **LIMITS, python=python)
        predicted = worker.predict(
            live_path,
            None,
            out,
            **LIMITS,
            neutralize=(["feature_amber", "feature_birch"], 0.5),
            postprocess="rank",
        )
    assert predicted.rows == len(live_frame)
    assert predicted.memory > 0
    answers = pd.read_csv(out, index_col="id")["prediction"]
    pd.testing.assert_series_equal(
        answers.rank(method="dense"), expected(live_frame).rank(method="dense"), check_names=False
    )


def expected(live: pd.DataFrame) -> pd.Series:
    from numerai_tools import scoring

    answer = (live[["feature_cedar"]] / 4).astype(float)
    neutral = scoring.neutralize(answer, live[["feature_amber", "feature_birch"]], 0.5)
    return neutral["feature_cedar"].rename_axis("id")
