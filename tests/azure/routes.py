"""From a path to what it asks for: the name of it, the right that it takes, how it is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.azure.access import ASSIGNMENTS, DEFINITIONS
from tests.azure.authorization import built_in
from tests.azure.container_groups import ContainerGroups
from tests.azure.deployment import TYPE as DEPLOYMENTS
from tests.azure.deployments import Deployments
from tests.azure.directory import Principal
from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault
from tests.azure.ids import Place, ResourceId, below, locate
from tests.azure.messages import Reply, Request, json_body, json_reply
from tests.azure.operations import Operations
from tests.azure.resource_groups import ResourceGroups
from tests.azure.resources import Desk
from tests.azure.state import Resource, State

_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_PRINCIPAL = re.compile(r"(?:principalId eq|assignedTo\()\s*'(?P<id>[^']+)'\)?")
_VERBS = {"PUT": "put", "GET": "get", "HEAD": "get", "DELETE": "delete", "POST": "post"}
_DEPLOYMENT_RIGHTS = {
    ("PUT", ""): ("put", "write"),
    ("GET", ""): ("get", "read"),
    ("DELETE", ""): ("delete", "delete"),
    ("POST", "validate"): ("validate", "validate/action"),
    ("POST", "whatif"): ("whatIf", "whatIf/action"),
}
_RIGHTS = {"put": "write", "get": "read", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks for: a name (as faults have it), the right it takes, how to do it."""

    operation: str
    action: str
    scope: str
    run: Callable[[Principal, Fault | None], Reply]


