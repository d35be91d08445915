"""What a model may change in its process, put back before the next model."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import warnings
from typing import TextIO


class Streams:
    """Standard input, output and error: /dev/null, and twice the parent's pipe.

    Spare descriptors are kept, so that a model which closes or redirects its own harms nobody.
    """

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._stderr = os.dup(2)
        self.descriptors = (self._null, self._stderr)
        self.restore()

    def restore(self) -> None:
        """Point 0, 1 and 2 where they belong, and give `sys` working text streams."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed, or not a stream any more
                stream.flush()
        for spare, standard in ((self._null, 0), (self._stderr, 1), (self._stderr, 2)):
            os.dup2(spare, standard)
        for name, number in (("stdout", 1), ("stderr", 2)):
            stream = _text(number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        faulthandler.enable(file=self._stderr, all_threads=False)


class Surroundings:
    """Process-wide state as it was at start-up: streams, folder, environment, filters, timer."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._folder = os.getcwd()  # noqa: PTH109  as os.chdir takes it
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._recursion = sys.getrecursionlimit()

    def restore(self) -> None:
        """Undo what the last model changed."""
        self._streams.restore()
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.setrecursionlimit(self._recursion)
        sys.path[:] = self._path
        warnings.filters[:] = self._filters  # type: ignore[index]
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        with contextlib.suppress(OSError):
            os.chdir(self._folder)


def _text(number: int) -> TextIO:
    return open(
        number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
