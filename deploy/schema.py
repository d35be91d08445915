"""The keys of deploy.yaml and what each may hold; a fault is a sentence that follows `key: `.

What keys have to say together, and the job's own variables, is in `consistency`.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator, model_validator

from deploy import values
from job.manifest.document import Place
from job.manifest.values import shown
from job.units import perhaps

_Name = Annotated[str, PlainValidator(values.name)]
_Cpu = PlainValidator(values.amount("vCPU", most=values.MOST_CPU, decimals=2))
_Memory = PlainValidator(values.amount("GB", most=values.MOST_MEMORY, decimals=1))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Registry(_Strict):
    """What `registry` holds."""

    acr: Annotated[str, PlainValidator(values.registry)]


class Storage(_Strict):
    """What `storage` holds."""

    account: Annotated[str, PlainValidator(values.storage_account)]
    create: bool = True


class Trigger(_Strict):
    """An entry of `triggers`."""

    days: Annotated[tuple[str, ...], PlainValidator(values.days)] = ()
    at: Annotated[tuple[time, ...], PlainValidator(values.times)] = ()
    wait: Annotated[float, PlainValidator(values.wait)] = 0.0
    webhook: bool = False
    command: Annotated[str, PlainValidator(values.command)] = values.RUN

    @model_validator(mode="after")
    def _is_one_of_the_two(self) -> Self:
        if self.command == values.CHECK and self.webhook:
            raise ValueError("a check has times, `days` and `at`; Numerai's call starts the job")
        if self.command == values.CHECK and "wait" in self.model_fields_set:
            raise ValueError("a check waits for no round; leave `wait` out")
        if self.webhook and (self.days or self.at):
            raise ValueError("has a time or Numerai's call, not both; write two entries")
        if not self.webhook and not (self.days and self.at):
            raise ValueError("needs `days` and `at`, or `webhook: true`")
        return self


class Schema(_Strict):
    """The whole file."""

    subscription: Annotated[str, PlainValidator(values.subscription)]
    resource_group: Annotated[str, PlainValidator(values.resource_group)]
    location: Annotated[str, PlainValidator(values.location)]
    name: _Name = "numerai-job"
    image: Annotated[str, PlainValidator(values.image)]
    registry: Registry | None = None
    cpu: Annotated[float, _Cpu] = 2.0
    memory: Annotated[float, _Memory] = 8.0
    storage: Storage
    triggers: list[Trigger] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    secrets: Annotated[tuple[str, ...], PlainValidator(values.secrets)] = ()

    @field_validator("triggers", mode="before")
    @classmethod
    def _all_triggers_commented_out(cls, value: object) -> object:
        if value is not None and not isinstance(value, list):
            raise ValueError(f"must be a list of triggers, not {shown(value)}")
        return value or []

    @field_validator("settings", mode="before")
    @classmethod
    def _all_settings_commented_out(cls, value: object) -> object:
        if value is not None and not isinstance(value, dict):  # not quoted: it may be a secret
            raise ValueError("must be a mapping of names of variables to their values")
        return value or {}


_NESTED: Final[dict[str | int, type[BaseModel]]] = {"registry": Registry, "storage": Storage}


def unknown_key(place: Place) -> str:
    """The sentence for a key that nothing reads."""
    key, around = str(place[-1]), place[-2] if len(place) > 1 else None
    schema = Schema if around is None else _NESTED.get(around, Trigger)
    near = perhaps(key, schema.model_fields)
    if schema is Schema and key.upper().startswith("NUMERAI_"):
        near = "; the job's variables belong under `settings`, its secrets in the environment"
    return f"unknown key{near}"
