"""The storage account, if it is to be made, and the containers of models and runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deploy.names import MODELS, RUNS
from deploy.pieces import OWNER_METADATA, Kind
from deploy.template.part import Frame, Part

KEPT_DAYS: Final = 7
"""For so long, what is deleted for good can be brought back."""
FORMER_DAYS: Final = 30
"""What is replaced or deleted stays as a former version, which is paid for, until it is so old."""


def storage_parts(frame: Frame) -> Iterator[Part]:
    """The account with its settings, unless there is one already; then the two containers."""
    if frame.settings.storage.create:
        yield _account(frame)
        yield _blob_service(frame)
        yield _lifecycle(frame)
    yield _container(frame, MODELS, "where models are read from")
    yield _container(frame, RUNS, "where runs leave their records")


def _account(frame: Frame) -> Part:
    properties = {
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "allowSharedKeyAccess": False,
        "defaultToOAuthAuthentication": True,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    return Part(
        kind=Kind.STORAGE,
        name=frame.settings.storage.account,
        arm_name=frame.settings.storage.account,
        type="Microsoft.Storage/storageAccounts",
        id=frame.names.storage,
        words="models and run records; no public access, no shared keys",
        body={
            "location": frame.settings.location,
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": properties,
        },
        facts={
            "region": frame.settings.location,
            "public access to blobs": "off",
            "shared keys": "off",
            "least TLS version": "TLS1_2",
        },
    )


def _blob_service(frame: Frame) -> Part:
    retention = {"enabled": True, "days": KEPT_DAYS}
    return Part(
        kind=Kind.BLOBS,
        name=f"{frame.settings.storage.account}/default",
        arm_name=f"{frame.settings.storage.account}/default",
        type="Microsoft.Storage/storageAccounts/blobServices",
        id=frame.names.blobs,
        words=f"former versions are kept, and when deleted for {KEPT_DAYS} days more",
        body={
            "properties": {
                "isVersioningEnabled": True,
                "deleteRetentionPolicy": retention,
                "containerDeleteRetentionPolicy": retention,
            }
        },
        needs=(frame.names.storage,),
        facts={"versioning": "on"},
    )


def _lifecycle(frame: Frame) -> Part:
    action = {"version": {"delete": {"daysAfterCreationGreaterThan": FORMER_DAYS}}}
    rule = {
        "enabled": True,
        "name": "former-versions",
        "type": "Lifecycle",
        "definition": {"actions": action, "filters": {"blobTypes": ["blockBlob"]}},
    }
    return Part(
        kind=Kind.LIFECYCLE,
        name=f"{frame.settings.storage.account}/default",
        arm_name=f"{frame.settings.storage.account}/default",
        type="Microsoft.Storage/storageAccounts/managementPolicies",
        id=frame.names.lifecycle,
        words=f"former versions, which are paid for, go after {FORMER_DAYS} days",
        body={"properties": {"policy": {"rules": [rule]}}},
        needs=(frame.names.storage, frame.names.blobs),
        facts={"former versions": f"deleted after {FORMER_DAYS} days"},
    )


def _container(frame: Frame, name: str, words: str) -> Part:
    owner = {OWNER_METADATA: frame.settings.name}
    properties: dict[str, Any] = {"publicAccess": "None", "metadata": owner}
    return Part(
        kind=Kind.CONTAINER,
        name=name,
        arm_name=f"{frame.settings.storage.account}/default/{name}",
        type="Microsoft.Storage/storageAccounts/blobServices/containers",
        id=frame.names.container(name),
        words=words,
        body={"properties": properties},
        needs=(frame.names.storage, frame.names.blobs),
        facts={"public access": "None"},
    )
