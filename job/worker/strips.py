"""Columns of one type, read a strip at a time.

Read at once, 3,555 columns take ten times as much memory as their values, and longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

STRIP = 256


def read_by_row(
    file: pq.ParquetFile, names: Sequence[str], *, threads: int
) -> npt.NDArray[Any] | None:
    """The columns' values, rows by columns, those of a row side by side.

    That is the order in which trees read them: LightGBM predicts 1.7 times as fast. None if the
    columns are not numbers of one type, or are whole numbers of which some are missing.
    """
    type = _only_type(file.schema_arrow, names)
    if type is None:
        return None
    values = np.empty((file.metadata.num_rows, len(names)), type.to_pandas_dtype())
    for first in range(0, len(names), STRIP):
        strip = names[first : first + STRIP]
        table = file.read(columns=list(dict.fromkeys(strip)), use_threads=threads > 1)
        if pa.types.is_integer(type) and any(column.null_count for column in table.columns):
            return None
        values[:, first : first + len(strip)] = _by_column(table, strip, values.dtype).T
    return values


def _only_type(schema: pa.Schema, names: Sequence[str]) -> pa.DataType | None:
    types = {schema.field(name).type for name in names}
    type = types.pop() if len(types) == 1 else None
    numeric = type is not None and (pa.types.is_integer(type) or pa.types.is_floating(type))
    return type if numeric else None


def _by_column(table: pa.Table, names: Sequence[str], type: np.dtype[Any]) -> npt.NDArray[Any]:
    """Columns by rows: written one by one into rows, they would take four times as long."""
    values = np.empty((len(names), table.num_rows), type)
    for place, name in enumerate(names):
        first = 0
        for chunk in table.column(name).chunks:
            values[place, first : first + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
            first += len(chunk)
    return values
