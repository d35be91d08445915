"""Who may do what: role assignments as they stand in the plane's state, known after a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from tests.azure.directory import Principal
from tests.azure.errors import Json, Refusal
from tests.azure.ids import below
from tests.azure.roles import BUILT_IN, Role
from tests.azure.state import Resource, State

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"


class Access:
    """Decides. `propagation` is the time after which a new assignment reaches the data plane."""

    def __init__(
        self, state: State, *, now: Callable[[], datetime], propagation: timedelta
    ) -> None:
        self._state, self._now = state, now
        self.propagation = propagation

    def role(self, role_id: str) -> Role | None:
        """The role that an id names, by its last part; None where there is none."""
        name = role_id.rstrip("/").rpartition("/")[2].lower()
        if name in BUILT_IN:
            return BUILT_IN[name]
        for one in self._state.of_type(DEFINITIONS):
            if one.id.names[-1].lower() == name:
                return custom_role(one.body)
        return None

    def allows(self, principal: Principal, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether a principal may act at a scope, or on the data there."""
        for one in self._assignments(principal, scope):
            if data and self._now() < one.changed + self.propagation:
                continue
            role = self.role(one.body["properties"]["roleDefinitionId"])
            if role is not None and role.allows(action, data=data):
                return True
        return False

    def check(self, principal: Principal, action: str, scope: str) -> None:
        """Raises what Resource Manager answers when the rights are missing."""
        if not self.allows(principal, action, scope):
            raise forbidden(principal, action, scope)

    def _assignments(self, principal: Principal, scope: str) -> Iterator[Resource]:
        for one in self._state.of_type(ASSIGNMENTS):
            given = one.body["properties"]
            if given["principalId"] == principal.object_id and below(scope.lower(), one.id.scope):
                yield one


def forbidden(principal: Principal, action: str, scope: str) -> Refusal:
    """403, as Resource Manager says it."""
    who = principal.object_id
    return Refusal(
        403,
        "AuthorizationFailed",
        f"The client '{who}' with object id '{who}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials.",
    )


def custom_role(body: Json) -> Role:
    """The role that the body of a role definition describes."""
    properties = body["properties"]
    permissions = properties.get("permissions", [])

    def gathered(key: str) -> tuple[str, ...]:
        return tuple(action for one in permissions for action in one.get(key, ()))

    return Role(
        properties["roleName"],
        gathered("actions"),
        gathered("notActions"),
        gathered("dataActions"),
        gathered("notDataActions"),
    )
