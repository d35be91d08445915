"""What every kind of resource has in common, and the two kinds that have nothing more."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import ClassVar

from tests.azure.directory import Directory, Principal
from tests.azure.errors import Json, Refusal
from tests.azure.ids import ResourceId
from tests.azure.messages import Reply, Request
from tests.azure.state import Resource, State


class Provider:
    """One kind of resource. What it says of itself stands in the class."""

    type: ClassVar[str]
    api_versions: ClassVar[tuple[str, ...]]
    tracked: ClassVar[bool] = True
    """Whether it has a location (and tags)."""
    slow: ClassVar[frozenset[str]] = frozenset()
    """Which of put, delete, start ... are long-running operations."""

    def __init__(self, state: State) -> None:
        self.state = state

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """Refuses what cannot be made, before anything is done."""

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """Makes or changes a resource; may take its time."""
        return self.state.put(id_, body)

    def delete(self, resource: Resource) -> None:
        """Undoes what `put` has done outside the state."""

    def show(self, resource: Resource) -> Json:
        """What a GET answers."""
        shown: Json = copy.deepcopy(resource.body)
        shown["properties"] = {**shown.get("properties", {}), **self.more(resource)}
        head = {"id": resource.id.text, "name": resource.id.names[-1], "type": resource.id.type}
        return {**head, **shown}

    def more(self, resource: Resource) -> Json:
        """The properties that the service itself adds."""
        return {"provisioningState": resource.provisioning}

    def act(self, resource: Resource, verb: str, rest: tuple[str, ...], request: Request) -> Reply:
        """A POST, or a GET of something below: `rest` is the path after the resource.

        Raises:
            Refusal: there is no such thing to be asked.
        """
        raise Refusal(404, "InvalidResourceType", f"'{'/'.join(rest)}' is not of {self.type}.")


class Registries(Provider):
    """Container registries: they are there, and hold no images."""

    type = "Microsoft.ContainerRegistry/registries"
    api_versions = ("2023-07-01", "2025-04-01")

    def more(self, resource: Resource) -> Json:
        """Its host."""
        host = f"{resource.id.names[-1].lower()}.azurecr.io"
        return {"provisioningState": resource.provisioning, "loginServer": host}


class Identities(Provider):
    """User-assigned identities: each is a principal."""

    type = "Microsoft.ManagedIdentity/userAssignedIdentities"
    api_versions = ("2018-11-30", "2023-01-31", "2024-11-30")

    def __init__(self, state: State, directory: Directory) -> None:
        super().__init__(state)
        self._directory = directory
        self._principals: dict[str, Principal] = {}

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """A new identity gets a new principal, also under an old name."""
        if id_.key not in self._principals:
            self._principals[id_.key] = self._directory.add(id_.names[-1])
        return self.state.put(id_, body)

    def delete(self, resource: Resource) -> None:
        """Its principal goes with it."""
        principal = self._principals.pop(resource.id.key)
        self._directory.remove(principal.object_id)

    def more(self, resource: Resource) -> Json:
        """Its principal."""
        principal = self._principals[resource.id.key]
        return {
            "tenantId": self._directory.tenant,
            "principalId": principal.object_id,
            "clientId": principal.client_id,
        }

    def principal(self, id_text: str) -> Principal | None:
        """Who the identity with this id is."""
        return self._principals.get(id_text.lower())

    def attached(self, body: Json) -> list[Principal]:
        """Who the user-assigned identities of a body are."""
        names = (body.get("identity") or {}).get("userAssignedIdentities") or {}
        return [one for name in names if (one := self.principal(name)) is not None]

    def check_attached(self, body: Json) -> None:
        """Refuses a body that names an identity which is not there."""
        names: Mapping[str, object] = (body.get("identity") or {}).get("userAssignedIdentities", {})
        for name in names or {}:
            if self.principal(name) is None:
                raise Refusal(
                    404,
                    "FailedIdentityOperation",
                    f"Identity operation for resource failed with error: Resource '{name}' was "
                    "not found.",
                )

    def shown(self, body: Json) -> Json:
        """The identity part of a body as a GET shows it."""
        identity: Json = dict(body["identity"])
        if identity.get("userAssignedIdentities"):
            identity["userAssignedIdentities"] = {
                name: {"principalId": one.object_id, "clientId": one.client_id}
                for name in identity["userAssignedIdentities"]
                if (one := self.principal(name)) is not None
            }
        return identity
