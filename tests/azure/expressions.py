"""The language of templates: `[concat('a', parameters('b').c)]`, with the few functions we use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.azure.errors import Refusal, bad_template

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()\[\],.]))"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A literal."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """A property or an element of what comes before it."""

    of: Node
    key: Node


Node = Text | Call | Pick
Function = Callable[..., Any]


def is_expression(text: str) -> bool:
    """Whether a string is an expression; `[[` begins one that is not."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def parse(text: str) -> Node:
    """The tree of an expression, brackets included.

    Raises:
        Refusal: it is none.
    """
    tokens = list(_tokens(text[1:-1], text))
    node, rest = _expression(tokens, text)
    if rest:
        raise _unparsable(text)
    return node


def calls(value: Any, name: str) -> Iterator[Call]:
    """Every call of a function in a value, however deep."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from calls(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from calls(one, name)
    elif isinstance(value, str) and is_expression(value):
        yield from _calls(parse(value), name)


def evaluate(value: Any, functions: Mapping[str, Function]) -> Any:
    """A value with its expressions replaced by what they come to.

    Args:
        functions: by name in lower case; they get their arguments evaluated.

    Raises:
        Refusal: an expression cannot be read, or its function is unknown.
    """
    if isinstance(value, Mapping):
        return {key: evaluate(one, functions) for key, one in value.items()}
    if isinstance(value, list):
        return [evaluate(one, functions) for one in value]
    if isinstance(value, str) and value.startswith("[["):
        return value[1:]
    if isinstance(value, str) and is_expression(value):
        return result(parse(value), functions)
    return value


def result(node: Node, functions: Mapping[str, Function]) -> Any:
    """What a tree comes to."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Pick):
        return _picked(result(node.of, functions), result(node.key, functions))
    function = functions.get(node.name.lower())
    if function is None:
        raise bad_template(
            f"The template function '{node.name}' is not valid. "
            "Please see https://aka.ms/arm-functions for usage details."
        )
    return function(*(result(one, functions) for one in node.arguments))


def _picked(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(key, str):
        for name, one in value.items():
            if name.lower() == key.lower():
                return one
    elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    names = ", ".join(value) if isinstance(value, Mapping) else ""
    raise bad_template(
        f"The language expression property '{key}' doesn't exist, available properties are "
        f"'{names}'. Please see https://aka.ms/arm-functions for usage details."
    )


def _calls(node: Node, name: str) -> Iterator[Call]:
    if isinstance(node, Pick):
        yield from _calls(node.of, name)
        yield from _calls(node.key, name)
    elif isinstance(node, Call):
        if node.name.lower() == name.lower():
            yield node
        for one in node.arguments:
            yield from _calls(one, name)


def _tokens(text: str, whole: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unparsable(whole)
        yield str(match.lastgroup), match.group(str(match.lastgroup))
        at = match.end()


def _expression(tokens: list[tuple[str, str]], whole: str) -> tuple[Node, list[tuple[str, str]]]:
    if not tokens:
        raise _unparsable(whole)
    (kind, text), rest = tokens[0], tokens[1:]
    if kind == "string":
        return Text(text[1:-1].replace("''", "'")), rest
    if kind == "number":
        return Text(int(text)), rest
    if kind != "name" or not rest or rest[0][1] != "(":
        raise _unparsable(whole)
    arguments, rest = _arguments(rest[1:], whole)
    node: Node = Call(text, arguments)
    while rest and rest[0][1] in (".", "["):
        mark, rest = rest[0][1], rest[1:]
        key: Node
        if mark == "." and rest and rest[0][0] == "name":
            key, rest = Text(rest[0][1]), rest[1:]
        elif mark == "[":
            key, rest = _expression(rest, whole)
            rest = _after("]", rest, whole)
        else:
            raise _unparsable(whole)
        node = Pick(node, key)
    return node, rest


def _arguments(
    tokens: list[tuple[str, str]], whole: str
) -> tuple[tuple[Node, ...], list[tuple[str, str]]]:
    if tokens and tokens[0][1] == ")":
        return (), tokens[1:]
    found = []
    while True:
        node, tokens = _expression(tokens, whole)
        found.append(node)
        if tokens and tokens[0][1] == ",":
            tokens = tokens[1:]
            continue
        return tuple(found), _after(")", tokens, whole)


def _after(mark: str, tokens: list[tuple[str, str]], whole: str) -> list[tuple[str, str]]:
    if not tokens or tokens[0][1] != mark:
        raise _unparsable(whole)
    return tokens[1:]


def _unparsable(text: str) -> Refusal:
    return bad_template(f"Unable to parse language expression '{text}'")
