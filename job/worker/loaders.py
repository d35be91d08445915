"""One function per file format: a path in, the model out.

A further format is one more function and its line in FORMATS. Libraries are imported when a file
of their format comes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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


COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00")  # as joblib.dump has it

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
    try:
        with stage("load"):
            return loader(path)
    except Fault as fault:
        likely = looks_like(path)
        if likely not in (None, format):
            fault.hint = f"it looks like {likely}: set `format: {likely}`"
        raise


def looks_like(path: Path) -> str | None:
    """The format that a file's first bytes speak of; None if they do not, or cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(b"tree"):
            return "lightgbm"
        if b"joblib.numpy_pickle" in head or head.startswith(COMPRESSED):
            return "joblib"
        return "pickle" if head.startswith(b"\x80") else None
    return None
