"""Plain values -> the YAML text of a manifest's entry, quoted only where it must be."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

UNBROKEN: Final = 1 << 30


class _Representer(RoundTripRepresenter):
    """Writes `null` for None, which is easily overlooked where nothing stands."""


_Representer.add_representer(
    type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
)


def rendered_flow(value: Mapping[str, Any]) -> str:
    """`{name: a, artifact: b.pkl}`."""
    return _dumped(_flow(value))


def rendered_pair(key: str, value: Any) -> str:
    """`key: value` on one line, collections in brackets or braces."""
    return _dumped({key: _flow(value)})


def rendered_value(value: Any) -> str:
    """The value of such a pair."""
    return rendered_pair("k", value).removeprefix("k: ")


def _dumped(value: Any) -> str:
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = UNBROKEN
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue().rstrip("\n")


def _flow(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap({key: _flow(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq(map(_flow, value))
        sequence.fa.set_flow_style()
        return sequence
    return value
