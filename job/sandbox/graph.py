"""GraphQL as the service speaks it: its schema, and the two places where it is lenient."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    validate,
    value_from_ast_untyped,
    visit,
)
from graphql.language import ArgumentNode, NameNode, Node

from job.sandbox.messages import Operation

SCHEMA = Path(__file__).with_name("schema.graphql")
# numerapi's SignalsAPI asks for this; the published types do not have it, and the job may not.
UNPUBLISHED = "extend type V2Submission { firstEffectiveDate: Date }"
# The service takes a variable declared String where the argument is an ID; numerapi relies on it.
STRING_FOR_ID = re.compile(r"of type 'String!?' used in position expecting type 'ID!?'")

Resolver = Callable[[Any, dict[str, Any]], object]


class Refused(Exception):  # noqa: N818 - the service's word
    """The service says no to one root field; the answer is still HTTP 200."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """A document that was parsed and validated; `errors` are the reasons to refuse it."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]


class Graph:
    """Executes queries. `resolvers` maps root fields to `f(context, arguments) -> value`."""

    def __init__(self, resolvers: Mapping[str, Resolver]) -> None:
        self._schema = build_schema(SCHEMA.read_text(encoding="utf-8") + UNPUBLISHED)
        for root in (self._schema.query_type, self._schema.mutation_type):
            _install(root, resolvers)
        self.prepare = lru_cache(maxsize=256)(self._prepare)

    def _prepare(self, text: str) -> Query:
        try:
            document = visit(parse(text), _CamelCase())
        except GraphQLError as error:
            return Query(None, (error,))
        errors = validate(self._schema, document)
        return Query(document, tuple(e for e in errors if not STRING_FOR_ID.search(e.message)))

    def execute(
        self, query: Query, variables: dict[str, Any] | None, context: object
    ) -> dict[str, Any]:
        """The answer as JSON values: `data`, `errors` or both."""
        if query.document is None or query.errors:
            return {"errors": [_error(error) for error in query.errors]}
        result = execute_sync(
            self._schema, query.document, context_value=context, variable_values=variables or {}
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_error(error) for error in result.errors]
        return answer


def operations(query: Query, variables: dict[str, Any] | None) -> tuple[Operation, ...]:
    """The root fields that a query asks for, with their arguments."""
    if query.document is None:
        return ()
    definitions = [d for d in query.document.definitions if isinstance(d, OperationDefinitionNode)]
    fields = [
        field
        for definition in definitions
        for field in definition.selection_set.selections
        if isinstance(field, FieldNode)
    ]
    return tuple(operation(f.name.value, _arguments(f, variables or {})) for f in fields)


def operation(name: str, arguments: Mapping[str, object]) -> Operation:
    """A root field as faults and hooks see it."""
    return Operation(name, " ".join(str(value) for value in arguments.values()), arguments)


def _arguments(field: FieldNode, variables: dict[str, Any]) -> dict[str, object]:
    return {
        argument.name.value: value_from_ast_untyped(argument.value, variables)
        for argument in field.arguments or ()
    }


def _install(root: GraphQLObjectType | None, resolvers: Mapping[str, Resolver]) -> None:
    if root is None:
        return
    for name, field in root.fields.items():
        field.resolve = _adapted(resolvers[name])


def _adapted(resolver: Resolver) -> Callable[..., object]:
    def resolve(_root: object, info: GraphQLResolveInfo[Any], **arguments: Any) -> object:
        return resolver(info.context, arguments)

    return resolve


def _error(error: GraphQLError) -> dict[str, Any]:
    """Absinthe puts a code beside the message, not under `extensions`."""
    formatted: dict[str, Any] = {**error.formatted}
    code = getattr(error.original_error, "code", None)
    if code is not None:
        formatted["code"] = code
    return formatted


class _CamelCase(Visitor):
    """Turns snake_case names into the schema's; in the answer they stay as written."""

    def enter_field(self, node: FieldNode, *_: object) -> Node | None:
        written = node.name
        if written.value == camel_case(written.value):
            return None
        return _changed(node, name=_renamed(written), alias=node.alias or written)

    def enter_argument(self, node: ArgumentNode, *_: object) -> Node | None:
        if node.name.value == camel_case(node.name.value):
            return None
        return _changed(node, name=_renamed(node.name))


def _renamed(name: NameNode) -> NameNode:
    return NameNode(value=camel_case(name.value), loc=name.loc)


def _changed(node: Node, **changes: object) -> Node:
    """A copy of the node; graphql-core 3.3 has frozen ones."""
    return type(node)(**{**{key: getattr(node, key) for key in node.keys}, **changes})


def camel_case(name: str) -> str:
    """`public_id` -> `publicId`; introspection's `__typename` stays."""
    if name.startswith("_"):
        return name
    return re.sub(r"_+([a-z0-9])", lambda found: found[1].upper(), name)
