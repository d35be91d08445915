"""What the `predict` of a Python model takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..faults import Fault

CONTEXT = ("round", "tournament", "universe", "data_dir", "fetch", "secrets")
"""What comes by name, as far as the signature has it or takes any name."""
BENCHMARKS = "live_benchmark_models"
"""What comes only if the signature has it, since it must be downloaded."""


def names_taken(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of CONTEXT, and BENCHMARKS, that a function takes after live.

    Raises Fault if it wants anything else.
    """
    try:
        first, others = _parameters(function)
    except ValueError:  # a builtin without a signature
        return ()
    if first is None:
        raise Fault("load", "`predict` must take live as its first argument")
    named = [p.name for p in others if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for parameter in others:
        known = parameter.name in (*CONTEXT, BENCHMARKS) and parameter.name in named
        if _is_required(parameter) and not known:
            why = f"beside live it may take: {', '.join((*CONTEXT, BENCHMARKS))}"
            raise Fault("load", f"`predict` wants `{parameter.name}`, which there is not", (why,))
    any_name = any(p.kind is p.VAR_KEYWORD for p in others)
    taken = [name for name in CONTEXT if any_name or name in named]
    return (*taken, BENCHMARKS) if BENCHMARKS in named else tuple(taken)


def _parameters(
    function: Callable[..., Any],
) -> tuple[inspect.Parameter | None, list[inspect.Parameter]]:
    """The one that live goes to, and the others."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind in (
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    ):
        return None, parameters
    return parameters[0], parameters[1:]


def _is_required(parameter: inspect.Parameter) -> bool:
    kinds = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in kinds
