"""The Logic App workflows: each has one trigger, and starts one container group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
PAUSES: Final = (1, 3)
"""Minutes before a start that failed is tried again; a round is open for an hour."""
IN_VAIN: Final = ("Failed", "TimedOut")


def workflow_parts(frame: Frame, needs: Mapping[str, tuple[str, ...]]) -> Iterator[Part]:
    """A workflow for each grid of the schedules, and one for Numerai's call.

    Args:
        needs: for the id of each group, what must be there before a workflow starts it.
    """
    names = frame.names
    job, check = (needs.get(group, ()) for group in (names.group, names.check_group))
    jobs = zip(names.schedule_names, frame.settings.grids, strict=True)
    checks = zip(names.check_names, frame.settings.check_grids, strict=True)
    for name, grid in jobs:
        start = _Start(frame, names.group, {SCHEDULE_TRIGGER: recurrence(grid)}, job)
        yield start.workflow(name, f"starts the job {grid}")
    if frame.settings.webhook:
        request = {"type": "Request", "kind": "Http", "inputs": {"method": "POST", "schema": {}}}
        start = _Start(frame, names.group, {WEBHOOK_TRIGGER: request}, job)
        yield start.workflow(names.webhook_name, "starts the job when Numerai calls")
    for name, grid in checks:
        start = _Start(frame, names.check_group, {SCHEDULE_TRIGGER: recurrence(grid)}, check)
        yield start.workflow(name, f"starts a check {grid}")


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


@dataclass(frozen=True, slots=True)
class _Start:
    """What a workflow consists of: when it fires, and the container group that it starts."""

    frame: Frame
    group: str
    triggers: Mapping[str, Any]
    needs: tuple[str, ...]

    def workflow(self, name: str, words: str) -> Part:
        """The workflow as a resource."""
        starter, location = self.frame.names.starter, self.frame.settings.location
        definition = {
            "$schema": DEFINITION_SCHEMA,
            "contentVersion": "1.0.0.0",
            "triggers": dict(self.triggers),
            "actions": dict(self._actions()),
        }
        return Part(
            kind=Kind.WORKFLOW,
            name=name,
            arm_name=name,
            type="Microsoft.Logic/workflows",
            id=self.frame.names.workflow(name),
            words=words,
            body={
                "location": location,
                "identity": {"type": "UserAssigned", "userAssignedIdentities": {starter: {}}},
                "properties": {"state": "Enabled", "definition": definition},
            },
            needs=(starter, *self.needs),
            facts={"region": location, "state": "Enabled", "identity": starter.lower()},
        )

    def _actions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The start and, should it fail, pauses with another start behind each. A group that is
        just changing its state answers 409, which no retry policy covers; one that `apply` makes
        anew 404, and a right that is new 403, for minutes.
        """
        start = "start"
        yield start, self._http({})
        for number, minutes in enumerate(PAUSES, 1):
            pause, again = f"pause_{number}", f"start_again_{number}"
            interval = {"interval": {"count": minutes, "unit": "Minute"}}
            yield pause, {"type": "Wait", "inputs": interval, "runAfter": {start: list(IN_VAIN)}}
            yield again, self._http({pause: ["Succeeded"]})
            start = again

    def _http(self, after: Mapping[str, list[str]]) -> dict[str, Any]:
        """A start of the group; one that runs already answers 204."""
        version = API_VERSIONS[Kind.GROUP]
        return {
            "type": "Http",
            "inputs": {
                "method": "POST",
                "uri": f"{self.frame.management_url}{self.group}/start?api-version={version}",
                "authentication": {
                    "type": "ManagedServiceIdentity",
                    "identity": self.frame.names.starter,
                    "audience": self.frame.audience,
                },
                "retryPolicy": {
                    "type": "exponential",
                    "count": 4,
                    "interval": "PT10S",
                    "minimumInterval": "PT5S",
                    "maximumInterval": "PT1M",
                },
            },
            "runAfter": dict(after),
            # Following the answer 202 to its end would take a right on the operation, which the
            # workflows' role does not give; and the start is all that is asked for.
            "operationOptions": "DisableAsyncPattern",
        }
