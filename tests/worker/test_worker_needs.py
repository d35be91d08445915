"""What a model asks for is told from the model itself."""

from __future__ import annotations

import functools
import warnings

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from job.worker.faults import Fault
from job.worker.needs import Needs, needs_of

COLUMNS = ["feature_b", "feature_a", "feature_c"]
X = pd.DataFrame(np.random.default_rng(1).random((60, 3)), columns=COLUMNS)
Y = X.sum(axis=1).to_numpy()


def one(live_features):
    return live_features


def two(live_features, live_benchmark_models):
    return live_features, live_benchmark_models


def optional_benchmarks(live_features, live_benchmark_models=None):
    return live_features, live_benchmark_models


def default_of_its_own(live_features, scale=0.5):
    return live_features, scale


def anything(*args, **kwargs):
    return args, kwargs


@functools.wraps(two)
def decorated(*args):
    return two(*args)


def three(live_features, live_benchmark_models, model):
    return live_features, live_benchmark_models, model


class Called:
    def __call__(self, live_features, live_benchmark_models):
        return live_features


def lgb(values=X, **settings):
    model = lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=2, verbose=-1, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of LightGBM with scikit-learn 1.6
        return model.fit(values, Y)


@pytest.mark.parametrize(
    ("function", "benchmarks"),
    [
        (one, False),
        (two, True),
        (optional_benchmarks, True),
        (default_of_its_own, False),
        (anything, False),
        (decorated, True),
        (functools.partial(three, model=1), True),
        (functools.partial(two, live_benchmark_models=None), False),
        (Called(), True),
        (lgb().predict, False),
    ],
)
def test_a_functions_parameters_tell_whether_it_takes_benchmarks(function, benchmarks):
    assert needs_of(function, None) == Needs("function", None, benchmarks=benchmarks)


def test_a_function_with_features_gets_these_and_era():
    assert needs_of(one, ["b", "a"]).columns == ("era", "b", "a")


@pytest.mark.parametrize("function", [three, lambda: 0, lambda x, *, model: 0])
def test_a_function_of_another_signature_is_refused_with_its_parameters(function):
    with pytest.raises(Fault) as caught:
        needs_of(function, None)
    assert "not (live_features[, live_benchmark_models])" in caught.value.what


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression().fit(X, Y),
        make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y),
        lgb(),
        lgb().booster_,
    ],
)
def test_an_object_gets_the_columns_it_was_trained_on_in_its_order(model):
    assert needs_of(model, None) == Needs("object", tuple(COLUMNS))
    assert needs_of(model, sorted(COLUMNS)).columns == tuple(COLUMNS)


@pytest.mark.parametrize(
    "trained_on_array", [LinearRegression().fit(X.to_numpy(), Y), lgb(X.to_numpy())]
)
def test_an_object_trained_on_an_array_takes_features_in_the_order_given(trained_on_array):
    assert needs_of(trained_on_array, COLUMNS) == Needs("object", tuple(COLUMNS), array=True)
    with pytest.raises(Fault) as caught:
        needs_of(trained_on_array, None)
    assert caught.value.why == ("it takes 3 features and has no names for them",)
    with pytest.raises(Fault) as caught:
        needs_of(trained_on_array, COLUMNS[:2])
    assert caught.value.what == "the model takes 3 features, `features` has 2"


def test_a_users_own_object_gets_a_frame_of_the_features_given():
    class Own:
        def predict(self, frame):
            return frame

    assert needs_of(Own(), ["a"]) == Needs("object", ("a",))
    with pytest.raises(Fault) as caught:
        needs_of(Own(), None)
    assert "set `features`" in caught.value.hint


def test_features_that_differ_from_the_training_are_counted_and_named():
    with pytest.raises(Fault) as caught:
        needs_of(lgb(), ["feature_a", "feature_x", "feature_y"])
    assert caught.value.why == (
        "2 missing from `features`: feature_b, feature_c",
        "2 in `features` but not in the model: feature_x, feature_y",
    )


@pytest.mark.parametrize(
    ("thing", "said"), [({"a": 1}, "holds a dict"), (LinearRegression, "class LinearRegression")]
)
def test_a_file_that_holds_no_model_says_what_it_holds(thing, said):
    with pytest.raises(Fault) as caught:
        needs_of(thing, None)
    assert said in caught.value.what
