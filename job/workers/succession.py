"""One model process after another: the next is started when one has ended, has grown too large, or
was changed by a model so that the next would notice, and for a model of another interpreter.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from job.errors import JobError, ModelError
from job.workers.launch import Launch
from job.workers.process import Fetch, WorkerProcess

SLACK = 256 << 20

T = TypeVar("T")

log = logging.getLogger(__name__)


class Succession:
    """At most one process at a time. `stop` is for any thread, all else for one.

    Args:
        launch: how each of them is started.
        growth: how often its size after its first model a process may reach; 256 MiB more than
            that size are always allowed.
        ceiling: bytes that a process may reach after any model; None: no such bound.
    """

    def __init__(self, launch: Launch, *, growth: float, ceiling: int | None) -> None:
        self._launch = launch
        self._growth = growth
        self._ceiling = ceiling
        self._first_size: int | None = None
        self._process: WorkerProcess | None = None
        self._stopped: JobError | None = None
        self._at_work = False
        self._state = threading.RLock()
        self._busy = threading.Lock()

    def use(self, python: Path) -> None:
        """Have the next process, and this one if it is another, run by `python`."""
        if python != self._launch.python:
            self._launch = replace(self._launch, python=python)
            self._discard()

    def start(self) -> None:
        """Start a process if there is none; whatever is wrong with it is for `exchange` to say."""
        with suppress(JobError):
            self._running()

    def versions(self) -> Mapping[str, str]:
        """Of the process's Python and libraries, by name. Raises as `exchange` does."""
        with self._work():
            return self._try(WorkerProcess.versions)

    def exchange(
        self,
        request: Mapping[str, Any],
        *,
        timeout: float,
        memory: int | None,
        fetch: Fetch | None = None,
        last: bool = False,
    ) -> dict[str, Any]:
        """The process's reply.

        Args:
            last: whether the process ends after it.

        Raises:
            ModelError: the reply is a fault, or there is none: the process is gone.
            JobError: the reason given to `stop`.
            Exception: what `fetch` raises, see `WorkerProcess.exchange`.
        """

        def ask(process: WorkerProcess) -> tuple[dict[str, Any], JobError | None]:
            reply = process.exchange(request, timeout=timeout, memory=memory, fetch=fetch)
            failure = process.failure(reply["fault"]) if "fault" in reply else None
            if "children" in reply:
                self._settle(process, children=reply["children"], tainted=reply["tainted"])
            return reply, failure

        with self._work():
            reply, failure = self._try(ask)
            if "again" in reply:  # a model that never predicted had changed the process
                reply, failure = self._try(ask)
            if last:
                self._discard()
        if failure is not None:
            raise failure
        return reply

    def stop(self, reason: JobError | None) -> None:
        """Kill the process at once, and have no other."""
        with self._state:
            if self._stopped is None:
                self._stopped = reason or ModelError("the model was stopped before it was done")
            if self._process is not None:
                self._process.kill()
            if not self._at_work:  # else the running request clears up
                self._discard()

    @contextmanager
    def _work(self) -> Iterator[None]:
        """A request, which `stop` ends with its reason until the last moment."""
        with self._busy:
            with self._state:
                self._at_work = True
            try:
                yield
            finally:
                with self._state:
                    self._at_work = False
                if self._stopped is not None:
                    self._discard()
                    raise self._stopped from None

    def _try(self, ask: Callable[[WorkerProcess], T]) -> T:
        try:
            return ask(self._running())
        except BaseException:
            self._discard()
            raise

    def _running(self) -> WorkerProcess:
        with self._state:
            if self._stopped is not None:
                raise self._stopped
            if self._process is None:
                self._process = WorkerProcess(self._launch)
                self._first_size = None
            return self._process

    def _settle(self, process: WorkerProcess, *, children: bool, tainted: str) -> None:
        """After a model: part with a process that it changed, that has grown, or has children."""
        if tainted:
            log.info("a model %s: the next one gets a new process", tainted)
            self._discard()
        elif (children and process.has_descendants()) or self._too_large(process.size()):
            self._discard()

    def _too_large(self, size: int) -> bool:
        if self._first_size is None:
            self._first_size = size
        allowed = max(self._growth * self._first_size, self._first_size + SLACK)
        return size > allowed or (self._ceiling is not None and size > self._ceiling)

    def _discard(self) -> None:
        with self._state:
            process, self._process = self._process, None
        if process is not None:
            process.close()
