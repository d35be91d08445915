"""The run's log beside its record: collected as it goes to stderr, written every few seconds.

A container's own log is cut to its last 16 KB when it stops. Whatever becomes of this copy, the
run ends as it would have ended without.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final

from job.errors import JobError
from job.store import Store

log = logging.getLogger(__name__)

SUFFIX: Final = ".log"
HEAD_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 3 << 20
LONGEST_LINE: Final = 64 << 10
EVERY_SECONDS: Final = 3.0
BYTES_A_SECOND: Final = 100 << 10
"""A log that has grown is written less often: it is written whole each time."""


class RunLog(logging.Handler):
    """The lines so far: all of them, or of very many the first and the last."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = threading.Lock()
        self._head: list[bytes] = []
        self._tail: deque[bytes] = deque()
        self._room = HEAD_BYTES
        self._tail_size = 0
        self._left_out = 0
        self.count = 0
        """How many lines have come."""

    def emit(self, record: logging.LogRecord) -> None:
        """Adds what stderr gets; the formatter is the one that takes secrets out."""
        try:
            self.add(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler has it: a bad line harms nobody
            self.handleError(record)

    def add(self, text: str) -> None:
        """Adds a line, or some, from which the secrets are taken out already."""
        line = f"{text}\n".encode(errors="backslashreplace")
        if len(line) > LONGEST_LINE:
            line = line[:LONGEST_LINE] + b"... (the rest of this is left out)\n"
        with self._lines:
            self.count += 1
            if not self._tail and len(line) <= self._room:
                self._room -= len(line)
                self._head.append(line)
                return
            self._tail.append(line)
            self._tail_size += len(line)
            while self._tail_size > TAIL_BYTES:
                self._tail_size -= len(self._tail.popleft())
                self._left_out += 1

    def snapshot(self) -> tuple[int, bytes]:
        """How many lines have come, and the text."""
        with self._lines:
            gap = f"... {self._left_out:,} entries are left out here\n" if self._left_out else ""
            return self.count, b"".join([*self._head, gap.encode(), *self._tail])


class LogWriter:
    """Writes the log to a store from a thread of its own.

    Args:
        name: of the file in the store.
    """

    def __init__(self, lines: RunLog, store: Store, name: str) -> None:
        self._lines = lines
        self._store = store
        self._name = name
        self._ending = threading.Event()
        self._written = 0
        self._size = 0
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="run-log", daemon=True)

    def start(self) -> None:
        """Writes from now on, until `finish`."""
        self._thread.start()

    def finish(self, within: float) -> None:
        """Has the last lines written, and waits for that so many seconds at most."""
        self._ending.set()
        self._thread.join(max(0.0, within))

    def _run(self) -> None:
        self._write()
        while not self._ending.wait(max(EVERY_SECONDS, self._size / BYTES_A_SECOND)):
            self._write()
        self._write()

    def _write(self) -> None:
        count, text = self._lines.snapshot()
        if count == self._written:
            return
        try:
            self._store.write(self._name, text)
        except Exception as error:  # noqa: BLE001 - a thread that dies would tell nobody
            level = logging.DEBUG if self._failed else logging.WARNING
            why = error if isinstance(error, JobError) else type(error).__name__
            log.log(level, "the log could not be put beside the record: %s", why)
            self._failed = True
        else:
            self._written, self._size = count, len(text)
