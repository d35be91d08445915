"""Made `upload-3.12.pkl`: what a user gives to Numerai's model upload, and no part of this project.

Run with Python 3.12 and the versions of job/runtimes/numerai-3.12.txt, plainly installed:

    python tests/image/make_upload.py tests/image/upload-3.12.pkl
"""

import sys
from pathlib import Path

import cloudpickle
import lightgbm
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COLUMNS = 30


def make():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, size=(500, COLUMNS)).astype(np.float32)
    target = values @ rng.normal(size=COLUMNS) + rng.normal(size=500)
    models = [
        make_pipeline(StandardScaler(), Ridge()),
        HistGradientBoostingRegressor(max_iter=20),
        lightgbm.LGBMRegressor(n_estimators=20, num_leaves=7, verbosity=-1),
    ]
    for model in models:
        model.fit(values, target)

    def predict(live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> pd.DataFrame:
        features = live_features.filter(like="feature_").iloc[:, :COLUMNS]
        matrix = features.to_numpy(dtype=np.float32)
        ranks = [stats.rankdata(model.predict(matrix)) for model in models]
        ranks.append(live_benchmark_models.iloc[:, 0].reindex(features.index).rank().to_numpy())
        blend = stats.rankdata(np.mean(ranks, axis=0)) / (len(features) + 1)
        return pd.DataFrame({"prediction": blend}, index=features.index)

    return predict


Path(sys.argv[1]).write_bytes(cloudpickle.dumps(make()))
