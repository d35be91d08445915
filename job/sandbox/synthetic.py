"""Synthetic data of the shape of v5.3: a function of seed, tournament, round and name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS
from job.synthetic import (
    BENCHMARKS,
    DEMO,
    FULL,
    TINY,
    Shape,
    feature_sets,
    feature_values,
    keyed_parquet,
    plain_parquet,
    tickers,
)

__all__ = [
    "DEMO",
    "FULL",
    "TARGETS",
    "TINY",
    "Shape",
    "Source",
    "datasets",
    "feature_sets",
    "key_column",
    "live_keys",
    "live_universe",
]

TARGETS = ("target", "target_ender_20", "target_ender_60", "target_agnes_20", "target_alpha_20")


@dataclass(frozen=True, slots=True)
class Source:
    """What the live data of a round are a function of. `versions` are such as `v5.3`."""

    seed: int
    tournament: int
    round: int
    shape: Shape
    versions: tuple[str, ...]


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
    return tickers(count, suffix=suffix)


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
    rng = _rng(source, version, "features")
    values = feature_values(rng, features=len(names), rows=source.shape.rows)
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
    return plain_parquet(pa.table(columns))


def _parquet(source: Source, columns: dict[str, Any]) -> bytes:
    """The columns with the round's ids as their index."""
    return keyed_parquet(live_keys(source), columns)


def _rng(source: Source, *purpose: str) -> np.random.Generator:
    key = "/".join(map(str, (source.seed, source.tournament, source.round, *purpose)))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
