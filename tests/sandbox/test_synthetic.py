"""Synthetic data have the shape of the real ones, and are the same every time."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from job.sandbox import CRYPTO, DEMO, FULL, SIGNALS, TINY, Shape, feature_sets
from job.sandbox.synthetic import FACTORS, Source, datasets, key_column, live_keys

SOURCE = Source(seed=0, tournament=8, round=1400, shape=TINY, versions=("v5.3",))


def frame(source: Source, name: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(datasets(source)[name]()))


@pytest.mark.parametrize("shape", [FULL, DEMO, TINY])
def test_feature_sets_have_the_sizes_of_the_shape(shape: Shape) -> None:
    sets = feature_sets(shape)
    assert (len(sets["small"]), len(sets["medium"]), len(sets["all"])) == (
        shape.small,
        shape.medium,
        shape.all,
    )
    for names in sets.values():
        assert list(names) == sorted(set(names))
        assert set(names) <= set(sets["all"])


def test_the_full_shape_is_that_of_v5_3() -> None:
    assert (FULL.rows, FULL.small, FULL.medium, FULL.all) == (6500, 42, 780, 3555)


def test_a_shape_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="small <= medium <= all"):
        Shape(rows=10, small=9, medium=5, all=20)


def test_live_data_are_int8_from_0_to_4_beside_the_era() -> None:
    live = frame(SOURCE, "v5.3/live.parquet")
    features = live.drop(columns="era")
    assert live.shape == (200, 41)
    assert list(features.columns) == list(feature_sets(TINY)["all"])
    assert set(features.dtypes.astype(str)) == {"int8"}
    assert (features.min().min(), features.max().max()) == (0, 4)
    assert live.index.name == "id"
    assert live.index.is_unique


def test_all_files_of_a_round_share_the_ids() -> None:
    live = frame(SOURCE, "v5.3/live.parquet")
    for name in ("v5.3/live_benchmark_models.parquet", "v5.3/live_example_preds.parquet"):
        assert frame(SOURCE, name).index.equals(live.index)
    assert tuple(live.index) == live_keys(SOURCE)


def test_benchmarks_are_floats_by_model() -> None:
    benchmarks = frame(SOURCE, "v5.3/live_benchmark_models.parquet")
    assert benchmarks["v53_lgbm_ender20"].between(0, 1).all()


def test_features_json_is_strict_json_with_sets_and_targets() -> None:
    read = json.loads(datasets(SOURCE)["v5.3/features.json"]())
    assert set(read) == {"feature_sets", "targets"}
    assert {"small", "medium", "all", "rain"} <= set(read["feature_sets"])


def test_the_same_seed_and_round_give_the_same_bytes() -> None:
    for name, build in datasets(SOURCE).items():
        assert build() == datasets(replace(SOURCE))[name]()


@pytest.mark.parametrize("change", [{"round": 1401}, {"seed": 1}])
def test_another_round_or_seed_gives_other_ids_and_values(change: dict[str, int]) -> None:
    other = replace(SOURCE, **change)
    assert not set(live_keys(SOURCE)) & set(live_keys(other))
    assert datasets(SOURCE)["v5.3/live.parquet"]() != datasets(other)["v5.3/live.parquet"]()


def test_several_data_versions_share_the_ids() -> None:
    both = replace(SOURCE, versions=("v5.3", "v5.2"))
    new, old = frame(both, "v5.3/live.parquet"), frame(both, "v5.2/live.parquet")
    assert new.index.equals(old.index)
    assert not new.equals(old)


DAY = date(2026, 11, 2)
STOCKS = replace(SOURCE, tournament=SIGNALS, day=DAY)
COINS = replace(SOURCE, tournament=CRYPTO, day=DAY)


@pytest.mark.parametrize(
    ("source", "name", "key"),
    [
        (STOCKS, "signals/v3.1/live.parquet", "numerai_ticker"),
        (COINS, "crypto/v2.0/live_universe.parquet", "symbol"),
    ],
)
def test_a_universe_carries_its_key_and_its_day(source: Source, name: str, key: str) -> None:
    universe = frame(source, name)
    assert universe[key].is_unique
    assert set(universe["date"]) == {"2026-11-02"}
    assert tuple(universe[key]) == live_keys(source)


def test_a_universe_of_an_unknown_round_cannot_be_made() -> None:
    with pytest.raises(LookupError, match="not known"):
        frame(replace(STOCKS, day=None), "signals/v3.1/live.parquet")


def test_stocks_have_factors_that_change_from_day_to_day() -> None:
    name = "signals/v3.1/live.parquet"
    today, tomorrow = frame(STOCKS, name), frame(replace(STOCKS, day=date(2026, 11, 3)), name)
    assert list(today.columns) == ["numerai_ticker", "composite_figi", "date", *FACTORS]
    assert today["numerai_ticker"].equals(tomorrow["numerai_ticker"])
    assert not today["feature_value_factor"].equals(tomorrow["feature_value_factor"])


def test_the_full_shape_has_five_thousand_stocks() -> None:
    full = replace(STOCKS, shape=FULL)
    assert len(frame(full, "signals/v3.1/live.parquet")) == 5000


@pytest.mark.parametrize(
    ("source", "name"),
    [(STOCKS, "signals/v3.1/train.parquet"), (COINS, "crypto/v2.0/train_targets.parquet")],
)
def test_a_history_has_targets_of_the_same_universe(source: Source, name: str) -> None:
    history = frame(source, name)
    assert history["date"].nunique() == 3
    assert len(history) == 3 * len(live_keys(source))
    assert set(history["target"]) == {0, 0.25, 0.5, 0.75, 1}
    assert set(history[key_column(source.tournament)]) == set(live_keys(source))


def test_example_signals_are_of_the_universe() -> None:
    example = frame(STOCKS, "signals/v3.1/live_example_preds.parquet")
    assert tuple(example["numerai_ticker"]) == live_keys(STOCKS)
    assert example["prediction"].between(0, 1).all()


def test_full_size_live_data_are_built_in_seconds() -> None:
    began = time.perf_counter()
    datasets(replace(SOURCE, shape=FULL))["v5.3/live.parquet"]()
    assert time.perf_counter() - began < 5
