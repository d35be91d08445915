"""`python -m job`: arguments and environment -> a command -> an exit code. The one place that
renders an error.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from job.cli import parse
from job.errors import Exit, JobError, StoppedError

log = logging.getLogger("job")


def command(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs one command; returns its exit code, with any error rendered to stderr."""
    args = parse(argv)
    module = import_module(f"job.commands.{args.command}")
    try:
        return int(module.main(args, environ))
    except JobError as error:
        sys.stderr.write("\n".join(["error: " + error.lines()[0], *error.lines()[1:]]) + "\n")
        if isinstance(error, StoppedError):
            _leave(error.exit_code)
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return int(Exit.INTERRUPTED)


def main() -> int:
    """The entry point of `numerai-job`."""
    try:
        return command(sys.argv[1:], os.environ)
    except BrokenPipeError:  # the reader of stdout has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.UNFORESEEN)


def _leave(code: int) -> None:
    """Ends the process although threads may hang in a request: they must not outlast a stop."""
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
