"""The manifest's keys and what each may hold; a fault is a sentence that follows `key: `.

What keys have to say together (a runtime's name, a guard's reference) is in `consistency`.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from job.manifest import values
from job.manifest.consistency import format_of
from job.model_spec import Features, Format, Postprocess, Tournament
from job.units import parse_memory, parse_time_limit

EMPTY_ALLOWED: Final = {"empty": True}
"""Context of a validation that takes a manifest without models, one that is being begun."""

_Features = Annotated[Features | None, PlainValidator(values.features)]
_Share = Annotated[float | None, PlainValidator(values.number(0, 1, omissible=True))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Neutralize(_Strict):
    """What `neutralize` holds."""

    features: Annotated[Features, PlainValidator(values.some_features)]
    proportion: Annotated[float, PlainValidator(values.number(0, 1))] = 1.0


class Limits(_Strict):
    """What `limits` holds."""

    min_coverage: _Share = None
    max_churn: _Share = None


class Guard(_Strict):
    """What `guard` holds."""

    reference: Annotated[str, PlainValidator(values.reference)]
    min_corr: Annotated[float, PlainValidator(values.number(-1, 1))] = 0.0
    max_corr: Annotated[float, PlainValidator(values.number(-1, 1))] = 1.0
    column: Annotated[str | None, PlainValidator(values.omissible(values.text))] = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min_corr > self.max_corr:
            raise ValueError(f"min_corr {self.min_corr:g} is above max_corr {self.max_corr:g}")
        return self


class Defaults(_Strict):
    """What `defaults` may give for every model, and a model for itself."""

    tournament: Annotated[Tournament, PlainValidator(values.tournament)] = "classic"
    data_version: Annotated[str | None, PlainValidator(values.data_version)] = None
    runtime: Annotated[str | None, PlainValidator(values.omissible(values.text))] = None
    features: _Features = None
    neutralize: Neutralize | None = None
    postprocess: Annotated[Postprocess, PlainValidator(values.postprocess)] = "none"
    limits: Limits | None = None
    guard: Guard | None = None
    priority: int = 0
    timeout: Annotated[float | None, PlainValidator(values.amount(parse_time_limit))] = None
    memory: Annotated[int | None, PlainValidator(values.amount(parse_memory))] = None


class Model(Defaults):
    """An entry of `models`."""

    name: Annotated[str, PlainValidator(values.name)]
    artifact: Annotated[PurePosixPath, PlainValidator(values.artifact)]
    sha256: Annotated[str | None, PlainValidator(values.sha256)] = None
    modules: Annotated[str | None, PlainValidator(values.sha256)] = None
    format: Annotated[Format | None, PlainValidator(values.omissible(values.model_format))] = None
    data_lag: Annotated[int, PlainValidator(values.days)] = 0
    env: Annotated[tuple[str, ...], PlainValidator(values.variables)] = ()
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _format_by_suffix(cls, value: object) -> object:
        # Here, where a path still has the / that tells a folder; `consistency` tells of others.
        path = value.get("artifact") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(path, str) and value.get("format") is None:
            return {**value, "format": format_of(path)}
        return value


class Schema(_Strict):
    """The whole manifest."""

    version: Annotated[int, PlainValidator(values.version)]
    runtimes: dict[
        Annotated[str, PlainValidator(values.runtime_name)],
        Annotated[Path, PlainValidator(values.interpreter)],
    ] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    models: list[Model]

    @field_validator("runtimes", "defaults", mode="before")
    @classmethod
    def _all_commented_out(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator("models", mode="before")
    @classmethod
    def _some_model(cls, value: object, info: ValidationInfo) -> object:
        empty_allowed = info.context == EMPTY_ALLOWED
        if value == [] and not empty_allowed:
            raise ValueError("names no model")
        return [] if value is None and empty_allowed else value
