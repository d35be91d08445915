"""Boosted trees in the files of the libraries that grew them."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..batches import RowModel
from ..faults import Fault
from .environment import threads

END = b"\nend of trees"
Rows = Callable[[pd.DataFrame], Any]


def load_lightgbm(path: Path) -> RowModel:
    """A LightGBM booster from its text file; gives what `Booster.predict` gives."""
    import lightgbm

    _check_end(path)
    booster = lightgbm.Booster(model_file=str(path))
    names = tuple(booster.feature_name())
    return RowModel(booster.predict, names, len(names), cell=8)


def load_xgboost(path: Path) -> RowModel:
    """An XGBoost booster from JSON or UBJSON, whatever its suffix.

    Where the file holds the best iteration of an early stopping, it predicts up to that, as the
    scikit-learn wrapper that saved it does.
    """
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(path.read_bytes()))
    booster.set_param({"nthread": threads()})
    names = None if booster.feature_names is None else tuple(booster.feature_names)
    return RowModel(_xgboost_rows(booster), names, int(booster.num_features()), cell=16)


def load_catboost(path: Path) -> RowModel:
    """A CatBoost model. A classifier gives the probability of the second of its two classes."""
    import catboost

    model = catboost.CatBoost()
    model.load_model(str(path))
    names = tuple(model.feature_names_)
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        hint = "save a function by cloudpickle that prepares its columns"
        raise Fault("load", "the model has features that are categories or text", (), hint)
    return RowModel(_catboost_rows(model), names, len(names), cell=8)


def _check_end(path: Path) -> None:
    """LightGBM ends the process (SIGABRT) where a tree is cut off."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if text[:4] == b"tree" and text.rfind(END) < 0:
            why = ("likely truncated: it ends before its trees do",)
            raise Fault("load", f"{path.name} is not complete", why, "upload the model again")


def _xgboost_rows(booster: Any) -> Rows:
    from xgboost import DMatrix

    best = booster.attributes().get("best_iteration")
    until = (0, 0) if best is None else (0, int(best) + 1)

    def rows(live: pd.DataFrame) -> Any:
        values = live.to_numpy(dtype=np.float32)
        matrix = DMatrix(values, feature_names=booster.feature_names, nthread=threads() or -1)
        return booster.predict(matrix, iteration_range=until, validate_features=False)

    return rows


def _catboost_rows(model: Any) -> Rows:
    classes = len(model.classes_)
    if classes > 2:
        what = f"the model is a classifier of {classes} classes"
        raise Fault("load", what, (), "save a regressor, or a function that weighs the classes")
    kind = "Probability" if classes else "RawFormulaVal"

    def rows(live: pd.DataFrame) -> Any:
        values = live.to_numpy(dtype=np.float32)
        given = model.predict(values, prediction_type=kind, thread_count=threads() or -1)
        return given[:, 1] if classes else given

    return rows
