"""A virtual environment for a runtime: made in its place, since it holds its own path, and taken
away again unless everything that had to be done in it was done.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from job.errors import UnavailableError, UsageError
from job.files import disk_errors
from job.manifest.values import OWN_VARIABLES
from job.runtimes.interpreters import unfinished

TAIL_LINES: Final = 30
MISLEADING: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What makes environments and installs into them.

    Args:
        uv: uv's path; None: venv and pip.
        environ: the job's environment; what is installed may run code, and is not shown secrets.
    """

    uv: str | None
    environ: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Tool:
        """uv where it is on PATH."""
        kept = {
            name: value
            for name, value in environ.items()
            if not name.upper().startswith(OWN_VARIABLES) and name not in MISLEADING
        }
        return cls(uv=shutil.which("uv", path=environ.get("PATH", "")), environ=kept)

    @property
    def name(self) -> str:
        """As a sentence says it."""
        return "uv" if self.uv else "venv and pip"

    def make(self, folder: Path, python: Path) -> Path:
        """An environment of this Python; gives its interpreter. Raises `UnavailableError`."""
        with_venv = [str(python), "-I", "-m", "venv", str(folder)]
        with_uv = [str(self.uv), "venv", "--no-project", "--python", str(python), str(folder)]
        self._run(with_uv if self.uv else with_venv, f"cannot make an environment in {folder}")
        return folder / "bin" / "python"

    def install(self, python: Path, requirements: Path) -> None:
        """Installs what a file of requirements names. Raises `UnavailableError`."""
        what = ["-r", str(requirements)]
        with_pip = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check", *what]
        options = ["--python", str(python), "--compile-bytecode"]
        with_uv = [str(self.uv), "pip", "install", *options, *what]
        self._run(with_uv if self.uv else with_pip, f"cannot install {requirements}")

    def _run(self, command: Sequence[str], failure: str) -> None:
        with disk_errors(failure):
            process = subprocess.Popen(  # noqa: S603  our own words and the user's paths
                command,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        with process, _killed_with_us(process):
            output, _ = process.communicate()
        if process.returncode:
            tail = [line.rstrip() for line in output.splitlines() if line.strip()][-TAIL_LINES:]
            why = f"{Path(command[0]).name} ended with exit code {process.returncode} and said:"
            raise UnavailableError(failure, why, *(f"  {line}" for line in tail))


@contextmanager
def _killed_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends a process and what it has started when we are interrupted or terminated."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


@contextmanager
def place_for(folder: Path, *, force: bool) -> Iterator[None]:
    """A place where nothing is, for an environment to be made in.

    Unless the body comes to its end, what it has made goes, and what was there before comes back.

    Args:
        force: whether to replace an environment that is there.

    Raises:
        UsageError: something is there.
        UnavailableError: another process is at work there, or the disk fails.
    """
    with disk_errors(f"cannot use {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        with disk_errors(f"cannot clear {folder}"):
            _mend(folder)
            _refuse_what_is_there(folder, force=force)
            if folder.exists():
                folder.rename(_aside(folder))
            unfinished(folder).touch()
        try:
            yield
        except BaseException:
            _mend(folder)
            raise
        with disk_errors(f"cannot finish {folder}"):
            unfinished(folder).unlink()
            _mend(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder.parent / f".{folder.name}.lock", timeout=0)
    with disk_errors(f"cannot lock {folder}"):
        try:
            lock.acquire()
        except Timeout:
            what = f"another process is making {folder}"
            raise UnavailableError(what, hint="run again when it is done") from None
    try:
        yield
    finally:
        lock.release()


def _mend(folder: Path) -> None:
    """Takes away what is half made and puts back what was there before; right whenever a making,
    or this itself, was cut off.
    """
    mark, aside = unfinished(folder), _aside(folder)
    if mark.exists():
        if folder.exists():
            shutil.rmtree(folder)
        mark.unlink()
    if aside.exists() and not folder.exists():
        aside.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.replaced"


def _refuse_what_is_there(folder: Path, *, force: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / "pyvenv.cfg").is_file():
        raise UsageError(f"{folder} is no runtime", ["something else is there, which stays"])
    if not force:
        raise UsageError(
            f"{folder} is there already", [], hint="make it anew with --force, or use it as it is"
        )
