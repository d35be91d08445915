"""Predictions that another program has finished."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from ..faults import DAMAGED, Fault

VALUES = ("prediction", "signal", "probability")
NOT_GIVEN = ("", "nan", "na", "null", "none")  # of a value; an id may be called so


@dataclass(frozen=True)
class Finished:
    """A file of ids and values.

    Attributes:
        table: all its rows; ids are text in a column, or in the index.
        value: the column of the values.
    """

    table: pd.DataFrame
    value: str

    def __call__(self, live: pd.DataFrame) -> pd.DataFrame:
        """Every row of the file: `prediction` by the key of live. Raises Fault."""
        key = str(live.index.name)
        values = self.table[self.value].to_numpy()
        return pd.DataFrame({"prediction": values}, index=pd.Index(self._ids(key), name=key))

    def _ids(self, key: str) -> list[str]:
        names = [name for name in self.table.index.names if name is not None]
        if key in self.table.columns:
            ids: Any = self.table[key]
        elif key in names:
            ids = self.table.index.get_level_values(key)
        elif self.table.index.nlevels == 1 and not isinstance(self.table.index, pd.RangeIndex):
            ids = self.table.index
        else:
            listed = ", ".join(map(str, [*names, *self.table.columns][:6]))
            raise Fault("answer", f"the file has no column `{key}`", (f"it has {listed}",))
        return [str(each) for each in ids]


def load_predictions(path: Path) -> Finished:
    """A CSV or parquet file with the tournament's ids and one column of VALUES."""
    with path.open("rb") as file:
        binary = file.read(4) == b"PAR1"
    return _parquet(path) if binary else _csv(path)


def _parquet(path: Path) -> Finished:
    table: pd.DataFrame = pq.read_table(path).to_pandas()
    return Finished(table, _value(list(table.columns)))


def _csv(path: Path) -> Finished:
    """Everything but the values stays text, so that no id loses its zeros or becomes a NaN."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        names, *rows = [row for row in csv.reader(file) if row] or [[]]
    value = _value(names)
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            what = f"row {number} has {len(row)} cells, the header has {len(names)}"
            raise Fault("load", what, DAMAGED[0], "write the file anew, and rename it into place")
    table = pd.DataFrame(rows, columns=names, dtype=str)
    table[value] = [_number(cell, row) for row, cell in enumerate(table[value], 1)]
    return Finished(table, value)


def _number(cell: str, row: int) -> float:
    if cell.strip().lower() in NOT_GIVEN:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise Fault("load", f"row {row} has {cell!r} where a number is needed") from None


def _value(names: Sequence[Any]) -> str:
    for name in VALUES:
        if list(names).count(name) == 1:
            return name
    listed = ", ".join(map(str, names[:6])) or "none"
    what = "the file has no column `prediction`, `signal` or `probability`"
    raise Fault("load", what, (f"it has {listed}",))
