"""What names features: a published set, a file, a list, or the model itself."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from job.data import RoundData
from job.errors import ModelError, UnavailableError
from job.features import features_file, resolve_features
from job.model_spec import FeatureFile, FeatureList, FeatureSet, Neutralize
from job.models_root import LocalRoot
from job.retry import Retry
from tests.builders import a_model, a_round
from tests.clock import FakeClock
from tests.fakes import FakeNumerai
from tests.models_root import data, root

__all__ = ["data", "root"]


def features(data: RoundData, root: Path, given: Any, **more: Any) -> list[str] | None:
    return resolve_features(given, a_model(**more), data, feature_file=LocalRoot(root).feature_file)


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


def test_a_set_in_a_tournament_without_sets_is_the_models_fault(
    clock: FakeClock, root: Path, tmp_path: Path
) -> None:
    numerai = FakeNumerai(clock)
    numerai.files["crypto", 1400, "crypto/v2.0/live.parquet"] = b"listed"
    round_, retry = a_round(tournament="crypto"), Retry(clock, 30.0)
    data = RoundData(numerai, tmp_path, round_, clock=clock, retry=retry, stale={})
    crypto = {"tournament": "crypto", "data_version": "v2.0"}
    with pytest.raises(ModelError, match=r"publishes no crypto/v2\.0/features\.json") as caught:
        features(data, root, FeatureSet("small"), **crypto)
    assert "in a list" in caught.value.hint


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


def test_features_json_is_asked_for_where_a_set_is_named() -> None:
    small, names = FeatureSet("small"), FeatureList(("a",))
    assert features_file(a_model()) is None
    assert features_file(a_model(features=names, neutralize=Neutralize(names))) is None
    assert features_file(a_model(features=small)) == "v5.3/features.json"
    assert features_file(a_model(neutralize=Neutralize(small))) == "v5.3/features.json"
