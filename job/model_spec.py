"""What the manifest says of one model, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

Tournament = Literal["classic", "signals", "crypto"]
Format = Literal[
    "pickle",
    "joblib",
    "lightgbm",
    "xgboost",
    "catboost",
    "onnx",
    "keras",
    "python",
    "predictions",
]
Postprocess = Literal["none", "rank"]

DATA_VERSIONS: Final[Mapping[Tournament, str]] = {
    "classic": "v5.3",
    "signals": "v3.1",
    "crypto": "v2.0",
}
"""The version of each tournament's data that a model reads unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A set that features.json of the data version names, such as `small`."""

    name: str


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """A JSON list of column names, at a path under the models root."""

    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class FeatureList:
    """Column names, given in the manifest itself: at least one, none twice."""

    names: tuple[str, ...]


Features = FeatureSet | FeatureFile | FeatureList


@dataclass(frozen=True, slots=True)
class Neutralize:
    """Which of live's features to take out of the predictions, and how much of them (0 to 1)."""

    features: Features
    proportion: float = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds an upload back: less of the universe covered, or more churn (both 0 to 1)."""

    min_coverage: float | None = None
    max_churn: float | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """The rank correlation with a reference that an upload must have.

    Args:
        reference: a dataset of the model's data version, such as `live_example_preds.parquet`, or
            the name of another model of the manifest in the same tournament.
        column: of the dataset; None: `prediction`, or the only one there is.
    """

    reference: str
    min_corr: float = 0.0
    max_corr: float = 1.0
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model of the manifest, defaults filled in.

    Args:
        name: the model's name at Numerai; unique per tournament.
        artifact: under the models root, and not climbing out of it as far as text can tell; a
            folder for some models of format `python`.
        sha256: 64 lower-case hex digits; None: not pinned.
        modules: the digest of a single .py file and the modules beside it, as `tree` lists them;
            None: not pinned.
        features: None: what the artifact itself knows.
        data_version: such as `v5.3`.
        data_lag: days by which the data of a Signals model are older than the round's.
        runtime: a name of the manifest's `runtimes`; None: the job's own interpreter.
        env: variables of the environment that a `python` model is given as secrets.
        priority: higher goes first.
        timeout: seconds; None: as `NUMERAI_MODEL_TIMEOUT` says.
        memory: bytes; None: as `NUMERAI_MODEL_MEMORY` says.
    """

    name: str
    artifact: PurePosixPath
    format: Format
    tournament: Tournament = "classic"
    sha256: str | None = None
    modules: str | None = None
    features: Features | None = None
    data_version: str = "v5.3"
    data_lag: int = 0
    runtime: str | None = None
    env: tuple[str, ...] = ()
    neutralize: Neutralize | None = None
    postprocess: Postprocess = "none"
    limits: Limits = Limits()
    guard: Guard | None = None
    priority: int = 0
    timeout: float | None = None
    memory: int | None = None
    enabled: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """Tournament and name: what tells models apart."""
        return self.tournament, self.name

    @property
    def neutralizers(self) -> Features | None:
        """What its predictions are neutralized against; None where they are not."""
        return None if self.neutralize is None else self.neutralize.features

    @property
    def all_features(self) -> tuple[Features, ...]:
        """All that it asks for by the name of a set, in a list or in a file."""
        return tuple(one for one in (self.features, self.neutralizers) if one is not None)
