"""What models are given, and what becomes of their answers: real processes, real pickles."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from worker_round import (
    ROWS,
    SECRETS,
    WIDE,
    first_feature,
    pid_of,
    process_id,
)

from job.errors import ModelError
from job.workers import Needs, worker_environment

cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.filterwarnings("ignore:'force_all_finite' was renamed:FutureWarning")


def test_a_function_gets_the_whole_frame_and_its_answer_becomes_a_csv(worker, round_, files):
    def predict(live_features):
        assert list(live_features.columns[:2]) == ["era", "feature_000"]
        assert len(live_features.columns) == 121
        return live_features[["feature_001"]] / 7

    predicted = round_.predict(worker, predict)
    expected = pd.read_parquet(files[0])["feature_001"] / 7
    assert predicted.rows == ROWS
    assert set(predicted.seconds) == {"load", "decode", "predict", "write"}
    assert list(round_.answers().index) == list(expected.index)
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)


def test_benchmarks_reach_a_function_of_two_parameters(worker, round_, files):
    def predict(live_features, live_benchmark_models):
        return live_benchmark_models.rename(columns={"v53_lgbm_ender20": "prediction"})

    artifact = round_.save(predict)
    needs = worker.load(artifact, format="pickle", features=None, timeout=30, memory=None)
    assert needs == Needs("function", None, benchmarks=True)
    worker.predict(round_.live, round_.benchmarks, round_.out, timeout=30, memory=None)
    expected = pd.read_parquet(files[1])["v53_lgbm_ender20"]
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)
    error = round_.fails(worker, lambda live, bench: 1 / 0)
    assert "ZeroDivisionError" in error.what


def test_benchmarks_that_are_not_given_are_missed_by_name(worker, round_):
    worker.load(
        round_.save(lambda live, benchmarks: live),
        format="pickle",
        features=None,
        timeout=30,
        memory=None,
    )
    with pytest.raises(ModelError, match="live_benchmark_models"):
        worker.predict(round_.live, None, round_.out, timeout=30, memory=None)


def test_an_object_gets_only_the_columns_it_was_trained_on(worker, round_, files):
    columns = ["feature_007", "feature_003"]
    live = pd.read_parquet(files[0])
    model = LinearRegression().fit(live[columns], live["feature_003"])
    predicted = round_.predict(worker, model)
    assert predicted.decoded == 2
    np.testing.assert_allclose(round_.answers(), live["feature_003"], atol=1e-9)


def test_every_format_gives_the_same_predictions(worker, round_, files):
    live = pd.read_parquet(files[0])
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1)
    model.fit(live[WIDE[:9]], live["feature_001"])
    joblib.dump(model, round_.folder / "model.joblib", compress=3)
    model.booster_.save_model(round_.folder / "model.txt")
    answers = []
    for thing, format in (
        (model, "pickle"),
        (model.booster_, "pickle"),
        (round_.folder / "model.joblib", "joblib"),
        (round_.folder / "model.txt", "lightgbm"),
    ):
        round_.predict(worker, thing, format=format)
        answers.append(round_.out.read_bytes())
    assert len(set(answers)) == 1


def test_an_object_trained_on_an_array_is_given_an_array(worker, round_, files):
    live = pd.read_parquet(files[0])
    model = LinearRegression().fit(live[WIDE[:3]].to_numpy(), live["feature_001"])
    assert round_.predict(worker, model, features=WIDE[:3]).rows == ROWS
    error = round_.fails(worker, model)
    assert "set `features`" in error.hint


def test_a_column_set_is_decoded_once_for_all_its_models(own_worker, round_):
    decoded = [round_.predict(own_worker, first_feature).decoded for _ in range(3)]
    assert decoded == [121, 0, 0]


def test_a_changed_input_does_not_reach_the_next_model(worker, round_, files):
    def vandal(live_features):
        live_features.iloc[:, 1:] = 99
        live_features.drop(live_features.index[5:], inplace=True)
        live_features.index.name = "x"
        live_features.columns = [f"c{i}" for i in range(live_features.shape[1])]
        raise ValueError("done")

    error = round_.fails(worker, vandal)
    assert error.what == "the model raised ValueError: done"
    expected = pd.read_parquet(files[0])["feature_000"] / 4
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)


def test_what_a_model_changes_in_its_process_does_not_reach_the_next(worker, round_):
    home = pid_of(worker, round_)

    def vandal(live_features):
        import warnings

        os.chdir("/")
        os.environ.clear()
        sys.path.clear()
        warnings.simplefilter("error")
        sys.setrecursionlimit(60)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        sys.stdout.close()
        sys.stderr.close()
        return first_feature(live_features)

    def careful(live_features):
        import warnings

        time.sleep(0.3)
        warnings.warn("harmless", stacklevel=2)
        print("still there")
        folder = os.getcwd()  # noqa: PTH109
        assert folder == os.environ["HOME"]
        assert sys.path
        return process_id(live_features)

    round_.predict(worker, vandal)
    round_.predict(worker, careful)
    assert round_.answers().iloc[0] == home


def test_no_credential_reaches_model_code(worker, round_):
    seen = str(round_.folder / "environment.json")

    def predict(live_features):
        found = {"environ": dict(os.environ), "argv": sys.argv[1:]}
        Path(seen).write_text(json.dumps(found))
        return first_feature(live_features)

    round_.predict(worker, predict)
    found = json.loads(Path(seen).read_text())
    assert "s3cret" not in json.dumps(found)
    assert not set(SECRETS) & set(found["environ"])
    assert found["environ"]["OMP_NUM_THREADS"] == "1"
    assert found["argv"] == []


def test_the_environment_is_an_allow_list(tmp_path):
    environ = {**SECRETS, "PATH": "/bin", "LC_ALL": "C", "HOME": "/root", "ANYTHING": "x"}
    environment = worker_environment(environ, threads=3, home=tmp_path)
    assert environment["HOME"] == environment["TMPDIR"] == str(tmp_path)
    assert environment["OPENBLAS_NUM_THREADS"] == "3"
    kept = {name for name in environ if environment.get(name) == environ[name]}
    assert kept == {"PATH", "LC_ALL"}
