"""Real artifacts of every format, made by the real libraries, trained on noise.

A program of its own, so that a test needs none of the libraries in its process:
`python -m tests.e2e.zoo FOLDER NAMES`, where NAMES is a JSON list of features.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FILES = {
    "pickle": "upload.pkl",
    "joblib": "ridge.joblib",
    "lightgbm": "booster.txt",
    "xgboost": "booster.ubj",
    "catboost": "booster.cbm",
    "onnx": "ridge.onnx",
    "keras": "network.keras",
    "python": "folder",
}
"""By format, what is written; the ninth, `predictions`, is a file of the round's own ids."""

MODEL = """
import ranks

class Model:
    def predict(self, live, **context):
        return ranks.of(live, context["round"])
"""
RANKS = """
def of(live, shift):
    place = (live.index.to_series().map(hash) + shift) % 10_007
    return place.rank(pct=True).to_frame("prediction")
"""


def write_zoo(folder: Path, features: list[str]) -> dict[str, Path]:
    """Has the artifacts written by a process of their own; gives their paths by format."""
    names = folder / "names.json"
    names.write_text(json.dumps(features))
    command = [sys.executable, "-W", "ignore", "-m", "tests.e2e.zoo", str(folder), str(names)]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    made = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-4000:]
    return {name: folder / file for name, file in FILES.items()}


def _write(folder: Path, features: list[str]) -> None:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(7)
    values = rng.integers(0, 5, (500, len(features)), dtype=np.int8)
    x = pd.DataFrame(values, columns=features)
    y = pd.Series(rng.integers(0, 5, 500) / 4.0)
    _pickles(folder, x, y)
    _boosters(folder, x, y)
    _networks(folder, x, y)
    code = folder / FILES["python"]
    code.mkdir()
    (code / "model.py").write_text(MODEL)
    (code / "ranks.py").write_text(RANKS)


def _pickles(folder: Path, x: Any, y: Any) -> None:
    import cloudpickle
    import joblib
    from sklearn.linear_model import Ridge

    def predict(live_features: Any) -> Any:
        mean = live_features[list(x.columns)].mean(axis=1)
        return mean.rank(pct=True).to_frame("prediction")

    (folder / FILES["pickle"]).write_bytes(cloudpickle.dumps(predict))
    joblib.dump(Ridge().fit(x, y), folder / FILES["joblib"])


def _boosters(folder: Path, x: Any, y: Any) -> None:
    import catboost
    import lightgbm
    import xgboost

    lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 5).save_model(
        folder / FILES["lightgbm"]
    )
    xgboost.train({"nthread": 1}, xgboost.DMatrix(x, y), 5).save_model(folder / FILES["xgboost"])
    catboost.CatBoostRegressor(
        iterations=5, verbose=False, allow_writing_files=False, thread_count=1
    ).fit(x, y).save_model(folder / FILES["catboost"])


def _networks(folder: Path, x: Any, y: Any) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import Ridge

    graph = to_onnx(Ridge().fit(x, y), x[:1].to_numpy("float32"))
    (folder / FILES["onnx"]).write_bytes(graph.SerializeToString())
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    network = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Dense(1, "sigmoid")])
    network.save(folder / FILES["keras"])


if __name__ == "__main__":
    _write(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
