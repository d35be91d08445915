"""What a model may change in its process, put back before the next model."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings

import numpy as np

from .streams import Streams


class Surroundings:
    """Process-wide state as it was at start-up: streams, folder, environment, filters, timer."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._folder = os.getcwd()  # noqa: PTH109  as os.chdir takes it
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._recursion = sys.getrecursionlimit()
        self._numeric = np.geterr()

    def restore(self) -> None:
        """Undo what the last model changed."""
        self._streams.restore()
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.setrecursionlimit(self._recursion)
        np.seterr(**self._numeric)
        sys.path[:] = self._path
        warnings.resetwarnings()  # also has it forget what it has compiled
        warnings.filters[:] = self._filters  # type: ignore[index]
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        with contextlib.suppress(OSError):
            os.chdir(self._folder)
