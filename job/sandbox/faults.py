"""Scripted faults: what goes wrong, where, how often. They remember how often they struck."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from job.sandbox.messages import Operation

Hook = Callable[[Operation], None]

OPERATIONS = (
    "account",
    "apiTokenInfo",
    "rounds",
    "listDatasets",
    "dataset",
    "model",
    "submissions",
    "submissionUploadAuth",
    "submissionUploadSignalsAuth",
    "submissionDownloadAuth",
    "createSubmission",
    "createSignalsSubmission",
    "setSubmissionWebhook",
    "get",
    "put",
)


class Kind(StrEnum):
    """What can go wrong; `Faults.add` describes each."""

    STATUS = "status"
    HTML = "html"
    GRAPHQL_ERROR = "graphql_error"
    RESET = "reset"
    LOST_REPLY = "lost_reply"
    STALL = "stall"
    TRUNCATE = "truncate"
    SLOW = "slow"
    WRONG_BYTES = "wrong_bytes"
    IGNORE_RANGE = "ignore_range"
    EXPIRED = "expired"
    CHANGED = "changed"


@dataclass(slots=True)
class Fault:
    """One scripted fault and its memory: `seen` matching requests, `hits` of them spoiled."""

    where: str
    kind: Kind
    match: str = ""
    times: int | None = 1
    after: int = 0
    status: int = 503
    retry_after: str | None = None
    body: bytes = b"upstream connect error"
    message: str = "Something went wrong"
    code: str | None = None
    content_length: bool = True
    etag: bool = True
    seconds: float = 1.0
    hits: int = 0
    seen: int = 0

    def strikes(self, operations: Iterable[Operation]) -> bool:
        """Counts a request and says whether it is to be spoiled."""
        if not any(concerns(self.where, self.match, operation) for operation in operations):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass(frozen=True, slots=True)
class _Listener:
    where: str
    match: str
    when: str
    hook: Hook = field(compare=False)


def concerns(where: str, match: str, operation: Operation) -> bool:
    """Whether a fault or hook is meant for this operation."""
    return operation.name == where and match in operation.text


class Faults:
    """The script. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._listeners: list[_Listener] = []

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
            where: a GraphQL root field such as `createSubmission`, or `get`, `put` for objects.
            kind: one of
                status: HTTP `status` (503) with `body` and a Retry-After of `retry_after`.
                html: HTTP 200 with a page.
                graphql_error: that root field fails with `message` and `code`; nothing is done.
                reset: RST before anything is done.
                lost_reply: everything is done, then RST.
                stall: half of the answer, then silence until either side hangs up.
                truncate: half of the answer, then the end, with the full Content-Length or
                    (`content_length=False`) with none.
                slow: the answer takes `seconds`.
                wrong_bytes: an object's length is right, some bytes are not; `etag=False` leaves
                    the ETag out, otherwise it is the right content's.
                ignore_range: 200 and the whole object.
                expired: 403, as for an URL past its time.
                changed: the object has other bytes and another ETag from now on.
            match: only where this stands in an argument, the model's name, or the path.

        Raises:
            ValueError: no such operation or kind.
        """
        kinds = [one.value for one in Kind]
        if kind not in kinds:
            raise ValueError(f"no fault is called {kind!r}{_perhaps(kind, kinds)}")
        check_operation(where)
        fault = Fault(where, Kind(kind), match, times, after, **details)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._faults.clear()

    def draw(self, operations: Sequence[Operation]) -> list[Fault]:
        """The faults that strike a request: any number of GraphQL errors, one of another kind."""
        drawn: list[Fault] = []
        with self._lock:
            for fault in self._faults:
                taken = any(one.kind is not Kind.GRAPHQL_ERROR for one in drawn)
                if (fault.kind is Kind.GRAPHQL_ERROR or not taken) and fault.strikes(operations):
                    drawn.append(fault)
        return drawn

    def listen(self, where: str, hook: Hook, *, when: str, match: str) -> None:
        """Calls `hook` at each such operation."""
        check_operation(where)
        if when not in ("before", "during", "after"):
            raise ValueError(f"when must be before, during or after, not {when!r}")
        with self._lock:
            self._listeners.append(_Listener(where, match, when, hook))

    def call(self, when: str, operation: Operation) -> None:
        """Calls the hooks of this moment."""
        for listener in self.listening(when, operation):
            listener.hook(operation)

    def listening(self, when: str, operation: Operation) -> list[_Listener]:
        """The hooks of this moment."""
        with self._lock:
            return [
                one
                for one in self._listeners
                if one.when == when and concerns(one.where, one.match, operation)
            ]


def check_operation(where: str) -> None:
    """Raises ValueError, with the nearest name, when no operation is called `where`."""
    if where not in OPERATIONS:
        raise ValueError(f"no operation is called {where!r}{_perhaps(where, OPERATIONS)}")


def _perhaps(given: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(given, known, 1)
    return f"; perhaps you meant {near[0]!r}" if near else f"; there are {', '.join(known)}"
