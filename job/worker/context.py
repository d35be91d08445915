"""What a `python` model may ask for by name, beside live and the benchmark models."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST = 1024
"""Characters of a file's name: a request for it must go through a pipe in one piece."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]


class FetchError(Exception):
    """A further dataset cannot be had; says why."""

    __module__ = "builtins"  # a traceback calls it by its bare name then


@contextmanager
def offered(
    context: Mapping[str, Any] | None, *, universe: list[Any], ask: Ask
) -> Iterator[dict[str, Any]]:
    """What there is by name; `fetch` works until the end of the block.

    Args:
        context: round, tournament, data_dir and secrets, as the parent sent them.
        universe: live's keys in live's order.
        ask: sends a question to the parent, and gives its answer.
    """
    with _fetching(ask) as fetch:
        further = {} if context is None else {**context, "data_dir": Path(context["data_dir"])}
        yield {**further, "universe": universe, "fetch": fetch}


def chosen(offered: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of what is offered that a model takes."""
    return {name: offered[name] for name in names if name in offered}


@contextmanager
def _fetching(ask: Ask) -> Iterator[Callable[[str], Path]]:
    """A function that fetches, in this process and thread, until the end of the block."""
    here, over = (os.getpid(), threading.get_ident()), False

    def fetch(filename: str) -> Path:
        """The path of a further dataset of the tournament. Raises FetchError."""
        if (os.getpid(), threading.get_ident()) != here:
            raise FetchError("fetch works only in the thread that called predict")
        if over:
            raise FetchError("fetch works only until predict returns")
        if not isinstance(filename, str) or not 0 < len(filename) <= LONGEST:
            raise FetchError(f"fetch takes the name of a dataset, not {filename!r:.60}")
        answer = ask({"fetch": filename})
        if "fetched" not in answer:
            raise FetchError(answer["error"])
        return Path(answer["fetched"])

    try:
        yield fetch
    finally:
        over = True
