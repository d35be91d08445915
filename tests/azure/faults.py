"""Scripted faults of the stand-in: what goes wrong, where, how often. They count their hits."""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass
from enum import StrEnum

OPERATIONS = (
    "blob.read",
    "blob.write",
    "containerGroups.delete",
    "containerGroups.get",
    "containerGroups.logs",
    "containerGroups.put",
    "containerGroups.restart",
    "containerGroups.start",
    "containerGroups.stop",
    "containers.delete",
    "containers.get",
    "containers.put",
    "deployments.delete",
    "deployments.get",
    "deployments.operations",
    "deployments.put",
    "deployments.validate",
    "deployments.whatIf",
    "operation.poll",
    "registries.get",
    "resourceGroups.delete",
    "resourceGroups.get",
    "resourceGroups.put",
    "resources.list",
    "roleAssignments.delete",
    "roleAssignments.get",
    "roleAssignments.list",
    "roleAssignments.put",
    "roleDefinitions.delete",
    "roleDefinitions.get",
    "roleDefinitions.list",
    "roleDefinitions.put",
    "storageAccounts.delete",
    "storageAccounts.get",
    "storageAccounts.put",
    "token",
    "userAssignedIdentities.delete",
    "userAssignedIdentities.get",
    "userAssignedIdentities.put",
    "workflow.callback",
    "workflows.delete",
    "workflows.get",
    "workflows.listCallbackUrl",
    "workflows.put",
    "workflows.run",
)


class Kind(StrEnum):
    """What can go wrong; `Faults.add` describes each."""

    STATUS = "status"
    FORBIDDEN = "forbidden"
    EXPIRED = "expired"
    RESET = "reset"
    LOST_REPLY = "lost_reply"
    STUCK = "stuck"
    FAIL = "fail"
    SLOW = "slow"


@dataclass(slots=True)
class Fault:
    """One scripted fault and its memory: `seen` matching requests, `hits` of them spoiled."""

    where: str
    kind: Kind
    match: str = ""
    times: int | None = 1
    after: int = 0
    status: int = 500
    code: str = "InternalServerError"
    message: str = "Something went wrong on our side."
    retry_after: str | None = None
    seconds: float = 1.0
    hits: int = 0
    seen: int = 0


class Faults:
    """The script. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(
        self,
        *,
        where: str,
        kind: str,
        match: str = "",
        times: int | None = 1,
        after: int = 0,
        **details: object,
    ) -> Fault:
        """Spoils `times` requests (None: all) for `where`, after leaving `after` of them alone.

        Args:
            where: one of `OPERATIONS`: the last part of a resource's type and what is asked of it
                (also when a deployment asks), `operation.poll`, `token`, `blob.read` ...
            kind: one of
                status: `status` (500) with `code`, `message` and a Retry-After of `retry_after`.
                forbidden: 403, as for rights that are missing.
                expired: 401, as for a token past its time.
                reset: RST before anything is done.
                lost_reply: everything is done, then RST.
                stuck: the long-running operation that this begins never ends.
                fail: the long-running operation that this begins ends with `code`, `message`.
                slow: the answer takes `seconds`.
            match: only where this stands in the path.

        Raises:
            ValueError: no such operation or kind.
        """
        kinds = [one.value for one in Kind]
        if kind not in kinds:
            raise ValueError(f"no fault is called {kind!r}{_perhaps(kind, kinds)}")
        if where not in OPERATIONS:
            raise ValueError(f"no operation is called {where!r}{_perhaps(where, OPERATIONS)}")
        fault = Fault(where, Kind(kind), match, times, after, **details)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._faults.clear()

    def draw(self, where: str, text: str) -> Fault | None:
        """The fault that strikes this request, if one does."""
        with self._lock:
            for fault in self._faults:
                if fault.where != where or fault.match.lower() not in text.lower():
                    continue
                fault.seen += 1
                if fault.seen > fault.after and (fault.times is None or fault.hits < fault.times):
                    fault.hits += 1
                    return fault
        return None


def _perhaps(given: str, known: object) -> str:
    near = difflib.get_close_matches(given, list(known), 1)  # type: ignore[call-overload]
    return f"; perhaps you meant {near[0]!r}" if near else f"; there are {known}"
