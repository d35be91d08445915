"""A model process and everything it has started: how large it is, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

import psutil


class Group:
    """A process that leads a session of its own, with its descendants."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._process: psutil.Process | None = None
        with suppress(psutil.Error):
            self._process = psutil.Process(popen.pid)

    def descendants(self) -> list[psutil.Process]:
        """Running processes that it started, theirs included."""
        with suppress(psutil.Error):
            if self._process is not None:
                return [
                    child
                    for child in self._process.children(recursive=True)
                    if child.status() != psutil.STATUS_ZOMBIE
                ]
        return []

    def size(self) -> int:
        """Resident bytes of the process alone; 0 if it is gone."""
        return 0 if self._process is None else _resident(self._process)

    def peak(self, known: int) -> int:
        """Bytes that all of them take, if that is more than `known`, else `known`.

        Resident sizes count pages that forks share several times, so a new peak is confirmed by
        proportional sizes where the system has them.
        """
        if self._process is None:
            return known
        processes = [self._process, *self.descendants()]
        used = sum(map(_resident, processes))
        if used > known and len(processes) > 1:
            used = sum(map(_proportional, processes))
        return max(used, known)

    def kill(self) -> None:
        """SIGKILL for all of them, also those that have left the session; from any thread."""
        strays = self.descendants()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        for process in strays:
            with suppress(psutil.Error):
                process.kill()


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(getattr(process.memory_full_info(), "pss", process.memory_info().rss))
    return 0
