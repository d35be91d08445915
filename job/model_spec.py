"""What the manifest says of one model, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Tournament = Literal["classic"]
Format = Literal["pickle", "joblib", "lightgbm"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model of the manifest, defaults filled in.

    Args:
        name: the model's name at Numerai; unique per tournament.
        artifact: under the models root, and not climbing out of it as far as text can tell.
        sha256: 64 lower-case hex digits; None: not pinned.
        features: None: what the artifact itself knows.
        data_version: such as `v5.3`.
        priority: higher goes first.
        timeout: seconds; None: as `NUMERAI_MODEL_TIMEOUT` says.
        memory: bytes; None: as `NUMERAI_MODEL_MEMORY` says.
    """

    name: str
    artifact: PurePosixPath
    format: Format
    tournament: Tournament = "classic"
    sha256: str | None = None
    features: Features | None = None
    data_version: str = "v5.3"
    priority: int = 0
    timeout: float | None = None
    memory: int | None = None
    enabled: bool = True
