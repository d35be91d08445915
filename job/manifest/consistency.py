"""What keys of a manifest say together: names given twice, names that nothing has, keys that a
model of this tournament or format cannot have.

Read from the plain values, for such a fault is to be told whatever else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from job.manifest.document import Document, Place
from job.manifest.values import FORMATS, either, is_dataset
from job.model_spec import Format
from job.units import perhaps

SUFFIXES: Final[dict[str, Format]] = {
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "joblib",
    ".txt": "lightgbm",
    ".lgb": "lightgbm",
    ".json": "xgboost",
    ".ubj": "xgboost",
    ".cbm": "catboost",
    ".onnx": "onnx",
    ".keras": "keras",
    ".h5": "keras",
    ".py": "python",
    ".zip": "python",
    "": "python",  # a folder
    ".csv": "predictions",
    ".parquet": "predictions",
}
Fault = tuple[int, Place, str]


def format_of(artifact: str) -> Format | None:
    """The format that an artifact's path tells; None where its suffix is not known."""
    if artifact.endswith("/"):
        return "python"
    return SUFFIXES.get(PurePosixPath(artifact).suffix.lower())


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model as it is written; what is not text where text belongs counts as not there."""

    place: Place
    keys: dict[str, Any]
    tournament: str

    @property
    def name(self) -> str | None:
        return _text(self.keys.get("name"))

    @property
    def artifact(self) -> str | None:
        return _text(self.keys.get("artifact"))

    @property
    def format(self) -> str | None:
        given = self.keys.get("format")
        if given is None and self.artifact is not None:
            return format_of(self.artifact)
        return _text(given)


def consistency_faults(document: Document) -> Iterator[Fault]:
    """Faults of keys that are right each for itself, as line, place and sentence."""
    root = _mapping(document.value)
    defaults = _mapping(root.get("defaults"))
    usual = _text(defaults.get("tournament")) or "classic"
    entries = list(_entries(root.get("models"), usual))
    for place, sentence in _found(root, defaults, usual, entries, document):
        yield document.line_of(place), place, sentence


def _found(
    root: dict[str, Any],
    defaults: dict[str, Any],
    usual: str,
    entries: list[_Entry],
    document: Document,
) -> Iterator[tuple[Place, str]]:
    yield from _doubled_names(entries, document)
    runtimes = list(_mapping(root.get("runtimes")))
    given = _Entry(("defaults",), {**defaults, "name": None}, usual)
    for entry in (given, *entries):
        yield from _runtime_faults(entry, runtimes)
        yield from _guard_faults(entry, entries)
    for entry in entries:
        yield from _artifact_faults(entry)
        yield from _misplaced_keys(entry)


def _entries(models: Any, usual: str) -> Iterator[_Entry]:
    for index, keys in enumerate(models if isinstance(models, list) else ()):
        if isinstance(keys, dict):
            tournament = _text(keys.get("tournament")) or usual
            yield _Entry(("models", index), keys, tournament)


def _doubled_names(entries: list[_Entry], document: Document) -> Iterator[tuple[Place, str]]:
    """Numerai's names are compared without case."""
    first: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        if entry.name is None:
            continue
        earlier = first.setdefault((entry.tournament, entry.name.casefold()), entry)
        if earlier is not entry:
            line = document.line_of((*earlier.place, "name"))
            yield (*entry.place, "name"), f"{entry.name!r} is already on line {line}"


def _runtime_faults(entry: _Entry, runtimes: list[str]) -> Iterator[tuple[Place, str]]:
    given = _text(entry.keys.get("runtime"))
    if given and given not in runtimes:
        where = perhaps(given, runtimes) or "; make one with `python -m job runtime create`"
        yield (*entry.place, "runtime"), f"{given!r} is not among `runtimes`{where}"


def _guard_faults(entry: _Entry, entries: list[_Entry]) -> Iterator[tuple[Place, str]]:
    guard = _mapping(entry.keys.get("guard"))
    given = _text(guard.get("reference"))
    if given is None or is_dataset(given):
        return
    names = [e.name for e in entries if e.name and e.tournament == entry.tournament]
    place = (*entry.place, "guard", "reference")
    if given == entry.name:
        yield place, "a model cannot be its own reference"
    elif given not in names:
        near = perhaps(given, [name for name in names if name != entry.name])
        yield (
            place,
            f"{given!r} is neither a dataset (.parquet) nor a {entry.tournament} model "
            f"of this manifest{near}",
        )
    if guard.get("column") is not None:
        yield (*entry.place, "guard", "column"), "only a dataset has columns to choose from"


def _artifact_faults(entry: _Entry) -> Iterator[tuple[Place, str]]:
    if entry.artifact is None:
        return
    if entry.format is None and entry.keys.get("format") is None:
        name = PurePosixPath(entry.artifact).name
        yield (
            (*entry.place, "format"),
            f"none is known for {name!r}; give {either(FORMATS)}",
        )
    if entry.artifact.endswith("/") and entry.format not in (None, "python"):
        yield (
            (*entry.place, "artifact"),
            f"{entry.artifact!r} is a folder, which only format python can be",
        )


def _misplaced_keys(entry: _Entry) -> Iterator[tuple[Place, str]]:
    """Keys that say something which a model of this tournament or format has nothing of."""
    limits = _mapping(entry.keys.get("limits"))
    says = {
        ("features",): (
            entry.format == "predictions",
            "a finished prediction file is given none; leave the key out",
        ),
        ("modules",): (
            entry.format not in (None, "python") or not _is_code(entry.artifact),
            "only a single .py file of format python has modules beside it",
        ),
        ("env",): (
            entry.format not in (None, "python"),
            "only a model of format python is given secrets",
        ),
        ("data_lag",): (entry.tournament != "signals", "only Signals takes lagged data"),
        ("limits", "min_coverage"): (
            entry.tournament == "classic",
            "Classic wants every id; only Signals and Crypto take a part of the universe",
        ),
        ("limits", "max_churn"): (
            entry.tournament != "signals",
            "Numerai counts the churn of Signals only",
        ),
    }
    for place, (misplaced, sentence) in says.items():
        value = (limits if place[0] == "limits" else entry.keys).get(place[-1])
        if misplaced and value not in (None, [], 0):
            yield (*entry.place, *place), sentence


def _is_code(artifact: str | None) -> bool:
    """Whether it is a single file of code, as far as that is known."""
    return artifact is None or artifact.endswith(".py")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
