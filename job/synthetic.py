"""Pure: data of the shape of Numerai's, made up: what a model is tried on where no real file is
here, and what the sandbox publishes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "able acetose adorable afoul agamid aired altern anomic "
    "ascidian bicameral bridal crosscut dialectal donnard elusive hempen"
)
SECOND = _words(
    "absorbable bilobate chasmogamic crummiest deferent drainable fingered flaxen "
    "gallic groutier inimitable isocyclic raining showery tamable vapoury"
)
THIRD = _words(
    "accomplice adapter ataxy camellia conscript drake egeria fizgig "
    "gueux noria pensioner pint roll scute wallaba whipper"
)
NAMED_SETS = _words(
    "intelligence charisma strength dexterity constitution wisdom agility serenity "
    "sunshine rain midnight quantum faith"
)
BENCHMARKS = ("v53_lgbm_ender20", "v53_lgbm_ender60", "v53_lgbm_ct_blend")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the data are: rows of live data, features in the sets small, medium and all."""

    rows: int
    small: int
    medium: int
    all: int

    def __post_init__(self) -> None:
        most = len(FIRST) * len(SECOND) * len(THIRD)
        if not 0 < self.small <= self.medium <= self.all <= most:
            raise ValueError(f"0 < small <= medium <= all <= {most} must hold, not {self}")


FULL = Shape(rows=6500, small=42, medium=780, all=3555)
DEMO = Shape(rows=2000, small=42, medium=200, all=600)
TINY = Shape(rows=200, small=8, medium=20, all=40)


@lru_cache(maxsize=8)
def feature_sets(shape: Shape) -> dict[str, tuple[str, ...]]:
    """Name of a set -> sorted names of its features; `small` is, as in the real data, no subset of
    `medium`, but everything lies in `all`."""
    names = ["feature_" + "_".join(words) for words in product(FIRST, SECOND, THIRD)]
    np.random.default_rng(53).shuffle(names)
    names = names[: shape.all]
    start = min(shape.medium - shape.small // 2, shape.all - shape.small)
    sets = {
        "small": names[start : start + shape.small],
        "medium": names[: shape.medium],
        "all": names,
    }
    for place, name in enumerate(NAMED_SETS):
        sets[name] = names[place :: len(NAMED_SETS)]
    return {name: tuple(sorted(features)) for name, features in sets.items()}


def tickers(count: int, *, suffix: str = "") -> tuple[str, ...]:
    """Names of a universe: `AAA`, `AAB`, ..., with `suffix` behind each."""
    return tuple(f"{_letters(place)}{suffix}" for place in range(count))


def feature_values(rng: np.random.Generator, *, features: int, rows: int) -> Any:
    """Values as the real features have them: `features` x `rows`, int8, 0 to 4."""
    return rng.integers(0, 5, size=(features, rows), dtype=np.int8)


def keyed_parquet(keys: Sequence[str], columns: Mapping[str, Any], *, key: str = "id") -> bytes:
    """A parquet file of the columns with the keys as the index that pandas restores."""
    table = pa.table({**columns, key: pa.array(keys)})
    described = [_pandas_column(field) for field in table.schema]
    metadata = {"index_columns": [key], "column_indexes": [], "columns": described}
    return plain_parquet(table.replace_schema_metadata({"pandas": json.dumps(metadata)}))


def plain_parquet(table: pa.Table) -> bytes:
    """A parquet file of a table as it is."""
    sink = io.BytesIO()
    # Statistics cost half the time with thousands of columns, and no reader needs them here.
    pq.write_table(table, sink, write_statistics=False)
    return sink.getvalue()


def _pandas_column(field: pa.Field) -> dict[str, Any]:
    """A column as pandas describes it in a file's metadata."""
    text = pa.types.is_string(field.type)
    kind = "unicode" if text else str(field.type.to_pandas_dtype().__name__)
    return {
        "name": field.name,
        "field_name": field.name,
        "pandas_type": kind,
        "numpy_type": "object" if text else kind,
        "metadata": None,
    }


def _letters(place: int) -> str:
    """0 -> `AAA`, 1 -> `AAB`, ..."""
    return "".join(chr(ord("A") + place // 26**power % 26) for power in (2, 1, 0))
