"""A model's entry as the flags give it, and what is wrong with flags whatever the manifest says."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from job.adding.placing import Place
from job.manifest import values
from job.units import perhaps

Entry = dict[str, Any]

REFUSED: Final = "the model is not added; nothing was tried"
AS_GIVEN: Final = ("tournament", "format", "data_version", "runtime", "postprocess")


def flag_faults(args: Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the flags whatever the manifest says."""
    try:
        values.name(args.name)
    except ValueError as error:
        yield f"--name: {error}"
    if args.proportion is not None and args.neutralize is None:
        yield "--proportion: of what? Give --neutralize SET too"
    for name in args.env:
        if not environ.get(name):
            yield f"--env {name}: not set here, and the model is to be tried with it"
    if args.data is not None:
        yield from data_fault(Path(args.data))


def data_fault(path: Path) -> Iterator[str]:
    """What is wrong with a file of live data, as far as can be told without reading all of it."""
    if path.is_dir():
        yield f"--data {path}: a folder, not a file"
    elif not path.is_file():
        siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        yield f"--data {path}: no such file{perhaps(path.name, siblings)}"
    elif (head := _head_of(path)) != b"PAR1":
        yield f"--data {path}: {'not a parquet file' if head else 'cannot be read, or is empty'}"


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""


def entry_of(args: Namespace, place: Place) -> Entry:
    """The entry, with no more keys than flags were given."""
    entry: Entry = {"name": args.name, "artifact": place.relative, "sha256": place.sha256}
    given = {name: getattr(args, name) for name in AS_GIVEN}
    given["features"] = _features(args.features)
    given["neutralize"] = _neutralize(args)
    given["env"] = list(args.env) or None
    given["priority"] = _number(args.priority)
    given |= {name: getattr(args, name) for name in ("timeout", "memory")}
    return entry | {name: value for name, value in given.items() if value is not None}


def _features(text: str | None) -> str | list[str] | None:
    if text is None or "," not in text:
        return text
    return [name.strip() for name in text.split(",") if name.strip()]


def _neutralize(args: Namespace) -> Entry | None:
    if args.neutralize is None:
        return None
    entry: Entry = {"features": _features(args.neutralize)}
    return entry if args.proportion is None else entry | {"proportion": _number(args.proportion)}


def _number(text: str | None) -> object:
    """As YAML would read it; text that is no number stays text, for the manifest's own sentence."""
    if text is None:
        return None
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
