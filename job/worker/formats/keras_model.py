"""Networks saved by Keras 3, and by Keras 2 as far as Keras 3 reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..batches import RowModel
from ..faults import Fault
from .environment import choose_backend

SUFFIXES = (".keras", ".h5", ".hdf5")  # by which Keras tells how to read a file
AT_ONCE = 1024  # rows that go through the layers together
FOREIGN = re.compile(r"Could not locate (?:class|function) '([^']+)'|Unknown layer: '?(\w+)")
OWN_CODE = "write a model of format `python` whose model.py has that code and loads this file"


def load_keras(path: Path) -> RowModel:
    """A network of one input of n features and one output; it is not compiled, nor trusted."""
    if path.suffix not in SUFFIXES:
        what = f"Keras does not read {path.name}"
        raise Fault("load", what, (), f"its name must end in one of {', '.join(SUFFIXES)}")
    choose_backend()
    import keras

    try:
        model = keras.models.load_model(str(path), compile=False)
    except (TypeError, ValueError) as error:
        raise _own_code(error) or error from None
    return RowModel(_rows(model), None, _count(model), cell=16)


def _rows(model: Any) -> Callable[[pd.DataFrame], Any]:
    def rows(live: pd.DataFrame) -> Any:
        values = live.to_numpy(dtype=np.float32)
        return model.predict(values, batch_size=AT_ONCE, verbose=0)

    return rows


def _count(model: Any) -> int | None:
    inputs, outputs = getattr(model, "inputs", None) or (), getattr(model, "outputs", None) or ()
    if len(inputs) > 1 or len(outputs) > 1:
        what = f"the network has {len(inputs)} inputs and {len(outputs)} outputs"
        raise Fault("load", what, (), "one input of all features and one output are needed")
    shape = tuple(inputs[0].shape) if inputs else (None, None)  # there are none before it is built
    if len(shape) != 2:
        what = f"the network takes rows of shape {shape[1:]}"
        raise Fault("load", what, (), "one number a feature is needed; begin with a Reshape layer")
    width = shape[1]
    return width if isinstance(width, int) else None


def _own_code(error: Exception) -> Fault | None:
    text = str(error)
    named = FOREIGN.search(text)
    if named:
        what = f"the network uses `{named[1] or named[2]}`, which is not part of Keras"
        return Fault("load", what, (), OWN_CODE)
    if "safe_mode" in text:
        what = "the network has a layer of Python code (Lambda), which may do anything"
        return Fault("load", what, ("Keras does not load it in safe mode",), OWN_CODE)
    return None
