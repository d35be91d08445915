"""A runtime's environment is whole or is not there, whenever its making ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from job.errors import UnavailableError, UsageError
from job.runtimes.interpreters import unfinished
from job.runtimes.venvs import Tool, _aside, place_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runtimes" / "r"


def fill(folder: Path, text: str = "new") -> None:
    """What an environment has in it, as far as anyone looks."""
    folder.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(text)


def make_and_fail(folder: Path, error: BaseException, *, force: bool) -> None:
    """Comes to an end of this kind with a half of an environment there."""
    with place_for(folder, force=force):
        fill(folder)
        raise error


def left(folder: Path) -> set[str]:
    """What lies where environments are made, but for the lock."""
    return {path.name for path in folder.parent.iterdir()} - {f".{folder.name}.lock"}


class TestPlace:
    def test_what_is_made_in_it_stays(self, folder: Path) -> None:
        with place_for(folder, force=False):
            fill(folder)
            assert unfinished(folder).exists()
        assert left(folder) == {"r"}

    @pytest.mark.parametrize("error", [UnavailableError("x"), KeyboardInterrupt()])
    def test_a_failure_or_an_interruption_leaves_nothing(
        self, folder: Path, error: BaseException
    ) -> None:
        with pytest.raises(type(error)):
            make_and_fail(folder, error, force=False)
        assert left(folder) == set()

    def test_one_that_is_there_is_replaced_by_force_only(self, folder: Path) -> None:
        fill(folder, "old")
        with pytest.raises(UsageError, match="make it anew with --force"):
            place_for(folder, force=False).__enter__()
        with place_for(folder, force=True):
            assert not folder.exists()
            fill(folder)
        assert (folder / "pyvenv.cfg").read_text() == "new"
        assert left(folder) == {"r"}

    def test_one_that_was_there_comes_back_after_a_failure(self, folder: Path) -> None:
        fill(folder, "old")
        with pytest.raises(UnavailableError):
            make_and_fail(folder, UnavailableError("x"), force=True)
        assert (folder / "pyvenv.cfg").read_text() == "old"
        assert left(folder) == {"r"}

    @pytest.mark.parametrize("force", [False, True])
    def test_what_is_no_environment_is_never_touched(self, folder: Path, force: bool) -> None:
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("x")
        with pytest.raises(UsageError, match="something else is there"):
            place_for(folder, force=force).__enter__()
        assert (folder / "thesis.txt").exists()
        assert left(folder) == {"r"}

    def test_an_empty_folder_is_a_place(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        with place_for(folder, force=False):
            fill(folder)
        assert left(folder) == {"r"}

    def test_two_at_once_are_one(self, folder: Path) -> None:
        other = f"""
            from pathlib import Path
            from job.runtimes.venvs import place_for
            from job.errors import UnavailableError
            try:
                place_for(Path({str(folder)!r}), force=True).__enter__()
            except UnavailableError as error:
                print(error)
        """
        with place_for(folder, force=False):
            fill(folder)
            done = subprocess.run(
                [sys.executable, "-c", dedent(other)], capture_output=True, text=True, timeout=60
            )
        assert "another process is making" in done.stdout
        assert left(folder) == {"r"}


class TestAfterAKill:
    """`place_for` mends what a kill has left, whenever it came."""

    @staticmethod
    def killed_while_clearing_away(folder: Path) -> None:
        fill(_aside(folder), "old")

    @staticmethod
    def killed_while_making(folder: Path) -> None:
        fill(_aside(folder), "old")
        unfinished(folder).touch()
        fill(folder, "half")

    @staticmethod
    def killed_before_making(folder: Path) -> None:
        fill(_aside(folder), "old")
        unfinished(folder).touch()

    @staticmethod
    def killed_after_making(folder: Path) -> None:
        fill(folder, "old")
        fill(_aside(folder), "older")

    @pytest.mark.parametrize(
        "killed",
        [
            killed_while_clearing_away,
            killed_while_making,
            killed_before_making,
            killed_after_making,
        ],
    )
    def test_the_whole_one_is_there_again(
        self, folder: Path, killed: Callable[[Path], None]
    ) -> None:
        killed(folder)
        with pytest.raises(UsageError, match="is there already"):
            place_for(folder, force=False).__enter__()
        assert (folder / "pyvenv.cfg").read_text() == "old"
        assert left(folder) == {"r"}

    def test_a_first_one_that_is_half_made_is_made_again_without_force(self, folder: Path) -> None:
        fill(folder, "half")
        unfinished(folder).touch()
        with place_for(folder, force=False):
            assert not folder.exists()
            fill(folder)
        assert (folder / "pyvenv.cfg").read_text() == "new"
        assert left(folder) == {"r"}


def a_uv(folder: Path, script: str) -> Tool:
    """A tool whose uv does this."""
    path = folder / "uv"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tool.of({**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})


class TestTool:
    def test_uv_is_used_where_it_is_on_path(self, tmp_path: Path) -> None:
        assert Tool.of({"PATH": ""}).name == "venv and pip"
        tool = a_uv(tmp_path, f'echo "$@" >> {tmp_path}/said')
        assert tool.name == "uv"
        python = tool.make(tmp_path / "r", Path("/x/python3.12"))
        assert python == tmp_path / "r/bin/python"
        tool.install(python, tmp_path / "list.txt")
        made, installed = (tmp_path / "said").read_text().splitlines()
        assert made == f"venv --no-project --python /x/python3.12 {tmp_path}/r"
        assert installed.startswith(f"pip install --python {python} ")
        assert installed.endswith(f" -r {tmp_path}/list.txt")

    def test_a_failure_shows_what_was_said_last(self, tmp_path: Path) -> None:
        tool = a_uv(tmp_path, "seq 100; echo no such package >&2; exit 3")
        with pytest.raises(UnavailableError) as caught:
            tool.install(tmp_path / "python", tmp_path / "list.txt")
        assert caught.value.what == f"cannot install {tmp_path}/list.txt"
        assert caught.value.why[0] == "uv ended with exit code 3 and said:"
        assert caught.value.why[-1].strip() == "no such package"
        assert len(caught.value.why) == 31

    def test_one_that_cannot_be_started_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match="cannot make an environment in"):
            Tool(uv=None, environ={}).make(tmp_path / "r", tmp_path / "gone")

    def test_credentials_stay_with_the_job(self) -> None:
        environ = {"NUMERAI_SECRET_KEY": "x", "AZURE_CLIENT_SECRET": "x", "PYTHONPATH": "/x"}
        assert Tool.of({**environ, "HOME": "/h"}).environ == {"HOME": "/h"}

    @pytest.mark.slow
    def test_an_interruption_ends_all_that_was_started(self, tmp_path: Path) -> None:
        tool = a_uv(
            tmp_path,
            f"sleep 600 & echo $! > {tmp_path}/pid.part; "
            f"mv {tmp_path}/pid.part {tmp_path}/pid; wait",
        )
        with interrupted_when((tmp_path / "pid").exists), pytest.raises(KeyboardInterrupt):
            tool.make(tmp_path / "r", Path("/x/python"))
        pid = int((tmp_path / "pid").read_text())
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists() or is_zombie(pid):
                return
            time.sleep(0.05)
        pytest.fail("it still runs")


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone since it was looked for
        return True


@contextmanager
def interrupted_when(ready: Callable[[], bool]):
    """A process beside this one sends it SIGINT as soon as that is so."""
    # Whoever starts the tests in the background may have SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = os.fork()
    if child == 0:
        while not ready():
            os.sched_yield()
        os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    try:
        yield
    finally:
        os.waitpid(child, 0)
        signal.signal(signal.SIGINT, before)
