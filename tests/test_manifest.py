"""The manifest: what it gives, and every fault at once with its line."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import Exit, ModelError, UsageError
from job.manifest import (
    Manifest,
    find_manifest,
    load_manifest,
    read_manifest,
    resolve_inside,
)
from job.model_spec import FeatureFile, FeatureList, FeatureSet, ModelSpec

EXAMPLE = Path(__file__).parent.parent / "models_manifest.yaml"
DIGEST = "3B1F" + "0a" * 30


def load(text: str | bytes) -> Manifest:
    return load_manifest(text, source="m.yaml")


def load_one(*lines: str) -> ModelSpec:
    """The spec of one model with these further lines."""
    (spec,) = load("version: 1\nmodels:\n- name: a\n" + "".join(f"  {x}\n" for x in lines)).models
    return spec


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load(text)
    return list(caught.value.faults)


def fault_of(*lines: str) -> str:
    """The one fault of a model with these further lines, the first of which is line 4."""
    (fault,) = faults("version: 1\nmodels:\n- name: a\n" + "".join(f"  {x}\n" for x in lines))
    return fault


class TestExample:
    def test_is_valid(self) -> None:
        manifest = read_manifest(EXAMPLE)
        assert manifest.path == str(EXAMPLE)
        assert manifest.sha256 == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
        assert len({model.name for model in manifest.models}) == len(manifest.models) == 7

    def test_shows_every_key_a_comment_beside_it(self) -> None:
        lines = EXAMPLE.read_text().splitlines()
        for field in dataclasses.fields(ModelSpec):
            key = f"{field.name}: "
            assert any(key in line and "#" in line.split(key)[1] for line in lines), key

    def test_shows_every_kind_of_features(self) -> None:
        kinds = {type(model.features) for model in read_manifest(EXAMPLE).models}
        assert kinds == {type(None), FeatureSet, FeatureFile, FeatureList}


class TestValues:
    def test_the_shortest_model_gets_the_documented_defaults(self) -> None:
        assert load_one("artifact: a/model.pkl") == ModelSpec(
            name="a",
            artifact=PurePosixPath("a/model.pkl"),
            format="pickle",
            tournament="classic",
            sha256=None,
            features=None,
            data_version="v5.3",
            priority=0,
            timeout=None,
            memory=None,
            enabled=True,
        )

    def test_every_key_is_read(self) -> None:
        spec = load_one(
            "tournament: classic",
            "artifact: b.bin",
            f"sha256: {DIGEST}",
            "format: joblib",
            "features: small",
            "data_version: v5.2",
            "priority: -10",
            "timeout: 1h30m",
            "memory: 4GiB",
            "enabled: false",
        )
        assert spec == ModelSpec(
            name="a",
            artifact=PurePosixPath("b.bin"),
            format="joblib",
            sha256=DIGEST.lower(),
            features=FeatureSet("small"),
            data_version="v5.2",
            priority=-10,
            timeout=5400.0,
            memory=4 * 2**30,
            enabled=False,
        )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("m.pkl", "pickle"),
            ("m.PICKLE", "pickle"),
            ("m.v2.joblib", "joblib"),
            ("m.txt", "lightgbm"),
            ("m.lgb", "lightgbm"),
            ("m.json", "xgboost"),
            ("m.ubj", "xgboost"),
            ("m.cbm", "catboost"),
            ("m.onnx", "onnx"),
            ("m.keras", "keras"),
            ("m.h5", "keras"),
            ("m.py", "python"),
            ("m.zip", "python"),
            ("folder", "python"),
            ("folder/", "python"),
            ("a/v1.2/", "python"),
            ("m.csv", "predictions"),
            ("m.parquet", "predictions"),
        ],
    )
    def test_the_suffix_tells_the_format(self, name: str, expected: str) -> None:
        assert load_one(f"artifact: {name}").format == expected

    def test_an_empty_digest_or_format_counts_as_omitted(self) -> None:
        assert load_one("artifact: a.pkl", "sha256:", "format:") == load_one("artifact: a.pkl")

    def test_a_format_given_beats_the_suffix(self) -> None:
        assert load_one("artifact: m.txt", "format: pickle").format == "pickle"

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("features:", None),
            ("features: small", FeatureSet("small")),
            ("features: a/list", FeatureFile(PurePosixPath("a/list"))),
            ("features: list.json", FeatureFile(PurePosixPath("list.json"))),
            ("features: [x, y]", FeatureList(("x", "y"))),
        ],
    )
    def test_features_may_be_a_set_a_file_or_a_list(self, line: str, expected: object) -> None:
        assert load_one("artifact: a.pkl", line).features == expected

    @pytest.mark.parametrize("text", ["600", "600.0", "10m", "'10m'"])
    def test_a_plain_number_counts_seconds(self, text: str) -> None:
        assert load_one("artifact: a.pkl", f"timeout: {text}").timeout == 600

    def test_defaults_are_inherited_and_overridden_by_null_too(self) -> None:
        first, second = load(
            "version: 1\n"
            "defaults: {data_version: v5.2, features: small, priority: 3, timeout: 5m,"
            " memory: 1GiB, tournament: classic}\n"
            "models:\n"
            "- {name: a, artifact: a.pkl}\n"
            "- {name: b, artifact: b.pkl, features: null, timeout: null, memory: null,"
            " priority: 0, data_version: v5.3}\n"
        ).models
        assert first.data_version == "v5.2"
        assert (first.features, first.priority) == (FeatureSet("small"), 3)
        assert (first.timeout, first.memory) == (300.0, 2**30)
        assert second.data_version == "v5.3"
        assert (second.features, second.priority) == (None, 0)
        assert (second.timeout, second.memory) == (None, None)

    def test_defaults_may_be_left_with_nothing_under_it(self) -> None:
        text = "version: 1\ndefaults:\n  # priority: 3\nmodels: [{name: a, artifact: a.pkl}]"
        assert load(text).models[0].priority == 0

    def test_models_keep_the_order_of_the_file(self) -> None:
        text = "version: 1\nmodels:\n" + "".join(
            f"- {{name: m{i}, artifact: a.pkl, priority: {i % 3}}}\n" for i in (5, 2, 9)
        )
        assert [model.name for model in load(text).models] == ["m5", "m2", "m9"]

    def test_text_and_bytes_give_the_same_manifest(self) -> None:
        text = EXAMPLE.read_text()
        assert load(text) == load(text.encode())
        assert load("\ufeff" + text).models == load(b"\xef\xbb\xbf" + text.encode()).models

    def test_plain_aliases_are_followed(self) -> None:
        first, second = load(
            "version: 1\nmodels:\n"
            "- {name: a, artifact: a.pkl, features: &cols [x, y]}\n"
            "- {name: b, artifact: b.pkl, features: *cols}\n"
        ).models
        assert first.features == second.features == FeatureList(("x", "y"))


class TestFaults:
    def test_all_come_in_one_report_in_the_order_of_the_file(self) -> None:
        text = f"""\
