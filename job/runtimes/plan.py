"""What `runtime create` is asked for, worked out before anything is made."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from job.errors import UsageError
from job.manifest import Manifest
from job.manifest.values import runtime_name
from job.runtimes.interpreters import (
    OLDEST,
    find_python,
    is_there,
    minors_here,
    own_minor,
    shipped_list,
    shipped_names,
)
from job.units import perhaps


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePlan:
    """A runtime to be made.

    Args:
        name: by which models are to call it.
        requirements: the file that says what is installed.
        minor: of Python, such as `3.11`.
        base: the interpreter that it is made from.
        folder: where to.
    """

    name: str
    requirements: Path
    minor: str
    base: Path
    folder: Path


def plan_runtime(
    args: Namespace, environ: Mapping[str, str], *, manifest: Manifest, data_dir: Path
) -> RuntimePlan:
    """What is to be made.

    Raises `UsageError` with everything that speaks against it.
    """
    minor = args.python or _minor_of_list(args.name) or own_minor()
    if faults := list(_faults(args, manifest, minor)):
        raise UsageError("the runtime cannot be made; nothing was tried", faults)
    base = find_python(minor, environ)
    if base is None:
        raise _no_python(minor, environ)
    shipped = shipped_list(args.name)
    return RuntimePlan(
        name=args.name,
        requirements=Path(args.requirements) if args.requirements else shipped or Path(),
        minor=minor,
        base=base,
        folder=_folder(args, data_dir),
    )


def _faults(args: Namespace, manifest: Manifest, minor: str) -> Iterator[str]:
    try:
        runtime_name(args.name)
    except ValueError as error:
        yield f"{args.name}: {error}"
    yield from _requirements_faults(args, minor)
    numbers = re.fullmatch(r"3\.([0-9]{1,2})", minor)
    if not numbers or (3, int(numbers[1])) < OLDEST:
        yield f"--python {minor}: give a version from 3.10 on, such as 3.12"
    known = manifest.runtimes.get(args.name)
    if known is not None and is_there(known) and not args.force:
        yield f"{args.name}: the manifest has it already, {known}; make it anew with --force"


def _requirements_faults(args: Namespace, minor: str) -> Iterator[str]:
    own = _minor_of_list(args.name)
    if args.requirements:
        if not Path(args.requirements).is_file():
            yield f"--requirements {args.requirements}: no such file"
    elif own is None:
        known = ", ".join(shipped_names())
        near = perhaps(args.name, shipped_names())
        yield f"{args.name}: give --requirements FILE; only {known} need none{near}"
    elif own != minor:
        yield f"--python {minor}: {args.name} is for Python {own}; give --requirements FILE"


def _minor_of_list(name: str) -> str | None:
    """`3.12` of the shipped `numerai-3.12`."""
    return name.rpartition("-")[2] if shipped_list(name) else None


def _no_python(minor: str, environ: Mapping[str, str]) -> UsageError:
    here = ", ".join(minors_here(environ)) or "none"
    return UsageError(
        f"there is no Python {minor} on this machine",
        [f"found on PATH, of pyenv and of uv: {here}"],
        hint=f"get it with `uv python install {minor}` or `pyenv install {minor}`, then run again",
    )


def _folder(args: Namespace, data_dir: Path) -> Path:
    folder = Path(args.into) if args.into else data_dir / "runtimes" / args.name
    return folder.absolute()
