"""What a model replaced in pandas, numpy and the modules that this package uses, put back."""

from __future__ import annotations

import builtins
import csv
import json
import os
import pathlib
import random
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MODULES = (builtins, os, os.path, time, csv, json, random, np, np.random, np.linalg)
TABLES = (pd, pd.api.types, pa, pq)
CLASSES = (pd.DataFrame, pd.Series, pd.Index, pathlib.Path)
ABSENT = object()


class Patches:
    """Names of guarded modules and classes, and what they stood for at start-up.

    Names that a model adds harm nobody. A look takes some 0.2 ms.
    """

    def __init__(self) -> None:
        self._guarded = [(owner, _names(owner)) for owner in _guarded()]
        self._options = dict(_options())

    def undo(self) -> list[str]:
        """Put back what was replaced; what that was, as clauses (`replaced pandas.isna`)."""
        replaced = [
            (owner, name, value)
            for owner, names in self._guarded
            for name, value in _changed(owner, names)
        ]
        for owner, name, value in replaced:
            _put(owner, name, value)
        self._restore_options()
        return [f"replaced {_path(owner)}.{name}" for owner, name, _ in replaced]

    def _restore_options(self) -> None:
        """Pandas' options; those that a model set to the very same value are left alone."""
        for name, value in list(_options()):
            if self._options.get(name, value) is not value:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    pd.set_option(name, self._options[name])


def _guarded() -> Iterator[Any]:
    package = __name__.partition(".")[0]
    yield from MODULES
    yield from TABLES
    yield from (m for name, m in list(sys.modules.items()) if name.startswith(f"{package}."))
    bases = dict.fromkeys(base for cls in CLASSES for base in cls.__mro__)
    yield from (base for base in bases if base.__module__.startswith(("pandas", "pathlib")))


def _names(owner: Any) -> dict[str, Any]:
    """By name what a module or class holds; inherited names, which it could hide, are ABSENT."""
    bases = owner.__mro__[1:] if isinstance(owner, type) else ()
    return {**{name: ABSENT for base in bases for name in vars(base)}, **vars(owner)}


def _changed(owner: Any, names: dict[str, Any]) -> list[tuple[str, Any]]:
    now = owner.__dict__
    return [(name, value) for name, value in names.items() if now.get(name, ABSENT) is not value]


def _put(owner: Any, name: str, value: Any) -> None:
    if value is ABSENT:
        type.__delattr__(owner, name)
    elif isinstance(owner, type):
        type.__setattr__(owner, name, value)
    else:
        owner.__dict__[name] = value


def _path(owner: Any) -> str:
    if isinstance(owner, type):
        return f"{owner.__module__}.{owner.__qualname__}"
    return str(owner.__name__)


def _options() -> Iterator[tuple[str, Any]]:
    """Pandas' options by dotted name; none if it keeps them elsewhere."""
    return _leaves(getattr(pd.options, "d", {}), "")


def _leaves(options: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
