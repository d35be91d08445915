"""What comes in and what goes out, apart from sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a request asks for: a GraphQL root field, or `get`, `put` on an object.

    `text` is what faults and hooks can be narrowed by: arguments, the model's name, the path.
    """

    name: str
    text: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request whose body has not been read yet; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    read: Callable[[], bytes]


class Ending(Enum):
    """What happens to the connection after the reply."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how much of it is really sent.

    `sent` is the number of body bytes that leave (None: all), `seconds` spreads them over that
    time, `halfway` is called between two of them. Without `length` there is no Content-Length.
    With status 0 nothing leaves at all.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = Ending.KEEP
    sent: int | None = None
    seconds: float = 0.0
    length: bool = True
    halfway: Callable[[], None] | None = None


def json_reply(answer: object) -> Reply:
    """A GraphQL answer: HTTP 200, whatever it says."""
    body = json.dumps(answer, separators=(",", ":")).encode()
    return Reply(200, body, {"Content-Type": "application/json; charset=utf-8"})


def xml_error(status: int, code: str, message: str, **headers: str) -> Reply:
    """An error in the object store's own language."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "<RequestId>SANDBOX</RequestId></Error>"
    )
    return Reply(status, body.encode(), {"Content-Type": "application/xml", **headers})
