"""The words in which schemas are written."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
STRING: Schema = {"type": "string", "minLength": 1}
ANY: Schema = {}


def an_object(properties: Schema, *required: str, closed: bool = True) -> Schema:
    """An object with these properties and, unless it is open, no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": not closed,
    }
