"""What things are called in the models container; the job finds them by the same names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from job.model_spec import FeatureFile, ModelSpec
from job.objects import object_name
from job.sidecar import SUFFIX

OBJECTS: Final = "objects/"
MANIFESTS: Final = "manifests/"


def sidecar_name(sha256: str) -> str:
    """Of the note on the artifact with that digest."""
    return f"{object_name(sha256)}{SUFFIX}"


def list_name(data: bytes) -> str:
    """Of a feature list: a manifest takes it for a file's path because of its ending."""
    return f"{OBJECTS}{hashlib.sha256(data).hexdigest()}.json"


def is_folder(model: ModelSpec) -> bool:
    """Whether the artifact is a folder, so that what is under its digest is its listing."""
    return model.format == "python" and model.artifact.suffix not in {".py", ".zip"}


def feature_files(model: ModelSpec) -> Iterator[PurePosixPath]:
    """The feature lists that a model reads from files."""
    yield from (one.path for one in model.all_features if isinstance(one, FeatureFile))
