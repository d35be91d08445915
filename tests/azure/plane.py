"""The management endpoint: who asks, what for, whether they may, and what is answered."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from tests.azure.access import ASSIGNMENTS, DEFINITIONS, Access, forbidden
from tests.azure.authorization import built_in
from tests.azure.container_groups import ContainerGroups
from tests.azure.deployment import TYPE as DEPLOYMENTS
from tests.azure.deployments import Deployments
from tests.azure.directory import MANAGEMENT, Directory, Principal, expired
from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault, Faults, Kind
from tests.azure.ids import Place, ResourceId, below, locate
from tests.azure.operations import Operations
from tests.azure.resources import Desk
from tests.azure.state import Resource, State
from tests.azure.wire import CUT, Reply, Request, json_reply
from tests.azure.workflows import CALLBACK, Workflows

_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_TAG = re.compile(r"tagName eq '(?P<name>[^']+)' and tagValue eq '(?P<value>[^']*)'")
_PRINCIPAL = re.compile(r"(?:principalId eq|assignedTo\()\s*'(?P<id>[^']+)'\)?")
_VERBS = {"PUT": "put", "GET": "get", "HEAD": "get", "DELETE": "delete", "POST": "post"}
_RIGHTS = {"put": "write", "get": "read", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the endpoint has understood it, and the status of its answer."""

    method: str
    path: str
    operation: str
    principal: str
    status: int


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks for: a name (as faults have it), the right it takes, how to do it."""

    operation: str
    action: str
    scope: str
    run: Callable[[Principal, Fault | None], Reply]


class Plane:
    """Answers requests for the management of resources."""

    def __init__(
        self,
        state: State,
        directory: Directory,
        access: Access,
        faults: Faults,
        operations: Operations,
        *,
        desk: Desk,
        deployments: Deployments,
        groups: ContainerGroups,
        workflows: Workflows,
        wait: Callable[[float], bool],
    ) -> None:
        self._state, self._directory, self._access = state, directory, access
        self._faults, self._operations, self._desk = faults, operations, desk
        self._deployments, self._groups, self._workflows = deployments, groups, workflows
        self._wait = wait
        self.asked: list[Asked] = []

    def answer(self, request: Request) -> Reply:
        """One request, one answer; refusals in Resource Manager's form."""
        names = {"operation": "", "principal": ""}
        try:
            reply = self._answer(request, names)
        except ConnectionResetError:
            reply = CUT
        except Refusal as refusal:
            reply = json_reply(refusal.status, {"error": refusal.error}, refusal.headers)
        self.asked.append(Asked(request.method, request.path, status=reply.status, **names))
        ids = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-correlation-request-id": "0"}
        return replace(reply, headers={**ids, **reply.headers})

    def _answer(self, request: Request, names: dict[str, str]) -> Reply:
        if request.path.startswith(CALLBACK):
            names["operation"] = "workflow.callback"
            fault = self._struck(names["operation"], request.path)
            return self._ended(self._workflows.call(request), fault)
        principal = self._directory.bearer(request.headers.get("authorization", ""), MANAGEMENT)
        names["principal"] = principal.name
        _check_version(request.query)
        if self._operations.is_poll(request.path):
            names["operation"] = "operation.poll"
            self._struck("operation.poll", request.path)
            return self._operations.poll(request.path)
        route = self._route(request)
        names["operation"] = route.operation
        fault = self._struck(route.operation, request.path)
        if fault is not None and fault.kind is Kind.FORBIDDEN:
            raise forbidden(principal, route.action, route.scope)
        self._access.check(principal, route.action, route.scope)
        return self._ended(route.run(principal, fault), fault)

    def _struck(self, operation: str, path: str) -> Fault | None:
        """The fault for this request; those that forestall it have their effect here."""
        fault = self._faults.draw(operation, path)
        if fault is None:
            return None
        if fault.kind is Kind.SLOW:
            self._wait(fault.seconds)
        elif fault.kind is Kind.RESET:
            raise ConnectionResetError
        elif fault.kind is Kind.EXPIRED:
            now = self._state.now()
            raise expired(now - timedelta(minutes=5), now)
        elif fault.kind is Kind.STATUS:
            after = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            raise Refusal(fault.status, fault.code, fault.message, headers=after)
        return fault

    def _ended(self, reply: Reply, fault: Fault | None) -> Reply:
        return CUT if fault is not None and fault.kind is Kind.LOST_REPLY else reply

    def _route(self, request: Request) -> Route:
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
                lambda *_: self._list(scope, name, request.query),
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
            lambda _, fault: self._group(request, name, fault),
        )

    def _group(self, request: Request, name: str, fault: Fault | None) -> Reply:
        if request.method == "HEAD":
            return Reply(204 if self._state.has_group(name) else 404)
        if request.method == "PUT":
            body = _json(request)
            if set(body) - {"location", "tags", "properties"} or not body.get("location"):
                raise Refusal(400, "InvalidRequestContent", f"not a resource group: {body}")
            new = self._state.put_group(name, body["location"], body.get("tags", {}))
            return json_reply(201 if new else 200, self._shown_group(name))
        shown = self._shown_group(name)
        if request.method == "GET":
            return json_reply(200, shown)

        def work() -> None:
            self._desk.remove_all(shown["id"])
            self._state.drop_group(name)

        return self._operations.begin(work, Reply(202), fault=fault)

    def _shown_group(self, name: str) -> Json:
        group = self._state.group(name)
        return {
            "id": self._state.group_id(group.name),
            "name": group.name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": group.location,
            "tags": group.tags,
            "properties": {"provisioningState": "Succeeded"},
        }

    def _list(self, scope: str, name: str, query: Mapping[str, str]) -> Reply:
        """The tracked resources of a group; neither parts of resources nor assignments."""
        self._state.group(name)
        found = [one for one in self._state.under(scope) if "location" in one.body]
        if query.get("$filter"):
            wanted = _TAG.fullmatch(query["$filter"])
            if wanted is None:
                raise Refusal(400, "InvalidFilterInQueryString", f"Invalid {query['$filter']}.")
            tag = wanted["name"], wanted["value"]
            found = [one for one in found if tag in (one.body.get("tags") or {}).items()]
        return json_reply(200, {"value": [self._brief(one) for one in found]})

    def _brief(self, resource: Resource) -> Json:
        shown = self._desk.show(resource)
        kept = ("id", "name", "type", "location", "tags", "kind", "sku", "identity")
        return {name: shown[name] for name in kept if name in shown}

    def _deployment_route(self, request: Request, place: Place) -> Route:
        resource = place.resource
        if resource is None or resource.type.lower() != DEPLOYMENTS.lower():
            raise _no_route(request)
        group, name = resource.group, resource.names[0]
        kind = (request.method, "/".join(place.rest).lower())
        made: dict[tuple[str, str], tuple[str, str, Callable[..., Reply]]] = {
            ("PUT", ""): (
                "put",
                "write",
                lambda who, fault: self._deployments.put(who, group, name, _json(request), fault),
            ),
            ("GET", ""): (
                "get",
                "read",
                lambda *_: json_reply(200, self._deployments.show(group, name)),
            ),
            ("DELETE", ""): (
                "delete",
                "delete",
                lambda *_: self._operations.begin(
                    lambda: self._deployments.delete(group, name), Reply(202)
                ),
            ),
            ("POST", "validate"): (
                "validate",
                "validate/action",
                lambda who, _: self._deployments.validate(who, group, name, _json(request)),
            ),
            ("POST", "whatif"): (
                "whatIf",
                "whatIf/action",
                lambda who, fault: self._deployments.what_if(who, group, _json(request), fault),
            ),
        }
        if kind not in made:
            raise _no_route(request)
        operation, right, run = made[kind]
        return Route(f"deployments.{operation}", f"{DEPLOYMENTS}/{right}", resource.text, run)

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
            self._groups.settle(resource, rest[-1])

        return self._operations.begin(work, reply, fault=fault)

    def _resource_route(self, request: Request, id_: ResourceId) -> Route:
        version = request.query["api-version"]
        verb = _VERBS[request.method]
        if verb == "post":
            raise _no_route(request)
        runs: dict[str, Callable[[Fault | None], Reply]] = {
            "put": lambda fault: self._desk.put(id_, version, _json(request), fault),
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


def _check_version(query: Mapping[str, str]) -> None:
    if not query.get("api-version"):
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )


def _json(request: Request) -> Json:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refusal(
            400, "InvalidRequestContent", f"The request content was invalid: '{error}'."
        ) from None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content was invalid.")
    return body


def _no_route(request: Request) -> Refusal:
    return Refusal(
        404, "InvalidResourceType", f"this stand-in knows no {request.method} {request.path}"
    )
