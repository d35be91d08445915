"""The Logic App workflows: each has one trigger, and one action that starts the group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deploy.names import SCHEDULE_TRIGGER, WEBHOOK_TRIGGER
from deploy.pieces import Kind
from deploy.template.part import API_VERSIONS, Frame, Part
from deploy.triggers import DAYS, FULL_DAYS, Grid

DEFINITION_SCHEMA: Final = (
    "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/"
    "workflowdefinition.json#"
)
# In the past: without a start time a recurrence fires at once when it is deployed, and with one in
# the past it waits for its next slot. Beside a time zone it is written without a Z.
STARTING: Final = "2024-01-01T00:00:00"


def workflow_parts(frame: Frame, needs: tuple[str, ...]) -> Iterator[Part]:
    """A workflow for each grid of the schedules, and one for Numerai's call.

    Args:
        needs: what must be there before the first of them fires.
    """
    names = frame.names
    for name, grid in zip(names.schedule_names, frame.settings.grids, strict=True):
        trigger = {SCHEDULE_TRIGGER: recurrence(grid)}
        yield _workflow(frame, name, f"starts the job {grid}", trigger, needs)
    if frame.settings.webhook:
        words = "starts the job when Numerai calls"
        request = {"type": "Request", "kind": "Http", "inputs": {"method": "POST", "schema": {}}}
        yield _workflow(frame, names.webhook_name, words, {WEBHOOK_TRIGGER: request}, needs)


def recurrence(grid: Grid) -> dict[str, Any]:
    """The trigger that fires at a grid's times and at no other."""
    return {
        "type": "Recurrence",
        "recurrence": {
            "frequency": "Week",
            "interval": 1,
            "startTime": STARTING,
            "timeZone": "UTC",
            "schedule": {
                "weekDays": [FULL_DAYS[DAYS.index(day)] for day in grid.days],
                "hours": list(grid.hours),
                "minutes": list(grid.minutes),
            },
        },
    }


def _start(frame: Frame) -> dict[str, Any]:
    """The action. A group that runs already answers 204; one in transition 409, and then the run
    that is under way does the work.
    """
    version = API_VERSIONS[Kind.GROUP]
    return {
        "type": "Http",
        "inputs": {
            "method": "POST",
            "uri": f"{frame.management_url}{frame.names.group}/start?api-version={version}",
            "authentication": {
                "type": "ManagedServiceIdentity",
                "identity": frame.names.starter,
                "audience": frame.audience,
            },
            "retryPolicy": {
                "type": "exponential",
                "count": 4,
                "interval": "PT10S",
                "minimumInterval": "PT5S",
                "maximumInterval": "PT1M",
            },
        },
        "runAfter": {},
        # Following the answer 202 to its end would take a right on the operation, which the
        # workflows' role does not give; and the start is all that is asked for.
        "operationOptions": "DisableAsyncPattern",
    }


def _workflow(
    frame: Frame, name: str, words: str, triggers: dict[str, Any], needs: tuple[str, ...]
) -> Part:
    definition = {
        "$schema": DEFINITION_SCHEMA,
        "contentVersion": "1.0.0.0",
        "triggers": triggers,
        "actions": {"start": _start(frame)},
    }
    return Part(
        kind=Kind.WORKFLOW,
        name=name,
        arm_name=name,
        type="Microsoft.Logic/workflows",
        id=frame.names.workflow(name),
        words=words,
        body={
            "location": frame.settings.location,
            "identity": {
                "type": "UserAssigned",
                "userAssignedIdentities": {frame.names.starter: {}},
            },
            "properties": {"state": "Enabled", "definition": definition},
        },
        needs=(frame.names.starter, *needs),
        facts={
            "region": frame.settings.location,
            "state": "Enabled",
            "identity": frame.names.starter.lower(),
        },
    )
