"""The management endpoint: who asks, what for, whether they may, and what is answered."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from tests.azure.access import Access, forbidden
from tests.azure.directory import MANAGEMENT, Directory, expired
from tests.azure.errors import Refusal
from tests.azure.faults import Fault, Faults, Kind
from tests.azure.messages import CUT, Reply, Request, json_reply
from tests.azure.operations import Operations
from tests.azure.routes import Router
from tests.azure.state import State
from tests.azure.workflows import CALLBACK, Workflows


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the endpoint has understood it, and the status of its answer."""

    method: str
    path: str
    operation: str
    principal: str
    status: int


class Plane:
    """Answers requests for the management of resources."""

    def __init__(
        self,
        state: State,
        directory: Directory,
        access: Access,
        faults: Faults,
        operations: Operations,
        *,
        router: Router,
        workflows: Workflows,
        wait: Callable[[float], bool],
    ) -> None:
        self._state, self._directory, self._access = state, directory, access
        self._faults, self._operations, self._router = faults, operations, router
        self._workflows, self._wait = workflows, wait
        self.asked: list[Asked] = []

    def answer(self, request: Request) -> Reply:
        """One request, one answer; refusals in Resource Manager's form."""
        names = {"operation": "", "principal": ""}
        try:
            reply = self._answer(request, names)
        except ConnectionResetError:
            reply = CUT
        except Refusal as refusal:
            reply = json_reply(refusal.status, {"error": refusal.error}, refusal.headers)
        self.asked.append(Asked(request.method, request.path, status=reply.status, **names))
        ids = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-correlation-request-id": "0"}
        return replace(reply, headers={**ids, **reply.headers})

    def _answer(self, request: Request, names: dict[str, str]) -> Reply:
        if request.path.startswith(CALLBACK):
            names["operation"] = "workflow.callback"
            fault = self._struck(names["operation"], request.path)
            return self._ended(self._workflows.call(request), fault)
        principal = self._directory.bearer(request.headers.get("authorization", ""), MANAGEMENT)
        names["principal"] = principal.name
        _check_version(request.query)
        if self._operations.is_poll(request.path):
            names["operation"] = "operation.poll"
            self._struck("operation.poll", request.path)
            return self._operations.poll(request.path)
        route = self._router.route(request)
        names["operation"] = route.operation
        fault = self._struck(route.operation, request.path)
        if fault is not None and fault.kind is Kind.FORBIDDEN:
            raise forbidden(principal, route.action, route.scope)
        self._access.check(principal, route.action, route.scope)
        return self._ended(route.run(principal, fault), fault)

    def _struck(self, operation: str, path: str) -> Fault | None:
        """The fault for this request; those that forestall it have their effect here."""
        fault = self._faults.draw(operation, path)
        if fault is None:
            return None
        if fault.kind is Kind.SLOW:
            self._wait(fault.seconds)
        elif fault.kind is Kind.RESET:
            raise ConnectionResetError
        elif fault.kind is Kind.EXPIRED:
            now = self._state.now()
            raise expired(now - timedelta(minutes=5), now)
        elif fault.kind is Kind.STATUS:
            after = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            raise Refusal(fault.status, fault.code, fault.message, headers=after)
        return fault

    def _ended(self, reply: Reply, fault: Fault | None) -> Reply:
        return CUT if fault is not None and fault.kind is Kind.LOST_REPLY else reply


def _check_version(query: Mapping[str, str]) -> None:
    if not query.get("api-version"):
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
