"""Changes of a YAML text that leave every other character as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from job.manifest.layout import Node
from job.manifest.rendering import rendered_flow, rendered_pair, rendered_value

INDENT = 2


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` give way to `text`."""

    start: int
    end: int
    text: str


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; its own line ends everywhere."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        new = edit.text.replace("\n", line_end)
        text = text[: edit.start] + new + text[edit.end :]
    return text


def added_item(text: str, pair: tuple[Node, Node], item: Mapping[str, Any]) -> Iterator[Edit]:
    """Edits that put a mapping behind the others of the list that is the pair's value."""
    key, sequence = pair
    if sequence.flow and sequence.items:
        yield _behind_flow(text, sequence.items[-1], rendered_flow(item))
        return
    if sequence.is_empty or sequence.flow:
        yield Edit(text.index(":", key.end) + 1, sequence.end, "")
        dash, last = _column(text, key.start) + INDENT, sequence
        lines = _block(item, dash, INDENT)
    else:
        dash, last = _column(text, sequence.start), sequence.items[-1]
        offset = _column(text, last.start) - dash
        lines = _like(last, item, dash, offset if offset >= INDENT else INDENT)
        if len(sequence.items) > 1 and _blank_between(text, *sequence.items[-2:]):
            lines = ["", *lines]
    yield _new_lines(text, last.end, lines)


def _like(last: Node, item: Mapping[str, Any], dash: int, offset: int) -> list[str]:
    if last.flow:
        return [f"{' ' * dash}-{' ' * (offset - 1)}{rendered_flow(item)}"]
    return _block(item, dash, offset)


def _block(item: Mapping[str, Any], dash: int, offset: int) -> list[str]:
    lines = [" " * (dash + offset) + rendered_pair(key, value) for key, value in item.items()]
    return [f"{' ' * dash}-{lines[0][dash + 1 :]}", *lines[1:]]


def changed_mapping(
    text: str, mapping: Node, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Edit]:
    """Edits that give a mapping other values; what stays the same keeps its place and comments."""
    if mapping.flow:
        yield Edit(text.index("{", mapping.start), mapping.end, rendered_flow(new))
        return
    for key, (key_node, value_node) in mapping.pairs.items():
        if key not in new:
            yield _without_lines(text, key_node.start, value_node.end)
        elif old[key] != new[key]:
            yield exchanged_value(text, (key_node, value_node), new[key])
    if added := {key: value for key, value in new.items() if key not in old}:
        yield added_pairs(text, mapping, added)


def exchanged_value(text: str, pair: tuple[Node, Node], value: Any) -> Edit:
    """The edit that gives a key another value; a comment behind it stays in its column, but goes
    with a value of several lines.
    """
    start, end = text.index(":", pair[0].end) + 1, pair[1].end
    new = f" {rendered_value(value)}"
    if "\n" in text[start:end]:
        return Edit(start, len(text[: _line_end(text, end)].rstrip("\r\n")), new)
    if match := re.compile(" +(?=#)").match(text, end):
        return Edit(start, match.end(), new.ljust(match.end() - start - 1) + " ")
    return Edit(start, end, new)


def added_pairs(text: str, mapping: Node, added: Mapping[str, Any]) -> Edit:
    """The edit that puts keys behind the last one of a mapping that has some."""
    last = list(mapping.pairs.values())[-1][1]
    if mapping.flow:
        return _behind_flow(text, last, rendered_flow(added)[1:-1])
    first = next(iter(mapping.pairs.values()))[0]
    indent = " " * _column(text, first.start)
    lines = [indent + rendered_pair(key, value) for key, value in added.items()]
    return new_lines_behind(text, mapping, lines)


def new_lines_under(text: str, pair: tuple[Node, Node], values: Mapping[str, Any]) -> list[Edit]:
    """Edits that fill a mapping in which nothing is written."""
    key, mapping = pair
    indent = " " * (_column(text, key.start) + INDENT)
    lines = [indent + rendered_pair(name, value) for name, value in values.items()]
    colon = text.index(":", key.end) + 1
    return [Edit(colon, mapping.end, ""), _new_lines(text, mapping.end, lines)]


def new_lines_behind(text: str, node: Node, lines: list[str]) -> Edit:
    """The edit that puts lines behind the one on which a node ends."""
    place = _line_end(text, node.end)
    return Edit(place, place, _as_lines(text, node.end, lines))


def _behind_flow(text: str, last: Node, new: str) -> Edit:
    """Behind the last of a flow collection; on a line of its own if that is on one."""
    before = text[: last.start].rpartition("\n")[2]
    between = f",\n{before}" if "\n" in text[: last.start] and not before.strip() else ", "
    return Edit(last.end, last.end, between + new)


def _new_lines(text: str, end: int, lines: list[str]) -> Edit:
    """Behind the line of `end` and the indented comments that follow it."""
    while match := re.compile(r"(?:[ \t]*\r?\n)*[ \t]+#").match(text, _line_end(text, end)):
        end = match.end()
    place = _line_end(text, end)
    return Edit(place, place, _as_lines(text, end, lines))


def _as_lines(text: str, end: int, lines: list[str]) -> str:
    ended = text[end : _line_end(text, end)].endswith("\n")
    return ("" if ended else "\n") + "".join(f"{line}\n" for line in lines)


def _without_lines(text: str, start: int, end: int) -> Edit:
    return Edit(text.rfind("\n", 0, start) + 1, _line_end(text, end), "")


def _line_end(text: str, index: int) -> int:
    """The index behind the line end that follows."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _column(text: str, index: int) -> int:
    return index - (text.rfind("\n", 0, index) + 1)


def _blank_between(text: str, first: Node, second: Node) -> bool:
    lines = text[first.end : second.start].split("\n")
    return any(not line.strip() for line in lines[1:-1])
