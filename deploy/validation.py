"""A template checked without Azure: what would be refused there, and what must never be sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from deploy.found import KINDS
from deploy.kind_checks import CHECKS, Json
from deploy.pieces import TAGGED, Kind
from deploy.template.part import API_VERSIONS

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
    check = CHECKS.get(kind)
    if check is not None:
        yield from check(resource, resources)


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
