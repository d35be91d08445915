"""`python -m deploy`: arguments and environment -> a command -> an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from deploy.cli import parse
from job.entry import run_command, run_process

INSTALL = "in a clone, `.venv/bin/python -m pip install -e '.[deploy]'`"


def command(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs one command; returns its exit code, with any error rendered to stderr."""
    return run_command(argv, environ, parse=parse, package="deploy.commands", install=INSTALL)


def main() -> int:
    """What the process is for."""
    return run_process(lambda: command(sys.argv[1:], os.environ))


if __name__ == "__main__":
    sys.exit(main())
