"""As the first process of a container, buries orphans.

A process that a model has started and left alone becomes, when its parent ends, a child of the
container's first process, and a zombie when it ends itself; unless that process waits for it, it
takes a place in the process table until the container ends. Python does not do so by itself.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

SECONDS = 2.0
"""Between two looks. Who has started a process waits for its end within less."""

_ours: set[int] = set()


def ours(pid: int) -> None:
    """Leaves a child to whoever has started it and will ask how it ended."""
    _ours.add(pid)


def not_ours(pid: int) -> None:
    """Its starter knows how it ended; the number may come back with another process."""
    _ours.discard(pid)


def bury_orphans() -> None:
    """Goes on to do so beside everything else, where this is a container's first process."""
    if os.getpid() == 1:
        threading.Thread(target=_watch, name="orphans", daemon=True).start()


def _watch() -> None:
    before: set[int] = set()
    pause = threading.Event()
    while not pause.wait(SECONDS):
        before = bury(before)


def bury(before: set[int]) -> set[int]:
    """Takes leave of the zombies that were there at the last look too, so that none is taken from
    a thread that is about to wait for it.

    Args:
        before: what the last look gave.

    Returns:
        The zombies among this process's children now, but for those that somebody waits for.
    """
    now = _zombies(os.getpid()) - _ours
    for pid in now & before:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return now - before


def _zombies(parent: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, its_parent, *_ = path.read_text().rpartition(")")[2].split()
            if state == "Z" and int(its_parent) == parent:
                found.add(int(path.parent.name))
    return found
