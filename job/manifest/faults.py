"""Faults of a manifest, each as `file:line: place: sentence`, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from job.manifest.document import Document, Place
from job.manifest.schema import Defaults, Model, Schema, shown
from job.units import perhaps

MAX_FAULTS: Final = 50
LONGEST: Final = 300
# What pydantic calls a fault, and what we say; `{}` is the value.
SENTENCES: Final = {
    "missing": "missing",
    "int_type": "must be a whole number, not {}",
    "bool_type": "must be true or false, not {}",
    "model_type": "must be a mapping of keys to values, not {}",
    "list_type": "must be a list of models, not {}",
    "too_short": "names no model",
}


def render_faults(document: Document, error: ValidationError | None, *, source: str) -> list[str]:
    """All faults of a manifest: of its YAML, its keys and values, and names given twice."""
    found = [*document.faults, *_doubled_names(document)]
    if error is not None:
        for detail in error.errors(include_url=False):
            place = detail["loc"]
            found.append((document.line_of(place), place, _sentence(detail)))
    found.sort(key=lambda fault: fault[0])
    rendered = [_render(source, *fault) for fault in found[:MAX_FAULTS]]
    more = len(found) - len(rendered)
    return [*rendered, f"and {more:,} more"] if more else rendered


def _render(source: str, line: int, place: Place, sentence: str) -> str:
    text = ": ".join(filter(None, (_spelt(place), sentence)))
    if not text.isprintable():  # line ends in a key, say
        text = text.encode("unicode_escape").decode()
    return f"{source}:{line}: {text if len(text) <= LONGEST else text[:LONGEST] + '...'}"


def _spelt(place: Place) -> str:
    """`models[0].artifact` for `("models", 0, "artifact")`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail["loc"])
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return SENTENCES.get(detail["type"], detail["msg"]).format(shown(detail["input"]))


def _unknown_key(place: Place) -> str:
    key = str(place[-1])
    schemas: dict[int, type[BaseModel]] = {1: Schema, 2: Defaults}
    schema = schemas.get(len(place), Model)
    if schema is not Model and key in Model.model_fields:
        return "belongs to a model, not here"
    return f"unknown key{perhaps(key, schema.model_fields)}"


def _doubled_names(document: Document) -> Iterator[tuple[int, Place, str]]:
    """From the plain values, for a name given twice is a fault whatever else is wrong.

    Numerai's names are compared without case.
    """
    first: dict[tuple[str, str], int] = {}
    for index, (tournament, name) in _names(document.value):
        earlier = first.setdefault((tournament, name.casefold()), index)
        if earlier != index:
            place: Place = ("models", index, "name")
            line = document.line_of(("models", earlier, "name"))
            yield document.line_of(place), place, f"{name!r} is already on line {line}"


def _names(value: Any) -> Iterator[tuple[int, tuple[str, str]]]:
    root = value if isinstance(value, dict) else {}
    defaults = root.get("defaults")
    usual = defaults.get("tournament") if isinstance(defaults, dict) else None
    models = root.get("models")
    for index, model in enumerate(models if isinstance(models, list) else ()):
        if isinstance(model, dict) and isinstance(name := model.get("name"), str):
            yield index, (str(model.get("tournament", usual or "classic")), name)
