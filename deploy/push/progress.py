"""How an upload of many files goes on: a bar on a terminal, plain lines in the log elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from deploy.push.shelf import Report
from job.clock import Clock

log = logging.getLogger(__name__)

LINE_EVERY_SECONDS: Final = 10.0
Show = Callable[[int], None]


class Together:
    """Adds up what several uploads at a time report. Safe to use from many threads.

    Args:
        show: told of the bytes that are there, of all files together.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._done: dict[str, int] = {}
        self._guard = threading.Lock()

    def of(self, name: str) -> Report:
        """What the upload of one file reports to."""

        def report(done: int, _: int | None) -> None:
            with self._guard:
                self._done[name] = done
                self._show(sum(self._done.values()))

        return report


@contextmanager
def uploading(total: int, clock: Clock) -> Iterator[Together]:
    """Shows how `total` bytes go on their way."""
    with _bar(total) if sys.stderr.isatty() else _lines(total, clock) as show:
        yield Together(show)


@contextmanager
def _bar(total: int) -> Iterator[Show]:
    from tqdm import tqdm

    with tqdm(total=total, unit="B", unit_scale=True, desc="push", leave=False) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show


@contextmanager
def _lines(total: int, clock: Clock) -> Iterator[Show]:
    last = clock.monotonic()

    def show(done: int) -> None:
        nonlocal last
        if clock.monotonic() - last >= LINE_EVERY_SECONDS:
            last = clock.monotonic()
            log.info("uploaded %.1f of %.1f MB", done / 1e6, total / 1e6)

    yield show
