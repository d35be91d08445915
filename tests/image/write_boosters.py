"""Trains XGBoost models: ``write_boosters.py FOLDER FEATURE...``: a booster and a pickle.

Runs in a container, with each of the image's interpreters.
"""

import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import xgboost


def as_upload(booster, names):
    """What Numerai's model upload takes."""

    def predict(live_features):
        matrix = xgboost.DMatrix(live_features[names])
        found = pd.Series(booster.predict(matrix), index=live_features.index)
        return found.rank(pct=True).to_frame("prediction")

    return predict


folder, *names = sys.argv[1:]
rng = np.random.default_rng(7)
values = pd.DataFrame(rng.integers(0, 5, (300, len(names)), dtype=np.int8), columns=names)
target = values.mean(axis=1) / 4 + rng.normal(scale=0.01, size=300)
booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(values, target), 5)
booster.save_model(Path(folder, "booster.ubj"))
Path(folder, "upload.pkl").write_bytes(cloudpickle.dumps(as_upload(booster, names)))
