"""What is written down of an artifact: read back whole, or not at all."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import ModelError, UnavailableError
from job.model_spec import FeatureFile, FeatureList, Features, FeatureSet, Format, Neutralize
from job.runtimes.interpreters import own_minor
from job.sidecar import (
    Frozen,
    Sidecar,
    TrialNote,
    Tried,
    freeze,
    frozen_features,
    frozen_neutralizers,
    made_with,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from tests.builders import a_model

ONE, TWO = "1" * 64, "2" * 64
TRIAL = TrialNote(
    at="2026-11-22T12:00:00+00:00",
    rows=6000,
    seconds={"load": 0.5, "predict": 1.0},
    memory=1 << 30,
    data="synthetic",
    runtime="numerai-3.11",
)
LIBRARIES = {"numpy": "2.1.3", "lightgbm": "4.5.0"}
SMALL = Frozen(asked="small", data_version="v5.3", names=("a", "b"))
X = Frozen(asked=("x",), data_version="v5.3", names=("x",))
FULL = Sidecar(
    sha256=ONE,
    tried=(Tried(python="3.11.7", libraries=LIBRARIES, trial=TRIAL),),
    frozen=(SMALL, X),
)
BARE = Sidecar(sha256=ONE, tried=(Tried(python="3.11.7"),))


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return tmp_path / "model.pkl"


def versions(python: str = "3.11.9", **libraries: str) -> dict[str, str]:
    return {"Python": python, **libraries}


def note(**changes: Any) -> bytes:
    return json.dumps({"sha256": ONE, "tried": [{"python": "3.11.7"}], **changes}).encode()


class TestFile:
    @pytest.mark.parametrize("sidecar", [FULL, BARE])
    def test_what_was_written_is_read_back(self, artifact: Path, sidecar: Sidecar) -> None:
        write_sidecar(artifact, sidecar)
        assert read_sidecar(artifact, sha256=ONE) == sidecar

    def test_it_lies_beside_a_file_and_beside_a_folder(self, tmp_path: Path) -> None:
        assert sidecar_path(tmp_path / "model.pkl") == tmp_path / "model.pkl.meta.json"
        assert sidecar_path(tmp_path / "folder") == tmp_path / "folder.meta.json"

    def test_its_form_is_the_documented_one(self, artifact: Path) -> None:
        write_sidecar(artifact, FULL)
        assert json.loads(sidecar_path(artifact).read_bytes()) == {
            "schema": 1,
            "sha256": ONE,
            "tried": [
                {
                    "python": "3.11.7",
                    "libraries": {"numpy": "2.1.3", "lightgbm": "4.5.0"},
                    "trial": {
                        "at": "2026-11-22T12:00:00+00:00",
                        "rows": 6000,
                        "seconds": {"load": 0.5, "predict": 1.0},
                        "memory": 1 << 30,
                        "data": "synthetic",
                        "runtime": "numerai-3.11",
                    },
                }
            ],
            "frozen": [
                {"asked": "small", "data_version": "v5.3", "names": ["a", "b"]},
                {"asked": ["x"], "data_version": "v5.3", "names": ["x"]},
            ],
        }

    def test_none_is_no_news(self, artifact: Path, caplog: pytest.LogCaptureFixture) -> None:
        assert read_sidecar(artifact, sha256=ONE) is None
        assert not caplog.records

    def test_one_of_another_artifact_is_a_warning(
        self, artifact: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_sidecar(artifact, FULL)
        assert read_sidecar(artifact, sha256=TWO) is None
        assert "is of another artifact than is there now; run `add` again" in caplog.text
        assert read_sidecar(artifact, sha256=None) == FULL

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff",
            b"{}",
            b"[]",
            b"null",
            b'"text"',
            b"[" * 100_000,
            note(sha256=3),
            note(tried=[]),
            note(tried=[{"python": "x"}]),
            note(schema=2),
            note(frozen=[{"names": 3}]),
            note(tried=[{"python": "3.11.7", "libraries": {"numpy": None}}]),
            b" " * (17 << 20),
        ],
    )
    def test_nonsense_is_a_warning(
        self, artifact: Path, content: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        sidecar_path(artifact).write_bytes(content)
        assert read_sidecar(artifact, sha256=ONE) is None
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "is not understood (" in record.message
        assert record.message.endswith("); run `add` again")

    def test_a_folder_in_its_place_is_a_warning(
        self, artifact: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sidecar_path(artifact).mkdir()
        assert read_sidecar(artifact, sha256=ONE) is None
        assert "is not understood" in caplog.text
        with pytest.raises(UnavailableError):
            write_sidecar(artifact, FULL)

    def test_what_a_later_version_adds_is_passed_over(self, artifact: Path) -> None:
        sidecar_path(artifact).write_text(
            json.dumps({"sha256": ONE, "tried": [{"python": "3.11.7", "trial": None}], "more": 1})
        )
        assert read_sidecar(artifact, sha256=ONE) == BARE

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        st.sampled_from(["schema", "sha256", "tried", "frozen"]),
    )
    def test_no_value_of_any_key_is_a_crash(
        self, tmp_path_factory: pytest.TempPathFactory, value: Any, key: str
    ) -> None:
        artifact = tmp_path_factory.mktemp("any") / "m"
        write_sidecar(artifact, FULL)
        written = json.loads(sidecar_path(artifact).read_bytes())
        nested = {
            "tried": [{"python": value, "libraries": value, "trial": value}],
            "frozen": [value],
        }
        for other in (value, nested.get(key, value)):
            sidecar_path(artifact).write_text(json.dumps({**written, key: other}))
            found = read_sidecar(artifact, sha256=None)
            assert found is None or isinstance(found, Sidecar)


class TestFrozenFeatures:
    @pytest.mark.parametrize(
        "features",
        [FeatureSet("small"), FeatureFile(PurePosixPath("a/f.json")), FeatureList(("p", "q"))],
    )
    def test_stand_as_long_as_the_manifest_asks_the_same(
        self, artifact: Path, features: Features
    ) -> None:
        frozen = freeze(features, data_version="v5.2", names=["a", "b"])
        write_sidecar(artifact, replace(BARE, frozen=(frozen,)))
        sidecar = read_sidecar(artifact, sha256=ONE)
        assert sidecar is not None
        same = a_model(features=features, data_version="v5.2")
        assert frozen_features(sidecar, same) == ["a", "b"]
        assert frozen_features(sidecar, a_model(features=features)) is None
        for other in (None, FeatureSet("medium"), FeatureList(("small",))):
            assert frozen_features(sidecar, a_model(features=other, data_version="v5.2")) is None

    def test_what_it_is_neutralized_against_stands_too(self) -> None:
        model = a_model(
            features=FeatureSet("small"), neutralize=Neutralize(FeatureList(("x",)), 0.5)
        )
        assert frozen_features(FULL, model) == ["a", "b"]
        assert frozen_neutralizers(FULL, model) == ["x"]
        assert frozen_neutralizers(FULL, a_model(neutralize=None)) is None
        assert frozen_neutralizers(BARE, model) is None


class TestSeveralModelsOfOneArtifact:
    """What `add` finds out for one of them leaves what it wrote down for another."""

    def test_the_last_trial_in_each_runtime_is_kept(self) -> None:
        first = Tried(python="3.12.1", trial=replace(TRIAL, runtime="v"))
        own = Tried(python="3.11.7", trial=replace(TRIAL, runtime=None))
        again = Tried(python="3.12.9", trial=replace(TRIAL, runtime="v", rows=7))
        found = Sidecar(sha256=ONE, tried=(first,))
        for tried in (own, again):
            found = Sidecar(sha256=ONE, tried=(tried,)).after(found)
        assert found.tried == (own, again)
        assert [found.tried_in(name) for name in (None, "v", "gone")] == [own, again, again]

    def test_lists_that_others_ask_for_are_kept(self) -> None:
        newer = Frozen(asked="small", data_version="v5.3", names=("b",))
        older = replace(SMALL, data_version="v5.2")
        found = replace(BARE, frozen=(newer,)).after(replace(FULL, frozen=(SMALL, X, older)))
        assert found.frozen == (X, older, newer)

    def test_of_another_artifact_nothing_is_kept(self) -> None:
        assert BARE.after(replace(FULL, sha256=TWO)) == BARE
        assert BARE.after(None) == BARE

    def test_a_pickle_may_run_with_each_python_that_it_was_tried_with(self) -> None:
        both = BARE.after(Sidecar(sha256=ONE, tried=(Tried(python="3.12.1", trial=TRIAL),)))
        for python in ("3.11.9", "3.12.4"):
            assert made_with(both, versions(python), format="pickle", runtimes={}) == []
        with pytest.raises(ModelError):
            made_with(both, versions("3.13.0"), format="pickle", runtimes={})


class TestMadeWith:
    @pytest.mark.parametrize("format", ["pickle", "joblib"])
    def test_a_pickle_of_another_python_is_refused_with_the_command_that_mends_it(
        self, format: Format
    ) -> None:
        with pytest.raises(ModelError) as caught:
            made_with(FULL, versions("3.12.1"), format=format, runtimes={})
        assert str(caught.value) == (
            "the model was added with Python 3.11, but its runtime has 3.12; "
            f"a {format} holds bytecode, which another Python crashes on; "
            "`python -m job runtime create numerai-3.11` makes a `runtime` that would do; "
            "or make the file again and `add` it"
        )

    def test_where_no_list_is_shipped_the_command_names_the_python(self) -> None:
        old = Sidecar(sha256=ONE, tried=(Tried(python="3.10.13"),))
        with pytest.raises(ModelError) as caught:
            made_with(old, versions("3.12.1"), format="pickle", runtimes={})
        command = "python -m job runtime create numerai-3.10 --python 3.10 --requirements FILE"
        assert f"`{command}`" in caught.value.hint

    def test_a_runtime_of_the_manifest_that_would_do_is_named(self, tmp_path: Path) -> None:
        mine = Sidecar(sha256=ONE, tried=(Tried(python=f"{own_minor()}.0"),))
        runtimes = {"gone": tmp_path / "gone", "fitting": Path(sys.executable)}
        with pytest.raises(ModelError) as caught:
            made_with(mine, versions("3.9.1"), format="pickle", runtimes=runtimes)
        assert caught.value.hint.startswith("`runtime: fitting` in the manifest would do; or ")

    def test_another_patch_release_is_the_same_python(self) -> None:
        same = versions("3.11.9", numpy="2.1.0", lightgbm="4.5.2")
        assert made_with(FULL, same, format="pickle", runtimes={}) == []

    def test_code_of_another_python_is_a_warning(self) -> None:
        same = versions("3.12.1", **LIBRARIES)
        assert made_with(FULL, same, format="python", runtimes={}) == [
            "it was added with Python 3.11 and runs with 3.12"
        ]

    def test_other_libraries_are_one_sentence(self) -> None:
        other = versions(numpy="2.4.6", pandas="3.0.0")
        assert made_with(FULL, other, format="pickle", runtimes={}) == [
            "it was added with other libraries: "
            "numpy 2.1.3 (here 2.4.6), lightgbm 4.5.0 (here none)"
        ]

    @pytest.mark.parametrize(
        ("format", "number"), [("lightgbm", 1), ("xgboost", 0), ("predictions", 0)]
    )
    def test_a_file_of_a_library_depends_on_that_library_alone(
        self, format: Format, number: int
    ) -> None:
        other = versions("3.13.0", numpy="2.4.6", lightgbm="4.6.0")
        assert len(made_with(FULL, other, format=format, runtimes={})) == number
