"""Where everything stands in a YAML text: its values as a tree of places, to the character."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)


@dataclass(slots=True)
class Node:
    """A value and its place.

    Attributes:
        start: index of its first character.
        end: index behind its last one, comments and white space not counted.
        flow: whether it is written in brackets or braces.
        items: of a list.
        pairs: of a mapping: the places of each key's text and of its value.
    """

    start: int
    end: int
    flow: bool = False
    items: list[Node] = field(default_factory=list)
    pairs: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    is_mapping: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written where it would stand."""
        return self.start == self.end


def layout(text: str) -> Node:
    """The tree of a text that is one YAML document, its root a mapping."""
    yaml = YAML(typ="safe", pure=True)
    events = (event for event in yaml.parse(text) if isinstance(event, _NODE_EVENTS))
    return _Reader(text, events).node(next(events), behind=0)


_NODE_EVENTS = (NodeEvent, MappingEndEvent, SequenceEndEvent)


class _Reader:
    def __init__(self, text: str, events: Iterator[Any]) -> None:
        self.text = text
        self.events = events

    def node(self, event: Any, *, behind: int) -> Node:
        """The node that begins with `event`; one that is empty stands at `behind`."""
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, ScalarEvent | AliasEvent):
            written = len(self.text[start:end].rstrip())  # a block scalar ends with blank lines
            return Node(start, start + written) if written else Node(behind, behind)
        node = Node(start, end, flow=bool(event.flow_style))
        if isinstance(event, SequenceStartEvent):
            last = self._sequence(node)
        elif isinstance(event, MappingStartEvent):
            last = self._mapping(node)
        # A block ends for the parser where the next thing begins, for us where its last part does.
        node.end = last.end_mark.index if node.flow else self._last_end(node)
        return node

    def _sequence(self, node: Node) -> Any:
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                return event
            behind = len(self.text[: event.start_mark.index].rstrip())
            node.items.append(self.node(event, behind=behind))
        raise AssertionError("a list without end")

    def _mapping(self, node: Node) -> Any:
        node.is_mapping = True
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                return event
            key = self.node(event, behind=event.start_mark.index)
            name = str(getattr(event, "value", ""))
            colon = self.text.find(":", key.end) + 1
            node.pairs[name] = key, self.node(next(self.events), behind=colon)
        raise AssertionError("a mapping without end")

    def _last_end(self, node: Node) -> int:
        parts = [*node.items, *(value for _, value in node.pairs.values())]
        return parts[-1].end if parts else node.end
