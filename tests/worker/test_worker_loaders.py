"""A file that cannot be loaded says why, as far as anyone can tell."""

from __future__ import annotations

import pickle
import sys
import types

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from job.worker.faults import Fault, explain
from job.worker.formats import FORMATS, load

X = pd.DataFrame({"feature_a": np.arange(30.0), "feature_b": np.arange(30.0) % 7})
MODEL = LinearRegression().fit(X, X["feature_a"])


class Raises:
    """Raises whatever it is told, when it is unpickled."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return _raise, (self.error,)


def _raise(error):
    raise error


def fault_of(path, format="pickle"):
    with pytest.raises(Fault) as caught:
        load(path, format)
    assert caught.value.stage == "load"
    return caught.value


@pytest.mark.parametrize("compress", [0, 3, ("xz", 3)])
def test_joblib_files_load_compressed_or_not(tmp_path, compress):
    path = tmp_path / "model.joblib"
    joblib.dump(MODEL, path, compress=compress)
    assert load(path, "joblib").predict(X)[3] == pytest.approx(3)
    if compress:
        assert "joblib" in fault_of(path).hint


def test_a_lightgbm_text_file_knows_its_features(tmp_path):
    path = tmp_path / "model.txt"
    settings = {"verbose": -1, "min_data_in_leaf": 2}
    lightgbm.train(settings, lightgbm.Dataset(X, X["feature_a"]), 2).save_model(path)
    assert load(path, "lightgbm").names == ("feature_a", "feature_b")
    assert fault_of(path).hint == "it looks like lightgbm: set `format: lightgbm`"


@pytest.mark.parametrize("format", list(FORMATS))
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", pickle.dumps(MODEL)[:200]])
def test_an_empty_foreign_or_truncated_file_is_a_fault_in_every_format(tmp_path, format, content):
    path = tmp_path / "model"
    path.write_bytes(content)
    fault = fault_of(path, format)
    assert "other library versions" not in " ".join(fault.why)
    assert fault.what


def test_a_missing_file_is_a_fault(tmp_path):
    assert "No such file" in fault_of(tmp_path / "nothing").what


def test_an_unknown_format_names_the_known_ones(tmp_path):
    assert fault_of(tmp_path, "pmml").why == (f"known: {', '.join(FORMATS)}",)


def test_a_missing_library_is_named_as_it_is_installed(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cxgboost_missing.sklearn\nXGBModel\n.")
    fault = fault_of(path)
    assert fault.what == "the model needs xgboost_missing"
    assert "install xgboost_missing in this runtime" in fault.hint
    wanted = explain(ModuleNotFoundError("No module named 'skimage'", name="skimage"), "predict")
    assert wanted.what == "the model needs scikit-image"


def test_a_module_that_a_library_no_longer_has_speaks_of_versions(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cnumpy.linalg.moved\nnorm\n.")
    fault = fault_of(path)
    assert "No module named 'numpy.linalg.moved'" in fault.what
    assert "likely made with another Python or other library versions" in fault.why[0]
    assert f"numpy {np.__version__}" in fault.why[0]


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), RecursionError("deep"), MemoryError(), TypeError()],
)
def test_whatever_unpickling_raises_is_a_fault(tmp_path, error):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Raises(error)))
    assert fault_of(path).what


def test_objects_of_an_older_pandas_load_as_pandas_reads_them(tmp_path, monkeypatch):
    module = types.ModuleType("pandas.core.indexes.numeric")
    module.Int64Index = type("Int64Index", (), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    content = pickle.dumps(module.Int64Index)
    monkeypatch.delitem(sys.modules, module.__name__)
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    assert load(path, "pickle") is pd.Index


def test_a_fault_travels_as_json():
    message = Fault("load", "what", ("why",), "hint", ("line",)).as_message()
    assert message == {
        "stage": "load",
        "what": "what",
        "why": ("why",),
        "hint": "hint",
        "traceback": ("line",),
        "disk": False,
    }
