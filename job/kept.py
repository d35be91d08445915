"""Validated predictions, kept so that a restarted run uploads them without predicting again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from job.data import RoundData
from job.files import disk_errors, read_json, sha256_of, write_whole
from job.model_spec import ModelSpec
from job.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Kept:
    """A validated prediction file, and the SHA-256 of the datasets it was made from.

    `rows` are those with an id of the universe, `universe` is how many ids that has.
    """

    csv: Path
    rows: int
    universe: int
    datasets: Mapping[str, str]


class KeptPredictions:
    """The prediction files of one round, each with a note that says what it was made from."""

    def __init__(self, data: RoundData) -> None:
        self._data = data
        self._folder = data.folder / "predictions"

    def path(self, model: ModelSpec) -> Path:
        """Where the model's CSV belongs."""
        return self._folder / f"{quote(model.name, safe='')}.csv"

    def find(self, recipe: Recipe) -> Kept | None:
        """What is kept for this recipe, None unless it, the datasets and the bytes are the same."""
        csv = self.path(recipe.model)
        note = read_json(_note(csv))
        if not isinstance(note, dict) or note.get("key") != recipe.key():
            return None
        here = {name: self._data.here(name) for name in note["datasets"]}
        if any(
            file is None or file.sha256 != note["datasets"][name] for name, file in here.items()
        ):
            return None
        if not csv.is_file() or sha256_of(csv) != note["sha256"]:
            return None
        return Kept(csv, note["rows"], note["universe"], note["datasets"])

    def forget(self, model: ModelSpec) -> None:
        """Has what is kept for a model not be found any more."""
        with disk_errors(f"cannot remove {_note(self.path(model))}"):
            _note(self.path(model)).unlink(missing_ok=True)

    def keep(self, recipe: Recipe, kept: Kept) -> None:
        """Notes what the CSV was made from; called once it has been validated."""
        note = asdict(kept) | {"key": recipe.key(), "sha256": sha256_of(kept.csv)}
        write_whole(_note(kept.csv), json.dumps(note | {"csv": kept.csv.name}).encode())


def _note(csv: Path) -> Path:
    return csv.with_suffix(".json")
