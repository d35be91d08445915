"""Model files: inside the root, verified before anything reads them; and what names features."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from job.artifacts import Artifacts
from job.data import RoundData
from job.errors import Exit, ModelError, UnavailableError
from job.features import resolve_features
from job.kept import Kept, KeptPredictions
from job.model_spec import FeatureFile, FeatureList, FeatureSet, ModelSpec
from job.retry import Retry
from tests.builders import a_model, a_round
from tests.clock import FakeClock
from tests.fakes import FakeNumerai

SETS = {"feature_sets": {"small": ["b", "a"], "broken": "b", "empty": [], "twice": ["a", "a"]}}
CSV = b"id,prediction\nn1,0.5\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    (root / "mallard.pkl").write_bytes(b"a model")
    return root


@pytest.fixture
def data(clock: FakeClock, tmp_path: Path) -> RoundData:
    numerai = FakeNumerai(clock)
    numerai.files["classic", 1400, "v5.3/features.json"] = json.dumps(SETS).encode()
    numerai.files["classic", 1400, "v5.2/features.json"] = b"[]"
    return RoundData(
        numerai,
        tmp_path / "classic" / "1400",
        a_round(),
        clock=clock,
        retry=Retry(clock, 30.0),
        stale={},
    )


def pinned(content: bytes = b"a model", **more: Any) -> ModelSpec:
    return a_model(sha256=sha256(content).hexdigest(), **more)


def test_a_model_file_is_found_with_its_digest(root: Path) -> None:
    artifact = Artifacts(root).get(a_model())
    assert artifact.path == root / "mallard.pkl"
    assert artifact.sha256 == sha256(b"a model").hexdigest()
    assert Artifacts(root).get(pinned()) == artifact


def test_a_file_that_is_not_the_one_pinned_is_refused(root: Path) -> None:
    with pytest.raises(ModelError, match="not the file that the manifest pins") as caught:
        Artifacts(root).get(pinned(b"another"))
    assert caught.value.exit_code is Exit.MODELS_FAILED
    assert sha256(b"another").hexdigest() in str(caught.value)
    assert sha256(b"a model").hexdigest() in str(caught.value)


def test_a_missing_file_is_named_with_its_neighbours(root: Path) -> None:
    with pytest.raises(ModelError, match=r"no file teal.pkl") as caught:
        Artifacts(root).get(a_model("teal"))
    assert "mallard.pkl" in caught.value.hint
    with pytest.raises(ModelError, match="is not there either"):
        Artifacts(root).get(a_model(artifact=PurePosixPath("anas/model.pkl")))


def test_an_empty_file_is_said_to_be(root: Path) -> None:
    (root / "mallard.pkl").write_bytes(b"")
    with pytest.raises(ModelError, match="is empty"):
        Artifacts(root).get(a_model())


def test_a_link_that_leaves_the_root_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.pkl").write_bytes(b"x")
    (root / "link.pkl").symlink_to(tmp_path / "outside.pkl")
    with pytest.raises(ModelError):
        Artifacts(root).get(a_model("link"))


def test_a_folder_is_no_model(root: Path) -> None:
    (root / "teal.pkl").mkdir()
    with pytest.raises(ModelError):
        Artifacts(root).get(a_model("teal"))


@pytest.mark.parametrize("change", ["rewritten", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_read_is_noticed(root: Path, change: str) -> None:
    artifact = Artifacts(root).get(a_model())
    artifact.check_unchanged()
    if change == "rewritten":
        artifact.path.write_bytes(b"another model")
    elif change == "replaced":
        os.replace(_written(root / "new.pkl", b"b model"), artifact.path)  # noqa: PTH105
    else:
        artifact.path.unlink()
    with pytest.raises(ModelError, match="was replaced"):
        artifact.check_unchanged()


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def features(data: RoundData, root: Path, given: Any, **more: Any) -> list[str] | None:
    return resolve_features(a_model(features=given, **more), data, models_dir=root)


def test_features_come_from_a_set_a_file_a_list_or_the_model_itself(
    data: RoundData, root: Path
) -> None:
    (root / "features.json").write_bytes(b'["c", "a"]')
    assert features(data, root, FeatureSet("small")) == ["b", "a"]
    assert features(data, root, FeatureFile(PurePosixPath("features.json"))) == ["c", "a"]
    assert features(data, root, FeatureList(("a", "b"))) == ["a", "b"]
    assert features(data, root, None) is None


def test_an_unknown_set_is_named_with_those_there_are(data: RoundData, root: Path) -> None:
    with pytest.raises(ModelError, match="perhaps you meant 'small'") as caught:
        features(data, root, FeatureSet("smal"))
    assert "twice" in caught.value.hint


@pytest.mark.parametrize("name", ["broken", "empty", "twice"])
def test_a_set_that_is_no_list_of_names_is_refused(data: RoundData, root: Path, name: str) -> None:
    with pytest.raises(ModelError):
        features(data, root, FeatureSet(name))


def test_a_features_json_without_sets_is_numerais_fault(data: RoundData, root: Path) -> None:
    with pytest.raises(UnavailableError, match="holds no feature_sets"):
        features(data, root, FeatureSet("small"), data_version="v5.2")


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b"[1]", b"[]", b'["a", "a"]', b"\xff"])
def test_a_feature_list_that_cannot_be_used_is_the_models_fault(
    data: RoundData, root: Path, content: bytes | None
) -> None:
    if content is not None:
        (root / "list.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"list.json"):
        features(data, root, FeatureFile(PurePosixPath("list.json")))


@pytest.fixture
def keeper(data: RoundData, root: Path) -> KeptPredictions:
    numerai = data._numerai
    assert isinstance(numerai, FakeNumerai)
    numerai.files["classic", 1400, "v5.3/live.json"] = b"{}"
    return KeptPredictions(data, models_dir=root)


def keep(keeper: KeptPredictions, data: RoundData, root: Path, model: ModelSpec) -> Kept:
    csv = keeper.path(model)
    csv.parent.mkdir(parents=True, exist_ok=True)
    csv.write_bytes(CSV)
    dataset = data.get("v5.3/live.json")
    kept = Kept(csv, 1, {dataset.filename: dataset.sha256})
    keeper.keep(model, Artifacts(root).get(model), kept)
    return kept


def test_a_validated_prediction_is_found_again(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    model = a_model()
    assert keeper.find(model, Artifacts(root).get(model)) is None
    kept = keep(keeper, data, root, model)
    assert keeper.find(model, Artifacts(root).get(model)) == kept


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
    assert keeper.find(model, Artifacts(root).get(model)) is None


@pytest.mark.parametrize(
    "change",
    [{"features": FeatureSet("small")}, {"format": "joblib"}, {"data_version": "v5.2"}],
)
def test_a_prediction_of_another_setting_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path, change: dict[str, Any]
) -> None:
    keep(keeper, data, root, a_model())
    other = a_model(**change)
    assert keeper.find(other, Artifacts(root).get(other)) is None


def test_a_prediction_from_a_changed_feature_list_is_not_used(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    names = root / "features.json"
    names.write_bytes(b'["a"]')
    model = a_model(features=FeatureFile(PurePosixPath("features.json")))
    kept = keep(keeper, data, root, model)
    assert keeper.find(model, Artifacts(root).get(model)) == kept
    names.write_bytes(b'["b"]')
    assert keeper.find(model, Artifacts(root).get(model)) is None


def test_settings_that_change_no_prediction_keep_it(
    keeper: KeptPredictions, data: RoundData, root: Path
) -> None:
    kept = keep(keeper, data, root, a_model())
    other = a_model(priority=5, timeout=60.0, memory=2**30)
    assert keeper.find(other, Artifacts(root).get(other)) == kept


def test_names_that_are_no_filenames_have_files_of_their_own(keeper: KeptPredictions) -> None:
    names = ["a/b", "a b", "..", ".", "a.b", "ä"]
    paths = {keeper.path(a_model(name, artifact=PurePosixPath("m.pkl"))) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {keeper.path(a_model()).parent}
