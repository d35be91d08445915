"""A container as a local process: its environment, its output, and an end that is sure."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import psutil

KEPT_BYTES, KEPT_LINES = 16 * 1024, 1000
"""What is kept of the output of a container that has ended."""


class Process:
    """A command that runs in a process group, a home and a temporary folder of its own.

    Args:
        environment: all that it is given, but for what says where its folders are.
        ended: called, in a thread, when it has ended and its output is complete.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        cwd: Path | None,
        now: Callable[[], datetime],
        ended: Callable[[Process], None],
    ) -> None:
        self.host = f"SandboxHost-{uuid.uuid4().hex}"
        self._home = Path(tempfile.mkdtemp(prefix="container-", dir=folder))
        self._now, self._ended = now, ended
        self._output = self._home.with_suffix(".log")
        (self._home / "tmp").mkdir()
        given = {
            **environment,
            "HOME": str(self._home),
            "TMPDIR": str(self._home / "tmp"),
            "HOSTNAME": self.host,
        }
        self.started = now()
        self.finished: datetime | None = None
        self.code: int | None = None
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=given,
                cwd=cwd or self._home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._over, self._lock = threading.Event(), threading.Lock()
        self._waiter = threading.Thread(target=self._wait, name=f"container {self.pid}")
        self._waiter.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def home(self) -> Path:
        """Its disk; it goes when the container has ended."""
        return self._home

    def output(self) -> str:
        """What it has printed: all of it while it runs, the end of it afterwards."""
        try:
            data = self._output.read_bytes()
        except FileNotFoundError:
            return ""
        if self.code is not None:
            data = b"".join(data.splitlines(keepends=True)[-KEPT_LINES:])[-KEPT_BYTES:]
        return data.decode(errors="replace")

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for its end; whether it has come."""
        return self._over.wait(seconds)

    def stop(self, grace: float) -> None:
        """SIGTERM, then after `grace` seconds SIGKILL, as a platform does; waits for the end."""
        with self._lock:
            if self._process.returncode is None:
                os.kill(self.pid, signal.SIGTERM)
        if not self.wait(grace):
            self.kill()

    def kill(self) -> None:
        """SIGKILL to all that it has started, and waits for the end."""
        self._bury()
        self.wait()

    def close(self) -> None:
        """Ends it, and removes what it has left."""
        self.kill()
        self._waiter.join()
        self._output.unlink(missing_ok=True)

    def _wait(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self._bury()  # a container ends with its first process
        with self._lock:  # until here its number is nobody else's
            code = self._process.wait()
        self.code = code if code >= 0 else 128 - code
        self.finished = self._now()
        shutil.rmtree(self._home, ignore_errors=True)
        self._over.set()
        self._ended(self)

    def _bury(self) -> None:
        """Kills its process group and whatever carries its host's name, in whatever group."""
        with self._lock:
            if self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        while [pid for pid in psutil.pids() if self._kill_mine(pid)]:
            time.sleep(0.005)  # until they are gone, and what they may have started meanwhile

    def _kill_mine(self, pid: int) -> bool:
        """Kills a process if it is one of this container's."""
        with contextlib.suppress(psutil.Error):
            # A new object each time: those of process_iter may be of a former process of this id.
            process = psutil.Process(pid)
            if process.environ().get("HOSTNAME") == self.host:
                process.kill()
                return True
        return False
