"""What a prediction is made from, beside the round's data: a verified artifact, and the names of
the columns that it reads and is neutralized against.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath

from job.artifacts import Artifact
from job.features import Datasets, FeatureFiles, resolve_features
from job.model_spec import FeatureFile, Features, ModelSpec
from job.sidecar import Sidecar, frozen_features, frozen_neutralizers, read_sidecar

log = logging.getLogger(__name__)

VERSION = 2
"""Raised whenever the same recipe on the same data would be predicted differently."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model, ready to be loaded.

    Attributes:
        sidecar: what `add` wrote down of the artifact, None where it did not.
        features: names of the model's columns, None where the artifact knows.
        neutralizers: names of the columns to neutralize against, None where it is not wanted.
    """

    model: ModelSpec
    artifact: Artifact
    sidecar: Sidecar | None
    features: Sequence[str] | None
    neutralizers: Sequence[str] | None

    def key(self) -> dict[str, object]:
        """JSON values that two recipes share only if they predict the same from the same data."""
        model = self.model
        is_code = model.format == "python"
        return {
            "version": VERSION,
            "artifact": self.artifact.code_sha256() if is_code else self.artifact.sha256,
            "format": model.format,
            "runtime": model.runtime,
            "data_version": model.data_version,
            "features": _digest(self.features),
            "neutralizers": _digest(self.neutralizers),
            "proportion": None if model.neutralize is None else model.neutralize.proportion,
            "postprocess": model.postprocess,
        }


def read_recipe(
    model: ModelSpec, artifact: Artifact, *, data: Datasets, feature_file: FeatureFiles
) -> Recipe:
    """The model's recipe; features.json is fetched only where the sidecar has not frozen its set.

    Raises `ModelError` for a list of features that is not what it should be.
    """
    sidecar = read_sidecar(artifact.path, sha256=artifact.sha256)

    def names(features: Features | None, frozen: Sequence[str] | None) -> Sequence[str] | None:
        if frozen is not None:
            return frozen
        return resolve_features(features, model, data, feature_file=feature_file)

    return Recipe(
        model=model,
        artifact=artifact,
        sidecar=sidecar,
        features=names(model.features, frozen_features(sidecar, model) if sidecar else None),
        neutralizers=names(
            model.neutralizers, frozen_neutralizers(sidecar, model) if sidecar else None
        ),
    )


def feature_paths(model: ModelSpec, sidecar: Sidecar | None) -> list[PurePosixPath]:
    """The lists of features in the models root that the recipe is made of: those that the sidecar
    has not frozen.
    """
    wanted = [
        model.features if sidecar is None or frozen_features(sidecar, model) is None else None,
        model.neutralizers
        if sidecar is None or frozen_neutralizers(sidecar, model) is None
        else None,
    ]
    return list(dict.fromkeys(one.path for one in wanted if isinstance(one, FeatureFile)))


def _digest(names: Sequence[str] | None) -> str | None:
    return None if names is None else sha256(json.dumps(list(names)).encode()).hexdigest()
