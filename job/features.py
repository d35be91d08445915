"""What a manifest's `features` means in a round: names of live's columns, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from job.data import Dataset, RoundData
from job.errors import ModelError, UnavailableError
from job.files import disk_errors
from job.manifest import resolve_inside
from job.model_spec import FeatureFile, FeatureList, FeatureSet, ModelSpec
from job.units import perhaps


def resolve_features(model: ModelSpec, data: RoundData, *, models_dir: Path) -> list[str] | None:
    """The model's feature names, None where the artifact itself is to know them.

    Raises `ModelError` for a set that features.json lacks, or a file that is no JSON list of names.
    """
    match model.features:
        case None:
            return None
        case FeatureList(names):
            return list(names)
        case FeatureFile(path):
            return _names_in(resolve_inside(models_dir, path), str(path))
        case FeatureSet(name):
            return _feature_set(name, data.get(f"{model.data_version}/features.json"))


def features_file(model: ModelSpec) -> str | None:
    """The dataset that names the model's features, None where they are no published set."""
    by_name = isinstance(model.features, FeatureSet)
    return f"{model.data_version}/features.json" if by_name else None


def _names_in(path: Path, shown: str) -> list[str]:
    if not path.is_file():
        raise ModelError(f"there is no feature list {shown} in the models root")
    with disk_errors(f"cannot read {path}"):
        text = path.read_bytes()
    try:
        names = json.loads(text)
    except ValueError as error:
        raise ModelError(f"the feature list {shown} is not JSON", str(error)) from error
    return _list_of_names(names, shown)


def _feature_set(name: str, dataset: Dataset) -> list[str]:
    with disk_errors(f"cannot read {dataset.path}"):
        content = json.loads(dataset.path.read_bytes())
    try:
        sets = dict(content["feature_sets"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"{dataset.filename} holds no feature_sets") from error
    if name not in sets:
        raise ModelError(
            f"{dataset.filename} has no feature set {name!r}{perhaps(name, sets)}",
            hint=f"it has: {', '.join(sorted(sets))}",
        )
    return _list_of_names(sets[name], f"{name} of {dataset.filename}")


def _list_of_names(names: Any, shown: str) -> list[str]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ModelError(f"the feature list {shown} is not a list of names")
    if len(set(names)) != len(names):
        raise ModelError(f"the feature list {shown} names a feature twice")
    return names
