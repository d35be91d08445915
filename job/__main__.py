"""`python -m job`: arguments and environment -> a command -> an exit code. The one place that
renders an error.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from job.cli import parse
from job.errors import Exit, JobError, StoppedError
from job.logs import redacted

log = logging.getLogger("job")


def command(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs one command; returns its exit code, with any error rendered to stderr."""
    try:
        args = parse(argv)
        module = _import(f"job.commands.{args.command}")
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
    except Exception:  # noqa: BLE001 - told with its traceback, which must not show a secret
        _say(f"{traceback.format_exc()}error: unforeseen; please report the lines above")
        return int(Exit.UNFORESEEN)


def main() -> int:
    """The entry point of `numerai-job`."""
    # As the first process of a container, one without a handler would not be terminated at all.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return command(sys.argv[1:], os.environ)
    except BrokenPipeError:  # the reader of stdout has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.UNFORESEEN)


def _say(text: str) -> None:
    sys.stderr.write(f"{redacted(text)}\n")


def _terminated(*_: object) -> None:
    raise StoppedError("terminated by a signal", Exit.TERMINATED)


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


def _leave(code: int) -> None:
    """Ends the process although threads may hang in a request: they must not outlast a stop."""
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
