"""What a manifest's `features` mean in a trial: the names of a set are told by a features.json that
is here, and are made up where none is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from job.errors import ModelError, UnavailableError
from job.features import FeatureFiles, resolve_features
from job.files import disk_errors
from job.model_spec import Features, FeatureSet, ModelSpec
from job.trial.local_data import LocalData
from job.trial.made_up import made_up_names

FEATURES = "features.json"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of columns; `known` is False for made-up ones."""

    names: Sequence[str] | None
    known: bool = True

    @property
    def to_freeze(self) -> list[str] | None:
        """The names, if they are those that a round would have."""
        return list(self.names) if self.known and self.names is not None else None


def names_of(
    asked: Features | None, model: ModelSpec, local: LocalData, *, feature_file: FeatureFiles
) -> Names:
    """What `features` of the model, or of its `neutralize`, mean here.

    Raises `ModelError` for a set that there is not, a list that is not one, and for a set where
    only real names would do and no features.json tells them.
    """
    if not isinstance(asked, FeatureSet) or local.find(FEATURES) is not None:
        return Names(resolve_features(asked, model, local, feature_file=feature_file))
    names = made_up_names(asked.name, version=model.data_version)
    if local.live() is not None or names is None:
        raise ModelError(
            f"which features {asked.name!r} has is told by {local.named(FEATURES)}, which is not "
            "here",
            hint=local.how_to_get(FEATURES),
        )
    return Names(names, known=False)


def published_names(local: LocalData) -> list[str] | None:
    """Every feature that features.json names, None where it is not here."""
    dataset = local.find(FEATURES)
    if dataset is None:
        return None
    with disk_errors(f"cannot read {dataset.path}"):
        text = dataset.path.read_bytes()
    try:
        sets = json.loads(text)["feature_sets"].values()
        return list(dict.fromkeys(str(name) for names in sets for name in names))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"{dataset.path} holds no feature_sets") from error
