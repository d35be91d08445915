"""One function per file format: a path in, the model out.

A further format is one more function and its line in FORMATS. Libraries are imported when a file
of their format comes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..faults import DAMAGED, SAVE_AGAIN, Fault, stage
from .boosters import load_catboost, load_lightgbm, load_xgboost
from .finished import load_predictions
from .keras_model import load_keras
from .onnx_graph import load_onnx
from .pickled import load_joblib, load_pickle
from .signs import looks_like
from .source import load_python

__all__ = ["FORMATS", "load", "looks_like"]

FORMATS: dict[str, Callable[[Path], Any]] = {
    "pickle": load_pickle,
    "joblib": load_joblib,
    "lightgbm": load_lightgbm,
    "xgboost": load_xgboost,
    "catboost": load_catboost,
    "onnx": load_onnx,
    "keras": load_keras,
    "python": load_python,
    "predictions": load_predictions,
}
SIGNED = ("lightgbm", "xgboost", "catboost", "onnx", "keras")
"""Formats that every whole file of theirs can be told by; they hold no code of the user's."""


def load(path: Path, format: str) -> Any:
    """Load a model. Raises Fault, whatever the file or the model's own code does.

    Gives a function, an object with `predict`, a `batches.RowModel` or a `source.PythonModel`.
    """
    loader = FORMATS.get(format)
    if loader is None:
        raise Fault("load", f"unknown format {format!r}", (f"known: {', '.join(FORMATS)}",))
    try:
        with stage("load"):
            _check_content(path)
            return loader(path)
    except Fault as fault:
        _correct(fault, looks_like(path), format)
        raise


def _correct(fault: Fault, likely: str | None, format: str) -> None:
    """Have a fault say what its file looks like where that is not the format, and no more."""
    if format in SIGNED:
        fault.traceback = ()
    unsure = fault.hint in ("", SAVE_AGAIN)
    if unsure and likely != format and (likely or format in SIGNED):
        fault.why, fault.hint = DAMAGED
    if format == "predictions" and likely in ("joblib", "pickle"):  # compressed, most likely
        fault.hint = "write it as plain CSV in UTF-8, or as parquet"
    elif likely not in (None, format):
        fault.hint = f"it looks like {likely}: set `format: {likely}`"


def _check_content(path: Path) -> None:
    if path.is_file() and not path.stat().st_size:  # XGBoost would end the process
        raise EOFError("no bytes")
