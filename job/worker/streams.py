"""The standard streams of a model process, whole again for every model."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
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


def _text(number: int) -> TextIO:
    return open(
        number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
