"""A schema of our own for what workflows do: the published type leaves that open."""

from __future__ import annotations

from tests.azure.schema import ANY, STRING, Schema, an_object

_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

_RECURRENCE = an_object(
    {
        "frequency": {"enum": ["Month", "Week", "Day", "Hour", "Minute", "Second"]},
        "interval": {"type": "integer", "minimum": 1},
        "startTime": {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|([+-]\d\d:\d\d))?$",
        },
        "endTime": STRING,
        "timeZone": STRING,
        "schedule": an_object(
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
        an_object(
            {
                "type": {"const": "Recurrence"},
                "recurrence": _RECURRENCE,
                "evaluatedRecurrence": _RECURRENCE,
                "runtimeConfiguration": ANY,
            },
            "type",
            "recurrence",
        ),
        an_object(
            {
                "type": {"const": "Request"},
                "kind": {"const": "Http"},
                "inputs": an_object({"schema": ANY, "method": STRING, "relativePath": STRING}),
                "runtimeConfiguration": ANY,
                "operationOptions": STRING,
            },
            "type",
            "kind",
        ),
    ]
}
_RETRY: Schema = {
    "oneOf": [
        an_object({"type": {"const": "none"}}, "type"),
        an_object(
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
_HTTP = an_object(
    {
        "method": {"enum": ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]},
        "uri": {"type": "string", "pattern": "^(https://|@)"},
        "headers": {"type": "object"},
        "queries": {"type": "object"},
        "body": ANY,
        "authentication": an_object(
            {"type": {"const": "ManagedServiceIdentity"}, "audience": STRING, "identity": STRING},
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
_INTERVAL = an_object(
    {"count": {"type": "integer", "minimum": 1}, "unit": {"enum": _UNITS}}, "count", "unit"
)
_ACTION: Schema = {
    "oneOf": [
        an_object(
            {
                "type": {"const": "Http"},
                "inputs": _HTTP,
                "runAfter": _RUN_AFTER,
                "runtimeConfiguration": ANY,
                "operationOptions": STRING,
            },
            "type",
            "inputs",
            "runAfter",
        ),
        an_object(
            {
                "type": {"const": "Wait"},
                "inputs": an_object({"interval": _INTERVAL}, "interval"),
                "runAfter": _RUN_AFTER,
            },
            "type",
            "inputs",
            "runAfter",
        ),
    ]
}
_DEFINITION = an_object(
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

WORKFLOW = an_object(
    {"properties": an_object({"definition": _DEFINITION}, closed=False)},
    "properties",
    closed=False,
)
