"""How much memory a model takes, and giving it back, so that a long run stays flat."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
PEAK_ONLY = "5"  # of what CLEAR can forget, see proc(5)


class Memory:
    """Garbage and free lists of the process, and its largest size."""

    def __init__(self) -> None:
        self._modules = 0
        self._measured = False

    def forget_peak(self) -> None:
        """Let `peak` count from here."""
        self._measured = False
        with contextlib.suppress(OSError):
            CLEAR.write_text(PEAK_ONLY)
            self._measured = True

    def peak(self) -> int:
        """The most resident bytes since `forget_peak`; 0 where the system does not tell."""
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text()) if self._measured else None
            return int(found[1]) << 10 if found else 0
        return 0

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
