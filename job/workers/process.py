"""One interpreter that runs `job/worker`: spoken to within limits, ended."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from job.errors import JobError, ModelError, StoppedError, UnavailableError
from job.orphans import not_ours
from job.workers import ends
from job.workers.group import Group
from job.workers.launch import Launch, spawn

GRACE = 1.0

Fetch = Callable[[str], Path]


class WorkerProcess:
    """A started process. Only `kill` may be called from another thread.

    Raises what `spawn` raises.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._versions: Mapping[str, str] | None = None
        self._popen, self._pipes = spawn(launch)
        self._group = Group(self._popen)
        self._peak = 0

    def versions(self) -> Mapping[str, str]:
        """Versions of Python and the libraries there, by name. Raises ModelError, as `exchange`."""
        if self._versions is None:
            self._versions = self._await_ready()
        return self._versions

    def exchange(
        self,
        request: Mapping[str, Any],
        *,
        timeout: float,
        memory: int | None,
        fetch: Fetch | None = None,
    ) -> dict[str, Any]:
        """Send a request and wait for its reply; first for the interpreter, if need be.

        The reply's `memory` is the most bytes that the process and what it started took.

        Args:
            fetch: gives the file of a further dataset that the model asks for; None: there is none.

        Raises:
            ModelError: the process ended, overran `timeout` (seconds) or outgrew `memory` (bytes).
            Exception: whatever `fetch` raises but a JobError, which the model is told.
                After any of them the process is of no further use and wants `close`.
        """
        self.versions()
        self._peak = 0
        self._pipes.forget_output()
        self._send(request)
        reply = self._await(request["do"], timeout, memory, fetch)
        return {**reply, "memory": max(self._peak, reply.get("memory", 0))}

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
            not_ours(self._popen.pid)
        self._pipes.close()

    def _await_ready(self) -> Mapping[str, str]:
        try:
            reply = self._await("start", self._launch.startup, None, None)
        except ModelError as error:
            raise ends.not_started(self._launch.python, error.what, *error.why) from error
        if "fault" in reply:
            fault = reply["fault"]
            raise ends.not_started(self._launch.python, fault["what"], *fault["why"])
        return dict(reply["ready"])

    def _send(self, message: Mapping[str, Any]) -> None:
        self._pipes.send(json.dumps(message).encode() + b"\n")

    def _await(
        self, doing: str, timeout: float, memory: int | None, fetch: Fetch | None
    ) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        next_look = 0.0
        while True:
            now = time.monotonic()
            look = now >= next_look
            ended = look and self._popen.poll() is not None
            self._pipes.step(min(deadline - now, self._launch.poll))
            reply = self._reply()
            if reply is not None and "fetch" not in reply:
                return reply
            if reply is not None:
                self._answer(reply, fetch)
            elif ended or not self._pipes.open:
                raise self._died(doing)
            if look:
                next_look = now + self._launch.poll
                self._check_memory(memory, doing)
            if now >= deadline:
                self._group.kill()
                raise ends.overran(doing, timeout, self._pipes.tail())

    def _answer(self, question: Mapping[str, Any], fetch: Fetch | None) -> None:
        """Tell the model where the file is that it asked for, or why there is none."""
        try:
            if fetch is None:
                raise ModelError("no further data can be fetched here")
            answer = {"fetched": str(fetch(str(question["fetch"])).absolute())}
        except StoppedError:
            raise
        except JobError as error:
            answer = {"error": str(error)}
        self._send({**answer, "number": question.get("number")})

    def _reply(self) -> dict[str, Any] | None:
        try:
            line = self._pipes.line()
            return None if line is None else dict(json.loads(line))
        except ValueError as error:
            self._group.kill()
            raise ends.garbled(str(error), self._pipes.tail()) from error

    def _check_memory(self, limit: int | None, doing: str) -> None:
        self._peak = self._group.peak(self._peak)
        if limit is not None and self._peak > limit:
            self._group.kill()
            raise ends.outgrew(self._peak, limit, doing, self._pipes.tail())

    def _died(self, doing: str) -> ModelError:
        with suppress(subprocess.TimeoutExpired):  # it may be on its way out
            self._popen.wait(timeout=GRACE)
        returncode = self._popen.returncode
        self._group.kill()
        versions = ", ".join(f"{k} {v}" for k, v in (self._versions or {}).items())
        return ends.died(returncode, doing, versions, self._pipes.tail())
