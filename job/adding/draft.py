"""What `add` is to put into the manifest, completed by its defaults and runtimes."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from job.adding.entry import REFUSED, Entry, entry_of
from job.adding.placing import Place
from job.errors import UsageError
from job.manifest import Manifest, load_manifest
from job.manifest.document import read_yaml
from job.model_spec import ModelSpec

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
OF_THE_FILE: Final = {"artifact", "sha256", "modules", "enabled"}
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


def draft_of(args: Namespace, place: Place, *, path: Path, models_dir: Path) -> Draft:
    """What is to be put into the manifest at `path`, as its defaults and runtimes complete it.

    Raises `UsageError` with a fault for each flag, for a name that the manifest has already, and
    for a manifest that is not valid.
    """
    document, manifest = _read(path, models_dir)
    entry = entry_of(args, place)
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
