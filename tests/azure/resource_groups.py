"""Resource groups, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault
from tests.azure.messages import Reply, Request, json_body, json_reply
from tests.azure.operations import Operations
from tests.azure.resources import Desk
from tests.azure.state import Resource, State

_TAG = re.compile(r"tagName eq '(?P<name>[^']+)' and tagValue eq '(?P<value>[^']*)'")


class ResourceGroups:
    """The groups of a subscription."""

    def __init__(self, state: State, desk: Desk, operations: Operations) -> None:
        self._state, self._desk, self._operations = state, desk, operations

    def answer(self, request: Request, name: str, fault: Fault | None) -> Reply:
        """GET, HEAD, PUT, DELETE of a group."""
        if request.method == "HEAD":
            return Reply(204 if self._state.has_group(name) else 404)
        if request.method == "PUT":
            body = json_body(request)
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

    def list_resources(self, scope: str, name: str, query: Mapping[str, str]) -> Reply:
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
