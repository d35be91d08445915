"""What a model returned -> two columns of a CSV."""

from __future__ import annotations

import contextlib
import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .faults import Fault

PREDICTION = "prediction"
DATE = "date"
NUMERIC = ("floating", "integer", "mixed-integer-float", "boolean", "decimal", "empty")
MEND = "return pd.DataFrame({'prediction': values}, index=live_features.index)"
CLASS_LABELS = "predict gives class labels; a wrapper around predict_proba may be meant"


@dataclass(frozen=True)
class Answer:
    """Predictions by id.

    Attributes:
        ids: n ids of live, in the model's order.
        values: n float64; NaN where the model gave none.
        left_out: ids that are not of live, whose rows were dropped.
    """

    ids: pd.Index
    values: npt.NDArray[np.float64]
    left_out: tuple[Any, ...] = ()


def read_answer(
    returned: Any, ids: pd.Index, *, kind: str, column: str = PREDICTION, partial: bool = False
) -> Answer:
    """Match what a model returned to live's ids. Raises Fault; does not judge the values.

    Args:
        returned: frame, series or array.
        ids: live's ids in live's order; the index's name is the key (`id`).
        kind: as in `Needs`; only an object's rows may be matched by position.
        column: what a frame may call its values besides `prediction`.
        partial: whether rows whose ids live does not have are dropped instead of refused.
    """
    if isinstance(returned, pd.DataFrame):
        index, values = _index(returned, ids), _column(returned, str(ids.name), column)
    elif isinstance(returned, pd.Series):
        index, values = _level(returned.index, ids), returned
    else:
        index, values = ids, _from_array(returned, len(ids), kind)
    numbers = _floats(values)
    if kind == "object" and index.equals(pd.RangeIndex(len(ids))):
        return Answer(ids, numbers)
    if index.equals(ids):
        return Answer(index, numbers)
    known = np.asarray(index.isin(ids))
    if not known.all() and not (partial and known.any()):
        raise _unmatched(index[~known], of=len(index), kind=kind)
    return Answer(index[known], numbers[known], tuple(index[~known]))


def write_answer(answer: Answer, path: Path, *, key: str, column: str = PREDICTION) -> int:
    """Write `key,column` with every digit, through a temporary file; gives the rows.

    NaN are written as nothing. Raises OSError, and leaves nothing behind.
    """
    cells = ["" if value != value else value for value in answer.values.tolist()]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((key, column))
            writer.writerows(zip(answer.ids.tolist(), cells))  # noqa: B905  of one length
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)
    return len(cells)


def doubts(answer: Answer, model: Any) -> list[str]:
    """What of a valid answer its author may not have meant; sentences without full stop."""
    doubtful = []
    if answer.left_out:
        rows = len(answer.left_out) + len(answer.ids)
        example = f"for example {answer.left_out[0]!r}"
        doubtful.append(
            f"{len(answer.left_out)} of the answer's {rows} rows are left out: "
            f"live does not have their ids, {example}"
        )
    if np.isin(answer.values, (0.0, 1.0)).all() and _has_probabilities(model):
        doubtful.append(CLASS_LABELS)
    return doubtful


def _has_probabilities(model: Any) -> bool:
    with contextlib.suppress(Exception):  # attributes may be computed by the model's own code
        return callable(getattr(model, "predict_proba", None))
    return False


def _index(frame: pd.DataFrame, ids: pd.Index) -> pd.Index:
    key = str(ids.name)
    if key in frame.columns and key not in frame.index.names:
        named: pd.Index = pd.Index(frame[key])
        return named
    return _level(frame.index, ids)


def _level(index: pd.Index, ids: pd.Index) -> pd.Index:
    """The ids of an index that holds a date too, as those of Signals' data may."""
    if index.nlevels > 1 and ids.name in index.names:
        level: pd.Index = index.get_level_values(str(ids.name))
        return level
    return index


def _column(frame: pd.DataFrame, key: str, wanted: str) -> pd.Series[Any]:
    names = [name for name in frame.columns if name != key]
    by_rule = (
        [name for name in names if name == PREDICTION],
        [name for name in names if name == wanted],
        [name for name in names if name != DATE],
    )
    chosen = next((found for found in by_rule if found), names)
    if len(chosen) != 1:
        listed = ", ".join(map(str, names[:6])) or "none"
        hint = f"return one column called `{wanted}`"
        raise Fault("answer", f"which column is the prediction? It has: {listed}", (), hint)
    return frame[chosen[0]]


def _from_array(returned: Any, rows: int, kind: str) -> pd.Series[Any]:
    if returned is None:
        raise Fault("answer", "the model returned nothing", (), MEND)
    if kind == "function":
        what = f"the function returned a {type(returned).__name__} without ids"
        is_async = type(returned).__name__ == "coroutine"
        raise Fault(
            "answer", what, (), "write `def predict`, not `async def`" if is_async else MEND
        )
    array = np.asarray(returned)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        what = f"the model returned shape {array.shape}, live has {rows} rows"
        raise Fault("answer", what, (), "one number a row is needed")
    return pd.Series(array)


def _unmatched(unknown: pd.Index, *, of: int, kind: str) -> Fault:
    what = f"{len(unknown)} of the answer's {of} rows have no id of live"
    hint = "write the file anew from this round's live data" if kind == "file" else MEND
    return Fault("answer", what, (f"for example {unknown[0]!r}",), hint)


def _floats(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    if not _is_numeric(column):
        what = f"the predictions are {column.dtype}, not numbers"
        raise Fault("answer", what, (f"the first is {column.iloc[0]!r}",))
    values: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _is_numeric(column: pd.Series[Any]) -> bool:
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in NUMERIC
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _is_numeric(pd.Series(column.dtype.categories))
    return bool(
        pd.api.types.is_numeric_dtype(column.dtype)
        and not pd.api.types.is_complex_dtype(column.dtype)
    )
