"""Long-running operations, in both styles in which Resource Manager tells how they go."""

from __future__ import annotations

import random
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault, Kind
from tests.azure.messages import Reply, json_reply

Work = Callable[[], Json | None]


class Style(Enum):
    """Where a client is to look: a status document, or a place that answers when it is done."""

    ASYNC = "Azure-AsyncOperation"
    LOCATION = "Location"


@dataclass(slots=True)
class Operation:
    """Work under way. Its end shows only when it was asked for `polls` times, or never."""

    id: str
    style: Style
    polls: int
    started: datetime
    stuck: bool = False
    error: Refusal | None = None
    result: Json | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Operations:
    """Those of one cloud. Styles and lengths follow from the seed.

    Args:
        url: where clients ask.
        retry_after: seconds that answers ask clients to wait.
        styles: the styles that are varied.
    """

    def __init__(
        self,
        *,
        subscription: str,
        now: Callable[[], datetime],
        seed: int,
        retry_after: int,
        styles: tuple[Style, ...] = tuple(Style),
    ) -> None:
        self.url = ""
        self._path = f"/subscriptions/{subscription}/providers/Microsoft.Resources/operations"
        self._now, self._retry_after, self._styles = now, retry_after, styles
        self._random = random.Random(f"operations {seed}")
        self._lock = threading.Lock()
        self._all: dict[str, Operation] = {}
        self._threads: list[threading.Thread] = []

    @property
    def styles(self) -> list[Style]:
        """The styles of all operations so far."""
        return [one.style for one in self._all.values()]

    def begin(self, work: Work, first: Reply, *, fault: Fault | None = None) -> Reply:
        """Does the work in a thread of its own, and answers with `first` and where to ask."""
        operation = self._new(stuck=fault is not None and fault.kind is Kind.STUCK)
        if fault is not None and fault.kind is Kind.FAIL:
            operation.error = Refusal(409, fault.code, fault.message)
            operation.done.set()
        elif not operation.stuck:
            self._run(operation, work)
        return replace(first, headers={**first.headers, **self._headers(operation)})

    def is_poll(self, path: str) -> bool:
        """Whether a path is one of an operation."""
        return path.lower().startswith(self._path.lower() + "/")

    def poll(self, path: str) -> Reply:
        """How an operation goes.

        Raises:
            Refusal: there is no such operation, or (as a Location says it) it failed.
        """
        operation = self._all.get(path.rstrip("/").rpartition("/")[2])
        if operation is None:
            raise Refusal(404, "OperationNotFound", f"The operation '{path}' was not found.")
        with self._lock:
            ready = operation.done.is_set() and operation.polls <= 0
            operation.polls -= 1
        if operation.style is Style.ASYNC:
            return self._status(operation, ready)
        if not ready:
            return json_reply(202, {}, self._headers(operation))
        if operation.error is not None:
            raise operation.error
        return Reply(204) if operation.result is None else json_reply(200, operation.result)

    def wait(self) -> None:
        """Waits for what is under way."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _new(self, *, stuck: bool) -> Operation:
        with self._lock:
            number = self._random.getrandbits(64)
            style = self._random.choice(self._styles)
            operation = Operation(
                f"{number:016x}", style, self._random.randrange(3), self._now(), stuck
            )
            self._all[operation.id] = operation
        return operation

    def _run(self, operation: Operation, work: Work) -> None:
        def run() -> None:
            try:
                operation.result = work()
            except Refusal as refusal:
                operation.error = refusal
            except Exception as error:  # noqa: BLE001 - a defect of the stand-in is shown too
                traceback.print_exc()
                operation.error = Refusal(500, "InternalServerError", repr(error))
            finally:
                operation.done.set()

        thread = threading.Thread(target=run, name=f"operation {operation.id}")
        with self._lock:
            thread.start()
            self._threads.append(thread)

    def _headers(self, operation: Operation) -> dict[str, str]:
        url = f"{self.url}{self._path}/{operation.id}?api-version=2016-06-01&t=0"
        return {operation.style.value: url, "Retry-After": str(self._retry_after)}

    def _status(self, operation: Operation, ready: bool) -> Reply:
        status = "InProgress"
        if ready:
            status = "Failed" if operation.error else "Succeeded"
        content: Json = {
            "id": f"{self._path}/{operation.id}",
            "name": operation.id,
            "status": status,
            "startTime": operation.started.isoformat(),
        }
        if ready and operation.error is not None:
            content["error"] = operation.error.error
        elif ready and operation.result is not None:
            content["properties"] = operation.result.get("properties", operation.result)
        headers = {} if ready else {"Retry-After": str(self._retry_after)}
        return json_reply(200, content, headers)
