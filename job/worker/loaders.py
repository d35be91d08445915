"""One function per file format: a path in, the model out.

A further format is one more function and its line in FORMATS. Libraries are imported when a file
of their format comes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .faults import Fault, stage


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


def load_lightgbm(path: Path) -> Any:
    """A LightGBM booster from its text file."""
    import lightgbm

    return lightgbm.Booster(model_file=str(path))


FORMATS: dict[str, Callable[[Path], Any]] = {
    "pickle": load_pickle,
    "joblib": load_joblib,
    "lightgbm": load_lightgbm,
}


def load(path: Path, format: str) -> Any:
    """Load a model. Raises Fault, whatever the file or the model's own code does."""
    loader = FORMATS.get(format)
    if loader is None:
        raise Fault("load", f"unknown format {format!r}", (f"known: {', '.join(FORMATS)}",))
    with stage("load"):
        return loader(path)
