"""Progress of long work: a bar on a terminal, plain lines in the log elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from job.tournament import Progress

log = logging.getLogger(__name__)

LINE_EVERY_SECONDS = 10.0


@contextmanager
def progress_of(name: str) -> Iterator[Progress]:
    """Shows how a download goes on, and says at its end how large it was."""
    started = time.monotonic()
    received = 0
    show = _bar(name) if sys.stderr.isatty() else _lines(name, started)
    with show as update:

        def report(done: int, total: int | None) -> None:
            nonlocal received
            received = done
            update(done, total)

        yield report
    log.info("fetched %s: %.1f MB in %.1f s", name, received / 1e6, time.monotonic() - started)


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, desc=name, leave=False) as bar:

        def update(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update


@contextmanager
def _lines(name: str, started: float) -> Iterator[Progress]:
    last = started

    def update(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_SECONDS:
            last = time.monotonic()
            share = f" of {total / 1e6:.1f}" if total else ""
            log.info("fetching %s: %.1f%s MB", name, done / 1e6, share)

    yield update
