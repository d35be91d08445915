"""Logic App workflows: what starts them, and who they are when they act."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlencode

from tests.azure.directory import Directory, Principal
from tests.azure.errors import Json, Refusal
from tests.azure.firing import Firing, Runner, check_order, status_of
from tests.azure.ids import ResourceId
from tests.azure.messages import Reply, Request, json_reply
from tests.azure.providers import Identities, Provider
from tests.azure.schedule import check_recurrence, fires_at_once, next_firings
from tests.azure.state import Resource, State

CALLBACK = "/workflows/"


@dataclass(frozen=True, slots=True)
class _Trigger:
    workflow: Resource
    name: str
    body: Json


class Workflows(Provider):
    """Workflows. `firings` are their runs so far."""

    type = "Microsoft.Logic/workflows"
    api_versions = ("2016-06-01", "2019-05-01")

    def __init__(
        self,
        state: State,
        directory: Directory,
        identities: Identities,
        runner: Runner,
        url: Callable[[], str],
    ) -> None:
        super().__init__(state)
        self._directory, self._identities, self._runner = directory, identities, runner
        self._url = url
        self._own: dict[str, Principal] = {}
        self._lock = threading.Lock()
        self.firings: list[Firing] = []

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """Identities are there, recurrences can be reckoned with."""
        self._identities.check_attached(body)
        check_order(body["properties"]["definition"]["actions"])
        for trigger in body["properties"]["definition"]["triggers"].values():
            if trigger["type"] == "Recurrence":
                check_recurrence(trigger["recurrence"])

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """Makes or changes it; a recurrence without a start time fires at once."""
        own = (body.get("identity") or {}).get("type") == "SystemAssigned"
        if own and id_.key not in self._own:
            self._own[id_.key] = self._directory.add(id_.names[-1])
        resource = self.state.put(id_, body)
        for name, trigger in body["properties"]["definition"]["triggers"].items():
            if trigger["type"] == "Recurrence" and fires_at_once(trigger["recurrence"]):
                self.fire(resource, name)
        return resource

    def delete(self, resource: Resource) -> None:
        """Its own identity goes with it."""
        principal = self._own.pop(resource.id.key, None)
        if principal is not None:
            self._directory.remove(principal.object_id)

    def show(self, resource: Resource) -> Json:
        """With who it is."""
        shown = super().show(resource)
        if "identity" in shown:
            shown["identity"] = self._identities.shown(resource.body)
        own = self._own.get(resource.id.key)
        if own is not None:
            ids = {"principalId": own.object_id, "tenantId": self._directory.tenant}
            shown["identity"].update(ids)
        return shown

    def more(self, resource: Resource) -> Json:
        """Whether it is on, and since when."""
        return {
            "provisioningState": resource.provisioning,
            "state": resource.body["properties"].get("state", "Enabled"),
            "createdTime": resource.created.isoformat(),
            "changedTime": resource.changed.isoformat(),
            "accessEndpoint": self._endpoint(resource),
        }

    def act(self, resource: Resource, verb: str, rest: tuple[str, ...], request: Request) -> Reply:
        """triggers/NAME, triggers/NAME/listCallbackUrl, triggers/NAME/run, runs."""
        if rest == ("runs",) and request.method == "GET":
            return json_reply(200, {"value": [_shown(one) for one in self._of(resource)]})
        if len(rest) < 2 or rest[0].lower() != "triggers":
            return super().act(resource, verb, rest, request)
        trigger = self._trigger(resource, rest[1])
        if len(rest) == 2 and request.method == "GET":
            return json_reply(200, self._show_trigger(trigger))
        if verb == "listCallbackUrl" and request.method == "POST":
            return json_reply(200, self._callback(trigger))
        if verb == "run" and request.method == "POST":
            self.fire(resource, trigger.name)
            return Reply(202)
        return super().act(resource, verb, rest, request)

    def call(self, request: Request) -> Reply:
        """A call of a Request trigger's URL.

        Raises:
            Refusal: the URL's signature is not right, or the workflow is off.
        """
        parts = request.path.split("/")
        for resource in self.state.of_type(self.type):
            if len(parts) == 7 and parts[2] == self._token(resource):
                trigger = self._trigger(resource, parts[4])
                if not hmac.compare_digest(request.query.get("sig", ""), self._sign(trigger)):
                    break
                if resource.body["properties"].get("state", "Enabled") != "Enabled":
                    raise Refusal(
                        404, "WorkflowTriggerIsNotEnabled", "The workflow is not enabled."
                    )
                self.fire(resource, trigger.name)
                return Reply(202, headers={"x-ms-workflow-run-id": f"{len(self.firings):08d}"})
        raise Refusal(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated only by Shared Access scheme.",
        )

    def fire(self, resource: Resource, trigger: str | None = None) -> Firing:
        """Runs the workflow now, as if the trigger (or its only one) had fired, to its end."""
        properties = resource.body["properties"]
        names = list(properties["definition"]["triggers"])
        found = self._trigger(resource, trigger or names[0])
        actions = self._runner.run(
            properties["definition"],
            lambda name: self._principal(resource, name),
            properties.get("parameters", {}),
        )
        status = status_of(properties["definition"], actions)
        firing = Firing(resource.id.names[-1], found.name, self.state.now(), status, actions)
        with self._lock:
            self.firings.append(firing)
        return firing

    def _principal(self, resource: Resource, name: str | None) -> Principal:
        if name is None and resource.id.key in self._own:
            return self._own[resource.id.key]
        principal = self._identities.principal(name) if name else None
        if principal is None or principal not in self._identities.attached(resource.body):
            raise Refusal(
                400,
                "WorkflowManagedIdentityConfigurationInvalid",
                "The workflow managed identity configuration is invalid. Error: 'The workflow "
                "does not have managed service identity enabled.'.",
            )
        return principal

    def _trigger(self, resource: Resource, name: str) -> _Trigger:
        triggers = resource.body["properties"]["definition"]["triggers"]
        if name not in triggers:
            raise Refusal(
                404,
                "TriggerNotFound",
                f"The workflow '{resource.id.names[-1]}' trigger '{name}' could not be found.",
            )
        return _Trigger(resource, name, triggers[name])

    def _show_trigger(self, trigger: _Trigger) -> Json:
        properties: Json = {"provisioningState": "Succeeded", "state": "Enabled"}
        if trigger.body["type"] == "Recurrence":
            following = next_firings(trigger.body["recurrence"], self.state.now(), 1)
            properties["nextExecutionTime"] = following[0].isoformat()
            properties["recurrence"] = trigger.body["recurrence"]
        id_ = f"{trigger.workflow.id.text}/triggers/{trigger.name}"
        return {"id": id_, "name": trigger.name, "properties": properties}

    def _callback(self, trigger: _Trigger) -> Json:
        if trigger.body["type"] != "Request":
            raise Refusal(
                400, "InvalidTrigger", f"The trigger '{trigger.name}' cannot be called by a URL."
            )
        queries = {
            "api-version": "2016-10-01",
            "sp": f"/triggers/{trigger.name}/run",
            "sv": "1.0",
            "sig": self._sign(trigger),
        }
        path = f"{self._endpoint(trigger.workflow)}/triggers/{quote(trigger.name)}/paths/invoke"
        return {
            "value": f"{path}?{urlencode(queries)}",
            "method": "POST",
            "basePath": path,
            "queries": queries,
        }

    def _endpoint(self, resource: Resource) -> str:
        return f"{self._url()}{CALLBACK}{self._token(resource)}"

    def _token(self, resource: Resource) -> str:
        return sha256(f"{resource.id.key} {resource.created}".encode()).hexdigest()[:32]

    def _sign(self, trigger: _Trigger) -> str:
        text = f"{self._token(trigger.workflow)} {trigger.name}"
        return hmac.new(self._directory.tenant.encode(), text.encode(), sha256).hexdigest()

    def _of(self, resource: Resource) -> list[Firing]:
        return [one for one in self.firings if one.workflow == resource.id.names[-1]]


def _shown(firing: Firing) -> Json:
    properties = {
        "status": firing.status,
        "startTime": firing.at.isoformat(),
        "trigger": {"name": firing.trigger, "status": "Succeeded"},
    }
    return {"name": f"{firing.at:%Y%m%d%H%M%S%f}", "properties": properties}
