"""Synthetic data of the shape of v5.3, Signals' v3.1 and Crypto's v2.0: a function of seed,
tournament, round and name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any

import numpy as np
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

FACTORS = (
    "feature_beta_factor",
    "feature_market_cap_factor",
    "feature_momentum_52w_factor",
    "feature_value_factor",
)
TARGETS = ("target", "target_ender_20", "target_ender_60", "target_agnes_20", "target_alpha_20")


@dataclass(frozen=True, slots=True)
class Source:
    """What the live data of a round are a function of.

    Args:
        versions: of Classic's data, such as `v5.3`.
        day: that a universe is of; None for Classic, and for a round that is not known.
        crypto_live: what Crypto's universe is called.
    """

    seed: int
    tournament: int
    round: int
    shape: Shape
    versions: tuple[str, ...]
    day: date | None = None
    crypto_live: str = "live_universe.parquet"


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
        return {
            "signals/v3.1/live.parquet": partial(signals_live, source),
            "signals/v3.1/live_example_preds.parquet": partial(example_signals, source),
            "signals/v3.1/train.parquet": partial(signals_train, source),
        }
    if source.tournament == CRYPTO:
        return {
            f"crypto/v2.0/{source.crypto_live}": partial(crypto_live, source),
            "crypto/v2.0/train_targets.parquet": partial(crypto_train_targets, source),
        }
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


def signals_live(source: Source) -> bytes:
    """Parquet without index: `numerai_ticker`, `composite_figi`, `date`, and a few factors."""
    return plain_parquet(pa.table(_stocks(source, _day(source))))


def example_signals(source: Source) -> bytes:
    """Parquet without index: `numerai_ticker`, and `prediction` in (0, 1)."""
    values = _rng(source, "example").random(len(live_keys(source)))
    return plain_parquet(pa.table({**_keys(source), "prediction": values}))


def signals_train(source: Source) -> bytes:
    """As live, for three Fridays of old, with a `target` of five values."""
    days = [date(2024, 1, 5) + timedelta(weeks=week) for week in range(3)]
    tables = [pa.table({**_stocks(source, day), "target": _targets(source, day)}) for day in days]
    return plain_parquet(pa.concat_tables(tables))


def crypto_live(source: Source) -> bytes:
    """Parquet without index: `symbol` and `date`."""
    return plain_parquet(pa.table({**_keys(source), **_dates(source, _day(source))}))


def crypto_train_targets(source: Source) -> bytes:
    """As live, for three days of old, with a `target` of five values."""
    days = [date(2024, 1, 5) + timedelta(days=day) for day in range(3)]
    tables = [
        pa.table({**_keys(source), **_dates(source, day), "target": _targets(source, day)})
        for day in days
    ]
    return plain_parquet(pa.concat_tables(tables))


def _day(source: Source) -> date:
    if source.day is None:
        raise LookupError(f"round {source.round} of tournament {source.tournament} is not known")
    return source.day


def _stocks(source: Source, day: date) -> dict[str, Any]:
    """The universe on one day, each factor about normal."""
    keys = _keys(source)
    rng = _rng(source, "factors", day.isoformat())
    count = len(live_keys(source))
    figis = {"composite_figi": [f"BBG{place:09d}" for place in range(count)]}
    factors = {name: rng.normal(size=count).astype(np.float32) for name in FACTORS}
    return {**keys, **figis, **_dates(source, day), **factors}


def _keys(source: Source) -> dict[str, Any]:
    return {key_column(source.tournament): list(live_keys(source))}


def _dates(source: Source, day: date) -> dict[str, Any]:
    return {"date": [day.isoformat()] * len(live_keys(source))}


def _targets(source: Source, day: date) -> Any:
    rng = _rng(source, "target", day.isoformat())
    return rng.integers(0, 5, size=len(live_keys(source))).astype(np.float32) / 4


def _parquet(source: Source, columns: dict[str, Any]) -> bytes:
    """The columns with the round's ids as their index."""
    return keyed_parquet(live_keys(source), columns)


def _rng(source: Source, *purpose: str) -> np.random.Generator:
    key = "/".join(map(str, (source.seed, source.tournament, source.round, *purpose)))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
