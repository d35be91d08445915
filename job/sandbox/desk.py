"""Takes each request to what answers it, through faults and hooks."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from job.sandbox.account import Account, Roster
from job.sandbox.effects import instead, spoil
from job.sandbox.faults import Fault, Faults, Kind, concerns
from job.sandbox.graph import Graph, Refused, Resolver, operation, operations
from job.sandbox.messages import Incoming, Operation, Reply, json_reply, xml_error
from job.sandbox.objects import UPLOADS, Objects, parse_key
from job.sandbox.traffic import Entry

NOT_FOUND = Reply(404, b"Not Found", {"Content-Type": "text/plain"})


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and which root fields are to fail."""

    account: Account | None
    faults: list[Fault]


class Desk:
    """Answers GraphQL at `/` and objects below `/objects/` and `/uploads/`."""

    def __init__(
        self,
        *,
        resolvers: Mapping[str, Resolver],
        roster: Roster,
        objects: Objects,
        faults: Faults,
    ) -> None:
        self._roster, self._objects, self._faults = roster, objects, faults
        self._graph = Graph({name: self._around(name, f) for name, f in resolvers.items()})

    def answer(self, request: Incoming, entry: Entry) -> Reply:
        """The reply to one request; notes in `entry` which operations it asked for."""
        if request.method == "POST" and request.path == "/":
            return self._graphql(request, entry)
        if request.method in ("GET", "HEAD") and request.path.startswith(("/objects/", UPLOADS)):
            return self._get(request, entry)
        if request.method == "PUT" and request.path.startswith(UPLOADS):
            return self._put(request, entry)
        request.read()
        return NOT_FOUND

    def _graphql(self, request: Incoming, entry: Entry) -> Reply:
        try:
            asked = json.loads(request.read())
            text, variables = str(asked["query"]), asked.get("variables")
        except (ValueError, KeyError, TypeError, AttributeError):
            return Reply(400, b"Bad Request", {"Content-Type": "text/plain"})
        query = self._graph.prepare(text)
        entry.operations = tuple(self._named(one) for one in operations(query, variables))
        drawn = self._faults.draw(entry.operations)
        for fault in drawn:
            if early := instead(fault):
                return early
        account = self._roster.authenticate(request.headers.get("authorization", ""))
        reply = json_reply(self._graph.execute(query, variables, Context(account, drawn)))
        for fault in drawn:
            reply = spoil(reply, fault)
        return reply

    def _get(self, request: Incoming, entry: Entry) -> Reply:
        asked = Operation("get", request.path)
        entry.operations = (asked,)
        fault = next(iter(self._faults.draw(entry.operations)), None)
        self._faults.call("before", asked)
        if fault and (early := instead(fault)):
            return early
        if fault and fault.kind is Kind.CHANGED:
            self._republish(request.path)
        if fault and fault.kind is Kind.IGNORE_RANGE:
            headers = {k: v for k, v in request.headers.items() if k != "range"}
            request = replace(request, headers=headers)
        reply = self._objects.get(request)
        if self._faults.listening("during", asked):
            reply = replace(reply, halfway=lambda: self._faults.call("during", asked))
        self._faults.call("after", asked)
        return spoil(reply, fault) if fault else reply

    def _put(self, request: Incoming, entry: Entry) -> Reply:
        asked = Operation("put", request.path)
        entry.operations = (asked,)
        fault = next(iter(self._faults.draw(entry.operations)), None)
        if fault and fault.kind is Kind.RESET:
            self._faults.call("before", asked)
            return instead(fault) or NOT_FOUND
        if "chunked" in request.headers.get("transfer-encoding", ""):
            return xml_error(501, "NotImplemented", "Transfer-Encoding is not implemented")
        content = request.read()
        self._faults.call("before", asked)
        if fault and (early := instead(fault)):
            return early
        reply = self._objects.put(request, content)
        self._faults.call("after", asked)
        return spoil(reply, fault) if fault else reply

    def _around(self, name: str, resolver: Resolver) -> Resolver:
        """The resolver between its hooks, unless a fault makes it fail."""

        def resolve(context: Context, arguments: dict[str, Any]) -> object:
            asked = self._named(operation(name, arguments))
            self._faults.call("before", asked)
            for fault in context.faults:
                graphql = fault.kind is Kind.GRAPHQL_ERROR
                if graphql and concerns(fault.where, fault.match, asked):
                    raise Refused(fault.message, fault.code)
            value = resolver(context.account, arguments)
            self._faults.call("after", asked)
            return value

        return resolve

    def _named(self, asked: Operation) -> Operation:
        """The operation with the model's name among what it can be found by."""
        model = self._roster.find(asked.arguments.get("modelId"))
        return replace(asked, text=f"{asked.text} {model.name}") if model else asked

    def _republish(self, path: str) -> None:
        key = parse_key(path)
        if key:
            where = {"tournament": key.tournament, "round": key.round}
            old = self._objects.content(key.filename, **where)
            self._objects.replace(key.filename, republished(old), **where)


def republished(content: bytes) -> bytes:
    """The same data in other bytes."""
    if not content.startswith(b"PAR1"):
        return content + b"\n"
    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(content)), sink, compression="zstd")
    return sink.getvalue()
