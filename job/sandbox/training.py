"""Small models, trained in about a second on synthetic data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

LIGHTGBM: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.1,
    "max_bin": 5,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


def training_data(
    names: Sequence[str], *, rows: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series[float]]:
    """`rows` x `len(names)` int8 features 0..4, and a target in [0.2, 0.8] with a faint signal.

    The target's bounds keep what a model learns from it within [0, 1].
    """
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, size=(rows, len(names)), dtype=np.int8)
    weights = rng.normal(size=len(names)) / len(names) ** 0.5
    target = 0.5 + 0.05 * ((values - 2) @ weights) + rng.normal(scale=0.05, size=rows)
    frame = pd.DataFrame(values, columns=list(names))
    return frame, pd.Series(target.clip(0.2, 0.8), name="target")


def train_booster(names: Sequence[str], *, trees: int = 100, seed: int = 0) -> lightgbm.Booster:
    """A LightGBM booster over the features `names`."""
    features, target = training_data(names, seed=seed)
    data = lightgbm.Dataset(features, target, params={"max_bin": 5})
    return lightgbm.train({**LIGHTGBM, "seed": seed}, data, num_boost_round=trees)


def train_regressor(
    names: Sequence[str], *, trees: int = 100, seed: int = 0
) -> lightgbm.LGBMRegressor:
    """The same through LightGBM's scikit-learn interface."""
    features, target = training_data(names, seed=seed)
    settings = {name: value for name, value in LIGHTGBM.items() if name != "num_threads"}
    model = lightgbm.LGBMRegressor(**settings, n_estimators=trees, n_jobs=1, random_state=seed)
    # One thread suits training on so little; how many predict is left to whoever loads it.
    return model.fit(features, target).set_params(n_jobs=None)


def train_forest(names: Sequence[str], *, seed: int = 0) -> RandomForestRegressor:
    """A scikit-learn forest; as a mean of targets its predictions lie within [0.2, 0.8]."""
    features, target = training_data(names, seed=seed)
    return RandomForestRegressor(
        n_estimators=30, max_depth=6, max_features=0.3, random_state=seed, n_jobs=1
    ).fit(features, target)


def blend_with_benchmark() -> Callable[..., Any]:
    """A function for Numerai's model upload, with both arguments.

    It is made in here so that cloudpickle takes it by value: where it is read, no module of this
    project is there.
    """

    def predict(live_features: Any, live_benchmark_models: Any) -> Any:
        features = [name for name in live_features.columns if name.startswith("feature_")]
        own = live_features[features].mean(axis=1).rank(pct=True)
        benchmark = live_benchmark_models["v53_lgbm_ender20"].reindex(own.index).rank(pct=True)
        return (0.4 * own + 0.6 * benchmark).rank(pct=True).to_frame("prediction")

    return predict


def wants_a_feature_that_is_gone() -> Callable[..., Any]:
    """A function that was made for an older data version, and fails on this one with a KeyError."""

    def predict(live_features: Any) -> Any:
        chosen = live_features[["feature_antistrophic_striate_conscriptionist"]]
        return chosen.mean(axis=1).rank(pct=True).to_frame("prediction")

    return predict
