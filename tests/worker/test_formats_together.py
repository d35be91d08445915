"""Models of all formats follow one another in one process, and are told by their content."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import catboost
import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper, save
from sklearn.linear_model import LinearRegression
from worker_round import WIDE, Round, first_feature, pid_of

from job.worker.faults import Fault
from job.worker.formats import FORMATS, environment, load, looks_like
from job.workers import worker_environment

USED = WIDE[:5]


@pytest.fixture(scope="module")
def zoo(files, networks, tmp_path_factory) -> dict[str, Path]:
    """A real file of every format, each by its library."""
    folder = tmp_path_factory.mktemp("zoo")
    live = pd.read_parquet(files[0])
    x, y = live[USED], live[USED[0]] / 4
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(first_feature))
    joblib.dump(LinearRegression().fit(x, y), folder / "model.joblib", compress=3)
    settings = {"verbose": -1, "num_threads": 1}
    lightgbm.train(settings, lightgbm.Dataset(x, y), 3).save_model(folder / "model.txt")
    trees = xgboost.train({"nthread": 1}, xgboost.DMatrix(x, y), 3)
    trees.save_model(folder / "model.json")
    trees.save_model(folder / "model.ubj")
    grow_catboost(x, y).save_model(str(folder / "model.cbm"))
    save(graph(), folder / "model.onnx")
    for name in ("model.keras", "model.h5"):
        shutil.copy(networks / name, folder)
    (folder / "model.py").write_text("def predict(live):\n    return live['feature_000'] / 4")
    shutil.copytree(folder, folder / "my", ignore=lambda _, names: {*names} - {"model.py"})
    shutil.make_archive(str(folder / "my"), "zip", folder / "my")
    y.rename("prediction").to_csv(folder / "finished.csv")
    y.to_frame("prediction").to_parquet(folder / "finished.parquet")
    return {path.name: path for path in folder.iterdir()}


def grow_catboost(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return catboost.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False).fit(
            x, y
        )


def graph():
    info = helper.make_tensor_value_info
    inputs = [info(name, TensorProto.FLOAT, ["N", 1]) for name in USED]
    nodes = [helper.make_node("Sum", USED, ["y"])]
    drawn = helper.make_graph(nodes, "graph", inputs, [info("y", TensorProto.FLOAT, ["N", 1])])
    return helper.make_model(drawn, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


BY_NAME = {
    "model.pkl": "pickle",
    "model.joblib": "joblib",
    "model.txt": "lightgbm",
    "model.json": "xgboost",
    "model.ubj": "xgboost",
    "model.cbm": "catboost",
    "model.onnx": "onnx",
    "model.keras": "keras",
    "model.h5": "keras",
    "model.py": "python",
    "my": "python",
    "my.zip": "python",
    "finished.csv": "predictions",
    "finished.parquet": "predictions",
}


def test_every_format_is_here():
    assert set(BY_NAME.values()) == set(FORMATS)


def test_every_format_runs_in_one_process_and_taints_it_for_none(own_worker, round_: Round, zoo):
    # The largest library comes first, so that its size counts as the process's own.
    turns = [("model.keras", "keras"), *BY_NAME.items(), *reversed(BY_NAME.items())]
    pids = set()
    for name, format in turns:
        features = USED if format == "keras" else None
        assert round_.predict(own_worker, zoo[name], format=format, features=features).rows, name
        pids.add(pid_of(own_worker, round_))
    assert len(pids) == 1


@pytest.mark.parametrize(("name", "format"), BY_NAME.items())
def test_a_file_is_told_by_its_content(zoo, name, format):
    assert looks_like(zoo[name]) == format


@pytest.mark.parametrize(("name", "format"), BY_NAME.items())
@pytest.mark.parametrize("wrong", ["pickle", "joblib", "lightgbm", "xgboost", "catboost", "onnx"])
def test_a_wrong_format_is_answered_by_the_right_one(zoo, name, format, wrong):
    if wrong == format or (wrong, format) == ("joblib", "pickle"):  # joblib reads pickles
        return
    with pytest.raises(Fault) as caught:
        load(zoo[name], wrong)
    assert caught.value.hint == f"it looks like {format}: set `format: {format}`"
    assert "library versions" not in " ".join(caught.value.why)


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"hello", b"PK\x03\x04", b"\x08"])
def test_what_no_format_looks_like_is_not_guessed(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert looks_like(tmp_path / "file") is None
    assert looks_like(tmp_path / "nothing") is None
    assert looks_like(tmp_path) is None


@pytest.fixture
def environ(monkeypatch) -> dict[str, str]:
    own: dict[str, str] = {"OMP_NUM_THREADS": "2"}
    monkeypatch.setattr(os, "environ", own)
    return own


def test_libraries_are_held_to_the_environments_threads(environ):
    assert environment.threads() == 2
    environment.choose_backend()
    assert environ["NPROC"] == environ["TF_NUM_INTRAOP_THREADS"] == "2"
    environ["OMP_NUM_THREADS"] = "4,2"
    assert environment.threads() == 0


def test_the_environment_chooses_the_backend_of_keras_else_what_is_installed(environ):
    environ["KERAS_BACKEND"] = "torch"
    environment.choose_backend()
    assert environ["KERAS_BACKEND"] == "torch"
    del environ["KERAS_BACKEND"]
    environment.choose_backend()
    assert environ["KERAS_BACKEND"] in environment.BACKENDS


def test_a_model_process_may_be_told_the_backend(tmp_path):
    given = worker_environment({"KERAS_BACKEND": "jax"}, threads=1, home=tmp_path)
    assert given["KERAS_BACKEND"] == "jax"


def test_numbers_of_a_graph_by_feature_names(worker, round_: Round, zoo):
    round_.predict(worker, zoo["model.onnx"], format="onnx")
    expected = pd.read_parquet(round_.live)[USED].sum(axis=1)
    np.testing.assert_array_equal(round_.answers(), expected)
