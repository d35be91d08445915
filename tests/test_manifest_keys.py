"""What keys of the manifest say together, and what `defaults` gives to which models."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import get_args

import pytest

from job.manifest import load_manifest
from job.manifest.consistency import SUFFIXES
from job.model_spec import (
    DATA_VERSIONS,
    FeatureList,
    FeatureSet,
    Format,
    Guard,
    Limits,
    ModelSpec,
    Neutralize,
)
from tests.test_manifest import faults, load, load_one


def models(*entries: str, defaults: str = "{}") -> list[ModelSpec]:
    """The specs of some flow-style entries under these defaults."""
    lines = "".join(f"- {entry}\n" for entry in entries)
    return list(load(f"version: 1\ndefaults: {defaults}\nmodels:\n{lines}").models)


def test_every_format_has_a_suffix() -> None:
    assert set(SUFFIXES.values()) == set(get_args(Format))


def test_every_further_key_is_read() -> None:
    (spec,) = load(
        "version: 1\nruntimes: {old: /opt/old/bin/python}\nmodels:\n"
        "- {name: a, tournament: signals, artifact: m/, runtime: old, data_lag: 2, env: [KEY],"
        " neutralize: {features: [x, y], proportion: 0.5}, postprocess: rank,"
        " limits: {min_coverage: 0.5, max_churn: 0.15},"
        " guard: {reference: example.parquet, min_corr: -0.5, max_corr: 0.9, column: signal}}\n"
    ).models
    assert spec == ModelSpec(
        name="a",
        artifact=PurePosixPath("m"),
        format="python",
        tournament="signals",
        data_version="v3.1",
        data_lag=2,
        runtime="old",
        env=("KEY",),
        neutralize=Neutralize(FeatureList(("x", "y")), 0.5),
        postprocess="rank",
        limits=Limits(0.5, 0.15),
        guard=Guard("example.parquet", -0.5, 0.9, "signal"),
    )


@pytest.mark.parametrize(
    "line",
    ["runtime:", "env:", "env: []", "neutralize:", "postprocess:", "limits:", "guard:"],
)
def test_a_key_with_nothing_behind_it_counts_as_omitted(line: str) -> None:
    assert load_one("artifact: a.pkl", line) == load_one("artifact: a.pkl")


def test_the_modules_beside_a_file_of_code_are_pinned_by_a_digest() -> None:
    assert load_one("artifact: m.py", f"modules: {'AB' * 32}").modules == "ab" * 32
    (fault,) = faults("version: 1\nmodels: [{name: a, artifact: m.py, modules: [x.py]}]")
    assert "models[0].modules: must be text, not a list" in fault


def test_a_neutralization_is_whole_unless_it_says_otherwise() -> None:
    spec = load_one("artifact: a.pkl", "neutralize: {features: medium}")
    assert spec.neutralize == Neutralize(FeatureSet("medium"), 1.0)


def test_each_tournament_has_a_version_of_the_data_of_its_own() -> None:
    for tournament, version in DATA_VERSIONS.items():
        spec = load_one("artifact: a.pkl", f"tournament: {tournament}")
        assert (spec.tournament, spec.data_version) == (tournament, version)


class TestRuntimes:
    def test_paths_are_kept_as_they_are_written(self) -> None:
        text = "runtimes: {a: /opt/a/bin/python, b-3.11: ../b/bin/python3.11}\n"
        manifest = load(
            f"version: 1\n{text}models: [{{name: m, artifact: m.pkl, runtime: b-3.11}}]"
        )
        assert manifest.runtimes == {
            "a": Path("/opt/a/bin/python"),
            "b-3.11": Path("../b/bin/python3.11"),
        }

    def test_none_need_be_there(self) -> None:
        text = "version: 1\nruntimes:\n  # a: b\nmodels: [{name: m, artifact: m.pkl}]"
        assert load(text).runtimes == {}

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("[a]", "runtimes: must be a mapping of keys to values, not a list"),
            ("{a: ~/x/bin/python}", "runtimes.a: '~/x/bin/python': ~ is not expanded here"),
            ("{a: /opt/x/}", "runtimes.a: '/opt/x/' is not the path of an interpreter"),
            ("{a: 'https://x/python'}", "is not the path of an interpreter"),
            ("{a: 3.11}", "runtimes.a: must be text, not 3.11; put it in quotes"),
            ("{a: }", "runtimes.a: must be text, not nothing"),
            ("{a/b: x}", "runtimes.a/b: cannot be a runtime's name"),
            ("{'': x}", "must be text, not ''"),
            ("{a: x, a: y}", "runtimes.a: given twice, first on line 2"),
        ],
    )
    def test_what_is_no_runtime_is_a_fault_of_its_line(self, written: str, expected: str) -> None:
        (fault,) = faults(
            f"version: 1\nruntimes: {written}\nmodels: [{{name: m, artifact: m.pkl}}]"
        )
        assert fault.startswith("m.yaml:2: runtimes")
        assert expected in fault

    def test_a_name_that_is_not_among_them_is_told_with_the_nearest(self) -> None:
        text = (
            "version: 1\nruntimes: {numerai-3.11: /x/python}\ndefaults: {runtime: numerai}\n"
            "models:\n- {name: a, artifact: a.pkl, runtime: numerai-3.1}\n"
        )
        assert faults(text) == [
            "m.yaml:3: defaults.runtime: 'numerai' is not among `runtimes`; "
            "perhaps you meant 'numerai-3.11'",
            "m.yaml:5: models[0].runtime: 'numerai-3.1' is not among `runtimes`; "
            "perhaps you meant 'numerai-3.11'",
        ]

    def test_the_singular_at_the_top_is_told_from_the_plural(self) -> None:
        text = "version: 1\nruntime: {}\nmodels: [{name: m, artifact: m.pkl}]"
        assert faults(text) == [
            "m.yaml:2: runtime: belongs to a model, not here; perhaps you meant 'runtimes'"
        ]


class TestKeysThatDoNotGoTogether:
    @pytest.mark.parametrize(
        ("entry", "expected"),
        [
            (
                "artifact: p.csv, features: small",
                "features: a finished prediction file is given none; leave the key out",
            ),
            ("artifact: p.csv, env: [KEY]", "env: only a model of format python"),
            ("artifact: m/, format: pickle", "artifact: 'm/' is a folder, which only"),
            (
                "artifact: m.pkl, tournament: crypto, limits: {max_churn: 0.1}",
                "limits.max_churn: Numerai counts the churn of Signals only",
            ),
            ("artifact: m.pkl, tournament: crypto, data_lag: 1", "data_lag: only Signals"),
            (
                f"artifact: m.pkl, modules: {'ab' * 32}",
                "modules: only a single .py file of format python has modules",
            ),
            (f"artifact: m/, modules: {'ab' * 32}", "modules: only a single .py file"),
            (f"artifact: m.py, format: pickle, modules: {'ab' * 32}", "modules: only a single"),
            ("artifact: m.v2", "format: none is known for 'm.v2'; give pickle, "),
        ],
    )
    def test_are_a_fault(self, entry: str, expected: str) -> None:
        found = faults(f"version: 1\nmodels:\n- {{name: a, {entry}}}\n")
        assert [fault.startswith(f"m.yaml:3: models[0].{expected}") for fault in found] == [True]

    def test_are_told_beside_all_other_faults(self) -> None:
        found = faults(
            "version: 1\nmodels:\n"
            "- {name: a, artifact: p.csv, features: small, env: [K], runtime: r, priority: x}\n"
        )
        assert [fault.split(": ")[1] for fault in found] == [
            "models[0].priority",
            "models[0].runtime",
            "models[0].features",
            "models[0].env",
        ]


class TestGuards:
    def test_another_model_may_be_the_reference_though_it_is_disabled(self) -> None:
        first, _ = models(
            "{name: a, artifact: a.pkl, guard: {reference: b}}",
            "{name: b, artifact: b.pkl, enabled: false}",
        )
        assert first.guard == Guard("b")

    def test_the_reference_is_of_the_same_tournament(self) -> None:
        found = faults(
            "version: 1\nmodels:\n"
            "- {name: anas, artifact: a.pkl, guard: {reference: aythya}}\n"
            "- {name: aythya, artifact: b.pkl, tournament: crypto}\n"
            "- {name: Aythya_x, artifact: c.pkl}\n"
        )
        assert found == [
            "m.yaml:3: models[0].guard.reference: 'aythya' is neither a dataset (.parquet) "
            "nor a classic model of this manifest; perhaps you meant 'Aythya_x'"
        ]

    def test_only_a_dataset_has_columns(self) -> None:
        found = faults(
            "version: 1\nmodels:\n"
            "- {name: a, artifact: a.pkl, guard: {reference: b, column: x}}\n"
            "- {name: b, artifact: b.pkl}\n"
        )
        assert found == [
            "m.yaml:3: models[0].guard.column: only a dataset has columns to choose from"
        ]

    def test_the_reference_of_all_others_is_not_compared_with_itself(self) -> None:
        first, second = models(
            "{name: a, artifact: a.pkl}",
            "{name: b, artifact: b.pkl}",
            defaults="{guard: {reference: a, min_corr: 0.1}}",
        )
        assert first.guard is None
        assert second.guard == Guard("a", 0.1)


class TestDefaults:
    def test_what_they_say_of_data_is_for_models_of_their_tournament(self) -> None:
        classic, signals = models(
            "{name: a, artifact: a.pkl, tournament: classic}",
            "{name: b, artifact: b.pkl}",
            defaults="{tournament: signals, data_version: v2.1, features: small,"
            " neutralize: {features: small}, guard: {reference: x.parquet}, postprocess: rank}",
        )
        assert (classic.data_version, classic.features) == ("v5.3", None)
        assert (classic.neutralize, classic.guard) == (None, None)
        assert (signals.data_version, signals.features) == ("v2.1", FeatureSet("small"))
        assert signals.neutralize == Neutralize(FeatureSet("small"))
        assert signals.guard == Guard("x.parquet")
        assert classic.postprocess == signals.postprocess == "rank"

    def test_nothing_is_inherited_that_a_model_could_not_have(self) -> None:
        file, crypto, signals = models(
            "{name: a, artifact: a.csv}",
            "{name: b, artifact: b.pkl, tournament: crypto}",
            "{name: c, artifact: c.pkl, tournament: signals}",
            defaults="{features: small, limits: {min_coverage: 0.5, max_churn: 0.1}}",
        )
        assert (file.features, file.limits) == (None, Limits())
        assert crypto.limits == Limits(0.5, None)
        assert signals.limits == Limits(0.5, 0.1)

    def test_a_model_takes_a_default_back_with_null(self) -> None:
        (spec,) = load_manifest(
            "version: 1\nruntimes: {r: /r}\n"
            "defaults: {runtime: r, neutralize: {features: small}, postprocess: rank,"
            " guard: {reference: x.parquet}}\n"
            "models: [{name: a, artifact: a.pkl, runtime: null, neutralize: null,"
            " postprocess: none, guard: null}]",
            source="m.yaml",
        ).models
        assert spec == ModelSpec(name="a", artifact=PurePosixPath("a.pkl"), format="pickle")
