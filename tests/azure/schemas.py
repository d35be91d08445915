"""Schemas of our own, for what no published type says: `OURS`, by type in lower case."""

from __future__ import annotations

from tests.azure.schema import ANY, STRING, Schema, an_object
from tests.azure.workflow_schema import WORKFLOW

_TAGS: Schema = {
    "type": "object",
    "maxProperties": 50,
    "propertyNames": {"maxLength": 512, "pattern": r"^[^<>%&\\?/]+$"},
    "additionalProperties": {"type": "string", "maxLength": 256},
}
DEPLOYMENT = an_object(
    {
        "properties": an_object(
            {
                "template": {"type": "object"},
                "parameters": {"type": "object"},
                "mode": {"enum": ["Incremental", "Complete"]},
                "debugSetting": ANY,
                "expressionEvaluationOptions": ANY,
                "validationLevel": ANY,
                "whatIfSettings": ANY,
            },
            "template",
            "mode",
            closed=False,
        ),
        "location": STRING,
        "tags": _TAGS,
    },
    "properties",
)

_REDUNDANCIES = ("LRS", "ZRS", "GRS", "RAGRS")
_ACCOUNT = an_object(
    {
        "location": STRING,
        "kind": {"enum": ["StorageV2", "BlobStorage", "BlockBlobStorage"]},
        "sku": an_object({"name": {"enum": [f"Standard_{one}" for one in _REDUNDANCIES]}}, "name"),
        "tags": _TAGS,
        "identity": ANY,
        "properties": an_object(
            {
                "accessTier": {"enum": ["Hot", "Cool", "Cold"]},
                "allowBlobPublicAccess": {"type": "boolean"},
                "allowCrossTenantReplication": {"type": "boolean"},
                "allowSharedKeyAccess": {"type": "boolean"},
                "allowedCopyScope": {"enum": ["AAD", "PrivateLink"]},
                "defaultToOAuthAuthentication": {"type": "boolean"},
                "minimumTlsVersion": {"enum": ["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"]},
                "publicNetworkAccess": {"enum": ["Enabled", "Disabled", "SecuredByPerimeter"]},
                "supportsHttpsTrafficOnly": {"type": "boolean"},
                "networkAcls": ANY,
                "encryption": ANY,
            }
        ),
    },
    "location",
    "kind",
    "sku",
)
_RETENTION = an_object({"enabled": {"type": "boolean"}, "days": {"type": "integer"}}, "enabled")
_SERVICE = an_object(
    {
        "properties": an_object(
            {
                "isVersioningEnabled": {"type": "boolean"},
                "deleteRetentionPolicy": _RETENTION,
                "containerDeleteRetentionPolicy": _RETENTION,
                "changeFeed": ANY,
                "automaticSnapshotPolicyEnabled": {"type": "boolean"},
            }
        )
    }
)
_CONTAINER = an_object(
    {
        "properties": an_object(
            {
                "publicAccess": {"enum": ["None", "Blob", "Container"]},
                "metadata": {"type": "object"},
            }
        )
    }
)
_DAYS: Schema = an_object({"daysAfterCreationGreaterThan": {"type": "number", "minimum": 0}})
_POLICY_RULE = an_object(
    {
        "enabled": {"type": "boolean"},
        "name": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,256}$"},
        "type": {"const": "Lifecycle"},
        "definition": an_object(
            {
                "actions": an_object(
                    {"baseBlob": ANY, "snapshot": ANY, "version": an_object({"delete": _DAYS})}
                ),
                "filters": an_object(
                    {
                        "blobTypes": {
                            "type": "array",
                            "items": {"enum": ["blockBlob", "appendBlob"]},
                            "minItems": 1,
                        },
                        "prefixMatch": {"type": "array", "items": STRING},
                    },
                    "blobTypes",
                ),
            },
            "actions",
        ),
    },
    "name",
    "type",
    "definition",
)
_POLICY = an_object(
    {
        "properties": an_object(
            {"policy": an_object({"rules": {"type": "array", "items": _POLICY_RULE}}, "rules")},
            "policy",
        )
    },
    "properties",
)
_RULES: Schema = {"type": "array", "items": STRING}
_ROLE = an_object(
    {
        "properties": an_object(
            {
                "roleName": {"type": "string", "minLength": 1, "maxLength": 512},
                "description": {"type": "string", "maxLength": 2048},
                "type": {"enum": ["CustomRole", "customRole"]},
                "permissions": {
                    "type": "array",
                    "minItems": 1,
                    "items": an_object(
                        {
                            "actions": _RULES,
                            "notActions": _RULES,
                            "dataActions": _RULES,
                            "notDataActions": _RULES,
                        }
                    ),
                },
                "assignableScopes": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string", "pattern": "^/(subscriptions|providers)/"},
                },
            },
            "roleName",
            "permissions",
            "assignableScopes",
        )
    },
    "properties",
)
_REGISTRY = an_object(
    {
        "location": STRING,
        "sku": an_object({"name": {"enum": ["Basic", "Standard", "Premium"]}}, "name"),
        "tags": _TAGS,
        "properties": {"type": "object"},
    },
    "location",
    "sku",
)
OURS: dict[str, Schema] = {
    "microsoft.authorization/roledefinitions": _ROLE,
    "microsoft.containerregistry/registries": _REGISTRY,
    "microsoft.logic/workflows": WORKFLOW,
    "microsoft.storage/storageaccounts": _ACCOUNT,
    "microsoft.storage/storageaccounts/blobservices": _SERVICE,
    "microsoft.storage/storageaccounts/blobservices/containers": _CONTAINER,
    "microsoft.storage/storageaccounts/managementpolicies": _POLICY,
}
