"""What a model may change in its process, put back before the next model."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import warnings

import numpy as np

from .modules import Modules
from .patches import Patches
from .streams import Streams


class Surroundings:
    """Process-wide state as it was at start-up: streams, folder, environment, filters, timer,
    random numbers, modules, and the functions of pandas and numpy.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._folder = os.getcwd()  # noqa: PTH109  as os.chdir takes it
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._recursion = sys.getrecursionlimit()
        self._numeric = np.geterr()
        self._random = random.getstate()
        self._numpy_random = np.random.get_state()
        self._patches = Patches()
        self._modules = Modules()

    def undo_patches(self) -> list[str]:
        """Put back functions that the model replaced, so that ours read its answer; as clauses."""
        return self._patches.undo()

    def restore(self) -> list[str]:
        """Undo what the last model changed.

        Gives what may live on in this process all the same, as clauses: `replaced numpy.mean`.
        """
        tampered = self.undo_patches()
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
        return [*tampered, *self._modules.restore(), *self._restore_random()]

    def _restore_random(self) -> list[str]:
        random.setstate(self._random)
        try:
            np.random.set_state(self._numpy_random)
        except (TypeError, ValueError):  # it is not a Mersenne Twister any more
            return ["replaced numpy's generator of random numbers"]
        return []
