"""Boosted trees predict from their own files exactly what their libraries predict."""

from __future__ import annotations

import warnings

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from worker_round import WIDE

USED = [WIDE[i] for i in (17, 3, 101, 44, 8)]  # not in live's order
SMALL = {"verbose": -1, "num_threads": 1, "seed": 1}
CAT = {"iterations": 8, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


@pytest.fixture(scope="module")
def live(files) -> pd.DataFrame:
    return pd.read_parquet(files[0])


@pytest.fixture(scope="module")
def target(live) -> np.ndarray:
    noise = np.random.default_rng(5).random(len(live))
    return np.asarray((live[USED[0]] / 4 + live[USED[1]] / 8 + noise) / 2.5)


def grown_lightgbm(x, y, **settings):
    return lightgbm.train({**SMALL, **settings}, lightgbm.Dataset(x, y), 8)


def grown_xgboost(x, y, **settings):
    settings = {"nthread": 1, "seed": 1, "verbosity": 0, **settings}
    return xgboost.train(settings, xgboost.DMatrix(x, y), 8)


def grown_catboost(x, y, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return catboost.CatBoost({**CAT, **settings}).fit(x, y)


@pytest.mark.parametrize("name", ["model.txt", "model.lgb"])
@pytest.mark.parametrize("objective", ["regression", "binary"])
def test_lightgbm(worker, round_, live, target, name, objective):
    y = target > 0.5 if objective == "binary" else target
    booster = grown_lightgbm(live[USED], y, objective=objective)
    booster.save_model(round_.folder / name)
    predicted = round_.predict(worker, round_.folder / name, format="lightgbm")
    assert predicted.decoded in (0, len(USED))
    np.testing.assert_array_equal(round_.answers(), booster.predict(live[USED]))


@pytest.mark.parametrize("name", ["model.json", "model.ubj", "model"])
@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic"])
def test_xgboost(worker, round_, live, target, name, booster, objective):
    y = target > 0.5 if objective == "binary:logistic" else target
    model = grown_xgboost(live[USED], y, booster=booster, objective=objective)
    artifact = round_.folder / name
    artifact.write_bytes(model.save_raw("json" if name == "model.json" else "ubj"))
    round_.predict(worker, artifact, format="xgboost")
    expected = model.predict(xgboost.DMatrix(live[USED])).astype(float)
    np.testing.assert_array_equal(round_.answers(), expected)


def test_xgboost_stops_at_the_best_iteration_as_its_wrapper_does(worker, round_, live, target):
    model = xgboost.XGBRegressor(n_estimators=40, early_stopping_rounds=2, max_depth=5, n_jobs=1)
    other = np.random.default_rng(2).random(len(target))
    model.fit(live[USED], target, eval_set=[(live[USED], other)], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    model.save_model(round_.folder / "model.ubj")
    round_.predict(worker, round_.folder / "model.ubj", format="xgboost")
    np.testing.assert_array_equal(round_.answers(), model.predict(live[USED]).astype(float))


def test_catboost(worker, round_, live, target):
    model = grown_catboost(live[USED], target)
    model.save_model(str(round_.folder / "model.cbm"))
    round_.predict(worker, round_.folder / "model.cbm", format="catboost")
    np.testing.assert_array_equal(round_.answers(), model.predict(live[USED]))


@pytest.mark.parametrize("loss", ["Logloss", "CrossEntropy"])
def test_a_catboost_classifier_gives_the_probability_of_its_second_class(
    worker, round_, live, target, loss
):
    model = grown_catboost(live[USED], (target > 0.5).astype(int), loss_function=loss)
    model.save_model(str(round_.folder / "model.cbm"))
    round_.predict(worker, round_.folder / "model.cbm", format="catboost")
    expected = model.predict(live[USED], prediction_type="Probability")[:, 1]
    np.testing.assert_array_equal(round_.answers(), expected)


def test_a_catboost_classifier_of_more_classes_is_refused(worker, round_, live):
    model = grown_catboost(live[USED], live[USED[0]].to_numpy(), loss_function="MultiClass")
    model.save_model(str(round_.folder / "model.cbm"))
    error = round_.fails(worker, round_.folder / "model.cbm", format="catboost")
    assert error.what == "the model is a classifier of 5 classes"


def test_catboost_with_categories_is_refused(worker, round_, live, target):
    model = grown_catboost(live[USED].astype(str), target, cat_features=[0])
    model.save_model(str(round_.folder / "model.cbm"))
    error = round_.fails(worker, round_.folder / "model.cbm", format="catboost")
    assert "categories or text" in error.what


@pytest.mark.parametrize(
    ("format", "multiclass"),
    [("lightgbm", {"objective": "multiclass"}), ("xgboost", {"objective": "multi:softprob"})],
)
def test_several_numbers_a_row_are_refused(worker, round_, live, format, multiclass):
    grow = {"lightgbm": grown_lightgbm, "xgboost": grown_xgboost}[format]
    model = grow(live[USED], live[USED[0]].to_numpy(), num_class=5, **multiclass)
    artifact = round_.folder / ("model.txt" if format == "lightgbm" else "model.json")
    model.save_model(artifact)
    error = round_.fails(worker, artifact, format=format)
    assert error.what == "the model gives 5 numbers a row"


GROWN_ON_AN_ARRAY = [
    ("lightgbm", "model.txt", grown_lightgbm),
    ("xgboost", "model.json", grown_xgboost),
    ("catboost", "model.cbm", grown_catboost),
]


@pytest.mark.parametrize(("format", "name", "grow"), GROWN_ON_AN_ARRAY)
def test_grown_on_an_array_it_takes_features_in_the_order_given(
    worker, round_, live, target, format, name, grow
):
    grow(live[USED].to_numpy(), target).save_model(str(round_.folder / name))
    artifact = round_.folder / name
    round_.predict(worker, artifact, format=format, features=USED)
    unnamed = round_.answers()
    error = round_.fails(worker, artifact, format=format, features=USED[:4])
    assert error.what == "the model takes 5 features, `features` has 4"
    error = round_.fails(worker, artifact, format=format)
    assert "set `features`" in error.hint
    grow(live[USED], target).save_model(str(artifact))
    round_.predict(worker, artifact, format=format)
    np.testing.assert_array_equal(unnamed, round_.answers())


@pytest.mark.parametrize(("format", "name", "grow"), GROWN_ON_AN_ARRAY)
def test_a_feature_that_live_lacks_and_a_damaged_file_are_the_models_failure(
    worker, round_, live, target, format, name, grow
):
    artifact = round_.folder / name
    gone = [*USED[:4], "feature_gone"]
    grow(live[USED].set_axis(gone, axis=1), target).save_model(str(artifact))
    assert "`feature_gone`" in round_.fails(worker, artifact, format=format).why[0]
    artifact.write_bytes(artifact.read_bytes()[:900])
    error = round_.fails(worker, artifact, format=format)
    assert error.why[0].startswith(("likely damaged", "likely truncated"))
    assert "upload" in error.hint
