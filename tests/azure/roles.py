"""The built-in roles that a deployment of this project can meet, and what a role allows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
ACI_CONTRIBUTOR = "5d977122-f97e-4b4d-a52f-6b43003ddb4d"

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers/"
_KEY = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"


@dataclass(frozen=True, slots=True)
class Role:
    """What a role definition allows: patterns of actions on resources, and on the data in them."""

    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        """Whether an action is among those of the role."""
        given = self.data_actions if data else self.actions
        taken = self.not_data_actions if data else self.not_actions
        return _among(action, given) and not _among(action, taken)


BUILT_IN = {
    OWNER: Role("Owner", ("*",)),
    CONTRIBUTOR: Role(
        "Contributor",
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ),
    ),
    READER: Role("Reader", ("*/read",)),
    ACCESS_ADMINISTRATOR: Role(
        "User Access Administrator", ("*/read", "Microsoft.Authorization/*")
    ),
    RBAC_ADMINISTRATOR: Role(
        "Role Based Access Control Administrator",
        (
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
        ),
    ),
    BLOB_READER: Role(
        "Storage Blob Data Reader",
        (f"{_CONTAINERS}read", _KEY),
        data_actions=(f"{_BLOBS}read",),
    ),
    BLOB_CONTRIBUTOR: Role(
        "Storage Blob Data Contributor",
        (f"{_CONTAINERS}delete", f"{_CONTAINERS}read", f"{_CONTAINERS}write", _KEY),
        data_actions=tuple(
            _BLOBS + one for one in ("delete", "read", "write", "move/action", "add/action")
        ),
    ),
    ACR_PULL: Role("AcrPull", ("Microsoft.ContainerRegistry/registries/pull/read",)),
    ACI_CONTRIBUTOR: Role(
        "Azure Container Instances Contributor Role",
        (
            "Microsoft.ContainerInstance/containerGroups/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Authorization/*/read",
        ),
    ),
}


def _among(action: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(one).fullmatch(action) for one in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.IGNORECASE)
