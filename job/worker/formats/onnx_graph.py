"""Graphs in ONNX: whatever their inputs and outputs are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..batches import RowModel
from ..faults import Fault
from .environment import threads

TYPES: dict[str, npt.DTypeLike] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
}
LABELS = ("tensor(int64)", "tensor(string)")
MAPS = "seq(map("
KEEP_WITHIN = "save it whole: onnx.save(onnx.load(path), path, save_as_external_data=False)"


def load_onnx(path: Path) -> RowModel:
    """A graph with one input of n features, or n inputs of one feature each, named by it.

    A classifier's gives the probability of the second of its two classes.
    """
    session = _session(path)
    inputs = _inputs(session.get_inputs())
    output = _output(session.get_outputs())
    return RowModel(_rows(session, inputs, output), inputs.names, inputs.count, cell=12)


@dataclass(frozen=True)
class _Inputs:
    """How a graph is fed.

    Attributes:
        names: features by which the inputs are called; None: there is one input for all.
        count: how many features; None: the graph does not say.
        fixed: rows that must come at once; None: any number.
        feed: from a matrix of rows to the inputs by name.
    """

    names: tuple[str, ...] | None
    count: int | None
    fixed: int | None
    feed: Callable[[pd.DataFrame], dict[str, Any]]


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = path.read_bytes()  # not by path, by which it would read weights from other files
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if "external" not in str(error).lower():
            raise
        what = "the graph's weights lie in another file, which nothing verifies"
        raise Fault("load", what, (), KEEP_WITHIN) from None


def _inputs(inputs: Sequence[Any]) -> _Inputs:
    for each in inputs:
        if each.type not in TYPES:
            what = f"the graph's input `{each.name}` is of {each.type}, not of numbers"
            raise Fault("load", what)
    if len(inputs) == 1:
        return _one_input(inputs[0])
    for each in inputs:
        if not each.shape or each.shape[1:] not in ([], [1]):
            what = f"the graph has {len(inputs)} inputs; `{each.name}` has the shape {each.shape}"
            raise Fault("load", what, (), "one input of all features, or one a feature, is needed")
    names = tuple(each.name for each in inputs)
    return _Inputs(names, len(names), _fixed(inputs[0]), lambda live: _by_name(live, inputs))


def _one_input(only: Any) -> _Inputs:
    if len(only.shape) != 2:
        what = f"the graph's input `{only.name}` has the shape {only.shape}"
        raise Fault("load", what, (), "rows by features are needed")
    width, type = only.shape[1], TYPES[only.type]
    return _Inputs(
        None,
        width if isinstance(width, int) else None,
        _fixed(only),
        lambda live: {only.name: np.ascontiguousarray(live.to_numpy(dtype=type))},
    )


def _by_name(live: pd.DataFrame, inputs: Sequence[Any]) -> dict[str, Any]:
    columns = {each.name: live[each.name].to_numpy(dtype=TYPES[each.type]) for each in inputs}
    return {each.name: columns[each.name].reshape((-1, 1)[: len(each.shape)]) for each in inputs}


def _fixed(given: Any) -> int | None:
    rows = given.shape[0] if given.shape else None
    return rows if isinstance(rows, int) else None


@dataclass(frozen=True)
class _Output:
    """Which output is the prediction, and whether it holds probabilities by class."""

    name: str
    probability: bool


def _output(outputs: Sequence[Any]) -> _Output:
    """A classifier has labels, and their probabilities as a tensor or as maps by class."""
    labelled = any(each.type in LABELS for each in outputs)
    others = [each for each in outputs if each.type not in LABELS]
    if not others:
        hint = "convert it so that it gives probabilities too"
        raise Fault("load", "the graph gives class labels, not probabilities", (), hint)
    if len(others) > 1:
        listed = ", ".join(f"`{each.name}`" for each in outputs)
        hint = "convert it with one output (skl2onnx: options={'zipmap': False})"
        raise Fault("load", "which of the graph's outputs is the prediction?", (listed,), hint)
    only = others[0]
    return _Output(only.name, probability=labelled or only.type.startswith(MAPS))


def _rows(session: Any, inputs: _Inputs, output: _Output) -> Callable[[pd.DataFrame], Any]:
    def rows(live: pd.DataFrame) -> Any:
        (given,) = session.run([output.name], inputs.feed(live))
        return _second_class(given) if output.probability else given

    return rows if inputs.fixed is None else _in_portions(rows, inputs.fixed)


def _second_class(given: Any) -> Any:
    if isinstance(given, list):  # a map by class for each row
        given = np.array([list(by_class.values()) for by_class in given])
    values = np.asarray(given)
    return values[:, 1] if values.ndim == 2 and values.shape[1] == 2 else values


def _in_portions(rows: Callable[[pd.DataFrame], Any], count: int) -> Callable[[pd.DataFrame], Any]:
    """For a graph that was exported for a fixed number of rows; the last ones are repeated."""

    def portions(live: pd.DataFrame) -> Any:
        places = np.arange(-(-len(live) // count) * count).clip(max=len(live) - 1)
        given = [rows(live.iloc[part]) for part in places.reshape(-1, count)]
        return np.concatenate(given)[: len(live)]

    return portions
