"""Validated predictions, kept so that a restarted run uploads them without predicting again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from job.artifacts import Artifact
from job.data import RoundData
from job.files import read_json, sha256_of, write_whole
from job.manifest import resolve_inside
from job.model_spec import FeatureFile, ModelSpec

VERSION = 1
"""Raised whenever the same model on the same data would be predicted differently."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A validated prediction file, and the SHA-256 of the datasets it was made from."""

    csv: Path
    rows: int
    datasets: Mapping[str, str]


class KeptPredictions:
    """The prediction files of one round, each with a note that says what it was made from."""

    def __init__(self, data: RoundData, *, models_dir: Path) -> None:
        self._data = data
        self._models_dir = models_dir
        self._folder = data.folder / "predictions"

    def path(self, model: ModelSpec) -> Path:
        """Where the model's CSV belongs."""
        return self._folder / f"{quote(model.name, safe='')}.csv"

    def find(self, model: ModelSpec, artifact: Artifact) -> Kept | None:
        """What is kept for this model, None unless artifact, features, datasets and bytes are the
        same.
        """
        csv = self.path(model)
        note = read_json(_note(csv))
        if not isinstance(note, dict) or note.get("key") != _key(model, artifact, self._models_dir):
            return None
        here = {name: self._data.here(name) for name in note["datasets"]}
        if any(
            file is None or file.sha256 != note["datasets"][name] for name, file in here.items()
        ):
            return None
        if not csv.is_file() or sha256_of(csv) != note["sha256"]:
            return None
        return Kept(csv, note["rows"], note["datasets"])

    def keep(self, model: ModelSpec, artifact: Artifact, kept: Kept) -> None:
        """Notes what the CSV was made from; called once it has been validated."""
        note = {
            "key": _key(model, artifact, self._models_dir),
            "datasets": dict(kept.datasets),
            "rows": kept.rows,
            "sha256": sha256_of(kept.csv),
        }
        write_whole(_note(kept.csv), json.dumps(note).encode())


def _key(model: ModelSpec, artifact: Artifact, models_dir: Path) -> dict[str, object]:
    return {
        "version": VERSION,
        "artifact": artifact.sha256,
        "format": model.format,
        "features": _features(model, models_dir),
        "data_version": model.data_version,
    }


def _features(model: ModelSpec, models_dir: Path) -> str:
    """What changes when the model is to read other columns."""
    if isinstance(model.features, FeatureFile):
        path = resolve_inside(models_dir, model.features.path)
        return sha256_of(path) if path.is_file() else "absent"
    return repr(model.features)


def _note(csv: Path) -> Path:
    return csv.with_suffix(".json")