class Router:
    """Knows every path that is answered here."""

    def __init__(
        self,
        state: State,
        desk: Desk,
        operations: Operations,
        *,
        deployments: Deployments,
        containers: ContainerGroups,
    ) -> None:
        self._state, self._desk, self._operations = state, desk, operations
        self._deployments, self._containers = deployments, containers
        self._resource_groups = ResourceGroups(state, desk, operations)

    def route(self, request: Request) -> Route:
        """What a request asks for.

        Raises:
            Refusal: nothing that is known here.
        """
        place = locate(request.path)
        if place is None:
            return self._group_route(request)
        if place.namespace.lower() == "microsoft.resources":
            return self._deployment_route(request, place)
        if place.resource is None or (len(place.rest) == 1 and request.method == "GET"):
            return self._list_route(request, place)
        if place.rest or _below(place.resource):
            return self._act_route(request, place)
        return self._resource_route(request, place.resource)

    def _group_route(self, request: Request) -> Route:
        parts = request.path.strip("/").split("/")
        if len(parts) not in (4, 5, 7) or parts[2].lower() != "resourcegroups":
            raise _no_route(request)
        name, scope = parts[3], f"/{'/'.join(parts[:4])}"
        if parts[4:] == ["resources"] and request.method == "GET":
            return Route(
                "resources.list",
                f"{_GROUPS}/resources/read",
                scope,
                lambda *_: self._resource_groups.list_resources(scope, name, request.query),
            )
        if len(parts) == 7 and parts[4].lower() == "deployments":
            return Route(
                "deployments.operations",
                f"{DEPLOYMENTS}/operations/read",
                scope,
                lambda *_: json_reply(200, self._deployments.list_operations(name, parts[5])),
            )
        if len(parts) != 4 or request.method == "POST":
            raise _no_route(request)
        verb = _VERBS[request.method]
        return Route(
            f"resourceGroups.{verb}",
            f"{_GROUPS}/{_RIGHTS[verb]}",
            scope,
            lambda _, fault: self._resource_groups.answer(request, name, fault),
        )

    def _deployment_route(self, request: Request, place: Place) -> Route:
        resource = place.resource
        asked = request.method, "/".join(place.rest).lower()
        known = resource is not None and resource.type.lower() == DEPLOYMENTS.lower()
        if resource is None or not known or asked not in _DEPLOYMENT_RIGHTS:
            raise _no_route(request)
        operation, right = _DEPLOYMENT_RIGHTS[asked]
        return Route(
            f"deployments.{operation}",
            f"{DEPLOYMENTS}/{right}",
            resource.text,
            lambda who, fault: self._deploy(operation, resource, who, request, fault),
        )

    def _deploy(
        self, operation: str, id_: ResourceId, who: Principal, request: Request, fault: Fault | None
    ) -> Reply:
        group, name = id_.group, id_.names[0]
        if operation == "put":
            return self._deployments.put(who, group, name, json_body(request), fault)
        if operation == "validate":
            return self._deployments.validate(who, group, name, json_body(request))
        if operation == "whatIf":
            return self._deployments.what_if(who, group, json_body(request), fault)
        if operation == "get":
            return json_reply(200, self._deployments.show(group, name))
        return self._operations.begin(
            lambda: self._deployments.delete(group, name), Reply(202), fault=fault
        )

    def _list_route(self, request: Request, place: Place) -> Route:
        """All of a kind at, above and below a scope (role assignments), or in it."""
        if len(place.rest) != 1 or place.resource is not None:
            return self._act_route(request, place)
        type_ = f"{place.namespace}/{place.rest[0]}"
        return Route(
            f"{place.rest[0]}.list",
            f"{type_}/read",
            place.scope,
            lambda *_: self._list_type(type_, place.scope, request.query),
        )

    def _list_type(self, type_: str, scope: str, query: Mapping[str, str]) -> Reply:
        found = self._state.of_type(type_)
        if type_.lower() in (ASSIGNMENTS.lower(), DEFINITIONS.lower()):
            found = [one for one in found if _concerns(one, scope, query.get("$filter", ""))]
        else:
            found = [one for one in found if below(one.id.key, scope)]
        wanted = _PRINCIPAL.search(query.get("$filter", ""))
        if wanted is not None:
            found = [one for one in found if one.body["properties"]["principalId"] == wanted["id"]]
        return json_reply(200, {"value": [self._desk.show(one) for one in found]})

    def _act_route(self, request: Request, place: Place) -> Route:
        resource, rest = _owner(place)
        verb = rest[-1]
        type_ = "/".join((resource.type, *rest[:-1:2])) if len(rest) > 1 else resource.type
        right = "read" if request.method == "GET" else "action"
        return Route(
            f"{resource.types[-1]}.{verb if request.method == 'POST' or verb == 'logs' else 'get'}",
            f"{type_}/{verb}/{right}",
            resource.text,
            lambda _, fault: self._act(resource, rest, request, fault),
        )

    def _act(
        self, id_: ResourceId, rest: tuple[str, ...], request: Request, fault: Fault | None
    ) -> Reply:
        provider = self._desk.provider(id_, request.query["api-version"])
        resource = self._state.get(id_)
        reply = provider.act(resource, rest[-1], rest, request)
        if reply.status != 202 or rest[-1] not in provider.slow:
            return reply

        def work() -> None:
            self._containers.settle(resource, rest[-1])

        return self._operations.begin(work, reply, fault=fault)

    def _resource_route(self, request: Request, id_: ResourceId) -> Route:
        version = request.query["api-version"]
        verb = _VERBS[request.method]
        if verb == "post":
            raise _no_route(request)
        runs: dict[str, Callable[[Fault | None], Reply]] = {
            "put": lambda fault: self._desk.put(id_, version, json_body(request), fault),
            "get": lambda _: json_reply(200, self._show(id_, version)),
            "delete": lambda fault: self._desk.delete(id_, version, fault),
        }
        return Route(
            f"{id_.types[-1]}.{verb}",
            f"{id_.type}/{_RIGHTS[verb]}",
            id_.text,
            lambda _, fault: runs[verb](fault),
        )

    def _show(self, id_: ResourceId, version: str) -> Json:
        if id_.group:
            self._state.group(id_.group)
        self._desk.provider(id_, version)
        role = built_in(id_)
        return role if role is not None else self._desk.show(self._state.get(id_))


def _below(resource: ResourceId) -> bool:
    """Whether a path leads to something that a resource shows, and that is none itself."""
    return len(resource.types) > 1 and resource.types[1].lower() in ("triggers", "containers")


def _owner(place: Place) -> tuple[ResourceId, tuple[str, ...]]:
    """The resource that is asked, and the rest of the path."""
    resource = place.resource
    assert resource is not None
    if not _below(resource):
        return resource, place.rest
    owner = ResourceId(resource.scope, resource.namespace, resource.types[:1], resource.names[:1])
    pairs = zip(resource.types[1:], resource.names[1:], strict=True)
    return owner, (*(part for pair in pairs for part in pair), *place.rest)


def _concerns(assignment: Resource, scope: str, filtered: str) -> bool:
    at = below(scope.lower(), assignment.id.scope)
    return at if "atScope()" in filtered else at or below(assignment.id.key, scope)


def _no_route(request: Request) -> Refusal:
    return Refusal(
        404, "InvalidResourceType", f"this stand-in knows no {request.method} {request.path}"
    )
