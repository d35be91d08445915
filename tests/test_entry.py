"""The end of a process, once its command is done."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal
from job import entry

empty = entry._empty_streams

def late():
    os.kill(os.getpid(), getattr(signal, "{name}"))
    empty()

entry._empty_streams = late
raise SystemExit(entry.run_process(lambda: print("all is submitted") or 0))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_after_all_is_done_changes_nothing(name: str) -> None:
    program = PROGRAM.replace("{name}", name)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "all is submitted\n", "")


SWALLOWED = """
import os, signal
from argparse import Namespace
from types import SimpleNamespace
from job import entry

def main(args, environ):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Exception:
        found = {}
    return found.provisioning_state

entry._import = lambda name: SimpleNamespace(main=main)
parse = lambda argv: Namespace(command="any")
raise SystemExit(entry.run_process(lambda: entry.run_command([], {}, parse=parse, package="any")))
"""


def test_a_signal_that_a_library_took_for_an_error_of_its_own_ends_the_process_all_the_same() -> (
    None
):
    ended = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (143, "error: terminated by a signal\n")
