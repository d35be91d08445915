"""A template checked without Azure: what would be refused there, and what must never be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from pydantic import ValidationError

from deploy.found import KINDS
from deploy.pieces import TAGGED, Kind
from deploy.template.group import CHECK_COMMAND
from deploy.template.part import API_VERSIONS
from deploy.template.rights import ACR_PULL, BLOB_CONTRIBUTOR, BLOB_READER, START_ACTIONS
from deploy.values import MOST_CPU, MOST_MEMORY
from deploy.workflow_schema import Definition

Json = Mapping[str, Any]

# https://learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits
MOST_BYTES: Final = 4 * 2**20
MOST_PARAMETERS: Final = 256
MOST_RESOURCES: Final = 800
LONGEST_TAG: Final = 256

_GUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ACCOUNT: Final = "[a-z0-9]{3,24}"
NAMES: Final = {
    Kind.IDENTITY: r"[A-Za-z0-9][\w-]{2,127}",
    Kind.STORAGE: _ACCOUNT,
    Kind.BLOBS: f"{_ACCOUNT}/default",
    Kind.LIFECYCLE: f"{_ACCOUNT}/default",
    Kind.CONTAINER: rf"{_ACCOUNT}/default/(?=.{{3,63}}$)[a-z0-9]+(?:-[a-z0-9]+)*",
    Kind.ROLE: _GUID,
    Kind.ASSIGNMENT: rf"{_GUID}|\[guid\(.*\)\]",
    Kind.GROUP: r"(?=.{1,63}$)[a-z0-9]+(?:-[a-z0-9]+)*",
    Kind.WORKFLOW: r"[A-Za-z0-9_.()-]{1,43}",
}
FUNCTIONS: Final = {"concat", "guid", "parameters", "reference"}
_PARAMETER: Final = re.compile(r"parameters\('([^']*)'\)")
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_CALL: Final = re.compile(r"([A-Za-z]\w*)\(")


def template_faults(document: Json, *, scope: str) -> list[str]:
    """What is wrong with a template, as sentences; empty if nothing is.

    Args:
        document: the whole template.
        scope: the id of the resource group that it is for.
    """
    resources = list(document["resources"])
    faults = [*_size_faults(document), *_expression_faults(document)]
    for resource in resources:
        label = f"{resource['type']} {resource['name']}"
        faults += [f"{label}: {fault}" for fault in _resource_faults(resource, resources)]
    return [*faults, *_order_faults(resources, scope)]


def _size_faults(document: Json) -> Iterator[str]:
    if len(json.dumps(document)) > MOST_BYTES:
        yield "the template is larger than 4 MiB"
    if len(document["parameters"]) > MOST_PARAMETERS:
        yield f"the template has more than {MOST_PARAMETERS} parameters"
    if len(document["resources"]) > MOST_RESOURCES:
        yield f"the template has more than {MOST_RESOURCES} resources"


def _expression_faults(document: Json) -> Iterator[str]:
    """Parameters that nobody declared, unknown functions, and secrets in the wrong place."""
    declared = document["parameters"]
    secret = {name for name, its in declared.items() if its["type"].lower() == "securestring"}
    for place, text in _strings({k: v for k, v in document.items() if k != "parameters"}, ()):
        if not (text.startswith("[") and text.endswith("]")) or text.startswith("[["):
            continue
        used = set(_PARAMETER.findall(text))
        spelt = ".".join(place)
        if unknown := used - set(declared):
            yield f"{spelt}: there is no parameter {', '.join(sorted(unknown))}"
        if strange := set(_CALL.findall(_STRING.sub("''", text))) - FUNCTIONS:
            yield f"{spelt}: the function {', '.join(sorted(strange))} is not expected here"
        if used & secret and place[-1] != "secureValue":
            yield f"{spelt}: a secret is to be in a secureValue and nowhere else"


def _strings(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield place, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, (*place, str(key)))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _strings(inner, (*place, str(number)))


def _resource_faults(resource: Json, resources: list[Json]) -> Iterator[str]:
    kind = KINDS.get(str(resource["type"]).lower())
    if kind is None:
        yield "is nothing that a deployment consists of"
        return
    if resource["apiVersion"] != API_VERSIONS[kind]:
        yield f"is written for {API_VERSIONS[kind]}, not {resource['apiVersion']}"
    if not re.fullmatch(NAMES[kind], resource["name"]):
        yield "Azure does not take that name"
    tags = resource.get("tags", {})
    if bool(tags) != (kind in TAGGED):
        yield "has tags where there are none, or none where there are"
    if any(len(text) > LONGEST_TAG for text in (*tags, *tags.values())):
        yield f"has a tag longer than {LONGEST_TAG} characters"
    check = _CHECKS.get(kind)
    if check is not None:
        yield from check(resource, resources)


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


def _order_faults(resources: list[Json], scope: str) -> Iterator[str]:
    """Names given twice, and dependencies that lead nowhere or in a circle."""
    ids = [_id_of(resource, scope).lower() for resource in resources]
    yield from (f"{i}: is there twice" for i in sorted({i for i in ids if ids.count(i) > 1}))
    needs = {
        own: [need.lower() for need in resource.get("dependsOn", ())]
        for own, resource in zip(ids, resources, strict=True)
    }
    for own, needed in needs.items():
        yield from (f"{own}: needs {n}, which is not there" for n in needed if n not in needs)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        yield f"needs lead in a circle: {' -> '.join(error.args[1])}"


def _id_of(resource: Json, scope: str) -> str:
    namespace, *types = resource["type"].split("/")
    pairs = zip(types, resource["name"].split("/"), strict=False)
    own = "/".join(step for pair in pairs for step in pair)
    return f"{resource.get('scope', scope)}/providers/{namespace}/{own}"


_CHECKS: Final[Mapping[Kind, Callable[[Json, list[Json]], Iterator[str]]]] = {
    Kind.STORAGE: _account_faults,
    Kind.CONTAINER: _container_faults,
    Kind.ROLE: _role_faults,
    Kind.ASSIGNMENT: _assignment_faults,
    Kind.GROUP: _group_faults,
    Kind.WORKFLOW: _workflow_faults,
}
