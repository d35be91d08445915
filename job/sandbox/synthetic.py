"""Synthetic data of the shape of v5.3: a function of seed, tournament, round and name."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS


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
TARGETS = ("target", "target_ender_20", "target_ender_60", "target_agnes_20", "target_alpha_20")
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


@dataclass(frozen=True, slots=True)
class Source:
    """What the live data of a round are a function of. `versions` are such as `v5.3`."""

    seed: int
    tournament: int
    round: int
    shape: Shape
    versions: tuple[str, ...]


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


def key_column(tournament: int) -> str:
    """The column that identifies a row of a submission."""
    return {CLASSIC: "id", SIGNALS: "numerai_ticker", CRYPTO: "symbol"}[tournament]


@lru_cache(maxsize=64)
def live_keys(source: Source) -> tuple[str, ...]:
    """Classic: ids, new each round. Signals and Crypto: the universe, the same each round."""
    if source.tournament == CLASSIC:
        raw = _rng(source, "ids").integers(0, 256, size=(source.shape.rows, 8), dtype=np.uint8)
        return tuple("n" + row.tobytes().hex()[1:] for row in raw)
    count = min(source.shape.rows, 5000 if source.tournament == SIGNALS else 500)
    suffix = " US" if source.tournament == SIGNALS else ""
    return tuple(f"{_letters(place)}{suffix}" for place in range(count))


@lru_cache(maxsize=64)
def live_universe(source: Source) -> frozenset[str]:
    """The same keys, to look them up."""
    return frozenset(live_keys(source))


def datasets(source: Source) -> dict[str, Callable[[], bytes]]:
    """Filename as `listDatasets` gives it -> what builds its bytes."""
    if source.tournament == SIGNALS:
        return {"signals/v3.1/live.parquet": partial(universe, source)}
    if source.tournament == CRYPTO:
        return {"crypto/v2.0/live_universe.parquet": partial(universe, source)}
    builders: dict[str, Callable[[Source, str], bytes]] = {
        "features.json": features_json,
        "live.parquet": live,
        "live_benchmark_models.parquet": live_benchmark_models,
        "live_example_preds.parquet": live_example_preds,
    }
    return {
        f"{version}/{name}": partial(build, source, version)
        for version in source.versions
        for name, build in builders.items()
    }


def features_json(source: Source, _version: str) -> bytes:
    """The feature sets and the targets."""
    sets = feature_sets(source.shape)
    return json.dumps({"feature_sets": sets, "targets": list(TARGETS)}).encode()


def live(source: Source, version: str) -> bytes:
    """Parquet: index `id`, `era`, int8 features 0..4: `shape.rows` x (1 + `shape.all`)."""
    names = feature_sets(source.shape)["all"]
    size = (len(names), source.shape.rows)
    values = _rng(source, version, "features").integers(0, 5, size=size, dtype=np.int8)
    columns: dict[str, Any] = {"era": pa.array([str(source.round)] * source.shape.rows)}
    columns.update((name, pa.array(row)) for name, row in zip(names, values, strict=True))
    return _parquet(source, columns)


def live_benchmark_models(source: Source, version: str) -> bytes:
    """Parquet: index `id`, `era`, and a column of predictions in (0, 1) per benchmark model."""
    rng = _rng(source, version, "benchmarks")
    columns: dict[str, Any] = {"era": pa.array([str(source.round)] * source.shape.rows)}
    columns.update((name, pa.array(rng.random(source.shape.rows))) for name in BENCHMARKS)
    return _parquet(source, columns)


def live_example_preds(source: Source, version: str) -> bytes:
    """Parquet: index `id`, column `prediction` in (0, 1)."""
    values = _rng(source, version, "example").random(source.shape.rows)
    return _parquet(source, {"prediction": pa.array(values)})


def universe(source: Source) -> bytes:
    """Parquet: no index, the key column and the `date` of the data."""
    keys = list(live_keys(source))
    day = pd.Timestamp("2020-01-01") + pd.Timedelta(days=source.round)
    columns = {key_column(source.tournament): keys, "date": [day.date().isoformat()] * len(keys)}
    return _write(pa.table(columns))


def _parquet(source: Source, columns: dict[str, Any]) -> bytes:
    """Writes the columns with the ids as the index that pandas restores."""
    table = pa.table({**columns, "id": pa.array(live_keys(source))})
    described = [_pandas_column(field) for field in table.schema]
    metadata = {"index_columns": ["id"], "column_indexes": [], "columns": described}
    return _write(table.replace_schema_metadata({"pandas": json.dumps(metadata)}))


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


def _write(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    # Statistics cost half the time with thousands of columns, and no reader needs them here.
    pq.write_table(table, sink, write_statistics=False)
    return sink.getvalue()


def _rng(source: Source, *purpose: str) -> np.random.Generator:
    key = "/".join(map(str, (source.seed, source.tournament, source.round, *purpose)))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _letters(place: int) -> str:
    """0 -> `AAA`, 1 -> `AAB`, ..."""
    return "".join(chr(ord("A") + place // 26**power % 26) for power in (2, 1, 0))
