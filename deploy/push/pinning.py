"""The manifest as it is pushed: the user's own text, with digests and with the names under which
its feature lists are kept, and otherwise as it was to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from job.errors import UsageError
from job.manifest import load_manifest
from job.manifest.document import read_yaml
from job.manifest.layout import Node, layout
from job.manifest.splicing import Edit, added_pairs, exchanged_value, spliced

BOM: Final = "\ufeff"
ANCHOR: Final = re.compile(r"&\S+\s+")
Pins = Mapping[int, Mapping[str, str]]


def pinned(data: bytes, pins: Pins, lists: Mapping[PurePosixPath, str], *, source: str) -> bytes:
    """A valid manifest's text with these changes.

    Args:
        pins: the keys that a model is to have, by its place in the manifest.
        lists: the new name of each feature list, by its path.
        source: what messages call the manifest.

    Raises `UsageError` for a text in which they cannot be made without changing more.
    """
    text = data.decode()
    bom, text = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    values = read_yaml(text).value
    try:
        root = layout(text)
        edits = [*_pins(text, root, values, pins), *_lists(text, root, values, lists)]
    except (LookupError, ValueError) as error:
        raise _by_hand(source) from error
    new = (bom + spliced(text, edits)).encode()
    _check(new, _expected(values, pins, lists), source)
    return new


def _pins(text: str, root: Node, values: Any, pins: Pins) -> Iterator[Edit]:
    for index, wanted in pins.items():
        node = root.pairs["models"][1].items[index]
        has = values["models"][index]
        for key in wanted.keys() & node.pairs.keys():
            if has[key] is None:
                yield exchanged_value(text, node.pairs[key], wanted[key])
        if added := {key: value for key, value in wanted.items() if key not in node.pairs}:
            yield added_pairs(text, node, added)


def _lists(text: str, root: Node, values: Any, lists: Mapping[PurePosixPath, str]) -> list[Edit]:
    return [
        _exchanged(text, node, lists[PurePosixPath(given)])
        for node, given in _features(root, values)
        if PurePosixPath(given) in lists and not text.startswith("*", node.start)
    ]


def _features(root: Node, values: Any) -> Iterator[tuple[Node, str]]:
    """Every place where text stands for features, and the text."""
    models = zip(root.pairs["models"][1].items, values["models"], strict=True)
    defaults = (root.pairs["defaults"][1], values["defaults"]) if values.get("defaults") else None
    for node, entry in (*models, *([defaults] if defaults else ())):
        for part, has in ((node, entry), _under(node, entry, "neutralize")):
            if isinstance(has.get("features"), str) and "features" in part.pairs:
                yield part.pairs["features"][1], has["features"]


def _under(node: Node, values: Any, key: str) -> tuple[Node, Any]:
    return (node.pairs[key][1], values[key]) if values.get(key) else (node, {})


def _exchanged(text: str, node: Node, name: str) -> Edit:
    """The edit of a value alone: what an alias refers to keeps its anchor."""
    anchor = ANCHOR.match(text, node.start, node.end)
    return Edit(anchor.end() if anchor else node.start, node.end, name)


def _expected(values: Any, pins: Pins, lists: Mapping[PurePosixPath, str]) -> Any:
    def renamed(entry: dict[str, Any]) -> dict[str, Any]:
        given = entry.get("features")
        if isinstance(given, str) and PurePosixPath(given) in lists:
            entry = {**entry, "features": lists[PurePosixPath(given)]}
        if entry.get("neutralize"):
            entry = {**entry, "neutralize": renamed(entry["neutralize"])}
        return entry

    def pinned_entry(index: int, entry: dict[str, Any]) -> dict[str, Any]:
        missing = {key: v for key, v in pins.get(index, {}).items() if entry.get(key) is None}
        return renamed({**entry, **missing})

    models = [pinned_entry(index, entry) for index, entry in enumerate(values["models"])]
    defaults = {"defaults": renamed(values["defaults"])} if values.get("defaults") else {}
    return {**values, **defaults, "models": models}


def _check(new: bytes, expected: Any, source: str) -> None:
    try:
        load_manifest(new, source=source)
    except UsageError as error:
        raise _by_hand(source) from error
    if read_yaml(new).value != expected:
        raise _by_hand(source)


def _by_hand(source: str) -> UsageError:
    return UsageError(
        "nothing was pushed",
        [f"{source} is written in a way that digests cannot be put into without changing more"],
        hint="write each model's sha256 there by hand, and no aliases",
    )
