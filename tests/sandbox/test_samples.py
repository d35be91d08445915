"""Sample models predict what the service takes, apart from the one that is meant to fail."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import lightgbm
import pandas as pd
import pytest

from job.manifest import read_manifest
from job.sandbox import TINY, Sandbox, feature_sets, zoo_names
from job.sandbox.__main__ import main
from job.sandbox.account import SAMPLE_MODELS
from job.sandbox.judging import judge
from job.sandbox.samples import write_samples, write_zoo
from job.sandbox.synthetic import Source, datasets, live_universe

SOURCE = Source(seed=0, tournament=8, round=1400, shape=TINY, versions=("v5.3",))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "root"
    write_samples(folder, shape=TINY)
    return folder


@pytest.fixture(scope="module")
def live() -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(datasets(SOURCE)["v5.3/live.parquet"]()))


@pytest.fixture(scope="module")
def benchmarks() -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(datasets(SOURCE)["v5.3/live_benchmark_models.parquet"]()))


def verdict(index: pd.Index[Any], values: Any) -> str | None:
    csv = pd.DataFrame({"id": index, "prediction": values}).to_csv(index=False).encode()
    return judge(csv, 8, [(1400, live_universe(SOURCE))]).error


def test_the_manifest_names_models_of_the_default_account(root: Path) -> None:
    manifest = read_manifest(root / "models_manifest.yaml")
    names = [model.name for model in manifest.models]
    assert names == list(SAMPLE_MODELS)
    assert set(names) <= {model.name for model in Sandbox().models}
    for model in manifest.models:
        assert (root / model.artifact).is_file()


def test_the_digest_in_the_manifest_is_that_of_the_file(root: Path) -> None:
    model = read_manifest(root / "models_manifest.yaml").models[0]
    assert model.sha256 == hashlib.sha256((root / model.artifact).read_bytes()).hexdigest()


def test_the_model_upload_predicts_from_live_data_and_benchmarks(
    root: Path, live: pd.DataFrame, benchmarks: pd.DataFrame
) -> None:
    predict = cloudpickle.loads((root / "anas_platyrhynchos.pkl").read_bytes())
    predicted = predict(live, benchmarks)
    assert list(predicted.columns) == ["prediction"]
    assert verdict(predicted.index, predicted["prediction"]) is None


def test_the_model_upload_is_read_where_this_project_is_not(root: Path, tmp_path: Path) -> None:
    code = (
        "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')); assert 'job' not in sys.modules"
    )
    artifact = root / "anas_platyrhynchos.pkl"
    command = [sys.executable, "-I", "-c", code, str(artifact)]
    with (root / "anas_platyrhynchos.pkl").open("rb") as artifact:
        subprocess.run(command, cwd=tmp_path, check=True, timeout=30, stdin=artifact)


def test_the_booster_predicts_from_the_small_features(root: Path, live: pd.DataFrame) -> None:
    booster = lightgbm.Booster(model_file=root / "aythya_fuligula.txt")
    small = list(feature_sets(TINY)["small"])
    assert booster.feature_name() == small
    assert verdict(live.index, booster.predict(live[small])) is None


def test_the_forest_knows_its_features_by_name(root: Path, live: pd.DataFrame) -> None:
    forest = joblib.load(root / "mergus_merganser.joblib")
    assert list(forest.feature_names_in_) == list(feature_sets(TINY)["small"])
    assert verdict(live.index, forest.predict(live[forest.feature_names_in_])) is None


def test_the_broken_model_wants_a_feature_that_is_gone(root: Path, live: pd.DataFrame) -> None:
    predict = cloudpickle.loads((root / "bucephala_clangula.pkl").read_bytes())
    with pytest.raises(KeyError, match="feature_antistrophic_striate_conscriptionist"):
        predict(live)


def test_a_zoo_has_files_that_all_differ_in_three_sizes_and_two_formats(
    tmp_path: Path, live: pd.DataFrame
) -> None:
    manifest = read_manifest(write_zoo(tmp_path / "zoo", 12, shape=TINY))
    models = manifest.models
    assert [m.name for m in models] == zoo_names(12)
    contents = {(tmp_path / "zoo" / m.artifact).read_bytes() for m in models}
    assert len(contents) == 12
    formats = [m.format for m in models]
    assert (formats.count("lightgbm"), formats.count("joblib")) == (6, 6)
    for model in models:
        loaded = _load(tmp_path / "zoo" / model.artifact)
        names = feature_sets(TINY)[model.features.name]
        assert _trees(loaded) == 200
        assert verdict(live.index, loaded.predict(live[list(names)])) is None


@pytest.mark.parametrize(("models", "written"), [([], 4), (["--models", "2"], 2)])
def test_the_command_writes_the_models_of_its_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: list[str], written: int
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO("ends at once"))
    given = ["--shape", "tiny", "--write-models", str(tmp_path / "new"), *models]
    assert main(given) == 0
    assert len(read_manifest(tmp_path / "new" / "models_manifest.yaml").models) == written


def _load(path: Path) -> Any:
    return lightgbm.Booster(model_file=path) if path.suffix == ".txt" else joblib.load(path)


def _trees(model: Any) -> int:
    return int(getattr(model, "booster_", model).num_trees())