version: 2
defults: {{}}
defaults: {{name: x, data_version: 5.3, timout: 4}}
models:
  - name: a
    artifct: a.pkl
    priority: .nan
    priority: 3
    enabled: yes
  - name: a
    artifact: ../x.bin
    sha256: {DIGEST[:-1]}
    <<: {{a: 1}}
    features: [a, a]
    memory: 4
    timeout: -3
  - 7
  - {{name: 3, artifact: m.bin, tournament: signal}}
"""
        assert faults(text) == [
            "m.yaml:1: version: must be 1, the only version there is, not 2",
            "m.yaml:2: defults: unknown key; perhaps you meant 'defaults'",
            "m.yaml:3: defaults.data_version: 5.3 is a number; write v5.3",
            "m.yaml:3: defaults.name: belongs to a model, not here",
            "m.yaml:3: defaults.timout: unknown key; perhaps you meant 'timeout'",
            "m.yaml:5: models[0].artifact: missing",
            "m.yaml:6: models[0].artifct: unknown key; perhaps you meant 'artifact'",
            "m.yaml:7: models[0].priority: must be a whole number, not nan",
            "m.yaml:8: models[0].priority: given twice, first on line 7",
            "m.yaml:9: models[0].enabled: must be true or false, not 'yes'",
            "m.yaml:10: models[1].name: 'a' is already on line 5",
            "m.yaml:10: models[1].format: none is known for 'x.bin'; give pickle, joblib, "
            "lightgbm, xgboost, catboost, onnx, keras, python or predictions",
            "m.yaml:11: models[1].artifact: '../x.bin' climbs out of the models root",
            f"m.yaml:12: models[1].sha256: '{DIGEST[:56]}... is not a SHA-256: "
            "64 hex digits, as sha256sum prints them",
            "m.yaml:13: models[1].<<: merge keys are not supported; use `defaults`",
            "m.yaml:14: models[1].features: named twice in the list: a",
            "m.yaml:15: models[1].memory: '4' is below 64MiB, too little for any model; "
            "write 4GiB, say",
            "m.yaml:16: models[1].timeout: '-3' is not a duration such as 90s, 10m, 1h30m or 0",
            "m.yaml:17: models[2]: must be a mapping of keys to values, not 7",
            "m.yaml:18: models[3].tournament: must be classic, signals or crypto, not 'signal'; "
            "perhaps you meant 'signals'",
            "m.yaml:18: models[3].name: must be text, not 3; put it in quotes",
            "m.yaml:18: models[3].format: none is known for 'm.bin'; give pickle, joblib, "
            "lightgbm, xgboost, catboost, onnx, keras, python or predictions",
        ]

    def test_a_wrong_manifest_exits_2(self) -> None:
        with pytest.raises(UsageError) as caught:
            load("models: []")
        assert caught.value.exit_code == Exit.USAGE
        assert str(caught.value).startswith("m.yaml is not a valid manifest; nothing was tried")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "m.yaml:1: empty; a manifest begins with `version: 1`"),
            ("# nothing\n", "m.yaml:1: empty; a manifest begins with `version: 1`"),
            ("- a", "m.yaml:1: must be a mapping of keys to values, not a list"),
            ("hello", "m.yaml:1: must be a mapping of keys to values, not 'hello'"),
            (b"version: 1\n# \xff", "m.yaml:2: not UTF-8 text"),
            ("version: 1\nmodels: *x", "m.yaml:2: not YAML: found undefined alias 'x'"),
            ("version: 1\nmodels:", "m.yaml:2: models: must be a list of models, not nothing"),
            ("version: 1\nmodels: []", "m.yaml:2: models: names no model"),
            ("models: &a [*a]", "m.yaml:1: nested too deeply"),
            ("[" * 5000, "m.yaml:1: nested too deeply"),
            ("a: " + "{a: " * 30 + "}" * 30, "m.yaml:1: nested too deeply"),
            ("#" * 2**20 + "#", "m.yaml:1: larger than 1 MiB, which no manifest is"),
        ],
    )
    def test_what_is_no_manifest_at_all_is_one_fault(
        self, text: str | bytes, expected: str
    ) -> None:
        assert faults(text) == [expected]

    @pytest.mark.parametrize(
        ("text", "line"),
        [("[", 1), ("version: 1\n\tmodels: 1", 2), ("a: 1\n---\nb: 2", 2), ("x: \x01", 1)],
    )
    def test_what_is_not_yaml_is_told_by_its_line(self, text: str, line: int) -> None:
        (fault,) = faults(text)
        assert fault.startswith(f"m.yaml:{line}: not YAML: ")
        assert "\n" not in fault

    def test_missing_keys_are_named(self) -> None:
        assert faults("{}") == ["m.yaml:1: version: missing", "m.yaml:1: models: missing"]

    @pytest.mark.parametrize("version", ["true", "1.0", "'1'", "[1]", "0"])
    def test_any_other_version_is_refused(self, version: str) -> None:
        (fault,) = faults(f"version: {version}\nmodels: [{{name: a, artifact: a.pkl}}]")
        assert fault.startswith("m.yaml:1: version: must be 1")

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/a.pkl", "is absolute"),
            ("~/a.pkl", "is absolute"),
            ("../a.pkl", "climbs out"),
            ("a/../../b.pkl", "climbs out"),
            ("a/..", "climbs out"),
            ("a//", "not the path of a file"),
            ("/", "is absolute"),
            ("./", "not the path of a file"),
            (".", "not the path of a file"),
            ("a\\b.pkl", "with / in it"),
            ("https://example.com/a.pkl", "with / in it"),
            ("' a.pkl'", "white space around it"),
            ('"a\\0.pkl"', "unprintable"),
            ("''", "must be text, not ''"),
            ("", "must be text, not nothing"),
            ("[a.pkl]", "must be text, not a list"),
            ("{a: 1}", "must be text, not a mapping"),
            ("5", "must be text, not 5; put it in quotes"),
        ],
    )
    def test_an_artifact_that_is_no_path_under_the_root(self, path: str, reason: str) -> None:
        fault = fault_of(f"artifact: {path}")
        assert fault.startswith("m.yaml:4: models[0].artifact: ")
        assert reason in fault

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("sha256: xyz", "'xyz' is not a SHA-256"),
            (f"sha256: {'1' * 64}", "put it in quotes"),
            ("format: pikle", "not 'pikle'; perhaps you meant 'pickle'"),
            ("format: [pickle]", "not a list"),
            ("features: []", "the list is empty"),
            ("features: [a, 3]", "3 in the list is not the name of a feature"),
            ("features: [a, ' ']", "' ' in the list is not the name of a feature"),
            ("features: [a, b, a, b]", "named twice in the list: a, b"),
            ("features: ../list.json", "climbs out"),
            ("features: /list.json", "is absolute"),
            ("features: ''", "must be text, not ''"),
            ("features: {a: 1}", "must be text, not a mapping"),
            (f"features: [{'a' * 200}, {'a' * 200}]", "named twice in the list: aaa"),
            ("data_version: 5.3", "5.3 is a number; write v5.3"),
            ("data_version: 5.3.1", "'5.3.1' is not a version of the data such as v5.3"),
            ("data_version: v5", "'v5' is not a version of the data such as v5.3"),
            ("priority: high", "must be a whole number, not 'high'"),
            ("priority: 1.5", "must be a whole number, not 1.5"),
            ("priority: .inf", "must be a whole number, not inf"),
            ("priority: true", "must be a whole number, not True"),
            ("priority: 010", "must be a whole number, not '010'"),
            ("timeout: 0", "'0' leaves no time"),
            ("timeout: .nan", "'nan' is not a duration"),
            ("timeout: true", "must be text or a number, not True"),
            ("memory: lots", "'lots' is not a size such as 4GiB"),
            ("memory: [1]", "must be text or a number, not a list"),
            ("enabled: on", "must be true or false, not 'on'"),
            ("enabled:", "must be true or false, not nothing"),
            ("tournament: kripto", "perhaps you meant 'crypto'"),
            ("tournament: [classic]", "must be classic, signals or crypto, not a list"),
            ("postprocess: ranks", "must be none or rank, not 'ranks'; perhaps you meant 'rank'"),
            ("neutralize: medium", "must be a mapping of keys to values, not 'medium'"),
            ("neutralize: {proportion: 0.5}", "features: missing"),
            ("neutralize: {features: null}", "a set, a file or a list of features, not nothing"),
            ("neutralize: {features: ../x.json}", "climbs out"),
            ("neutralize: {features: a, proportion: 1.5}", "must be a number from 0 to 1, not 1.5"),
            ("neutralize: {features: a, proportion: .nan}", "a number from 0 to 1, not nan"),
            ("neutralize: {features: a, proportion: true}", "a number from 0 to 1, not True"),
            ("neutralize: {features: a, proportion: null}", "number from 0 to 1, not nothing"),
            ("neutralize: {features: b, featurs: a}", "perhaps you meant 'features'"),
            ("neutralize: {features: a, priority: 1}", "belongs to a model, not here"),
            ("limits: 0.5", "must be a mapping"),
            ("limits: {min_coverge: 0.5}", "unknown key; perhaps you meant 'min_coverage'"),
            ("limits: {max_churn: 15}", "must be a number from 0 to 1, not 15"),
            ("limits: {min_coverage: 0.5}", "Classic wants every id"),
            ("limits: {max_churn: 0.15}", "Numerai counts the churn of Signals only"),
            ("guard: {}", "reference: missing"),
            ("guard: {reference: 3}", "must be text, not 3"),
            (
                "guard: {reference: x.parquet, min_corr: -2}",
                "must be a number from -1 to 1, not -2",
            ),
            (
                "guard: {reference: x.csv, min_corr: 0.5, max_corr: 0.4}",
                "guard: min_corr 0.5 is above max_corr 0.4",
            ),
            ("guard: {reference: ../x.parquet}", "climbs out"),
            ("guard: {reference: a}", "a model cannot be its own reference"),
            ("guard: {reference: 'b c'}", "cannot be a model's name"),
            ("guard: {reference: b}", "'b' is neither a dataset (.parquet) nor a classic"),
            ("data_lag: 31", "must be whole days from 0 to 30, not 31"),
            ("data_lag: 1.0", "must be whole days from 0 to 30, not 1.0"),
            ("data_lag: true", "must be whole days from 0 to 30, not True"),
            ("data_lag: 1", "only Signals takes lagged data"),
            ("env: MY_KEY", "must be a list of names of variables, not 'MY_KEY'"),
            ("env: [MY-KEY]", "'MY-KEY' in the list is not the name of a variable"),
            ("env: [3]", "3 in the list is not the name of a variable"),
            ("env: [A, B, A]", "named twice in the list: A"),
            ("env: [NUMERAI_SECRET_KEY]", "among this job's own credentials"),
            ("env: [azure_client_secret]", "among this job's own credentials"),
            ("env: [IDENTITY_HEADER]", "among this job's own credentials"),
            ("env: [MSI_SECRET]", "among this job's own credentials"),
            ("env: [MY_KEY]", "only a model of format python is given secrets"),
            ("runtime: 3.11", "must be text, not 3.11; put it in quotes"),
            ("runtime: mine", "'mine' is not among `runtimes`; make one with"),
            ("timeuot: 10m", "unknown key; perhaps you meant 'timeout'"),
            ("zzz: 1", "unknown key"),
            ("? [a]: 1", "unknown key"),
            ("enabled: !!python/object:os.system true", "the tag 'python/object:os.system'"),
        ],
    )
    def test_a_value_that_its_key_cannot_hold(self, line: str, reason: str) -> None:
        lines = faults(f"version: 1\nmodels:\n- name: a\n  artifact: a.pkl\n  {line}\n")
        assert lines[0].startswith("m.yaml:5: models[0].")
        assert reason in lines[0]

    @pytest.mark.parametrize(
        "name", ["''", "'a b'", "a/b", "..", "'a\\b'", "3", "", "[a]", "a" * 101]
    )
    def test_a_name_that_no_model_can_have(self, name: str) -> None:
        (fault,) = faults(f"version: 1\nmodels:\n- name: {name}\n  artifact: a.pkl\n")
        assert fault.startswith("m.yaml:3: models[0].name: ")

    def test_two_models_of_one_name_are_a_fault_though_one_is_disabled(self) -> None:
        text = "version: 1\nmodels:\n- {name: a, artifact: a.pkl}\n"
        text += "- {name: a, artifact: b.pkl, enabled: false, tournament: classic}\n"
        assert faults(text) == ["m.yaml:4: models[1].name: 'a' is already on line 3"]

    def test_an_alias_bomb_is_refused_before_it_unfolds(self) -> None:
        levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 15))
        started = time.monotonic()
        (fault,) = faults(f"l0: &l0 [x, x]\n{levels}")
        assert fault.endswith("more than 500,000 values once its aliases are followed")
        assert time.monotonic() - started < 30

    def test_a_report_of_hundreds_of_faults_ends_with_their_number(self) -> None:
        found = faults("".join(f"k{i}: 1\n" for i in range(200)))
        assert len(found) == 51
        assert found[-1] == "and 152 more"

    def test_every_fault_is_one_line_of_bounded_length(self) -> None:
        text = f'"a\\nb": 1\n{"k" * 120}: 1\nversion: {"1" * 2000}\nmodels: [{{"\\0": 1}}]\n'
        found = faults(text)
        assert "m.yaml:1: a\\nb: unknown key" in found
        assert all(fault.isprintable() and len(fault) < 400 for fault in found)

    @given(st.binary(max_size=200))
    def test_any_bytes_give_a_usage_error(self, data: bytes) -> None:
        with pytest.raises(UsageError):
            load(data)

    @given(st.data())
    def test_a_damaged_example_gives_a_usage_error_or_a_manifest(self, data: st.DataObject) -> None:
        text = "\n".join(line.split("#")[0] for line in EXAMPLE.read_text().splitlines())
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        piece = data.draw(st.text(alphabet="ab1.:-[]{}&*!?|>'\"\\#\n\t ~", max_size=8))
        with contextlib.suppress(UsageError):
            assert load(text[:start] + piece + text[end:]).models


class TestFile:
    def test_an_unreadable_manifest_is_a_usage_error(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="Is a directory"):
            read_manifest(tmp_path)

    def test_a_large_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m.yaml").write_bytes(b"#" * 2_000_000)
        with pytest.raises(UsageError, match="larger than 1 MiB"):
            read_manifest(tmp_path / "m.yaml")

    def test_the_models_root_goes_before_the_working_directory(self, tmp_path: Path) -> None:
        models = tmp_path / "models"
        models.mkdir()
        here, there = tmp_path / "m.yaml", models / "m.yaml"
        here.touch()
        assert find_manifest("m.yaml", models_dir=Path("models"), cwd=tmp_path) == here
        there.touch()
        assert find_manifest("m.yaml", models_dir=Path("models"), cwd=tmp_path) == there
        assert find_manifest(str(here), models_dir=models, cwd=tmp_path) == here

    def test_a_missing_manifest_names_the_places_and_what_is_near(self, tmp_path: Path) -> None:
        (tmp_path / "models_manifest.yml").touch()
        with pytest.raises(UsageError) as caught:
            find_manifest("models_manifest.yaml", models_dir=Path("models"), cwd=tmp_path)
        assert caught.value.faults == (
            f"{tmp_path}/models/models_manifest.yaml: No such file or directory: {tmp_path}/models",
            f"{tmp_path}/models_manifest.yaml: "
            "no such file; perhaps you meant 'models_manifest.yml'",
        )
        assert "NUMERAI_MODELS_DIR" in caught.value.hint

    def test_an_impossible_path_is_a_missing_manifest(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="File name too long"):
            find_manifest("m" * 300, models_dir=tmp_path, cwd=tmp_path)

    def test_a_folder_of_that_name_is_told_from_a_missing_file(self, tmp_path: Path) -> None:
        (tmp_path / "m.yaml").mkdir()
        with pytest.raises(UsageError, match="a folder, not a file") as caught:
            find_manifest(str(tmp_path / "m.yaml"), models_dir=tmp_path, cwd=tmp_path)
        assert len(caught.value.faults) == 1


class TestResolveInside:
    def test_a_path_under_the_root_is_resolved(self, tmp_path: Path) -> None:
        assert resolve_inside(tmp_path, PurePosixPath("a/b.pkl")) == tmp_path / "a/b.pkl"

    def test_links_within_the_root_are_followed(self, tmp_path: Path) -> None:
        (tmp_path / "v2").mkdir()
        (tmp_path / "v2/m.pkl").touch()
        (tmp_path / "now").symlink_to("v2")
        (tmp_path / "root").symlink_to(tmp_path)
        found = resolve_inside(tmp_path / "root", PurePosixPath("now/m.pkl"))
        assert found == tmp_path / "v2/m.pkl"

    @pytest.mark.parametrize("relative", ["link/m.pkl", "file.pkl", "../root-2/m.pkl", "/etc/x"])
    def test_a_path_that_leaves_the_root_is_refused(self, tmp_path: Path, relative: str) -> None:
        root, other = tmp_path / "root", tmp_path / "root-2"
        root.mkdir()
        other.mkdir()
        (other / "m.pkl").touch()
        (root / "link").symlink_to(other)
        (root / "file.pkl").symlink_to("../root-2/m.pkl")
        with pytest.raises(ModelError, match="leads out of the models root"):
            resolve_inside(root, PurePosixPath(relative))

    def test_links_in_a_circle_are_a_model_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(ModelError):
            resolve_inside(tmp_path, PurePosixPath("a/m.pkl"))
