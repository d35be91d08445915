"""A template and its parameters: what it would make, and in which order."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.azure.errors import Json, Refusal, bad_template
from tests.azure.expressions import Function, calls, evaluate, is_expression, result
from tests.azure.ids import ResourceId, locate, parse_id
from tests.azure.state import State

_NOT_BODY = {"type", "apiVersion", "name", "dependsOn", "scope", "comments", "metadata"}
_UNKNOWN_HERE = {"copy", "condition", "resources", "existing"}
_TYPES = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "object": dict,
    "secureobject": dict,
    "array": list,
}
_GUID = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_SCHEMA = re.compile(
    r"https?://schema\.management\.azure\.com/schemas/[\d-]+/deploymentTemplate\.json#"
)


class NotYetError(Exception):
    """A reference to what is not there yet."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource of a template, its expressions not evaluated but for its id."""

    id: ResourceId
    api_version: str
    body: Json
    after: frozenset[str]


class Template:
    """A template with values for its parameters.

    Args:
        scope: the id of the resource group.

    Raises:
        Refusal: it cannot be deployed, and why.
    """

    def __init__(self, document: Json, given: Mapping[str, Json], *, scope: str) -> None:
        self.document, self._scope = document, scope
        if not _SCHEMA.fullmatch(document.get("$schema", "")) or "contentVersion" not in document:
            raise bad_template("Template has no $schema or no contentVersion")
        declared = document.get("parameters", {})
        self.types = {name: str(one["type"]) for name, one in declared.items()}
        self._values = _values(declared, given)
        self._functions = self._known_functions()
        self.planned = _ordered([self._plan(one) for one in document["resources"]])

    @property
    def shown_parameters(self) -> Json:
        """Parameters as a deployment shows them: no value of a secure one."""
        return {
            name: {"type": _spelled(type_)}
            | ({} if type_.lower().startswith("secure") else {"value": self._values[name]})
            for name, type_ in self.types.items()
        }

    @property
    def secrets(self) -> set[str]:
        """The values of secure strings."""
        return {
            self._values[name]
            for name, type_ in self.types.items()
            if type_.lower() == "securestring" and self._values[name]
        }

    def body(self, planned: Planned, state: Mapping[str, Function]) -> Json:
        """A resource's body; `state` has the functions that look at what exists."""
        body: Json = evaluate(planned.body, {**self._functions, **state})
        return body

    def body_so_far(self, value: Any, state: Mapping[str, Function]) -> Any:
        """A body in which references to what is not there stay as they are written."""
        if isinstance(value, Mapping):
            return {key: self.body_so_far(one, state) for key, one in value.items()}
        if isinstance(value, list):
            return [self.body_so_far(one, state) for one in value]
        try:
            return evaluate(value, {**self._functions, **state})
        except NotYetError:
            return value

    def outputs(self, state: Mapping[str, Function]) -> Json:
        """The outputs that may be shown."""
        functions = {**self._functions, **state}
        return {
            name: {"type": _spelled(one["type"]), "value": evaluate(one["value"], functions)}
            for name, one in self.document.get("outputs", {}).items()
            if not one["type"].lower().startswith("secure")
        }

    def _known_functions(self) -> dict[str, Function]:
        return {
            "parameters": self._parameter,
            "variables": self._variable,
            "concat": _concat,
            "guid": lambda *parts: str(uuid.uuid5(_GUID, "-".join(map(str, parts)))),
            "resourceid": lambda *parts: _resource_id(self._scope, *parts),
            "subscriptionresourceid": lambda *parts: _resource_id(
                "/".join(self._scope.split("/")[:3]), *parts
            ),
        }

    def _parameter(self, name: str) -> Any:
        if name not in self._values:
            raise bad_template(f"The template parameter '{name}' is not found")
        return self._values[name]

    def _variable(self, name: str) -> Any:
        variables = self.document.get("variables", {})
        if name not in variables:
            raise bad_template(f"The template variable '{name}' is not found")
        return evaluate(variables[name], self._functions)

    def _plan(self, resource: Json) -> Planned:
        unknown = _UNKNOWN_HERE & set(resource)
        if unknown:
            raise bad_template(f"this stand-in does not know {sorted(unknown)} of a resource")
        name = evaluate(resource["name"], self._functions)
        scope = evaluate(resource.get("scope", self._scope), self._functions)
        if not scope.startswith("/"):
            scope = f"{self._scope}/providers/{scope}"
        id_ = _placed(resource["type"], name, scope)
        body = {key: one for key, one in resource.items() if key not in _NOT_BODY}
        after = {self._depended(one) for one in resource.get("dependsOn", ())}
        after |= {self._depended(one) for one in self._referenced(body)}
        after |= {id_.parent.key} if id_.parent else set()
        return Planned(id_, resource["apiVersion"], body, frozenset(after - {id_.key}))

    def _referenced(self, body: Json) -> Iterator[str]:
        """References make an order too, where they are to resources of the same template."""
        for call in calls(body, "reference"):
            yield "?" + str(result(call.arguments[0], self._functions))

    def _depended(self, text: str) -> str:
        soft = text.startswith("?")
        given = str(evaluate(text.removeprefix("?"), self._functions))
        for one in self.document["resources"]:
            name = evaluate(one["name"], self._functions)
            scope = evaluate(one.get("scope", self._scope), self._functions)
            id_ = _placed(one["type"], name, scope)
            short = {id_.key, name.lower(), f"{id_.type}/{id_.name}".lower()}
            if given.lower() in short:
                return id_.key
        if soft:
            return ""
        raise bad_template(
            f"The resource '{given}' is not defined in the template. "
            "Please see https://aka.ms/arm-syntax for usage details."
        )


