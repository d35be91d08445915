"""What a workflow's definition may hold. Azure's specification leaves it untyped, and a mistyped
key is an error at best, and a schedule that never fires at worst.

https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from deploy.template.workflows import DEFINITION_SCHEMA

_Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_Hour = Annotated[int, Field(ge=0, le=23)]
_Minute = Annotated[int, Field(ge=0, le=59)]
_Span = Annotated[str, StringConstraints(pattern=r"^PT[1-9][0-9]*[HMS]$")]
_Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s@?]+(\?[^\s@]*)?$")]
_Local = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")]
_Status = Literal["Succeeded", "Failed", "TimedOut"]
_After = dict[str, Annotated[list[_Status], Field(min_length=1)]]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,79}$")]
LONGEST_PAUSE: Final = 10
MOST_ACTIONS: Final = 9
LONG_AGO: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - beside a time zone it is written without


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Weekly(_Strict):
    """Every hour is combined with every minute, on every day."""

    weekDays: Annotated[list[_Day], Field(min_length=1)]  # noqa: N815 - Azure's own spelling
    hours: Annotated[list[_Hour], Field(min_length=1)]
    minutes: Annotated[list[_Minute], Field(min_length=1)]


class Recurrence(_Strict):
    """When a schedule fires. A start time that is not past, or none, fires at the wrong moment."""

    frequency: Literal["Week"]
    interval: Literal[1]
    startTime: _Local  # noqa: N815
    timeZone: Literal["UTC"]  # noqa: N815
    schedule: Weekly

    @model_validator(mode="after")
    def _begins_in_the_past(self) -> Self:
        if datetime.fromisoformat(self.startTime) > LONG_AGO:
            raise ValueError("startTime is not long past")
        return self


class ScheduleTrigger(_Strict):
    """Fires by the week."""

    type: Literal["Recurrence"]
    recurrence: Recurrence


class RequestInputs(_Strict):
    """What is accepted by a trigger that is called."""

    method: Literal["POST"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class RequestTrigger(_Strict):
    """Fires when its URL is called."""

    type: Literal["Request"]
    kind: Literal["Http"]
    inputs: RequestInputs


class Authentication(_Strict):
    """How the action signs in."""

    type: Literal["ManagedServiceIdentity"]
    identity: str
    audience: _Url


class RetryPolicy(_Strict):
    """How the action is tried again."""

    type: Literal["exponential"]
    count: Annotated[int, Field(ge=1, le=90)]
    interval: _Span
    minimumInterval: _Span  # noqa: N815
    maximumInterval: _Span  # noqa: N815


class HttpInputs(_Strict):
    """The request that starts the container group."""

    method: Literal["POST"]
    uri: _Url
    authentication: Authentication
    retryPolicy: RetryPolicy  # noqa: N815


class HttpAction(_Strict):
    """A start of the container group."""

    type: Literal["Http"]
    inputs: HttpInputs
    runAfter: _After  # noqa: N815
    operationOptions: Literal["DisableAsyncPattern"]  # noqa: N815


class Interval(_Strict):
    """How long a pause is."""

    count: Annotated[int, Field(ge=1, le=LONGEST_PAUSE)]
    unit: Literal["Minute"]


class WaitInputs(_Strict):
    """What a pause is told."""

    interval: Interval


class WaitAction(_Strict):
    """A pause before the next start."""

    type: Literal["Wait"]
    inputs: WaitInputs
    runAfter: _After  # noqa: N815


_Action = Annotated[HttpAction | WaitAction, Field(discriminator="type")]
_Trigger = Annotated[ScheduleTrigger | RequestTrigger, Field(discriminator="type")]


class Definition(_Strict):
    """The whole definition: one trigger, and a row of starts and pauses, each but the first after
    the one before it. There are no outputs and nothing that repeats without end.
    """

    schema_: Annotated[str, Field(alias="$schema", pattern=f"^{DEFINITION_SCHEMA}$")]
    contentVersion: Literal["1.0.0.0"]  # noqa: N815
    triggers: Annotated[dict[_Name, _Trigger], Field(min_length=1, max_length=1)]
    actions: Annotated[dict[_Name, _Action], Field(min_length=1, max_length=MOST_ACTIONS)]

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        former = None
        for name, action in self.actions.items():
            if list(action.runAfter) != ([] if former is None else [former]):
                raise ValueError(f"{name} does not come after {former or 'the trigger'} alone")
            if former is not None:
                goes_on = "Succeeded" in action.runAfter[former]
                if goes_on != isinstance(self.actions[former], WaitAction):
                    raise ValueError(f"{name} is to follow a pause, or a start that failed")
            former = name
        return self
