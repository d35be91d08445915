"""What comes in and what goes out, apart from sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.azure.errors import Json, Refusal


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its body; names of headers and of parameters are in lower case.

    `target` is the path with the query as they came, `path` the decoded path.
    """

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. With `cut` the connection ends by RST and nothing is sent."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


CUT = Reply(0, cut=True)


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer in JSON."""
    body = json.dumps(content).encode()
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, body, {**kind, **(headers or {})})


def json_body(request: Request) -> Json:
    """The body of a request, an object in JSON.

    Raises:
        Refusal: it is none.
    """
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refusal(
            400, "InvalidRequestContent", f"The request content was invalid: '{error}'."
        ) from None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content was invalid.")
    return body
