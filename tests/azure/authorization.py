"""Role definitions and role assignments."""

from __future__ import annotations

import re

from tests.azure.access import ASSIGNMENTS, DEFINITIONS, Access
from tests.azure.directory import Directory
from tests.azure.errors import Json, Refusal
from tests.azure.ids import ResourceId, below
from tests.azure.providers import Provider
from tests.azure.roles import BUILT_IN, Role
from tests.azure.state import Resource, State

_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class RoleAssignments(Provider):
    """Who has which role where."""

    type = ASSIGNMENTS
    api_versions = ("2015-07-01", "2020-04-01-preview", "2022-04-01")
    tracked = False

    def __init__(self, state: State, directory: Directory, access: Access) -> None:
        super().__init__(state)
        self._directory, self._access = directory, access

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """By the rules that a repeated or a wrong assignment meets."""
        given = body["properties"]
        if not _GUID.fullmatch(id_.names[-1]):
            raise Refusal(
                400,
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{id_.names[-1]}' is not valid. The role assignment ID "
                "must be a GUID.",
            )
        if self._access.role(given["roleDefinitionId"]) is None:
            name = given["roleDefinitionId"].rpartition("/")[2].replace("-", "")
            raise Refusal(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{name}' does not exist.",
            )
        self._check_principal(given)
        if former is not None and _who(former.body) != _who(body):
            raise Refusal(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        self._check_single(id_, body)

    def more(self, resource: Resource) -> Json:
        """Where it holds."""
        return {
            "scope": resource.id.scope,
            "createdOn": resource.created.isoformat(),
            "updatedOn": resource.changed.isoformat(),
        }

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """The same assignment again changes nothing, least of all the time since which it holds."""
        former = self.state.find(id_)
        if former is not None and former.body == body:
            return former
        return self.state.put(id_, body)

    def _check_principal(self, given: Json) -> None:
        principal = self._directory.find(given["principalId"])
        claimed = given.get("principalType")
        if principal is None and claimed is None:
            raise Refusal(
                400,
                "PrincipalNotFound",
                f"Principal {given['principalId'].replace('-', '')} does not exist in the "
                f"directory {self._directory.tenant}. Check that you have the correct principal "
                "ID. If you are creating this principal and then immediately assigning a role, "
                "this error might be related to a replication delay. In this case, set the role "
                "assignment principalType property to a value, such as ServicePrincipal, User, or "
                "Group. See https://aka.ms/docs-principaltype",
            )
        if principal is not None and claimed not in (None, principal.kind):
            raise Refusal(
                400,
                "UnmatchedPrincipalType",
                f"The PrincipalId '{given['principalId'].replace('-', '')}' has type "
                f"'{principal.kind}' , which is different from specified PrinciaplType "
                f"'{claimed}'.",
            )

    def _check_single(self, id_: ResourceId, body: Json) -> None:
        for one in self.state.of_type(ASSIGNMENTS):
            same = one.id.scope.lower() == id_.scope.lower() and _who(one.body) == _who(body)
            if same and one.id.key != id_.key:
                raise Refusal(
                    409,
                    "RoleAssignmentExists",
                    "The role assignment already exists. The ID of the existing role assignment "
                    f"is {one.id.names[-1].replace('-', '')}.",
                )


class RoleDefinitions(Provider):
    """Roles, built-in ones and one's own."""

    type = DEFINITIONS
    api_versions = ("2018-01-01-preview", "2022-04-01")
    tracked = False

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """Names are GUIDs; what a role is called is unique in the tenant."""
        if not _GUID.fullmatch(id_.names[-1]):
            raise Refusal(
                400,
                "InvalidRoleDefinitionId",
                f"The role definition ID '{id_.names[-1]}' is not valid. The role definition ID "
                "must be a GUID.",
            )
        called = body["properties"]["roleName"].lower()
        others = [one for one in self.state.of_type(DEFINITIONS) if one.id.key != id_.key]
        names = [one.body["properties"]["roleName"].lower() for one in others]
        if called in [*names, *(one.name.lower() for one in BUILT_IN.values())]:
            raise Refusal(
                409,
                "RoleDefinitionWithSameNameExists",
                "A custom role with the same name already exists in this directory. Use a "
                "different name.",
            )
        scopes = body["properties"]["assignableScopes"]
        scope = id_.scope.lower()
        if not any(below(scope, one) or below(one.lower(), scope) for one in scopes):
            raise Refusal(
                400,
                "InvalidAssignableScopes",
                f"The scope '{id_.scope}' is not among the assignable scopes of the role.",
            )

    def delete(self, resource: Resource) -> None:
        """A role that someone has stays."""
        name = resource.id.names[-1].lower()
        for one in self.state.of_type(ASSIGNMENTS):
            if one.body["properties"]["roleDefinitionId"].lower().endswith(name):
                raise Refusal(
                    400,
                    "RoleDefinitionHasAssignments",
                    "There are existing role assignments referencing role "
                    f"(code: {resource.id.names[-1]}).",
                )

    def more(self, resource: Resource) -> Json:
        """It is a custom one."""
        return {"type": "CustomRole", "createdOn": resource.created.isoformat()}


def built_in(id_: ResourceId) -> Json | None:
    """A built-in role as a GET shows it."""
    role = BUILT_IN.get(id_.names[-1].lower()) if id_.type.lower() == DEFINITIONS.lower() else None
    return None if role is None else _shown(id_, role)


def _shown(id_: ResourceId, role: Role) -> Json:
    permission = {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data_actions),
        "notDataActions": list(role.not_data_actions),
    }
    properties = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "permissions": [permission],
        "assignableScopes": ["/"],
    }
    return {"id": id_.text, "name": id_.names[-1], "type": id_.type, "properties": properties}


def _who(body: Json) -> tuple[str, str]:
    given = body["properties"]
    return given["principalId"], given["roleDefinitionId"].rpartition("/")[2].lower()
