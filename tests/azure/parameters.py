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
        Refusal: one is missing, surplus, there twice, or not what the template takes. Case does
            not tell names apart.
    """
    given = _by_key(given)
    surplus = sorted(set(given) - set(_by_key(declared)))
    if surplus:
        raise bad_template(
            f"The template parameters '{', '.join(surplus)}' in the parameters file are not valid; "
            "they are not present in the original template and can therefore not be provided at "
            "deployment time. The only supported parameters for this template are "
            f"'{', '.join(declared)}'"
        )
    found = {}
    for name, one in declared.items():
        if name.lower() in given:
            value = given[name.lower()].get("value")
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


def _by_key(named: Mapping[str, Json]) -> dict[str, Json]:
    found = {name.lower(): one for name, one in named.items()}
    if len(found) < len(named):
        names = ", ".join(sorted(named))
        raise bad_template(f"An item with the same key has already been added: one of '{names}'")
    return found
