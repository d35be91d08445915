"""The functions of templates: those that only reckon, and those that look at what exists."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tests.azure.errors import Json, Refusal, bad_template
from tests.azure.expressions import Function
from tests.azure.ids import ResourceId, locate, parse_id
from tests.azure.state import Resource, State

_GUID = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


class NotYetError(Exception):
    """A reference to what is not there yet."""


def reckoned(scope: str) -> dict[str, Function]:
    """`concat`, `guid`, `resourceId`, `subscriptionResourceId`, for a resource group's id."""
    return {
        "concat": _concat,
        "guid": lambda *parts: str(uuid.uuid5(_GUID, "-".join(map(str, parts)))),
        "resourceid": lambda *parts: _resource_id(scope, *parts),
        "subscriptionresourceid": lambda *parts: _resource_id(
            "/".join(scope.split("/")[:3]), *parts
        ),
    }


def references(state: State, show: Callable[[Resource], Json]) -> dict[str, Function]:
    """`reference`, over what exists.

    Args:
        show: what a GET of a resource answers.
    """

    def reference(given: str, api_version: str = "", full: str = "") -> Any:
        place = locate(given)
        found = state.find(place.resource) if place and place.resource else None
        if found is None:
            named = [one for one in state.all() if one.id.names[-1] == given]
            found = named[0] if named else None
        if found is None:
            raise NotYetError(given)
        shown = show(found)
        return shown if full.lower() == "full" else shown["properties"]

    return {"reference": reference}


def unresolved(given: NotYetError) -> Refusal:
    """A reference to something that does not come to be either."""
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{given}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def placed(type_: str, name: str, scope: str) -> ResourceId:
    """The id of a resource of a template."""
    namespace, *types = type_.split("/")
    names = name.split("/")
    if not types or len(types) != len(names):
        raise bad_template(
            f"The template resource '{name}' for type '{type_}' has incorrect segment lengths. A "
            "nested resource type must have identical number of segments as its resource name"
        )
    pairs = "/".join(f"{one}/{other}" for one, other in zip(types, names, strict=True))
    return parse_id(f"{scope}/providers/{namespace}/{pairs}")


def _resource_id(scope: str, *parts: str) -> str:
    types = [number for number, one in enumerate(parts) if "/" in one]
    if not types or len(parts[types[0] + 1 :]) != parts[types[0]].count("/"):
        raise bad_template(f"Unable to evaluate template language function 'resourceId': {parts}")
    before, at = parts[: types[0]], types[0]
    if len(before) == 1:
        scope = "/".join([*scope.split("/")[:4], before[0]])
    elif len(before) == 2:
        scope = f"/subscriptions/{before[0]}/resourceGroups/{before[1]}"
    return placed(parts[at], "/".join(parts[at + 1 :]), scope).text


def _concat(*parts: Any) -> Any:
    if parts and isinstance(parts[0], list):
        return [one for part in parts for one in part]
    return "".join(str(one) for one in parts)
