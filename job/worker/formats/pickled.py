"""Pickles of functions and objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def load_pickle(path: Path) -> Any:
    """A pickle, by pickle or cloudpickle; objects of older pandas as `pandas.read_pickle`."""
    import pickle

    import pandas as pd

    try:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301  the parent has checked its digest
    except (AttributeError, ImportError, TypeError) as error:
        try:  # as Numerai's own runner reads it
            return pd.read_pickle(path, compression=None)  # noqa: S301
        except Exception:  # noqa: BLE001
            raise error from None


def load_joblib(path: Path) -> Any:
    """A `joblib.dump`, compressed or not."""
    import joblib

    return joblib.load(path)
