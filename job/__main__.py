"""`python -m job`: arguments and environment -> a command -> an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from job.cli import parse
from job.entry import run_command, run_process
from job.orphans import bury_orphans


def command(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs one command; returns its exit code, with any error rendered to stderr."""
    return run_command(argv, environ, parse=parse, package="job.commands")


def main() -> int:
    """The entry point of `numerai-job`."""

    def run() -> int:
        bury_orphans()
        return command(sys.argv[1:], os.environ)

    return run_process(run)


if __name__ == "__main__":
    sys.exit(main())
