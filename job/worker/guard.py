"""Ties a model process to its parent, and what a model forks to the model process.

Everything here is Linux; elsewhere it does nothing, and only the watch on the request pipe
(`protocol`) ends an orphan.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent` (a pid) ends; exit if it already has.

    The kernel means the *thread* that forked us (prctl(2)): `job.workers` starts every process
    from one thread that lives as long as the job.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def prefer_for_oom() -> None:
    """Out of memory, the kernel shall kill a model and not the job; and no core files."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_from_forks(*descriptors: int) -> None:
    """Close our private descriptors in what the model forks or executes; tie forks to us.

    Only forks of the main thread, where models run, are tied: those of another thread would die
    with that thread.
    """
    main = threading.get_ident()
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)

    def in_child() -> None:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if threading.get_ident() == main:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    os.register_at_fork(after_in_child=in_child)


@contextlib.contextmanager
def only_here() -> Iterator[None]:
    """A fork that returns from model code, by a result or an exception, ends instead."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(0)


def has_children() -> bool:
    """Whether processes that the last model started still run; reaps those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
