"""Interpreters: the one that a model runs in, and those that are on this machine.

An interpreter is asked for its version without its site-packages (`-S`), so that nothing that is
installed there runs in the job's own environment.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from shutil import which
from typing import Final

from job.errors import ModelError
from job.manifest import Manifest
from job.model_spec import ModelSpec

ASK_SECONDS: Final = 30.0
VERSION: Final = "import platform; print(platform.python_version())"
OLDEST: Final = (3, 10)
"""The oldest Python that a model process runs with."""

LISTS: Final = Path(__file__).parent


def shipped_list(name: str) -> Path | None:
    """The requirements of a runtime that come with the job, None where none do."""
    path = LISTS / f"{name}.txt"
    return path if name in shipped_names() else None


def shipped_names() -> list[str]:
    """The runtimes whose requirements come with the job."""
    return sorted(path.stem for path in LISTS.glob("*.txt"))


def python_of(model: ModelSpec, manifest: Manifest) -> Path | None:
    """The interpreter that the model names, None for the job's own.

    Raises `ModelError` when it is not there.
    """
    if model.runtime is None:
        return None
    python = manifest.runtimes.get(model.runtime)
    if python is not None and is_there(python) and not unfinished(python.parent.parent).exists():
        return python
    why = f"there is no {python}, or it is half made" if python else "`runtimes` lacks it"
    raise ModelError(
        f"the runtime {model.runtime} is not there",
        why,
        hint=f"{how_to_make(model.runtime)} makes it; or mend its path in `runtimes`",
    )


def how_to_make(name: str, minor: str = "") -> str:
    """The command that makes a runtime, of a minor version if one is given."""
    command = f"python -m job runtime create {name}"
    if not shipped_list(name):
        command += (f" --python {minor}" if minor else "") + " --requirements FILE"
    return f"`{command}`"


def is_there(python: Path) -> bool:
    """Whether an interpreter's path leads to a file."""
    try:
        return python.is_file()
    except OSError:
        return False


def unfinished(folder: Path) -> Path:
    """The mark beside a runtime's folder that is being made, or whose making was cut off."""
    return folder.parent / f".{folder.name}.unfinished"


def minor_of(version: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(version.split(".")[:2])


def own_minor() -> str:
    """That of the Python that runs the job."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def version_of(python: Path) -> str | None:
    """Such as `3.11.7`; None where nothing there answers as a Python does. Asked once a file."""
    try:
        state = python.stat()
    except OSError:
        return None
    return _asked(str(python), (state.st_mtime_ns, state.st_size))


@cache
def _asked(python: str, _: tuple[int, int]) -> str | None:
    command = [python, "-I", "-S", "-c", VERSION]
    try:
        done = subprocess.run(  # noqa: S603  the interpreter is the user's choice
            command, capture_output=True, text=True, timeout=ASK_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    answer = done.stdout.strip()
    return answer if answer[:1].isdigit() else None


def find_python(minor: str, environ: Mapping[str, str]) -> Path | None:
    """An interpreter of this minor version, such as `3.11`: the one that runs the job, else from
    PATH, pyenv, or uv. None where there is none.
    """
    found = (path for path in _candidates(minor, environ) if _is_of(path, minor))
    return next(found, None)


def minors_here(environ: Mapping[str, str]) -> list[str]:
    """The minor versions that `find_python` finds, oldest first."""
    minors = [f"3.{number}" for number in range(OLDEST[1], OLDEST[1] + 10)]
    return [minor for minor in minors if find_python(minor, environ)]


def _is_of(python: Path, minor: str) -> bool:
    return minor_of(version_of(python) or "") == minor


def _candidates(minor: str, environ: Mapping[str, str]) -> Iterator[Path]:
    if minor == own_minor():
        # That which a venv was made from, for a venv of a venv goes when that one goes.
        yield Path(getattr(sys, "_base_executable", sys.executable))
    if on_path := which(f"python{minor}", path=environ.get("PATH", "")):
        yield Path(on_path)
    for folder in _folders_of_versions(environ):
        for version in sorted(folder.glob(f"*{minor}*"), key=_newest_first):
            yield version / "bin" / f"python{minor}"


def _folders_of_versions(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where pyenv and uv keep one folder for each interpreter that they have installed."""
    home = Path(environ.get("HOME") or "/nonexistent")
    yield Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    yield Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")


def _newest_first(folder: Path) -> list[int]:
    digits = "".join(letter if letter.isdigit() else " " for letter in folder.name)
    return [-int(number) for number in digits.split()]
