"""What the command lines of this project have in common: a command that is run to its exit code,
with any error rendered, in a process whose streams and end are in order.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from job.errors import Exit, JobError, StoppedError
from job.logs import redacted

_orders: list[str] = []
"""Signals that have told this process to end."""
INSTALL = "in a clone, `make demo` makes .venv/bin/python; elsewhere, pip install ."


def run_command(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    parse: Callable[[Sequence[str]], Namespace],
    package: str,
    install: str = INSTALL,
) -> int:
    """Runs one command; returns its exit code, with any error rendered to stderr.

    Args:
        package: what has the module of each command, with a `main(args, environ)` in it.
        install: how to get what cannot be imported.
    """
    try:
        args = parse(argv)
        module = _import(f"{package}.{args.command}")
        return int(module.main(args, environ))
    except JobError as error:
        _say("\n".join(["error: " + error.lines()[0], *error.lines()[1:]]))
        if isinstance(error, StoppedError):
            _leave(error.exit_code)
        return int(error.exit_code)
    except KeyboardInterrupt:
        _say("error: interrupted")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        where = f"is this the Python it is installed in? {sys.executable}"
        _say(f"error: {error.msg}\n  {where}\n  {install}")
        return int(Exit.USAGE)
    except Exception:  # noqa: BLE001 - told with its traceback, which must not show a secret
        if _orders:  # a library took the order for an error of its own, and went on with half of it
            _say(f"error: {_orders[0]}")
            _leave(Exit.TERMINATED)
        _say(f"{traceback.format_exc()}error: unforeseen; please report the lines above")
        return int(Exit.UNFORESEEN)


def run_process(command: Callable[[], int]) -> int:
    """Runs a command as what this process is for; returns its exit code, or ends the process."""
    # As the first process of a container, one without a handler would not be terminated at all.
    signal.signal(signal.SIGTERM, _terminated)
    _mend_streams()
    try:
        code = command()
        for number in (signal.SIGTERM, signal.SIGINT):  # all is done: it ends as it has ended
            signal.signal(number, signal.SIG_IGN)
        if threading.active_count() > 1:
            # One that hangs in a request would be waited for, one inside Arrow end in an abort.
            _leave(code)
        return code
    except BrokenPipeError:  # the reader of stdout has gone, e.g. `| head`
        return int(Exit.UNFORESEEN)
    finally:
        _empty_streams()


def _say(text: str) -> None:
    with suppress(OSError):  # what cannot be shown must not change how the run ends
        sys.stderr.write(f"{redacted(text)}\n")
        sys.stderr.flush()


def _mend_streams() -> None:
    """Gives a process that was started without standard streams some, or the lock would become
    its standard output; and has any text printed, whatever the terminal's encoding.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _terminated(*_: object) -> None:
    _orders.append("terminated by a signal")
    raise StoppedError(_orders[0], Exit.TERMINATED)


def _import(name: str) -> Any:
    """The module; nothing that is imported is ever looked through for garbage, here or at the end.

    A run with nothing to do takes 0.12 s less.
    """
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _empty_streams() -> None:
    """Gets rid of what is still buffered; left to the interpreter it could change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _leave(code: int) -> None:
    """Ends the process although threads may hang in a request: they must not outlast a stop."""
    _empty_streams()
    logging.shutdown()
    os._exit(code)
