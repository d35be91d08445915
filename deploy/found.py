"""What Azure answers about a resource -> what a plan compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from deploy.pieces import CONFIG_TAG, NAME_TAG, OWNER_METADATA, SECRETS_TAG, Found, Kind
from deploy.template.part import API_VERSIONS
from job.errors import UnavailableError

Body = Mapping[str, Any]

KINDS: Final = {
    "microsoft.managedidentity/userassignedidentities": Kind.IDENTITY,
    "microsoft.storage/storageaccounts": Kind.STORAGE,
    "microsoft.storage/storageaccounts/blobservices": Kind.BLOBS,
    "microsoft.storage/storageaccounts/managementpolicies": Kind.LIFECYCLE,
    "microsoft.storage/storageaccounts/blobservices/containers": Kind.CONTAINER,
    "microsoft.authorization/roledefinitions": Kind.ROLE,
    "microsoft.authorization/roleassignments": Kind.ASSIGNMENT,
    "microsoft.containerinstance/containergroups": Kind.GROUP,
    "microsoft.logic/workflows": Kind.WORKFLOW,
}
UNDER_WAY: Final = {"Pending", "Running", "Repairing"}
NOT_MADE: Final = {"Failed", "Canceled"}
"""Provisioning states of what is there and not as it was asked for."""


def kind_of(resource_id: str) -> Kind | None:
    """What an id names; None for what is never part of a deployment."""
    _, _, own = resource_id.lower().rpartition("/providers/")
    namespace, *rest = own.split("/")
    return KINDS.get("/".join((namespace, *rest[::2])))


def found_of(resource_id: str, body: Body) -> Found:
    """What is at `resource_id`, from the JSON of a GET.

    Raises:
        UnavailableError: the answer cannot be understood, or the id names something else.
    """
    kind = kind_of(resource_id)
    if kind is None:
        raise UnavailableError(f"{resource_id} is nothing that a deployment consists of")
    try:
        properties = body.get("properties") or {}
        tags = body.get("tags") or {}
        metadata = (properties.get("metadata") or {}) if kind is Kind.CONTAINER else {}
        return Found(
            id=resource_id,
            name=str(body.get("name") or resource_id.rpartition("/")[2]),
            kind=kind,
            api_version=API_VERSIONS[kind],
            owner=tags.get(NAME_TAG) or metadata.get(OWNER_METADATA),
            config=tags.get(CONFIG_TAG),
            secrets=tags.get(SECRETS_TAG) or None,
            facts=_READERS[kind](body, properties),
            principal_id=properties.get("principalId"),
            running=kind is Kind.GROUP and _state(properties) in UNDER_WAY,
            failed=properties.get("provisioningState") in NOT_MADE,
            metadata=dict(metadata),
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise UnavailableError(
            f"cannot understand what Azure answered about {resource_id}",
            f"{type(error).__name__}: {error}",
        ) from error


def _region(body: Body) -> str:
    return str(body["location"]).replace(" ", "").lower()


def _identity(body: Body, properties: Body) -> dict[str, str]:
    return {"region": _region(body)}


def _account(body: Body, properties: Body) -> dict[str, str]:
    # An account that says nothing of its shared keys allows them.
    return {
        "region": _region(body),
        "public access to blobs": _on(properties.get("allowBlobPublicAccess", False)),
        "shared keys": _on(properties.get("allowSharedKeyAccess") is not False),
        "least TLS version": str(properties.get("minimumTlsVersion", "TLS1_0")),
    }


def _blob_service(body: Body, properties: Body) -> dict[str, str]:
    return {"versioning": _on(properties.get("isVersioningEnabled"))}


def _lifecycle(body: Body, properties: Body) -> dict[str, str]:
    rules = (properties.get("policy") or {}).get("rules") or []
    actions = [rule["definition"]["actions"] for rule in rules if rule.get("enabled") is not False]
    deletions = [(action.get("version") or {}).get("delete") or {} for action in actions]
    days = [deletion.get("daysAfterCreationGreaterThan") for deletion in deletions if deletion]
    kept = f"deleted after {days[0]:g} days" if days and days[0] is not None else "kept"
    return {"former versions": kept}


def _container(body: Body, properties: Body) -> dict[str, str]:
    return {"public access": str(properties.get("publicAccess") or "None")}


def _role(body: Body, properties: Body) -> dict[str, str]:
    actions = {
        str(action)
        for permission in properties["permissions"]
        for name in ("actions", "dataActions")
        for action in permission.get(name) or ()
    }
    return {"actions": ", ".join(sorted(actions))}


def _assignment(body: Body, properties: Body) -> dict[str, str]:
    return {"role": str(properties["roleDefinitionId"]).rpartition("/")[2].lower()}


def _group(body: Body, properties: Body) -> dict[str, str]:
    requests = properties["containers"][0]["properties"]["resources"]["requests"]
    return {
        "region": _region(body),
        "OS": str(properties["osType"]),
        "restart policy": str(properties.get("restartPolicy") or "Always"),
        "vCPU": f"{requests['cpu']:g}",
        "memory in GB": f"{requests['memoryInGB']:g}",
        "identity": _identities(body),
    }


def _state(properties: Body) -> str:
    return str((properties.get("instanceView") or {}).get("state") or "")


def _workflow(body: Body, properties: Body) -> dict[str, str]:
    state = str(properties.get("state") or "Enabled")
    return {"region": _region(body), "state": state, "identity": _identities(body)}


def _identities(body: Body) -> str:
    identities = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    return ", ".join(sorted(identity.lower() for identity in identities))


def _on(value: object) -> str:
    return "on" if value else "off"


_READERS: Final[Mapping[Kind, Callable[[Body, Body], dict[str, str]]]] = {
    Kind.IDENTITY: _identity,
    Kind.STORAGE: _account,
    Kind.BLOBS: _blob_service,
    Kind.LIFECYCLE: _lifecycle,
    Kind.CONTAINER: _container,
    Kind.ROLE: _role,
    Kind.ASSIGNMENT: _assignment,
    Kind.GROUP: _group,
    Kind.WORKFLOW: _workflow,
}
