"""One deployment: how far it has come, and what is told of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

from tests.azure.errors import Json
from tests.azure.template import Template

TYPE = "Microsoft.Resources/deployments"


@dataclass(slots=True)
class Deployment:
    """A deployment and how far it has come."""

    id: str
    name: str
    template: Template
    begun: datetime
    correlation: str
    tags: Json
    state: str = "Accepted"
    ended: datetime | None = None
    outputs: Json = field(default_factory=dict)
    error: Json | None = None
    operations: list[Json] = field(default_factory=list)

    def show(self, now: datetime) -> Json:
        """What a GET answers; secure parameters and outputs have no value."""
        document = json.dumps(self.template.document, sort_keys=True).encode()
        duration = ((self.ended or now) - self.begun).total_seconds()
        done = [one for one in self.operations if _state(one) == "Succeeded"]
        properties: Json = {
            "templateHash": str(int(hashlib.sha256(document).hexdigest()[:15], 16)),
            "parameters": self.template.shown_parameters,
            "mode": "Incremental",
            "provisioningState": self.state,
            "timestamp": (self.ended or now).isoformat(),
            "duration": f"PT{duration:.7f}S",
            "correlationId": self.correlation,
            "providers": [],
            "dependencies": [],
            "outputs": self.outputs,
            "outputResources": [{"id": _target(one)["id"]} for one in done],
        }
        if self.error is not None:
            properties["error"] = self.error
        head = {"id": self.id, "name": self.name, "type": TYPE, "tags": self.tags}
        return {**head, "properties": properties}


def _state(operation: Json) -> str:
    return str(operation["properties"]["provisioningState"])


def _target(operation: Json) -> Json:
    target: Json = operation["properties"]["targetResource"]
    return target
