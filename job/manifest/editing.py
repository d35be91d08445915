"""Changes of a manifest's file: one entry or one runtime, and not a character more.

ruamel.yaml says where everything stands, and the new text goes between what is there. (Its own
round trip writes the whole file anew, with other indentation, blanks and quotes.) The text that
comes out is read again: it must be valid, and say what was there but for the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from job.errors import UnavailableError, UsageError
from job.files import disk_errors, write_whole
from job.manifest.document import MAX_BYTES, read_yaml
from job.manifest.layout import Node, layout
from job.manifest.loading import load_manifest
from job.manifest.rendering import rendered_pair
from job.manifest.splicing import (
    Edit,
    added_item,
    added_pairs,
    changed_mapping,
    exchanged_value,
    new_lines_behind,
    new_lines_under,
    spliced,
)

BEGUN: Final = "version: 1\n\nmodels: []\n"
BOM: Final = "\ufeff"

Values = dict[str, Any]
Change = Callable[[str, Node, Values], tuple[list[Edit], Values]]


def add_model(path: Path, entry: Mapping[str, Any], *, replace: bool = False) -> None:
    """Puts a model behind the others of a manifest, which is begun if there is none.

    Args:
        entry: keys and plain values as in the manifest, `name` first.
        replace: exchange the entry of this tournament and name, where there is one; the lines of
            what stays the same are left alone.

    Raises:
        UsageError: the manifest has the model already, or would not be valid; it is left as it was.
        UnavailableError: it cannot be written, or someone else has changed it meanwhile.
    """

    def change(text: str, root: Node, values: Values) -> tuple[list[Edit], Values]:
        models = list(values["models"] or ())
        place = _place_of(entry, values)
        if place is None:
            return list(added_item(text, root.pairs["models"], entry)), {
                **values,
                "models": [*models, dict(entry)],
            }
        if not replace:
            raise _unchanged(path, [f"it has a model {entry['name']!r} already"])
        node = root.pairs["models"][1].items[place]
        edits = list(changed_mapping(text, node, models[place], entry))
        models[place] = dict(entry)
        return edits, {**values, "models": models}

    _rewrite(path, change, empty=False)


def set_runtime(path: Path, name: str, python: Path) -> None:
    """Says in a manifest which interpreter a runtime's name stands for; begins one if need be.

    Raises:
        UsageError: it would not be valid; it is left as it was.
        UnavailableError: it cannot be written, or someone else has changed it meanwhile.
    """
    given = {name: str(python)}

    def change(text: str, root: Node, values: Values) -> tuple[list[Edit], Values]:
        known = values.get("runtimes") or {}
        pair = root.pairs.get("runtimes")
        if pair is None:
            edits = [_new_key(text, root, given)]
        elif name in known:
            edits = [exchanged_value(text, pair[1].pairs[name], str(python))]
        elif known:
            edits = [added_pairs(text, pair[1], given)]
        else:
            edits = new_lines_under(text, pair, given)
        return edits, {**values, "runtimes": {**known, **given}}

    _rewrite(path, change, empty=True)


def _new_key(text: str, root: Node, runtimes: Mapping[str, str]) -> Edit:
    """`runtimes`, where the example has it: behind `version`."""
    if root.flow:
        return added_pairs(text, root, {"runtimes": runtimes})
    version = root.pairs["version"][1]
    lines = ["", "runtimes:", *(f"  {rendered_pair(*pair)}" for pair in runtimes.items())]
    next_line = text[version.end :].partition("\n")[2].partition("\n")[0]
    return new_lines_behind(text, version, [*lines, ""] if next_line.strip() else lines)


def _place_of(entry: Mapping[str, Any], values: Values) -> int | None:
    """The index of the entry of the same tournament and name."""
    usual = (values.get("defaults") or {}).get("tournament") or "classic"

    def key(model: Mapping[str, Any]) -> tuple[str, str]:
        return model.get("tournament", usual), str(model["name"]).casefold()

    keys = [key(model) for model in values["models"] or ()]
    return keys.index(key(entry)) if key(entry) in keys else None


def _rewrite(path: Path, change: Change, *, empty: bool) -> None:
    path = path.resolve()  # the file that a link leads to, rather than the link
    before = _bytes_of(path)
    data = BEGUN.encode() if before is None else before
    load_manifest(data, source=str(path), empty=True)
    text = data.decode()
    bom, text = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    try:
        edits, expected = change(text, layout(text), read_yaml(text).value)
    except (LookupError, ValueError) as error:  # a key that is an alias, or in brackets
        raise _by_hand(path) from error
    new = (bom + spliced(text, edits)).encode()
    _check(new, path, expected, empty=empty)
    _exchange(path, before, new)


def _check(new: bytes, path: Path, expected: Values, *, empty: bool) -> None:
    try:
        load_manifest(new, source=str(path), empty=empty)
    except UsageError as error:
        raise _unchanged(path, error.faults) from error
    if read_yaml(new).value != expected:
        raise _by_hand(path)


def _by_hand(path: Path) -> UsageError:
    why = "it is written in a way that cannot be changed here without changing more"
    return _unchanged(path, [why], hint="change it by hand")


def _unchanged(path: Path, faults: list[str] | tuple[str, ...], hint: str = "") -> UsageError:
    return UsageError(f"the manifest {path} is left as it was", faults, hint=hint)


def _exchange(path: Path, before: bytes | None, new: bytes) -> None:
    if new == before:
        return
    if _bytes_of(path) != before:
        raise UnavailableError(
            f"the manifest {path} is left as it is",
            "someone else has changed it in this moment",
            hint="run again",
        )
    mode = None if before is None else path.stat().st_mode
    write_whole(path, new)
    if mode is not None:
        with suppress(OSError):
            path.chmod(mode)


def _bytes_of(path: Path) -> bytes | None:
    """The file's bytes, None where there is no file."""
    with disk_errors(f"cannot read {path}"):
        try:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