def _values(declared: Json, given: Mapping[str, Json]) -> dict[str, Any]:
    surplus = sorted(set(given) - set(declared))
    if surplus:
        raise bad_template(
            f"The template parameters '{', '.join(surplus)}' in the parameters file are not valid; "
            "they are not present in the original template and can therefore not be provided at "
            "deployment time. The only supported parameters for this template are "
            f"'{', '.join(declared)}'"
        )
    values = {}
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
        values[name] = value
    return values


def _ordered(planned: list[Planned]) -> tuple[Planned, ...]:
    known = {one.id.key for one in planned}
    if len(known) < len(planned):
        raise bad_template("a resource is defined multiple times in a template")
    done: list[Planned] = []
    waiting = list(planned)
    while waiting:
        have = {one.id.key for one in done}
        ready = [one for one in waiting if one.after & known <= have]
        if not ready:
            names = ", ".join(one.id.name for one in waiting)
            raise bad_template(f"Circular dependency detected on resources: {names}")
        done.append(ready[0])
        waiting.remove(ready[0])
    return tuple(done)


def _placed(type_: str, name: str, scope: str) -> ResourceId:
    namespace, *types = type_.split("/")
    names = name.split("/")
    if not types or len(types) != len(names):
        raise bad_template(
            f"The template resource '{name}' for type '{type_}' has incorrect segment lengths. A "
            "nested resource type must have identical number of segments as its resource name"
        )
    pairs = "/".join(f"{one}/{other}" for one, other in zip(types, names, strict=True))
    return parse_id(f"{scope}/providers/{namespace}/{pairs}")


def _resource_id(scope: str, *parts: str) -> str:
    types = [number for number, one in enumerate(parts) if "/" in one]
    if not types or len(parts[types[0] + 1 :]) != parts[types[0]].count("/"):
        raise bad_template(f"Unable to evaluate template language function 'resourceId': {parts}")
    before, at = parts[: types[0]], types[0]
    if len(before) == 1:
        scope = "/".join([*scope.split("/")[:4], before[0]])
    elif len(before) == 2:
        scope = f"/subscriptions/{before[0]}/resourceGroups/{before[1]}"
    return _placed(parts[at], "/".join(parts[at + 1 :]), scope).text


def _concat(*parts: Any) -> Any:
    if parts and isinstance(parts[0], list):
        return [one for part in parts for one in part]
    return "".join(str(one) for one in parts)


def _spelled(type_: str) -> str:
    names = {"securestring": "SecureString", "secureobject": "SecureObject"}
    return names.get(type_.lower(), type_.capitalize())


def references(state: State, show: Any) -> dict[str, Function]:
    """`reference`, `resourceGroup` and `subscription`, over what exists.

    Args:
        show: what a GET of a resource answers.
    """

    def reference(given: str, api_version: str = "", full: str = "") -> Any:
        place = locate(given)
        found = state.find(place.resource) if place and place.resource else None
        if found is None:
            named = [one for one in state.all() if one.id.names[-1] == given]
            found = named[0] if named else None
        if found is None:
            raise NotYetError(given)
        shown = show(found)
        return shown if full.lower() == "full" else shown["properties"]

    return {"reference": reference}


def unresolved(given: NotYetError) -> Refusal:
    """A reference to something that does not come to be either."""
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{given}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


__all__ = ["NotYetError", "Planned", "Template", "is_expression", "references", "unresolved"]
