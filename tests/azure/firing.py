"""A run of a workflow: its actions, done over the network with the workflow's identity."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from tests.azure.directory import MANAGEMENT, Directory, Principal
from tests.azure.errors import Json, Refusal

_PARAMETER = re.compile(r"@\{?parameters\('([^']+)'\)\}?")
_RETRIED = {408, 429, *range(500, 600)}
_DEFAULT_RETRY = {"type": "exponential", "count": 4}


@dataclass(frozen=True, slots=True)
class ActionRun:
    """An action's end: Succeeded, Failed or Skipped; the HTTP status and the answer, if any."""

    name: str
    status: str
    code: int = 0
    answer: str = field(default="", repr=False)
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Firing:
    """A run of a workflow, begun by a trigger; `status` is Succeeded or Failed."""

    workflow: str
    trigger: str
    at: datetime
    status: str
    actions: tuple[ActionRun, ...]


class Runner:
    """Runs the actions of definitions.

    Args:
        pool: what speaks to the management endpoint, and trusts it.
    """

    def __init__(self, directory: Directory, pool: urllib3.PoolManager) -> None:
        self._directory, self._pool = directory, pool
        self.management_url = ""

    def run(
        self, definition: Json, identity: Callable[[str | None], Principal], parameters: Json
    ) -> tuple[ActionRun, ...]:
        """Every action once, in the order that their `runAfter` gives.

        Args:
            identity: who the workflow is; given an id, that user-assigned identity of it.
        """
        given = {
            name: parameters.get(name, one).get("value", one.get("defaultValue"))
            for name, one in definition.get("parameters", {}).items()
        }
        done: dict[str, ActionRun] = {}
        for name, action in _ordered(definition["actions"]):
            if any(done[one].status not in on for one, on in action["runAfter"].items()):
                done[name] = ActionRun(name, "Skipped")
            elif action["type"] == "Wait":
                done[name] = ActionRun(name, "Succeeded")
            else:
                done[name] = self._http(name, _filled(action["inputs"], given), identity)
        return tuple(done.values())

    def _http(
        self, name: str, inputs: Json, identity: Callable[[str | None], Principal]
    ) -> ActionRun:
        headers = dict(inputs.get("headers", {}))
        authentication = inputs.get("authentication")
        if authentication is not None:
            try:
                principal = identity(authentication.get("identity"))
                headers["Authorization"] = f"Bearer {self._token(principal, authentication)}"
            except Refusal as refusal:
                return ActionRun(name, "Failed", 0, str(refusal))
        tries = 0
        while True:
            tries += 1
            response = self._pool.request(
                inputs["method"],
                self._url(inputs),
                headers=headers,
                json=inputs.get("body"),
                retries=False,
            )
            most = inputs.get("retryPolicy", _DEFAULT_RETRY).get("count", 0)
            if response.status not in _RETRIED or tries > most:
                break
        status = "Succeeded" if response.status < 400 else "Failed"
        return ActionRun(name, status, response.status, response.data.decode(), tries)

    def _token(self, principal: Principal, authentication: Json) -> str:
        audience = authentication.get("audience", MANAGEMENT)
        if self._directory.audience(audience) is None:
            raise Refusal(400, "InvalidAudience", f"'{audience}' is nobody's audience.")
        return self._directory.token(principal, audience)

    def _url(self, inputs: Json) -> str:
        """The public name of the management endpoint leads to the stand-in too."""
        parts = urlsplit(inputs["uri"])
        given = f"{parts.scheme}://{parts.netloc}"
        if given not in (MANAGEMENT, self.management_url):
            raise Refusal(400, "InvalidUri", f"this stand-in has no way to {given}")
        query = "&".join(one for one in (parts.query, urlencode(inputs.get("queries", {}))) if one)
        return f"{self.management_url}{parts.path}" + (f"?{query}" if query else "")


def check_order(actions: Json) -> None:
    """Refuses actions that wait for one that is not there, or for each other.

    Raises:
        Refusal: 400.
    """
    list(_ordered(actions))


def _ordered(actions: Json) -> Iterator[tuple[str, Json]]:
    done: set[str] = set()
    waiting = dict(actions)
    while waiting:
        ready = [name for name, one in waiting.items() if set(one["runAfter"]) <= done]
        if not ready:
            raise Refusal(
                400,
                "InvalidTemplate",
                f"The template validation failed: the 'runAfter' of '{', '.join(waiting)}' names "
                "actions that do not exist, or that wait for each other.",
            )
        yield ready[0], waiting.pop(ready[0])
        done.add(ready[0])


def status_of(definition: Json, actions: tuple[ActionRun, ...]) -> str:
    """How a run ended: as its last actions did, or where they were skipped, those before them.

    https://learn.microsoft.com/azure/logic-apps/logic-apps-exception-handling
    """
    found = {one.name: one.status for one in actions}
    after = {name: set(one["runAfter"]) for name, one in definition["actions"].items()}
    ends = set(after) - set().union(*after.values())
    while ends:
        name = ends.pop()
        if found[name] == "Skipped":
            ends |= after[name]
        elif found[name] != "Succeeded":
            return "Failed"
    return "Succeeded"


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Inputs with the parameters of the workflow put in; no other expression is known here."""
    if isinstance(value, dict):
        return {key: _filled(one, parameters) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, parameters) for one in value]
    if not isinstance(value, str):
        return value
    text = _PARAMETER.sub(lambda match: str(parameters[match[1]]), value)
    if text.startswith("@") or "@{" in text:
        raise Refusal(400, "InvalidTemplate", f"this stand-in cannot evaluate {value!r}")
    return text
