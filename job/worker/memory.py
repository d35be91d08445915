"""Gives memory back to the system after a model, so that a long run stays flat."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import pyarrow as pa


class Memory:
    """Garbage and free lists of the process."""

    def __init__(self) -> None:
        self._modules = 0

    def release(self) -> None:
        """Collect garbage, then empty pyarrow's and the C library's free lists.

        What libraries hold is looked through once and then left out (`gc.freeze`): it would cost
        20 ms a model.
        """
        gc.collect()
        if len(sys.modules) != self._modules:
            gc.freeze()
            self._modules = len(sys.modules)
        pa.default_memory_pool().release_unused()
        _trim()


def _find_trim() -> Callable[[], object]:
    if sys.platform != "linux":
        return lambda: None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # musl has none
        return lambda: None
    return lambda: trim(ctypes.c_size_t(0))


_trim = _find_trim()
