"""Deployments at the scope of a resource group: validated, foretold, carried out, remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.azure.deployment import TYPE, Deployment
from tests.azure.directory import Principal
from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault, Kind
from tests.azure.functions import NotYetError, references, unresolved
from tests.azure.messages import Reply, json_reply
from tests.azure.operations import Operations
from tests.azure.resources import Desk
from tests.azure.specs import check_deployment
from tests.azure.state import State
from tests.azure.template import Planned, Template
from tests.azure.what_if import changes

_FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for "
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."
)


class Deployments:
    """Those of one subscription."""

    def __init__(
        self, state: State, desk: Desk, operations: Operations, new_id: Callable[[], str]
    ) -> None:
        self._state, self._desk, self._operations = state, desk, operations
        self._new_id = new_id
        self._lock = threading.Lock()
        self._all: dict[str, Deployment] = {}

    def validate(self, who: Principal, group: str, name: str, body: Json) -> Reply:
        """Whether a deployment would be accepted."""
        deployment = self._new(who, group, name, body)
        deployment.state = "Succeeded"
        shown = deployment.show(self._state.now())
        ids = [{"id": one.id.text} for one in deployment.template.planned]
        shown["properties"]["validatedResources"] = ids
        return json_reply(200, shown)

    def what_if(self, who: Principal, group: str, body: Json, fault: Fault | None) -> Reply:
        """What a deployment would change."""
        template = self._accepted(who, group, body)
        scope = self._state.group_id(self._state.group(group).name)

        def work() -> Json:
            found = changes(template, self._state, self._desk.show, scope)
            return {"status": "Succeeded", "properties": {"changes": found}}

        return self._operations.begin(work, Reply(202), fault=fault)

    def put(self, who: Principal, group: str, name: str, body: Json, fault: Fault | None) -> Reply:
        """Begins a deployment."""
        deployment = self._new(who, group, name, body)
        if body["properties"]["mode"] != "Incremental":
            raise Refusal(400, "InvalidDeployment", "this stand-in deploys Incremental only")
        with self._lock:
            former = self._all.get(deployment.id.lower())
            if former is not None and former.state in ("Accepted", "Running"):
                raise _active(former)
            self._all[deployment.id.lower()] = deployment
        first = json_reply(201, deployment.show(self._state.now()))
        self._mark(deployment, fault)
        return self._operations.begin(lambda: self._run(who, deployment), first, fault=fault)

    def show(self, group: str, name: str) -> Json:
        """What a GET answers."""
        return self._get(group, name).show(self._state.now())

    def list_operations(self, group: str, name: str) -> Json:
        """What was done for each resource so far."""
        return {"value": list(self._get(group, name).operations)}

    def delete(self, group: str, name: str) -> None:
        """Forgets a deployment; what it made stays."""
        self._all.pop(self._id(group, name).lower(), None)

    def _get(self, group: str, name: str) -> Deployment:
        found = self._all.get(self._id(group, name).lower())
        if found is None:
            raise Refusal(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
        return found

    def _id(self, group: str, name: str) -> str:
        scope = self._state.group_id(self._state.group(group).name)
        return f"{scope}/providers/{TYPE}/{name}"

    def _new(self, who: Principal, group: str, name: str, body: Json) -> Deployment:
        template = self._accepted(who, group, body)
        return Deployment(
            self._id(group, name),
            name,
            template,
            self._state.now(),
            self._new_id(),
            body.get("tags", {}),
        )

    def _mark(self, deployment: Deployment, fault: Fault | None) -> None:
        """What a deployment looks like whose operation is stuck, or has failed as it began."""
        if fault is not None and fault.kind is Kind.STUCK:
            deployment.state = "Running"
        elif fault is not None and fault.kind is Kind.FAIL:
            deployment.error = {"code": fault.code, "message": fault.message}
            deployment.state, deployment.ended = "Failed", self._state.now()

    def _accepted(self, who: Principal, group: str, body: Json) -> Template:
        """What is found wrong before anything is done."""
        check_deployment(body)
        properties = body["properties"]
        scope = self._state.group_id(self._state.group(group).name)
        template = Template(properties["template"], properties.get("parameters", {}), scope=scope)
        for one in template.planned:
            if not self._desk.may_write(who, one.id):
                raise _not_allowed(who, one)
            functions = references(self._state, self._desk.show)
            sketch = template.body_so_far(one.body, functions)
            self._desk.check_form(one.id, one.api_version, sketch)
        return template

    def _run(self, who: Principal, deployment: Deployment) -> Json:
        deployment.state = "Running"
        functions = references(self._state, self._desk.show)
        try:
            for planned in deployment.template.planned:
                self._make(who, deployment, planned)
            deployment.outputs = deployment.template.outputs(functions)
        except Refusal as refusal:
            cause: Json = {"code": refusal.code, "message": refusal.message}
            failure = Refusal(409, "DeploymentFailed", _FAILED, details=[cause])
            deployment.error, deployment.state = failure.error, "Failed"
            deployment.ended = self._state.now()
            raise failure from refusal
        deployment.state, deployment.ended = "Succeeded", self._state.now()
        return deployment.show(self._state.now())

    def _make(self, who: Principal, deployment: Deployment, planned: Planned) -> None:
        functions = references(self._state, self._desk.show)
        target = {
            "id": planned.id.text,
            "resourceType": planned.id.type,
            "resourceName": planned.id.name,
        }
        properties: Json = {
            "provisioningOperation": "Create",
            "provisioningState": "Running",
            "timestamp": self._state.now().isoformat(),
            "targetResource": target,
        }
        number = f"{len(deployment.operations):016X}"
        path = f"{deployment.id}/operations/{number}"
        entry = {"id": path, "operationId": number, "properties": properties}
        deployment.operations.append(entry)
        try:
            body = deployment.template.body(planned, functions)
            self._desk.put_now(who, planned.id, planned.api_version, body)
        except NotYetError as error:
            self._fail(properties, unresolved(error))
        except Refusal as refusal:
            self._fail(properties, refusal)
        properties["provisioningState"], properties["statusCode"] = "Succeeded", "OK"

    def _fail(self, properties: Json, refusal: Refusal) -> None:
        properties["provisioningState"] = "Failed"
        properties["statusCode"] = str(refusal.status)
        properties["statusMessage"] = {"status": "Failed", "error": refusal.error}
        raise refusal


def _active(former: Deployment) -> Refusal:
    return Refusal(
        409,
        "DeploymentActive",
        f"Unable to edit or replace deployment '{former.name}': previous deployment from "
        f"'{former.begun:%m/%d/%Y %I:%M:%S %p}' is still active. "
        "Please see https://aka.ms/arm-deploy for usage details.",
    )


def _not_allowed(who: Principal, planned: Planned) -> Refusal:
    return Refusal(
        403,
        "InvalidTemplateDeployment",
        f"Deployment failed with multiple errors: 'Authorization failed for template resource "
        f"'{planned.id.name}' of type '{planned.id.type}'. The client '{who.object_id}' with "
        f"object id '{who.object_id}' does not have permission to perform action "
        f"'{planned.id.type}/write' at scope '{planned.id.text}'.'",
    )
