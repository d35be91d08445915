"""How a model process is started.

The kernel ties a model process to the *thread* that started it (PR_SET_PDEATHSIG, see
`job.worker.guard`), so one thread that lives as long as the job starts all of them.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from job.errors import UnavailableError
from job.files import disk_errors
from job.orphans import ours
from job.workers import ends
from job.workers.pipes import Pipes

MAIN = Path(__file__).parents[1] / "worker" / "__main__.py"
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


def spawn(launch: Launch) -> tuple[subprocess.Popen[bytes], Pipes]:
    """Start a process, which leads a session of its own.

    Raises:
        ModelError: the interpreter cannot be started.
        UnavailableError: its folder cannot be made, or the machine has no room for a process.
    """
    with _machines_fault():
        pipes = Pipes()
    try:
        with _machines_fault():
            return _SPAWNER.submit(_popen, launch, pipes.child_ends).result(), pipes
    except OSError as error:
        pipes.close()
        raise ends.not_started(launch.python, str(error)) from error
    except UnavailableError:
        pipes.close()
        raise
    finally:
        pipes.close_child_ends()


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


def _popen(launch: Launch, child_ends: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    requests, replies, output = child_ends
    home = launch.environment.get("HOME")
    for folder in (home, launch.environment.get("TMPDIR")):
        if folder:
            with disk_errors(f"cannot use {folder}"):
                Path(folder).mkdir(parents=True, exist_ok=True)
    popen = subprocess.Popen(  # noqa: S603  the interpreter is the user's choice
        launch.command(requests=requests, replies=replies),
        env=dict(launch.environment),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(requests, replies),
        start_new_session=True,
    )
    ours(popen.pid)
    return popen
