"""Predictions in batches of rows, so that a large frame stays within a model's memory."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .faults import Fault

UNLIMITED = 512 << 20
"""Bytes that a batch may take where the model has no limit: live data of 6,500 rows fit in one."""
SHARE = 0.5  # of what is left: what a library takes beside its input is an estimate
FEWEST = 64


@dataclass(frozen=True)
class RowModel:
    """A model that predicts each row by itself, whatever other rows come with it.

    Attributes:
        rows: from a frame of n rows to n numbers, as shape (n,) or (n, 1).
        names: its features in their order; None: it does not know them.
        count: how many features it takes; None: it does not say.
        cell: bytes that one value of the frame takes while it is predicted from.
    """

    rows: Callable[[pd.DataFrame], Any]
    names: tuple[str, ...] | None
    count: int | None
    cell: int

    def predict(self, live: pd.DataFrame, *, memory: int | None = None) -> npt.NDArray[np.float64]:
        """One number a row, shape (n,). Raises Fault, and what the library raises.

        Args:
            live: n rows, the model's features in its order; only read.
            memory: bytes that the whole process may take; None: as much as a batch likes.
        """
        answer = np.empty(len(live))
        for batch in batches(live, cell=self.cell, memory=memory):
            answer[batch] = _one_a_row(self.rows(live.iloc[batch]), batch.stop - batch.start)
        return answer


def batches(live: pd.DataFrame, *, cell: int, memory: int | None) -> Iterator[slice]:
    """The frame's rows from first to last, so many at once as memory has room for."""
    rows = rows_at_once(live.shape[1] * cell, memory=memory)
    for first in range(0, len(live), rows):
        yield slice(first, min(first + rows, len(live)))


def rows_at_once(row: int, *, memory: int | None) -> int:
    """How many rows of `row` bytes each fit into half of what the process may still take."""
    room = UNLIMITED if memory is None else min(UNLIMITED, int((memory - resident()) * SHARE))
    return max(FEWEST, room // max(1, row))


def resident() -> int:
    """Bytes of this process that lie in memory now; its peak where the system tells no more."""
    with contextlib.suppress(OSError, ValueError):
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return 0


def _one_a_row(returned: Any, rows: int) -> npt.NDArray[Any]:
    values = np.asarray(returned)
    if values.shape == (rows, 1):
        return values[:, 0]
    if values.shape != (rows,):
        each = values.shape[1] if values.ndim == 2 else values.shape
        what = f"the model gives {each} numbers a row"
        raise Fault("answer", what, (), "a model with one output is needed")
    return values
