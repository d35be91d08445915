"""A template and its parameters: what it would make, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.azure.errors import Json, bad_template
from tests.azure.expressions import Function, calls, evaluate, result
from tests.azure.functions import NotYetError, placed, reckoned
from tests.azure.ids import ResourceId
from tests.azure.parameters import values

_NOT_BODY = {"type", "apiVersion", "name", "dependsOn", "scope", "comments", "metadata"}
_UNKNOWN_HERE = {"copy", "condition", "resources", "existing"}
_SCHEMA = re.compile(
    r"https?://schema\.management\.azure\.com/schemas/[\d-]+/deploymentTemplate\.json#"
)


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
        self._values = values(declared, given)
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
        own = {"parameters": self._parameter, "variables": self._variable}
        return {**reckoned(self._scope), **own}

    def _parameter(self, name: str) -> Any:
        values = {own.lower(): value for own, value in self._values.items()}
        if name.lower() not in values:
            raise bad_template(f"The template parameter '{name}' is not found")
        return values[name.lower()]

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
        id_ = placed(resource["type"], name, scope)
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
            id_ = placed(one["type"], name, scope)
            short = {id_.key, name.lower(), f"{id_.type}/{id_.name}".lower()}
            if given.lower() in short:
                return id_.key
        if soft:
            return ""
        raise bad_template(
            f"The resource '{given}' is not defined in the template. "
            "Please see https://aka.ms/arm-syntax for usage details."
        )


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


def _spelled(type_: str) -> str:
    names = {"securestring": "SecureString", "secureobject": "SecureObject"}
    return names.get(type_.lower(), type_.capitalize())
