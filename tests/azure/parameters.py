"""The values of a template's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.azure.errors import Json, bad_template

_TYPES = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "object": dict,
    "secureobject": dict,
    "array": list,
}


def values(declared: Json, given: Mapping[str, Json]) -> dict[str, Any]:
    """Given values and defaults, by name.

    Raises:
        Refusal: one is missing, surplus, or not what the template takes.
    """
    surplus = sorted(set(given) - set(declared))
    if surplus:
        raise bad_template(
            f"The template parameters '{', '.join(surplus)}' in the parameters file are not valid; "
            "they are not present in the original template and can therefore not be provided at "
            "deployment time. The only supported parameters for this template are "
            f"'{', '.join(declared)}'"
        )
    found = {}
    for name, one in declared.items():
        if name in given:
            value = given[name].get("value")
        elif "defaultValue" in one:
            value = one["defaultValue"]
        else:
            raise bad_template(
                f"The value for the template parameter '{name}' at line '1' and column '1' is not "
                "provided. Please see https://aka.ms/arm-create-parameter-file for usage details."
            )
        if not isinstance(value, _TYPES[one["type"].lower()]):
            raise bad_template(
                f"The provided value for the template parameter '{name}' is not valid. Expected a "
                f"value of type '{one['type']}'"
            )
        if "allowedValues" in one and value not in one["allowedValues"]:
            raise bad_template(
                f"The provided value for the template parameter '{name}' is not valid. The "
                f"parameter value is not part of the allowed value(s): {one['allowedValues']}"
            )
        found[name] = value
    return found
