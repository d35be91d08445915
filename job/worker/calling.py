"""How each kind of model is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .context import Ask, chosen, offered
from .formats.signature import BENCHMARKS
from .guard import only_here
from .needs import Needs


@dataclass(frozen=True)
class Given:
    """What there is for a model to predict from.

    Attributes:
        live: a copy of its own; for a model that goes by batches, which only reads, the original.
        benchmarks: a copy of its own; None: it takes none.
        context: the request's, for a Python model.
        memory: bytes that the whole process may take, or None.
        ask: the way to the parent, for `fetch`.
    """

    live: pd.DataFrame
    benchmarks: pd.DataFrame | None
    context: Mapping[str, Any] | None
    memory: int | None
    ask: Ask


def call(model: Any, needs: Needs, given: Given) -> Any:
    """Whatever the model returns. Raises whatever it raises."""
    with only_here():
        if needs.context is not None:
            return _call_by_name(model, needs.context, given)
        if needs.kind != "object":
            return model(*(each for each in (given.live, given.benchmarks) if each is not None))
        if needs.batched:
            return model.predict(given.live, memory=given.memory)
        return model.predict(given.live.to_numpy() if needs.array else given.live)


def _call_by_name(model: Any, names: tuple[str, ...], given: Given) -> Any:
    universe = given.live.index.tolist()
    with offered(given.context, universe=universe, ask=given.ask) as there:
        if given.benchmarks is not None:
            there[BENCHMARKS] = given.benchmarks
        return model(given.live, **chosen(there, names))
