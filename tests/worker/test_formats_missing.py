"""A library that a runtime lacks is that model's failure, and says how to get it."""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest

from job.errors import ModelError
from job.worker.faults import explain
from job.workers import Worker, worker_environment

KEPT = ("numpy", "pandas", "pyarrow", "dateutil", "pytz", "six", "tzdata", "joblib")
CONTENT = {
    "lightgbm": b"tree\nversion=v4\n",
    "xgboost": b'{"learner":{"attributes":{}}}',
    "catboost": b"CBM1 ",
    "onnx": b"\x08\x08\x12\x08skl2onnx",
    "keras": b"\x89HDF\r\n\x1a\n",
}
LIMITS = {"features": None, "timeout": 60, "memory": None}


def bare_runtime(folder: Path, *more: str) -> Path:
    """An interpreter with what a worker needs, and nothing else."""
    venv.create(folder, symlinks=True, with_pip=False)
    packages = next(folder.glob("lib/python*/site-packages"))
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if path.name.partition(".")[0].partition("-")[0] in (*KEPT, *more):
            (packages / path.name).symlink_to(path)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("bare")
    environment = worker_environment(os.environ, threads=1, home=folder / "home")
    with Worker(python=bare_runtime(folder / "runtime"), environment=environment) as worker:
        yield worker


@pytest.mark.parametrize(
    ("format", "library"),
    [
        ("lightgbm", "lightgbm"),
        ("xgboost", "xgboost"),
        ("catboost", "catboost"),
        ("onnx", "onnxruntime"),
        ("keras", "keras"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(bare, tmp_path, format, library):
    artifact = tmp_path / "model.h5"
    artifact.write_bytes(CONTENT[format])
    with pytest.raises(ModelError) as caught:
        bare.load(artifact, format=format, **LIMITS)
    assert caught.value.what == f"the model needs {library}"
    hint = f"pip install 'numerai-job[{format}]', or name a runtime that has it"
    assert caught.value.hint == hint


def test_a_pickle_of_a_library_that_is_missing_says_the_same(bare, tmp_path):
    artifact = tmp_path / "model.pkl"
    artifact.write_bytes(b"cxgboost.sklearn\nXGBModel\n.")
    with pytest.raises(ModelError, match="the model needs xgboost"):
        bare.load(artifact, format="pickle", **LIMITS)


def test_keras_without_any_backend_asks_for_one(tmp_path):
    python = bare_runtime(tmp_path / "runtime", "keras")
    environment = worker_environment(os.environ, threads=1, home=tmp_path / "home")
    artifact = tmp_path / "model.h5"
    artifact.write_bytes(CONTENT["keras"])
    with (
        Worker(python=python, environment=environment) as worker,
        pytest.raises(ModelError) as caught,
    ):
        worker.load(artifact, format="keras", **LIMITS)
    assert "tensorflow, jax or torch, of which none is installed" in caught.value.what
    assert "numerai-job[keras]" in caught.value.hint


def test_the_next_model_runs_all_the_same(bare, round_):
    artifact = round_.folder / "model.json"
    artifact.write_bytes(CONTENT["xgboost"])
    with pytest.raises(ModelError):
        bare.load(artifact, format="xgboost", **LIMITS)
    source = "def predict(live):\n    return live['feature_000'] / 4"
    (round_.folder / "model.py").write_text(source)
    assert round_.predict(bare, round_.folder / "model.py", format="python").rows


def test_a_library_of_the_system_that_is_missing_is_named():
    error = OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
    fault = explain(error, "load")
    assert fault.hint == "install the system's package libgomp1 in this runtime"


def test_installed_libraries_are_known_without_being_imported(worker):
    versions = worker.versions()
    assert versions["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"numpy", "scikit-learn", "xgboost", "catboost", "onnxruntime", "keras"} <= set(versions)
    assert versions["cloudpickle"] == cloudpickle.__version__
