"""Faults of a manifest, each as `file:line: place: sentence`, in the order of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from job.manifest.consistency import Fault, consistency_faults
from job.manifest.document import Document, Place
from job.manifest.schema import Defaults, Guard, Limits, Model, Neutralize, Schema
from job.manifest.values import shown
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
    "dict_type": "must be a mapping of keys to values, not {}",
}
NESTED: Final[dict[str | int, type[BaseModel]]] = {
    "neutralize": Neutralize,
    "limits": Limits,
    "guard": Guard,
}


def render_faults(document: Document, error: ValidationError | None, *, source: str) -> list[str]:
    """All faults of a manifest: of its YAML, its keys and values, and what they say together."""
    found = [*document.faults, *schema_faults(document, error, unknown_key=_unknown_key)]
    return rendered([*found, *consistency_faults(document)], source=source)


def schema_faults(
    document: Document, error: ValidationError | None, *, unknown_key: Callable[[Place], str]
) -> Iterator[Fault]:
    """What pydantic found wrong with the values of a document.

    Args:
        unknown_key: the sentence for a key that nothing reads.
    """
    for detail in error.errors(include_url=False) if error is not None else ():
        place = tuple(step for step in detail["loc"] if step != "[key]")
        yield document.line_of(place), place, _sentence(detail, unknown_key)


def rendered(faults: Iterable[Fault], *, source: str) -> list[str]:
    """Faults as `source:line: place: sentence`, in the order of the file, at most `MAX_FAULTS`."""
    found = sorted(faults, key=lambda fault: fault[0])
    lines = [_render(source, *fault) for fault in found[:MAX_FAULTS]]
    more = len(found) - len(lines)
    return [*lines, f"and {more:,} more"] if more else lines


def _render(source: str, line: int, place: Place, sentence: str) -> str:
    text = ": ".join(filter(None, (_spelt(place), sentence)))
    if not text.isprintable():  # line ends in a key, say
        text = text.encode("unicode_escape").decode()
    return f"{source}:{line}: {text if len(text) <= LONGEST else text[:LONGEST] + '...'}"


def _spelt(place: Place) -> str:
    """`models[0].artifact` for `("models", 0, "artifact")`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def _sentence(detail: ErrorDetails, unknown_key: Callable[[Place], str]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_key(detail["loc"])
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return SENTENCES.get(detail["type"], detail["msg"]).format(shown(detail["input"]))


def _unknown_key(place: Place) -> str:
    key, schema = str(place[-1]), _schema_at(place)
    near = perhaps(key, schema.model_fields)
    if schema is not Model and key in Model.model_fields:
        return f"belongs to a model, not here{near}"
    return f"unknown key{near}"


def _schema_at(place: Place) -> type[BaseModel]:
    """What is allowed where the key at `place` stands."""
    if len(place) == 1:
        return Schema
    around = place[-2]
    return NESTED.get(around, Model if isinstance(around, int) else Defaults)
