"""Predictions that are kept: found again only where all that they were made from is the same."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from job.artifacts import Artifacts
from job.data import RoundData
from job.kept import Kept, KeptPredictions
from job.model_spec import FeatureFile, FeatureList, FeatureSet, ModelSpec, Neutralize
from job.models_root import LocalRoot
from job.recipe import Recipe, read_recipe
from job.sidecar import sidecar_path
from tests.builders import a_model
from tests.fakes import FakeNumerai
from tests.models_root import data, root

__all__ = ["data", "root"]

CSV = b"id,prediction\nn1,0.5\n"


@pytest.fixture
def keeper(data: RoundData) -> KeptPredictions:
    numerai = data._numerai
    assert isinstance(numerai, FakeNumerai)
    numerai.files["classic", 1400, "v5.3/live.json"] = b"{}"
    return KeptPredictions(data)


def recipe(data: RoundData, root: Path, model: ModelSpec) -> Recipe:
    return read_recipe(
        model, Artifacts(root).get(model), data=data, feature_file=LocalRoot(root).feature_file
    )


def keep(keeper: KeptPredictions, data: RoundData, root: Path, model: ModelSpec) -> Kept:
    csv = keeper.path(model)
    csv.parent.mkdir(parents=True, exist_ok=True)
    csv.write_bytes(CSV)
    dataset = data.get("v5.3/live.json")
    kept = Kept(csv, 1, 1, {dataset.filename: dataset.sha256})
    keeper.keep(recipe(data, root, model), kept)
    return kept


def test_a_validated_prediction_is_found_again(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    model = a_model()
    assert keeper.find(recipe(data, root, model)) is None
    kept = keep(keeper, data, root, model)
    assert keeper.find(recipe(data, root, model)) == kept


@pytest.mark.parametrize("part", ["csv", "csv gone", "note", "dataset", "artifact"])
def test_a_prediction_of_which_any_part_changed_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path, part: str
) -> None:
    model = a_model()
    kept = keep(keeper, data, root, model)
    changed = {
        "csv": kept.csv,
        "note": kept.csv.with_suffix(".json"),
        "dataset": data.folder / "v5.3" / "live.json",
        "artifact": root / "mallard.pkl",
    }
    if part == "csv gone":
        kept.csv.unlink()
    else:
        changed[part].write_bytes(b"{}x")
    assert keeper.find(recipe(data, root, model)) is None


SMALL, NAMES = FeatureSet("small"), FeatureList(("a",))


@pytest.mark.parametrize(
    "change",
    [
        {"features": SMALL},
        {"format": "joblib"},
        {"data_version": "v5.2"},
        {"runtime": "numerai-3.11"},
        {"postprocess": "rank"},
        {"neutralize": Neutralize(NAMES)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_prediction_of_another_setting_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path, change: dict[str, Any]
) -> None:
    keep(keeper, data, root, a_model())
    assert keeper.find(recipe(data, root, a_model(**change))) is None


def test_a_prediction_of_another_proportion_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    half, whole = (a_model(neutralize=Neutralize(NAMES, part)) for part in (0.5, 1.0))
    kept = keep(keeper, data, root, half)
    assert keeper.find(recipe(data, root, half)) == kept
    assert keeper.find(recipe(data, root, whole)) is None


def test_a_prediction_from_a_changed_feature_list_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    names = root / "features.json"
    names.write_bytes(b'["a"]')
    model = a_model(features=FeatureFile(PurePosixPath("features.json")))
    kept = keep(keeper, data, root, model)
    assert keeper.find(recipe(data, root, model)) == kept
    names.write_bytes(b'["b"]')
    assert keeper.find(recipe(data, root, model)) is None


def test_a_prediction_from_changed_code_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    (root / "gadwall.py").write_text("import ranks\n")
    (root / "ranks.py").write_text("x = 1\n")
    model = a_model("gadwall", artifact=PurePosixPath("gadwall.py"), format="python")
    kept = keep(keeper, data, root, model)
    assert keeper.find(recipe(data, root, model)) == kept
    (root / "ranks.py").write_text("x = 2\n")
    assert keeper.find(recipe(data, root, model)) is None


def test_settings_that_change_no_prediction_keep_it(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    kept = keep(keeper, data, root, a_model())
    assert keeper.find(recipe(data, root, a_model(priority=5, timeout=60.0, memory=2**30))) == kept


def test_names_that_are_no_filenames_have_files_of_their_own(keeper: KeptPredictions) -> None:
    names = ["a/b", "a b", "..", ".", "a.b", "ä"]
    paths = {keeper.path(a_model(name, artifact=PurePosixPath("m.pkl"))) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {keeper.path(a_model()).parent}


def test_a_frozen_set_is_read_as_it_was_when_the_model_was_added(
    data: RoundData, root: Path
) -> None:
    model = a_model(features=SMALL)
    artifact = Artifacts(root).get(model)
    assert recipe(data, root, model).features == ["b", "a"]
    sidecar_path(artifact.path).write_text(
        json.dumps(
            {
                "schema": 1,
                "sha256": artifact.sha256,
                "tried": [{"python": "3.11.7", "libraries": {}, "trial": None}],
                "frozen": [{"asked": "small", "data_version": "v5.3", "names": ["b", "a", "old"]}],
            }
        )
    )
    assert list(recipe(data, root, model).features or ()) == ["b", "a", "old"]
