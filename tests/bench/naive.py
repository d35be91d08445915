"""The job as a plain script does it, model by model: `python naive.py MODELS_DIR`.

Nothing is slowed down on purpose. numerapi keeps what it has downloaded, so that live data come
over the line once; they are asked for and read for every model, as a loop of this kind does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numerapi
import pandas as pd
from numerapi import base_api

LIVE = "v5.3/live.parquet"


def submit(api: numerapi.NumerAPI, name: str, models_dir: Path) -> None:
    """Submits one model, unless it has been submitted in the current round."""
    model_id = api.get_models()[name]
    current = api.get_current_round()
    if api.get_submission_filenames(round_num=current, model_id=model_id):
        return
    api.download_dataset(LIVE, LIVE)
    live = pd.read_parquet(LIVE)
    model = load(models_dir, name)
    predictions = model.predict(live[features_of(model)])
    path = f"{name}.csv"
    pd.DataFrame({"prediction": predictions}, index=live.index).to_csv(path)
    api.upload_predictions(path, model_id=model_id)


def load(models_dir: Path, name: str) -> Any:
    """A booster from its text file, or whatever joblib has kept."""
    text = models_dir / f"{name}.txt"
    if text.exists():
        return lightgbm.Booster(model_file=text)
    return joblib.load(models_dir / f"{name}.joblib")


def features_of(model: Any) -> list[str]:
    """The columns that the model was trained on."""
    if isinstance(model, lightgbm.Booster):
        return model.feature_name()
    return list(model.feature_name_)


def main() -> None:
    """Submits every model of the account."""
    base_api.API_TOURNAMENT_URL = os.environ["NUMERAI_API_URL"]
    api = numerapi.NumerAPI(show_progress_bars=False)  # type: ignore[no-untyped-call]
    for name in sorted(api.get_models()):
        submit(api, name, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
