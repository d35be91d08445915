"""Schemas of our own, for what no published type says: `OURS`, by type in lower case."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _object(properties: Schema, *required: str, closed: bool = True) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": not closed,
    }


_STRING: Schema = {"type": "string", "minLength": 1}
_ANY: Schema = {}
_TAGS: Schema = {
    "type": "object",
    "maxProperties": 50,
    "propertyNames": {"maxLength": 512, "pattern": r"^[^<>%&\\?/]+$"},
    "additionalProperties": {"type": "string", "maxLength": 256},
}
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

_RECURRENCE = _object(
    {
        "frequency": {"enum": ["Month", "Week", "Day", "Hour", "Minute", "Second"]},
        "interval": {"type": "integer", "minimum": 1},
        "startTime": {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|([+-]\d\d:\d\d))?$",
        },
        "endTime": _STRING,
        "timeZone": _STRING,
        "schedule": _object(
            {
                "weekDays": {"type": "array", "items": {"enum": _DAYS}, "minItems": 1},
                "hours": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": 23},
                    "minItems": 1,
                },
                "minutes": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": 59},
                    "minItems": 1,
                },
            }
        ),
    },
    "frequency",
    "interval",
)
_TRIGGER: Schema = {
    "oneOf": [
        _object(
            {
                "type": {"const": "Recurrence"},
                "recurrence": _RECURRENCE,
                "evaluatedRecurrence": _RECURRENCE,
                "runtimeConfiguration": _ANY,
            },
            "type",
            "recurrence",
        ),
        _object(
            {
                "type": {"const": "Request"},
                "kind": {"const": "Http"},
                "inputs": _object({"schema": _ANY, "method": _STRING, "relativePath": _STRING}),
                "runtimeConfiguration": _ANY,
                "operationOptions": _STRING,
            },
            "type",
            "kind",
        ),
    ]
}
_RETRY: Schema = {
    "oneOf": [
        _object({"type": {"const": "none"}}, "type"),
        _object(
            {
                "type": {"enum": ["fixed", "exponential"]},
                "count": {"type": "integer", "minimum": 1, "maximum": 90},
                "interval": {"type": "string", "pattern": "^P"},
                "minimumInterval": {"type": "string", "pattern": "^P"},
                "maximumInterval": {"type": "string", "pattern": "^P"},
            },
            "type",
            "count",
            "interval",
        ),
    ]
}
_HTTP = _object(
    {
        "method": {"enum": ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]},
        "uri": {"type": "string", "pattern": "^(https://|@)"},
        "headers": {"type": "object"},
        "queries": {"type": "object"},
        "body": _ANY,
        "authentication": _object(
            {"type": {"const": "ManagedServiceIdentity"}, "audience": _STRING, "identity": _STRING},
            "type",
        ),
        "retryPolicy": _RETRY,
    },
    "method",
    "uri",
)
_RUN_AFTER: Schema = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": {"enum": ["Succeeded", "Failed", "Skipped", "TimedOut"]},
        "minItems": 1,
    },
}
_UNITS = ["Second", "Minute", "Hour", "Day"]
_INTERVAL = _object(
    {"count": {"type": "integer", "minimum": 1}, "unit": {"enum": _UNITS}}, "count", "unit"
)
_ACTION: Schema = {
    "oneOf": [
        _object(
            {
                "type": {"const": "Http"},
                "inputs": _HTTP,
                "runAfter": _RUN_AFTER,
                "runtimeConfiguration": _ANY,
                "operationOptions": _STRING,
            },
            "type",
            "inputs",
            "runAfter",
        ),
        _object(
            {
                "type": {"const": "Wait"},
                "inputs": _object({"interval": _INTERVAL}, "interval"),
                "runAfter": _RUN_AFTER,
            },
            "type",
            "inputs",
            "runAfter",
        ),
    ]
}
_DEFINITION = _object(
    {
        "$schema": {
            "const": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/"
            "2016-06-01/workflowdefinition.json#"
        },
        "contentVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+\.\d+$"},
        "parameters": {"type": "object"},
        "triggers": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 10,
            "additionalProperties": _TRIGGER,
        },
        "actions": {"type": "object", "maxProperties": 500, "additionalProperties": _ACTION},
        "outputs": {"type": "object"},
    },
    "$schema",
    "contentVersion",
    "triggers",
    "actions",
)

DEPLOYMENT = _object(
    {
        "properties": _object(
            {
                "template": {"type": "object"},
                "parameters": {"type": "object"},
                "mode": {"enum": ["Incremental", "Complete"]},
                "debugSetting": _ANY,
                "expressionEvaluationOptions": _ANY,
                "validationLevel": _ANY,
                "whatIfSettings": _ANY,
            },
            "template",
            "mode",
            closed=False,
        ),
        "location": _STRING,
        "tags": _TAGS,
    },
    "properties",
)

_REDUNDANCIES = ("LRS", "ZRS", "GRS", "RAGRS")
_ACCOUNT = _object(
    {
        "location": _STRING,
        "kind": {"enum": ["StorageV2", "BlobStorage", "BlockBlobStorage"]},
        "sku": _object({"name": {"enum": [f"Standard_{one}" for one in _REDUNDANCIES]}}, "name"),
        "tags": _TAGS,
        "identity": _ANY,
        "properties": _object(
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
                "networkAcls": _ANY,
                "encryption": _ANY,
            }
        ),
    },
    "location",
    "kind",
    "sku",
)
_RETENTION = _object({"enabled": {"type": "boolean"}, "days": {"type": "integer"}}, "enabled")
_SERVICE = _object(
    {
        "properties": _object(
            {
                "isVersioningEnabled": {"type": "boolean"},
                "deleteRetentionPolicy": _RETENTION,
                "containerDeleteRetentionPolicy": _RETENTION,
                "changeFeed": _ANY,
                "automaticSnapshotPolicyEnabled": {"type": "boolean"},
            }
        )
    }
)
_CONTAINER = _object(
    {
        "properties": _object(
            {
                "publicAccess": {"enum": ["None", "Blob", "Container"]},
                "metadata": {"type": "object"},
            }
        )
    }
)
_RULES: Schema = {"type": "array", "items": _STRING}
_ROLE = _object(
    {
        "properties": _object(
            {
                "roleName": {"type": "string", "minLength": 1, "maxLength": 512},
                "description": {"type": "string", "maxLength": 2048},
                "type": {"enum": ["CustomRole", "customRole"]},
                "permissions": {
                    "type": "array",
                    "minItems": 1,
                    "items": _object(
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
_REGISTRY = _object(
    {
        "location": _STRING,
        "sku": _object({"name": {"enum": ["Basic", "Standard", "Premium"]}}, "name"),
        "tags": _TAGS,
        "properties": {"type": "object"},
    },
    "location",
    "sku",
)
_WORKFLOW = _object(
    {"properties": _object({"definition": _DEFINITION}, closed=False)},
    "properties",
    closed=False,
)

OURS: dict[str, Schema] = {
    "microsoft.authorization/roledefinitions": _ROLE,
    "microsoft.containerregistry/registries": _REGISTRY,
    "microsoft.logic/workflows": _WORKFLOW,
    "microsoft.storage/storageaccounts": _ACCOUNT,
    "microsoft.storage/storageaccounts/blobservices": _SERVICE,
    "microsoft.storage/storageaccounts/blobservices/containers": _CONTAINER,
}
