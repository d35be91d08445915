"""YAML text -> plain values and the line of each; what YAML allows and a manifest does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES: Final = 2**20
MAX_VALUES: Final = 500_000
MAX_DEPTH: Final = 20

Place = tuple[str | int, ...]

_CORE: Final = "tag:yaml.org,2002:"
_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text.replace("_", ""), base=0),
    "float": lambda text: float(text.lower().replace(".nan", "nan").replace(".inf", "inf")),
    "str": str,
    "timestamp": str,
}
_COLLECTIONS: Final = {"map", "seq"}


class UnreadableError(ValueError):
    """Why a text cannot be taken as one document of plain values, and on which line."""

    def __init__(self, what: str, line: int = 1) -> None:
        super().__init__(what)
        self.line = line


@dataclass(slots=True)
class Document:
    """A YAML document as plain values.

    Args:
        value: dicts, lists, str, int, float, bool and None.
        lines: the 1-based line of each place; a key's line for what is under a key.
        faults: (line, place, sentence) of what cannot be told apart or is not understood.
    """

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[tuple[int, Place, str]] = field(default_factory=list)

    def line_of(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it that is written down."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str | bytes, *, kind: str = "manifest", begins: str = "version: 1") -> Document:
    """The one document that `text` holds.

    Args:
        kind: what messages call such a text.
        begins: how one begins.

    Raises:
        UnreadableError: empty, not YAML, not UTF-8, larger than 1 MiB, or without end.
    """
    if len(text) > MAX_BYTES:
        raise UnreadableError(f"larger than 1 MiB, which no {kind} is")
    root = _compose(text)
    if root is None:
        raise UnreadableError(f"empty; a {kind} begins with `{begins}`")
    document = Document()
    document.value = _Walk(document).value(root, ())
    return document


def _compose(text: str | bytes) -> Node | None:
    # Nodes rather than values: the loaders stop at the first doubled key and forget the lines.
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        root: Node | None = yaml.compose(_decode(text))
        return root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(filter(None, (error.context, error.problem)))
        raise UnreadableError(f"not YAML: {what}", mark.line + 1 if mark else 1) from None
    except YAMLError as error:
        raise UnreadableError(f"not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UnreadableError("nested too deeply") from None


def _decode(text: str | bytes) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise UnreadableError("not UTF-8 text", line) from None


class _Walk:
    """Turns nodes into values; counts them, for aliases make few bytes many values."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0

    def value(self, node: Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        self.document.lines.setdefault(place, line)
        self._bound(line, place)
        tag = str(node.tag).removeprefix(_CORE)
        if tag not in _SCALARS and tag not in _COLLECTIONS:
            self._fault(line, place, f"the tag {tag!r} is not understood; write a plain value")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        return _scalar(tag, str(node.value))

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else "?"
            line, here = key_node.start_mark.line + 1, (*place, key)
            if key == "<<":
                self._fault(line, here, "merge keys are not supported; use `defaults`")
            elif key in values:
                self._fault(line, here, f"given twice, first on line {self.document.lines[here]}")
            else:
                self.document.lines[here] = line
                values[key] = self.value(value_node, here)
        return values

    def _bound(self, line: int, place: Place) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise UnreadableError(
                f"more than {MAX_VALUES:,} values once its aliases are followed", line
            )
        if len(place) > MAX_DEPTH:
            raise UnreadableError("nested too deeply", line)

    def _fault(self, line: int, place: Place, what: str) -> None:
        self.document.faults.append((line, place, what))


def _scalar(tag: str, text: str) -> Any:
    try:
        return _SCALARS[tag](text)
    except (KeyError, ValueError):  # `007`, or a tag that belongs to a collection
        return text
