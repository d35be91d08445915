"""Models roots for the demo and the benches: artifacts, and a manifest that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import lightgbm

from job.sandbox.account import SAMPLE_MODELS, zoo_names
from job.sandbox.synthetic import DEMO, Shape, feature_sets
from job.sandbox.training import (
    blend_with_benchmark,
    train_booster,
    train_forest,
    train_regressor,
    wants_a_feature_that_is_gone,
)

MANIFEST = "models_manifest.yaml"
ZOO_SETS = ("small", "medium", "all")
ZOO_TREES = 200
# Training is what takes long: so many boosters a feature set and kind, the rest are variants.
ZOO_DISTINCT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the manifest; `more` are further lines of `key: value`."""

    name: str
    artifact: str
    format: str
    features: str | None = None
    sha256: str | None = None
    more: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The entry in YAML."""
        pairs = [f"name: {self.name}", "tournament: classic", f"artifact: {self.artifact}"]
        pairs += [f"sha256: {self.sha256}"] if self.sha256 else []
        pairs += [f"format: {self.format}"]
        pairs += [f"features: {self.features}"] if self.features else []
        first, *rest = [*pairs, *self.more]
        return [f"  - {first}", *(f"    {line}" for line in rest)]


def write_samples(folder: Path, *, shape: Shape = DEMO) -> Path:
    """Trains and writes four models for the sandbox's default account; the last one is broken.

    Args:
        folder: the models root; made if it is not there.
        shape: the sandbox's shape, from which the names of the features follow.

    Returns:
        The manifest's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small = feature_sets(shape)["small"]
    upload, booster, forest, broken = SAMPLE_MODELS
    artifact = folder / f"{upload}.pkl"
    artifact.write_bytes(cloudpickle.dumps(blend_with_benchmark()))
    (folder / f"{broken}.pkl").write_bytes(cloudpickle.dumps(wants_a_feature_that_is_gone()))
    train_booster(small).save_model(folder / f"{booster}.txt")
    joblib.dump(train_forest(small), folder / f"{forest}.joblib", compress=3)
    entries = [
        Entry(upload, f"{upload}.pkl", "pickle", None, _digest(artifact), ("priority: 10",)),
        Entry(booster, f"{booster}.txt", "lightgbm", "small"),
        Entry(forest, f"{forest}.joblib", "joblib", "small", None, ("timeout: 5m", "memory: 2GiB")),
        Entry(broken, f"{broken}.pkl", "pickle"),
    ]
    return write_manifest(folder, entries)


def write_zoo(folder: Path, count: int, *, shape: Shape = DEMO) -> Path:
    """Writes `count` LightGBM models of 200 trees, named by `zoo_names`, each file a different one.

    A third each takes the features small, medium and all; of each third, half are text and half
    joblib, of which every other one is an `LGBMRegressor`.

    Returns:
        The manifest's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stock = _Stock(shape)
    entries = [
        _write_animal(folder, stock, place, name) for place, name in enumerate(zoo_names(count))
    ]
    return write_manifest(folder, entries)


def write_manifest(folder: Path, entries: Sequence[Entry]) -> Path:
    """Writes the manifest; everything but the names of the models is in it as YAML's plain text."""
    head = ["version: 1", "defaults:", "  data_version: v5.3", "models:"]
    lines = head + [line for entry in entries for line in entry.lines()]
    path = folder / MANIFEST
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class _Stock:
    """Trained models, each trained once."""

    def __init__(self, shape: Shape) -> None:
        self._sets = feature_sets(shape)
        self._boosters: dict[tuple[str, int], lightgbm.Booster] = {}
        self._regressors: dict[tuple[str, int], Any] = {}

    def booster(self, features: str, seed: int) -> lightgbm.Booster:
        key = features, seed
        if key not in self._boosters:
            self._boosters[key] = train_booster(self._sets[features], trees=ZOO_TREES, seed=seed)
        return self._boosters[key]

    def regressor(self, features: str, seed: int) -> Any:
        key = features, seed
        if key not in self._regressors:
            self._regressors[key] = train_regressor(
                self._sets[features], trees=ZOO_TREES, seed=seed
            )
        return self._regressors[key]


def _write_animal(folder: Path, stock: _Stock, place: int, name: str) -> Entry:
    """The zoo's model number `place`."""
    features, turn = ZOO_SETS[place % 3], place // 3
    seed = turn // 4 % ZOO_DISTINCT
    if turn % 2 == 0:
        booster = _varied(stock.booster(features, seed), place)
        booster.save_model(folder / f"{name}.txt")
        return Entry(name, f"{name}.txt", "lightgbm", features)
    model = stock.regressor(features, seed) if turn % 4 == 1 else stock.booster(features, seed)
    _varied(getattr(model, "booster_", model), place)
    joblib.dump(model, folder / f"{name}.joblib")
    return Entry(name, f"{name}.joblib", "joblib", features)


def _varied(booster: lightgbm.Booster, place: int) -> lightgbm.Booster:
    """Moves one leaf, so that no two files are the same."""
    return booster.set_leaf_output(0, 0, booster.get_leaf_output(0, 0) + 1e-4 * (place + 1))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
