"""One interpreter that runs `job/worker`: started, spoken to within limits, ended.

The kernel ties a model process to the *thread* that started it (PR_SET_PDEATHSIG, see
`job.worker.guard`), so one thread that lives as long as the job starts all of them.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job.errors import ModelError, UnavailableError
from job.files import disk_errors
from job.workers import ends
from job.workers.group import Group
from job.workers.pipes import Pipes

MAIN = Path(__file__).parents[1] / "worker" / "__main__.py"
GRACE = 1.0
EXHAUSTED = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})

_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model-process-spawner")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process.

    Attributes:
        python: the interpreter.
        environment: its whole environment; HOME is its working folder.
        options: further options of the worker's command line, by name without dashes.
        startup: seconds until it must be ready.
        poll: seconds between looks at its memory.
    """

    python: Path
    environment: Mapping[str, str]
    options: Mapping[str, int]
    startup: float
    poll: float

    def command(self, *, requests: int, replies: int) -> list[str]:
        """The command line; the two are descriptors that the process inherits."""
        options = {"requests": requests, "replies": replies, "parent": os.getpid(), **self.options}
        pairs = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [str(self.python), "-I", str(MAIN), *pairs]


@contextmanager
def _machines_fault() -> Iterator[None]:
    """Raises `UnavailableError` for an exhausted machine, which is no fault of a model's."""
    try:
        yield
    except OSError as error:
        if error.errno not in EXHAUSTED:
            raise
        hint = "raise the limit (ulimit -n, ulimit -u), or set NUMERAI_WORKERS lower"
        why = error.strerror or str(error)
        raise UnavailableError("cannot start a model process", why, hint=hint) from error


class WorkerProcess:
    """A started process. Only `kill` may be called from another thread.

    Raises:
        ModelError: the interpreter cannot be started.
        UnavailableError: its folder cannot be made, or the machine has no room for a process.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._versions: Mapping[str, str] | None = None
        with _machines_fault():
            self._pipes = Pipes()
        try:
            with _machines_fault():
                self._popen = _SPAWNER.submit(_spawn, launch, self._pipes.child_ends).result()
        except OSError as error:
            self._pipes.close()
            raise ends.not_started(launch.python, str(error)) from error
        except UnavailableError:
            self._pipes.close()
            raise
        finally:
            self._pipes.close_child_ends()
        self._group = Group(self._popen)

    def exchange(
        self, request: Mapping[str, Any], *, timeout: float, memory: int | None
    ) -> dict[str, Any]:
        """Send a request and wait for its reply; first for the interpreter, if need be.

        Raises:
            ModelError: the process ended, overran `timeout` (seconds) or outgrew `memory` (bytes).
                It is of no further use and wants `close`.
        """
        self._await_ready()
        self._pipes.send(json.dumps(request).encode() + b"\n")
        return self._await(request["do"], timeout, memory)

    def failure(self, fault: Mapping[str, Any]) -> ModelError | UnavailableError:
        """The error for a fault that the process has reported."""
        return ends.from_fault(fault, self._pipes.tail())

    def size(self) -> int:
        """Resident bytes; 0 if it is gone."""
        return self._group.size()

    def has_descendants(self) -> bool:
        """Whether processes that a model started are still running."""
        return bool(self._group.descendants())

    def kill(self) -> None:
        """Kill it and everything it started, at once."""
        self._group.kill()

    def close(self) -> None:
        """Kill, reap, and close the pipes; once."""
        self._group.kill()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=GRACE)
        self._pipes.close()

    def _await_ready(self) -> None:
        if self._versions is not None:
            return
        try:
            reply = self._await("start", self._launch.startup, None)
        except ModelError as error:
            raise ends.not_started(self._launch.python, error.what, *error.why) from error
        if "fault" in reply:
            fault = reply["fault"]
            raise ends.not_started(self._launch.python, fault["what"], *fault["why"])
        self._versions = reply["ready"]

    def _await(self, doing: str, timeout: float, memory: int | None) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        next_look = 0.0
        while True:
            now = time.monotonic()
            look = now >= next_look
            ended = look and self._popen.poll() is not None
            self._pipes.step(min(deadline - now, self._launch.poll))
            reply = self._reply()
            if reply is not None:
                return reply
            if ended or not self._pipes.open:
                raise self._died(doing)
            if look:
                next_look = now + self._launch.poll
                self._check_memory(memory, doing)
            if now >= deadline:
                self._group.kill()
                raise ends.overran(doing, timeout, self._pipes.tail())

    def _reply(self) -> dict[str, Any] | None:
        try:
            line = self._pipes.line()
            return None if line is None else dict(json.loads(line))
        except ValueError as error:
            self._group.kill()
            raise ends.garbled(str(error), self._pipes.tail()) from error

    def _check_memory(self, limit: int | None, doing: str) -> None:
        used = None if limit is None else self._group.excess(limit)
        if used is not None and limit is not None:
            self._group.kill()
            raise ends.outgrew(used, limit, doing, self._pipes.tail())

    def _died(self, doing: str) -> ModelError:
        with suppress(subprocess.TimeoutExpired):  # it may be on its way out
            self._popen.wait(timeout=GRACE)
        returncode = self._popen.returncode
        self._group.kill()
        versions = ", ".join(f"{k} {v}" for k, v in (self._versions or {}).items())
        return ends.died(returncode, doing, versions, self._pipes.tail())


def _spawn(launch: Launch, child_ends: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    requests, replies, output = child_ends
    home = launch.environment.get("HOME")
    for folder in (home, launch.environment.get("TMPDIR")):
        if folder:
            with disk_errors(f"cannot use {folder}"):
                Path(folder).mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(  # noqa: S603  the interpreter is the user's choice
        launch.command(requests=requests, replies=replies),
        env=dict(launch.environment),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(requests, replies),
        start_new_session=True,
    )
