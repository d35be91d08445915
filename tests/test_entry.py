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
