"""What a deployment would change, in the form in which Resource Manager foretells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.azure.errors import Json
from tests.azure.functions import references
from tests.azure.state import Resource, State
from tests.azure.template import Template

_HIDDEN = "*******"
Show = Callable[[Resource], Json]


def changes(template: Template, state: State, show: Show, scope: str) -> list[Json]:
    """A change for each resource of the template, and `Ignore` for the others of the group."""
    found = []
    for planned in template.planned:
        body = template.body_so_far(planned.body, references(state, show))
        after = {
            "id": planned.id.text,
            "name": planned.id.names[-1],
            "type": planned.id.type,
            "apiVersion": planned.api_version,
            **_masked(body, template.secrets),
        }
        former = state.find(planned.id)
        found.append(_change(planned.id.text, show(former) if former else None, after))
    planned_keys = {one.id.key for one in template.planned}
    for resource in state.under(scope):
        if resource.id.key not in planned_keys:
            before = show(resource)
            found.append({"resourceId": resource.id.text, "changeType": "Ignore", "before": before})
    return found


def _change(resource_id: str, before: Json | None, after: Json) -> Json:
    if before is None:
        return {"resourceId": resource_id, "changeType": "Create", "after": after}
    given = {key: value for key, value in after.items() if key not in ("id", "type", "apiVersion")}
    delta = list(_delta(before, given, ""))
    return {
        "resourceId": resource_id,
        "changeType": "Modify" if delta else "NoChange",
        "before": before,
        "after": after,
        "delta": delta,
    }


def _delta(before: Any, after: Any, path: str) -> Iterator[Json]:
    """Where the template says something else; what it does not mention stays as it is."""
    if after == _HIDDEN or _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            place = f"{path}.{key}" if path else key
            if key in before:
                yield from _delta(before[key], value, place)
            elif value not in (_HIDDEN, None):
                yield {"path": place, "propertyChangeType": "Create", "after": value}
    elif isinstance(before, list) and isinstance(after, list):
        children = list(_children(before, after))
        if children:
            yield {"path": path, "propertyChangeType": "Array", "children": children}
    else:
        change = {"path": path, "propertyChangeType": "Modify"}
        yield {**change, "before": before, "after": after}


def _children(before: list[Any], after: list[Any]) -> Iterator[Json]:
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        inner = list(_delta(old, new, ""))
        if inner:
            kind = {"path": str(number), "propertyChangeType": "Modify"}
            yield {**kind, "children": inner}
    for number, new in list(enumerate(after))[len(before) :]:
        yield {"path": str(number), "propertyChangeType": "Create", "after": new}
    for number, old in list(enumerate(before))[len(after) :]:
        yield {"path": str(number), "propertyChangeType": "Delete", "before": old}


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str) and "/" in before:
        return before.lower() == after.lower()
    return bool(before == after)


def _masked(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _HIDDEN if key == "secureValue" else _masked(one, secrets)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_masked(one, secrets) for one in value]
    return _HIDDEN if isinstance(value, str) and value in secrets else value
