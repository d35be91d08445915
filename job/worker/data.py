"""Columns of a parquet file as a frame, decoded once and copied for every model."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .faults import Fault
from .strips import read_by_row

Columns = tuple[str, ...] | None
MODELS, NEUTRALIZERS = "the model's {} columns", "the {} columns to neutralize against"
HINTS = {
    MODELS: "the model was likely trained on another version of the data",
    NEUTRALIZERS: "name features that this version of the data has",
}
NAMED = 3


@dataclass(frozen=True)
class Decoded:
    """Columns of one file.

    Attributes:
        frame: rows x columns, indexed by the key; never handed to a model's own code.
        cached: whether an earlier model had caused the decoding.
    """

    frame: pd.DataFrame
    cached: bool

    def copy(self) -> pd.DataFrame:
        """A frame that shares no memory with the cached one, labels included."""
        index, columns = self.frame.index.copy(deep=True), self.frame.columns.copy(deep=True)
        if _has_one_type(self.frame):  # pandas before 3 would turn rows into columns
            values = self.frame.to_numpy().copy(order="K")
            return pd.DataFrame(values, index=index, columns=columns, copy=False)
        own = self.frame.copy()
        own.index, own.columns = index, columns
        return own


class Frames:
    """The most recently used column sets.

    Args:
        sets: how many to keep.
        max_bytes: how much memory they may take together.
        threads: threads that decode.
    """

    def __init__(self, *, sets: int, max_bytes: int, threads: int) -> None:
        self._sets = sets
        self._max_bytes = max_bytes
        self._threads = threads
        self._kept: OrderedDict[tuple[object, ...], tuple[pd.DataFrame, int]] = OrderedDict()

    def read(self, path: Path, columns: Columns, *, key: str, whose: str = MODELS) -> Decoded:
        """Columns of `path` in the order asked for, None: all. Raises Fault, OSError, ArrowError.

        `era` is left out where the file has none; a Fault for others says `whose` they are.
        """
        status = path.stat()
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, key, columns)
        if identity in self._kept:
            self._kept.move_to_end(identity)
            return Decoded(self._kept[identity][0], cached=True)
        self._kept[identity] = decode(path, columns, key=key, threads=self._threads, whose=whose)
        frame = self._kept[identity][0]
        self._shrink()
        return Decoded(frame, cached=False)

    def _shrink(self) -> None:
        while self._kept and (len(self._kept) > self._sets or self._bytes() > self._max_bytes):
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(size for _, size in self._kept.values())


def decode(
    path: Path, columns: Columns, *, key: str, threads: int, whose: str = MODELS
) -> tuple[pd.DataFrame, int]:
    """Read a parquet file's columns, and only those, indexed by `key`; and their bytes.

    Columns of one type lie in one block, so that a copy is one memcpy. Raises Fault.
    """
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        wanted = None if columns is None else _known(columns, names, whose)
        if key not in names:
            raise Fault("data", f"{path.name} has no `{key}`", (f"it has {_few(names)}",))
        values = read_by_row(file, wanted, threads=threads) if wanted else None
        if wanted is not None and values is not None:
            index = _frame(file, [key], key, threads).index
            size = values.nbytes + int(index.memory_usage())
            return pd.DataFrame(values, index=index, columns=wanted, copy=False), size
        frame = _frame(file, None if wanted is None else [*wanted, key], key, threads)
    if wanted is not None and list(frame.columns) != wanted:
        frame = frame[wanted]
    return frame, int(frame.memory_usage().sum())


def _frame(file: pq.ParquetFile, columns: list[str] | None, key: str, threads: int) -> pd.DataFrame:
    table = file.read(columns=columns, use_threads=threads > 1)
    frame: pd.DataFrame = table.to_pandas(use_threads=threads > 1, self_destruct=True)
    return frame if frame.index.name == key else frame.set_index(key)


def _has_one_type(frame: pd.DataFrame) -> bool:
    types = set(frame.dtypes)
    return len(types) == 1 and isinstance(types.pop(), np.dtype)


def _known(columns: tuple[str, ...], names: list[str], whose: str) -> list[str]:
    present = set(names)
    lacking = [name for name in columns if name not in present and name != "era"]
    if not lacking:
        return [name for name in columns if name in present]
    listed = ", ".join(_nearest(name, names) for name in lacking[:NAMED])
    more = "" if len(lacking) <= NAMED else f" and {len(lacking) - NAMED} more"
    raise Fault(
        "data",
        f"live lacks {len(lacking)} of {whose.format(len(columns))}",
        (f"{listed}{more}",),
        HINTS[whose],
    )


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"`{name}` (nearest: `{close[0]}`)" if close else f"`{name}`"


def _few(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def set_up(threads: int) -> None:
    """Bound pyarrow's pools to so many threads, and have it give memory back.

    Its own allocators keep some 20 MB that `malloc_trim` could not reach.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(threads)
    pa.set_io_thread_count(threads)
