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
NUMERIC = ("floating", "integer", "mixed-integer-float", "boolean", "decimal", "empty")
MEND = "return pd.DataFrame({'prediction': values}, index=live_features.index)"
CLASS_LABELS = "predict gives class labels; a wrapper around predict_proba may be meant"


@dataclass(frozen=True)
class Answer:
    """Predictions by id.

    Attributes:
        ids: n ids of live, in the model's order.
        values: n float64; NaN where the model gave none.
    """

    ids: pd.Index
    values: npt.NDArray[np.float64]


def read_answer(returned: Any, ids: pd.Index, *, kind: str) -> Answer:
    """Match what a model returned to live's ids. Raises Fault; does not judge the values.

    Args:
        returned: frame, series or array.
        ids: live's ids in live's order; the index's name is the key (`id`).
        kind: "function" or "object"; only an object's rows may be matched by position.
    """
    if isinstance(returned, pd.DataFrame):
        index, column = _index(returned, ids), _column(returned, str(ids.name))
    elif isinstance(returned, pd.Series):
        index, column = returned.index, returned
    else:
        column = _from_array(returned, len(ids), kind)
        index = ids
    return Answer(_matched(index, ids, kind), _floats(column))


def write_answer(answer: Answer, path: Path, *, key: str) -> int:
    """Write `key,prediction` with every digit, through a temporary file; gives the rows.

    NaN are written as nothing. Raises OSError, and leaves nothing behind.
    """
    cells = ["" if value != value else value for value in answer.values.tolist()]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((key, PREDICTION))
            writer.writerows(zip(answer.ids.tolist(), cells))  # noqa: B905  of one length
        os.replace(temporary, path)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)
    return len(cells)


def doubts(answer: Answer, model: Any) -> list[str]:
    """What of a valid answer its author may not have meant; sentences without full stop."""
    if not np.isin(answer.values, (0.0, 1.0)).all():
        return []
    with contextlib.suppress(Exception):  # attributes may be computed by the model's own code
        if callable(getattr(model, "predict_proba", None)):
            return [CLASS_LABELS]
    return []


def _index(frame: pd.DataFrame, ids: pd.Index) -> pd.Index:
    key = str(ids.name)
    if key in frame.columns and frame.index.name != key:
        named: pd.Index = pd.Index(frame[key])
        return named
    return frame.index


def _column(frame: pd.DataFrame, key: str) -> pd.Series[Any]:
    names = [name for name in frame.columns if name != key]
    chosen = [name for name in names if name == PREDICTION] or names
    if len(chosen) != 1:
        listed = ", ".join(map(str, names[:6])) or "none"
        hint = "return one column called `prediction`"
        raise Fault("answer", f"which column is the prediction? It has: {listed}", (), hint)
    return frame[chosen[0]]


def _from_array(returned: Any, rows: int, kind: str) -> pd.Series[Any]:
    if returned is None:
        raise Fault("answer", "the model returned nothing", (), MEND)
    if kind == "function":
        what = f"the function returned a {type(returned).__name__} without ids"
        raise Fault("answer", what, (), MEND)
    array = np.asarray(returned)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        what = f"the model returned shape {array.shape}, live has {rows} rows"
        raise Fault("answer", what, (), "one number a row is needed")
    return pd.Series(array)


def _matched(index: pd.Index, ids: pd.Index, kind: str) -> pd.Index:
    if kind == "object" and index.equals(pd.RangeIndex(len(ids))):
        return ids
    if index.equals(ids):
        return ids
    live = set(ids)
    unknown = [label for label in index if label not in live]
    if unknown:
        what = f"{len(unknown)} of the answer's {len(index)} rows have no id of live"
        raise Fault("answer", what, (f"for example {unknown[0]!r}",), MEND)
    return index


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
