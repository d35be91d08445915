"""`python -m deploy.image.audit`: what is locked, against the known vulnerabilities.

Both locks are looked through: the image's, and the one that development works with. Where the
database cannot be reached, it says so and passes; pip-audit alone would not tell a skipped audit
from a clean one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("deploy/image/constraints.txt", "constraints.txt")
DATABASE = "https://api.osv.dev/v1/query"


def main(argv: Sequence[str] | None = None) -> int:
    """0 where nothing is known against what is locked, or nothing could be asked."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.audit", description=__doc__)
    parser.add_argument("--database", default=DATABASE, help="an OSV query address")
    parser.add_argument("locks", nargs="*", default=[str(ROOT / lock) for lock in LOCKS])
    given = parser.parse_args(argv)
    if reason := unreachable(given.database):
        sys.stdout.write(f"audit skipped: the database of vulnerabilities {reason}\n")
        return 0
    return max(audit(lock, given.database) for lock in given.locks)


def unreachable(database: str) -> str:
    """Why the database gives no answer, as the rest of a sentence; empty where it gives one."""
    query = {"package": {"name": "requests", "ecosystem": "PyPI"}, "version": "2.0.0"}
    try:
        answer = requests.post(database, json=query, timeout=15)
    except requests.RequestException as error:
        return f"cannot be reached ({type(error).__name__})"
    return "" if answer.ok else f"answers {answer.status_code}"


def audit(lock: str, database: str) -> int:
    """pip-audit's verdict on a file of pinned versions, told on stdout and stderr."""
    # Strict: a package that it could not ask about fails it.
    command = [sys.executable, "-m", "pip_audit", "--strict", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--osv-url", database]
    command += ["--disable-pip", "--no-deps", "--requirement", lock]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
