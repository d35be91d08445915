"""What must never be sent, kind by kind of resource, whatever a template was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from deploy.found import KINDS
from deploy.pieces import Kind
from deploy.template.group import CHECK_COMMAND
from deploy.template.rights import ACR_PULL, BLOB_CONTRIBUTOR, BLOB_READER, START_ACTIONS
from deploy.values import MOST_CPU, MOST_MEMORY
from deploy.workflow_schema import Definition

Json = Mapping[str, Any]


def _account_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    properties = resource["properties"]
    for key in ("allowBlobPublicAccess", "allowSharedKeyAccess"):
        if properties.get(key) is not False:
            yield f"{key} is not false"
    if not properties.get("supportsHttpsTrafficOnly") or (
        properties.get("minimumTlsVersion") != "TLS1_2"
    ):
        yield "would talk without TLS 1.2"


def _container_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    if resource["properties"].get("publicAccess") != "None":
        yield "can be read by everybody"


def _role_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    permissions = resource["properties"]["permissions"]
    if [set(permission["actions"]) for permission in permissions] != [set(START_ACTIONS)]:
        yield "allows something else than to start the container group and to see it"
    if any(set(permission) - {"actions", "notActions"} for permission in permissions):
        yield "allows something with data"


def _assignment_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    properties = resource["properties"]
    own = {r["name"] for r in resources if KINDS.get(r["type"].lower()) is Kind.ROLE}
    role = str(properties["roleDefinitionId"]).rpartition("/")[2]
    if role not in {ACR_PULL, BLOB_CONTRIBUTOR, BLOB_READER, *own}:
        yield f"gives the role {role}, which is none of this deployment's"
    if not properties.get("principalType"):
        # Without it a fresh identity is looked for where it has not arrived yet, and not found.
        yield "does not say what kind of principal it is for"
    if "/providers/" not in resource.get("scope", ""):
        yield "is on more than one resource"


def _group_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    properties = resource["properties"]
    if properties.get("restartPolicy") != "Never":
        yield "would be started again whenever it ends"
    if "ipAddress" in properties or '"ports"' in json.dumps(properties):
        yield "would listen on a network"
    for container in properties["containers"]:
        if container["properties"].get("command") not in (None, list(CHECK_COMMAND)):
            yield "runs something else than the job or a check"
        requests = container["properties"]["resources"]["requests"]
        if not 1 <= requests["cpu"] <= MOST_CPU or not 1 <= requests["memoryInGB"] <= MOST_MEMORY:
            yield "asks for more or less than Azure offers"
        variables = container["properties"]["environmentVariables"]
        if len({variable["name"] for variable in variables}) < len(variables):
            yield "has a variable twice"
        if any(("value" in v) == ("secureValue" in v) for v in variables):
            yield "has a variable without one value"


def _workflow_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    try:
        Definition.model_validate(resource["properties"]["definition"])
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            yield f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"


CHECKS: Final[Mapping[Kind, Callable[[Json, list[Json]], Iterator[str]]]] = {
    Kind.STORAGE: _account_faults,
    Kind.CONTAINER: _container_faults,
    Kind.ROLE: _role_faults,
    Kind.ASSIGNMENT: _assignment_faults,
    Kind.GROUP: _group_faults,
    Kind.WORKFLOW: _workflow_faults,
}
"""By kind: the faults of a resource among all of its template, as sentences."""
