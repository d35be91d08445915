"""Small bodies and templates, written by hand."""

from __future__ import annotations

from azure.mgmt.containerinstance.models import (
    Container,
    ContainerGroup,
    ContainerGroupIdentity,
    EnvironmentVariable,
    ResourceRequests,
    ResourceRequirements,
    UserAssignedIdentities,
)

from tests.azure.cloud import SUBSCRIPTION
from tests.azure.errors import Json

GROUP = "models"
SCOPE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
JOB = f"{SCOPE}/providers/Microsoft.ContainerInstance/containerGroups/job"
IDENTITY = f"{SCOPE}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/starter"
WORKFLOW = f"{SCOPE}/providers/Microsoft.Logic/workflows/schedule"
ACCOUNT = f"{SCOPE}/providers/Microsoft.Storage/storageAccounts/modelstore"
ROLES = "/providers/Microsoft.Authorization/roleDefinitions/"
ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments/"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
DEFINITION = (
    "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/"
    "workflowdefinition.json#"
)


def says(code: str) -> list[str]:
    """A command that runs some Python."""
    return ["python", "-c", code]


def container_group(
    command: list[str],
    *,
    policy: str = "Never",
    cpu: float = 1.0,
    identity: str = "",
    plain: dict[str, str] | None = None,
    secret: dict[str, str] | None = None,
    image: str = "ghcr.io/someone/job:1",
) -> ContainerGroup:
    """A group of one container, by the SDK's typed models."""
    variables = [EnvironmentVariable(name=n, value=v) for n, v in (plain or {}).items()]
    variables += [EnvironmentVariable(name=n, secure_value=v) for n, v in (secret or {}).items()]
    return ContainerGroup(
        location="eastus",
        os_type="Linux",
        restart_policy=policy,
        identity=ContainerGroupIdentity(
            type="UserAssigned", user_assigned_identities={identity: UserAssignedIdentities()}
        )
        if identity
        else None,
        containers=[
            Container(
                name="job",
                image=image,
                command=command,
                environment_variables=variables,
                resources=ResourceRequirements(
                    requests=ResourceRequests(cpu=cpu, memory_in_gb=2.0)
                ),
            )
        ],
    )


def group_body(command: list[str], **more: object) -> Json:
    """The same as a body."""
    return dict(container_group(command, **more).serialize())  # type: ignore[arg-type]


def workflow(trigger: Json, *, identity: str = IDENTITY, target: str = JOB) -> Json:
    """A workflow that starts a container group with a user-assigned identity."""
    start = {
        "type": "Http",
        "runAfter": {},
        "inputs": {
            "method": "POST",
            "uri": f"https://management.azure.com{target}/start?api-version=2023-05-01",
            "authentication": {
                "type": "ManagedServiceIdentity",
                "identity": identity,
                "audience": "https://management.azure.com/",
            },
        },
    }
    definition = {
        "$schema": DEFINITION,
        "contentVersion": "1.0.0.0",
        "triggers": {"trigger": trigger},
        "actions": {"start": start},
    }
    return {
        "location": "eastus",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {"state": "Enabled", "definition": definition},
    }


def recurrence(**more: object) -> Json:
    """A trigger for Tuesdays to Saturdays, three times after noon."""
    given: Json = {
        "frequency": "Week",
        "interval": 1,
        "startTime": "2024-01-01T00:00:00",
        "timeZone": "UTC",
        "schedule": {
            "weekDays": ["Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
            "hours": [12],
            "minutes": [5, 25, 45],
        },
    }
    return {"type": "Recurrence", "recurrence": {**given, **more}}


def start_role(*actions: str) -> Json:
    """A custom role of one's own."""
    return {
        "properties": {
            "roleName": "starts one group",
            "type": "CustomRole",
            "permissions": [{"actions": list(actions), "notActions": []}],
            "assignableScopes": [SCOPE],
        }
    }


def assignment(role: str, principal: str, kind: str | None = "ServicePrincipal") -> Json:
    """A role given to somebody."""
    properties = {"roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}{ROLES}{role}"}
    properties |= {"principalId": principal} | ({"principalType": kind} if kind else {})
    return {"properties": properties}


def storage_account(**properties: object) -> Json:
    """An account that takes no keys."""
    return {
        "location": "eastus",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"allowSharedKeyAccess": False, **properties},
    }


def template(*resources: Json, **sections: Json) -> Json:
    """A template of these resources."""
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        **sections,
        "resources": list(resources),
    }


def deployment(document: Json, **parameters: object) -> Json:
    """A deployment of a template with these parameters."""
    values = {name: {"value": value} for name, value in parameters.items()}
    properties = {"mode": "Incremental", "template": document, "parameters": values}
    return {"properties": properties}


def identity_resource(name: str = "starter", **more: object) -> Json:
    """An identity, as a template has it."""
    return {
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "apiVersion": "2023-01-31",
        "name": name,
        "location": "eastus",
        **more,
    }


def group_resource(command: list[str], **more: object) -> Json:
    """A container group, as a template has it."""
    return {
        "type": "Microsoft.ContainerInstance/containerGroups",
        "apiVersion": "2023-05-01",
        "name": "job",
        **group_body(command),
        **more,
    }
