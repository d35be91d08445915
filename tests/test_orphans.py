"""What a container's first process does for processes that nobody waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from job import orphans
from tests.e2e.driver import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")


def ended_child() -> int:
    """A child that has ended and that nobody has waited for."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
    wait_for(lambda: pid in orphans._zombies(os.getpid()), "the child's end")
    return pid


@pytest.mark.slow
def test_a_zombie_is_buried_at_the_second_look() -> None:
    pid = ended_child()
    seen = orphans.bury(set())
    assert pid in seen
    assert pid in orphans._zombies(os.getpid())
    assert pid not in orphans.bury(seen)
    assert pid not in orphans._zombies(os.getpid())


@pytest.mark.slow
def test_a_child_whose_starter_asks_for_it_is_left_to_it() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(7)"])
    orphans.ours(process.pid)
    wait_for(lambda: process.pid in orphans._zombies(os.getpid()), "the child's end")
    for _ in range(3):
        orphans.bury({process.pid})
    assert process.wait() == 7
    orphans.not_ours(process.pid)


def test_only_the_first_process_of_a_container_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(orphans.threading, "Thread", lambda **how: started.append(how["name"]))
    orphans.bury_orphans()
    assert started == []
