"""A model's entry as flags give it, read as the manifest would read it; faults are told by flag."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from job.errors import UsageError
from job.manifest import Manifest, load_manifest
from job.manifest.document import read_yaml
from job.model_spec import ModelSpec
from job.placing import Place
from job.units import perhaps

Entry = dict[str, Any]

REFUSED: Final = "the model is not added; nothing was tried"
FLAGS: Final = {
    "name": "--name",
    "artifact": "PATH",
    "tournament": "--tournament",
    "format": "--format",
    "features": "--features",
    "data_version": "--data-version",
    "runtime": "--runtime",
    "postprocess": "--postprocess",
    "neutralize": "--neutralize",
    "neutralize.features": "--neutralize",
    "neutralize.proportion": "--proportion",
    "env": "--env",
    "priority": "--priority",
    "timeout": "--timeout",
    "memory": "--memory",
}
FIRST: Final = ("name", "tournament", "artifact", "sha256", "format", "runtime", "features")
AS_GIVEN: Final = ("tournament", "format", "data_version", "runtime", "postprocess")
OF_THE_FILE: Final = {"artifact", "sha256", "enabled"}
EMPTY: Final = b"version: 1\nmodels: []\n"
ELSEWHERE: Final = "another program is to write it under the models root for every round"
PLACE: Final = re.compile(r"flags:\d+: models\[\d+\](?:\.([a-z0-9_.]+))?(?:\[\d+\])*: (.*)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry for the manifest.

    Attributes:
        path: the manifest's file, which need not be there yet.
        manifest: as it is now.
        entry: what is to be written.
        model: what it says, defaults filled in.
        before: the manifest's model that it takes the place of.
        kept: the keys of that model which flags do not give.
    """

    path: Path
    manifest: Manifest
    entry: Entry
    model: ModelSpec
    before: ModelSpec | None
    kept: tuple[str, ...] = ()


def flag_faults(args: Namespace, environ: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the flags whatever the manifest says."""
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
    else:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                yield f"--data {path}: not a parquet file"


def draft_of(args: Namespace, place: Place, *, path: Path, models_dir: Path) -> Draft:
    """What is to be put into the manifest at `path`, as its defaults and runtimes complete it.

    Raises `UsageError` with a fault for each flag, for a name that the manifest has already, and
    for a manifest that is not valid.
    """
    document, manifest = _read(path, models_dir)
    entry = _entry(args, place)
    before = _before(args, document, manifest)
    given = set(entry)
    if before is not None:
        entry = _renewed(document["models"][manifest.models.index(before)], entry)
    model = _model(entry, document)
    if model.format == "predictions":
        del entry["sha256"]  # it is another file each round
        model = replace(model, sha256=None)
        if place.copied:
            raise UsageError(REFUSED, [f"PATH {args.path}: {ELSEWHERE}"])
    ordered = {key: entry[key] for key in sorted(entry, key=_rank)}
    return Draft(
        path=path,
        manifest=manifest,
        entry=ordered,
        model=model,
        before=before,
        kept=tuple(key for key in ordered if key not in given),
    )


def _rank(key: str) -> int:
    """What people look for first comes first."""
    return FIRST.index(key) if key in FIRST else len(FIRST)


def _entry(args: Namespace, place: Place) -> Entry:
    """The entry, with no more keys than flags were given."""
    entry: Entry = {"name": args.name, "artifact": place.relative, "sha256": place.sha256}
    given = {name: getattr(args, name) for name in AS_GIVEN}
    given["features"] = _features(args.features)
    given["neutralize"] = _neutralize(args)
    given["env"] = list(args.env) or None
    given["priority"] = _number(args.priority)
    given |= {name: getattr(args, name) for name in ("timeout", "memory")}
    return entry | {name: value for name, value in given.items() if value is not None}


def _read(path: Path, models_dir: Path) -> tuple[dict[str, Any], Manifest]:
    """The manifest, plain and validated; an empty one where there is none yet."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        text = EMPTY
    except OSError as error:
        raise UsageError(f"cannot read the manifest {path}", [str(error.strerror)]) from error
    manifest = load_manifest(text, source=str(path), empty=True)
    root = models_dir.absolute()
    runtimes = {name: root / python for name, python in manifest.runtimes.items()}
    return read_yaml(text).value, replace(manifest, runtimes=runtimes)


def _model(entry: Entry, document: Mapping[str, Any]) -> ModelSpec:
    """The entry among the models of other names, which its guard may name."""
    name = str(entry["name"]).casefold()
    others = [m for m in document.get("models") or () if str(m["name"]).casefold() != name]
    whole = json.dumps({**document, "models": [*others, entry]})
    try:
        return load_manifest(whole, source="flags").models[-1]
    except UsageError as error:
        raise UsageError(REFUSED, [_by_flag(fault) for fault in error.faults]) from None


def _before(args: Namespace, document: Mapping[str, Any], manifest: Manifest) -> ModelSpec | None:
    """The model that the manifest has under this name already."""
    usual = (document.get("defaults") or {}).get("tournament", "classic")
    same = [m for m in manifest.models if m.name.casefold() == args.name.casefold()]
    if args.tournament or not args.replace:
        same = [m for m in same if m.tournament == (args.tournament or usual)]
    if len(same) > 1:
        several = " and ".join(m.tournament for m in same)
        raise UsageError(REFUSED, [f"--tournament: {args.name} is in {several}; say which"])
    if same and not args.replace:
        fault = f"--name {args.name}: {manifest.path} has this {same[0].tournament} model already"
        raise UsageError(REFUSED, [fault], hint="exchange its entry with --replace")
    return same[0] if same else None


def _renewed(before: Entry, entry: Entry) -> Entry:
    """The entry with what the one before says beside its file, and flags do not say."""
    kept = {key: value for key, value in before.items() if key not in OF_THE_FILE}
    if PurePosixPath(before["artifact"]).suffix != PurePosixPath(entry["artifact"]).suffix:
        kept.pop("format", None)  # it was given because of that file's name
    return kept | entry


def _by_flag(fault: str) -> str:
    found = PLACE.fullmatch(fault)
    if found is None:
        return fault
    key = found[1] or ""
    flag = FLAGS.get(key) or FLAGS.get(key.partition(".")[0]) or key
    return f"{flag}: {found[2]}"


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
