"""Peak memory of a process and all its descendants."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

EVERY_SECONDS = 0.05


class Peak:
    """Samples the sum of proportional set sizes (PSS): shared pages count once.

    Attributes:
        bytes: the largest sum so far.
    """

    def __init__(self, pid: int | None) -> None:
        self.bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        if self._pid is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._pid is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            with suppress(psutil.Error):
                parent = psutil.Process(self._pid)
                family = [parent, *parent.children(recursive=True)]
                self.bytes = max(self.bytes, sum(proportional(one.pid) for one in family))


def proportional(pid: int) -> int:
    """PSS in bytes; 0 for a process that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
