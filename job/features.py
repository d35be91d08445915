"""What a manifest's `features` mean in a round: names of live's columns, in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from job.data import Dataset
from job.errors import ModelError, UnavailableError, UnpublishedError
from job.files import disk_errors
from job.model_spec import FeatureFile, FeatureList, Features, FeatureSet, ModelSpec
from job.units import perhaps
from job.universe import dataset_name


class Datasets(Protocol):
    """Where features.json comes from: a round's data, or what lies on this machine."""

    def get(self, filename: str) -> Dataset:
        """The dataset of that name; raises `UnavailableError` when it cannot be had."""
        ...


FeatureFiles = Callable[[PurePosixPath], Path]
"""Where a file of the models root can be read on this machine; it need not be there."""


def resolve_features(
    features: Features | None, model: ModelSpec, data: Datasets, *, feature_file: FeatureFiles
) -> list[str] | None:
    """The names that `features` of a model means, None where it is None.

    Raises `ModelError` for a set that features.json lacks or a tournament that has no sets, and for
    a file that is no JSON list of names.
    """
    match features:
        case None:
            return None
        case FeatureList(names):
            return list(names)
        case FeatureFile(path):
            return names_in(feature_file(path), str(path))
        case FeatureSet(name):
            try:
                dataset = data.get(_features_json(model))
            except UnpublishedError as error:
                raise no_feature_sets(model) from error
            return _feature_set(name, dataset)


def no_feature_sets(model: ModelSpec) -> UnpublishedError:
    """What is wrong with a model that names a set of features where Numerai publishes none."""
    return UnpublishedError(
        f"Numerai publishes no {_features_json(model)}, so there are no sets of features to name",
        hint="give the names of the features themselves, in a list or in a file",
    )


def features_file(model: ModelSpec) -> str | None:
    """The dataset that names the model's features, None where it asks for no published set."""
    is_set = any(isinstance(one, FeatureSet) for one in model.all_features)
    return _features_json(model) if is_set else None


def _features_json(model: ModelSpec) -> str:
    return dataset_name(model.tournament, model.data_version, "features.json")


def names_in(path: Path, shown: str) -> list[str]:
    """The names of a JSON list; raises `ModelError` where there is no such thing."""
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
