"""Gives memory back to the system after a model, so that a long run stays flat."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import pyarrow as pa


def release() -> None:
    """Collect garbage, then empty pyarrow's and the C library's free lists."""
    gc.collect()
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
