"""Storage accounts and their blob containers: these are made for real, in Azurite."""

from __future__ import annotations

import re
from typing import Protocol

from tests.azure.errors import Json, Refusal
from tests.azure.ids import ResourceId
from tests.azure.providers import Provider
from tests.azure.state import Resource, State

ACCOUNT = "Microsoft.Storage/storageAccounts"
_VERSIONS = ("2022-09-01", "2023-01-01", "2023-05-01", "2024-01-01")


class Blobs(Protocol):
    """Where blobs really are."""

    def endpoint(self, account: str) -> str:
        """Where clients find an account's blobs, with a slash at the end."""

    def make_account(self, account: str) -> None:
        """Makes an account, unless it is there."""

    def make_container(self, account: str, container: str) -> None:
        """Makes a container, unless it is there."""

    def drop_container(self, account: str, container: str) -> None:
        """Removes a container with all its blobs."""

    def drop_account(self, account: str) -> None:
        """Removes an account with all its blobs."""


class StorageAccounts(Provider):
    """Accounts."""

    type = ACCOUNT
    api_versions = _VERSIONS
    slow = frozenset({"put"})

    def __init__(self, state: State, blobs: Blobs) -> None:
        super().__init__(state)
        self._blobs = blobs

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """Names are of one world and of few letters."""
        if not re.fullmatch(r"[a-z0-9]{3,24}", id_.names[-1]):
            raise Refusal(
                400,
                "AccountNameInvalid",
                f"{id_.names[-1]} is not a valid storage account name. Storage account name must "
                "be between 3 and 24 characters in length and use numbers and lower-case letters "
                "only.",
            )
        for one in self.state.of_type(ACCOUNT):
            if one.id.names[-1] == id_.names[-1] and one.id.key != id_.key:
                raise Refusal(
                    409,
                    "StorageAccountAlreadyTaken",
                    f"The storage account named {id_.names[-1]} is already taken.",
                )

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """Makes the account."""
        self._blobs.make_account(id_.names[-1])
        return self.state.put(id_, body)

    def delete(self, resource: Resource) -> None:
        """Its blobs go with it, and so do the resources below it."""
        for one in self.state.under(resource.id.text):
            self.state.drop(one.id)
        self._blobs.drop_account(resource.id.names[-1])

    def more(self, resource: Resource) -> Json:
        """Where its blobs are, and the settings that were left open."""
        name = resource.id.names[-1]
        given = resource.body.get("properties", {})
        return {
            "allowBlobPublicAccess": given.get("allowBlobPublicAccess", False),
            "minimumTlsVersion": given.get("minimumTlsVersion", "TLS1_0"),
            "supportsHttpsTrafficOnly": given.get("supportsHttpsTrafficOnly", True),
            "provisioningState": resource.provisioning,
            "creationTime": resource.created.isoformat(),
            "primaryLocation": resource.body["location"],
            "statusOfPrimary": "available",
            "primaryEndpoints": {"blob": self._blobs.endpoint(name)},
        }


class BlobServices(Provider):
    """The blob service of an account: its settings."""

    type = f"{ACCOUNT}/blobServices"
    api_versions = _VERSIONS
    tracked = False

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """There is one, and it is called default."""
        _check_parent(self.state, id_)
        if id_.names[-1] != "default":
            raise Refusal(400, "InvalidResourceName", "A blob service is called 'default'.")

    def more(self, resource: Resource) -> Json:
        """Nothing."""
        return {}


class ManagementPolicies(Provider):
    """What becomes of an account's blobs with time; nothing here grows so old."""

    type = f"{ACCOUNT}/managementPolicies"
    api_versions = _VERSIONS
    tracked = False

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """There is one, and it is called default."""
        _check_parent(self.state, id_)
        if id_.names[-1] != "default":
            raise Refusal(400, "InvalidResourceName", "A management policy is called 'default'.")

    def more(self, resource: Resource) -> Json:
        """When it was changed."""
        return {"lastModifiedTime": resource.changed.isoformat()}


class BlobContainers(Provider):
    """Blob containers."""

    type = f"{ACCOUNT}/blobServices/containers"
    api_versions = _VERSIONS
    tracked = False

    def __init__(self, state: State, blobs: Blobs) -> None:
        super().__init__(state)
        self._blobs = blobs

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """Its account is there, and its name is one."""
        account = ResourceId(id_.scope, id_.namespace, id_.types[:1], id_.names[:1])
        self.state.get(account)
        if not re.fullmatch(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", id_.names[-1]):
            raise Refusal(
                400, "ContainerNameInvalid", f"'{id_.names[-1]}' is not a valid container name."
            )

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """Makes the container."""
        self._blobs.make_container(id_.names[0], id_.names[-1])
        return self.state.put(id_, body)

    def delete(self, resource: Resource) -> None:
        """Its blobs go with it."""
        self._blobs.drop_container(resource.id.names[0], resource.id.names[-1])

    def more(self, resource: Resource) -> Json:
        """Who may read it without a token."""
        given = resource.body.get("properties", {})
        return {"publicAccess": given.get("publicAccess", "None")}


def _check_parent(state: State, id_: ResourceId) -> None:
    if id_.parent is not None and state.find(id_.parent) is None:
        raise Refusal(
            404,
            "ParentResourceNotFound",
            f"Failed to perform 'write' on resource(s) of type '{id_.type}', because the parent "
            f"resource '{id_.parent.text}' could not be found.",
        )
