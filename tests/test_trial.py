"""A model outside a round: which data it is given, and what is told of what it does with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from job.artifacts import Artifacts
from job.errors import ModelError, UsageError
from job.manifest import Manifest
from job.model_spec import FeatureList, FeatureSet, Guard, Limits, ModelSpec, Neutralize
from job.models_root import LocalRoot
from job.predict import Defaults
from job.sandbox.synthetic import TINY, Source, datasets, feature_sets
from job.sidecar import Sidecar, Tried, freeze
from job.trial.bench import Bench, Trial
from job.trial.files import MADE_UP
from job.trial.local_data import LocalData
from job.trial.made_up import ROWS, made_up_keys, made_up_names, write_live
from job.trial.report import notes, sidecar_of, told
from tests.builders import a_model
from tests.clock import NOON

NUMBERS = {"classic": 8, "signals": 11, "crypto": 12}
BY_RULES = FeatureSet("small")


def leave_round(data: Path, number: int, tournament: str = "classic", **only: bool) -> Path:
    """What a run leaves of a round; `only` names files (without suffix) to leave out."""
    source = Source(
        seed=0,
        tournament=NUMBERS[tournament],
        round=number,
        shape=TINY,
        versions=("v5.3",),
        day=None if tournament == "classic" else date(2026, 11, 2),
    )
    folder = data / tournament / str(number)
    for name, build in datasets(source).items():
        if only.get(PurePosixPath(name).stem, True) and "train" not in name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(build())
    return folder


class Home:
    """A models root and a data root, and a bench to try models on."""

    def __init__(self, folder: Path) -> None:
        self.models, self.data, self.scratch = (folder / n for n in ("models", "data", "scratch"))
        self.models.mkdir()
        self.scratch.mkdir()

    def attempt(
        self,
        model: ModelSpec,
        content: object,
        *,
        environ: Mapping[str, str] | None = None,
        sidecar: Sidecar | None = None,
        **bench: Any,
    ) -> Trial:
        path = self.models / model.artifact
        if isinstance(content, str):
            path.write_text(content)
        else:
            path.write_bytes(cloudpickle.dumps(content))
        return Bench(
            manifest=Manifest(path="m.yaml", sha256="0" * 64, models=(model,)),
            models=LocalRoot(self.models),
            data_dir=self.data,
            environ=environ or {},
            defaults=Defaults(60.0, None),
            **bench,
        ).attempt(model, Artifacts(self.models).get(model), self.scratch, sidecar=sidecar)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def python(name: str = "teal", **more: Any) -> ModelSpec:
    return a_model(name, artifact=PurePosixPath(f"{name}.py"), format="python", **more)


def last_feature() -> Callable[..., Any]:
    def predict(live_features: Any) -> Any:
        return live_features.iloc[:, -1].rank(pct=True).to_frame("prediction")

    return predict


def by_name(*names: str) -> Callable[..., Any]:
    def predict(live_features: Any) -> Any:
        return live_features[list(names)].sum(axis=1).rank(pct=True).to_frame("prediction")

    return predict


class Linear:
    """An object that knows its features."""

    def __init__(self, names: list[str]) -> None:
        self.feature_names_in_ = np.array(names, dtype=object)

    def predict(self, live: Any) -> Any:
        return live.mean(axis=1).rank(pct=True)


def linear(names: list[str]) -> Linear:
    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["_"]))
    return Linear(names)


# --- which data ---


def test_without_data_a_model_is_tried_on_as_much_as_a_round_has(home: Home) -> None:
    trial = home.attempt(a_model(), last_feature())
    assert trial.judge().rows == ROWS["classic"] == 6500
    assert trial.files.data == MADE_UP
    assert trial.memory > 50 << 20
    assert {"load", "decode", "predict", "write"} <= set(trial.seconds)
    assert not home.data.exists()


def test_the_newest_live_data_that_are_here_are_used(home: Home) -> None:
    leave_round(home.data, 1399)
    newest = leave_round(home.data, 1400)
    (home.data / "classic" / "1401" / "v5.3").mkdir(parents=True)  # a run that fetched nothing
    trial = home.attempt(a_model(), last_feature())
    assert trial.files.live == newest / "v5.3" / "live.parquet"
    assert trial.judge().rows == TINY.rows
    assert trial.local.round == 1400


def test_a_file_that_is_named_goes_before_what_is_here(home: Home, tmp_path: Path) -> None:
    leave_round(home.data, 1400)
    other = leave_round(tmp_path / "elsewhere", 1200) / "v5.3" / "live.parquet"
    trial = home.attempt(a_model(), last_feature(), data=other)
    assert trial.files.live == other
    assert trial.local.round == 0


def test_a_named_file_without_ids_is_the_users_to_mend(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pd.DataFrame({"feature_a": [1]}).to_parquet(path)
    with pytest.raises(UsageError, match="cannot be used"):
        home.attempt(a_model(), last_feature(), data=path)


def test_benchmark_models_come_from_the_round_of_the_live_data(home: Home) -> None:
    def predict(live_features: Any, live_benchmark_models: Any) -> Any:
        assert live_benchmark_models.index.equals(live_features.index)
        return live_benchmark_models.iloc[:, 1].rank(pct=True).to_frame("prediction")

    folder = leave_round(home.data, 1400)
    trial = home.attempt(a_model(), predict)
    assert trial.files.benchmarks == folder / "v5.3" / "live_benchmark_models.parquet"
    leave_round(home.data, 1401, live_benchmark_models=False)
    trial = home.attempt(a_model(), predict)
    assert [note.text for note in notes(trial, trial.judge())] == [
        "the benchmark models that it was given are made up"
    ]
    with pytest.raises(ModelError, match="takes live_benchmark_models"):
        home.attempt(a_model(), predict, made_up=False)


def test_where_only_real_data_will_do_it_says_how_to_get_them(home: Home) -> None:
    with pytest.raises(ModelError, match=r"no live data of v5.3 are here.*download_dataset"):
        home.attempt(a_model(), last_feature(), made_up=False)
    with pytest.raises(ModelError, match=r"signals/v3.1.*SignalsAPI"):
        home.attempt(python(tournament="signals", data_version="v3.1"), "x = 1", made_up=False)


def test_a_model_with_names_of_its_own_is_given_those(home: Home) -> None:
    trial = home.attempt(a_model(), linear(["feature_real_a", "feature_real_b"]))
    names = pq.read_schema(trial.files.live).names
    assert set(names) == {"id", "era", "feature_real_a", "feature_real_b"}
    trial.judge()


def test_a_set_is_made_up_in_its_size_where_no_features_json_is_here(home: Home) -> None:
    names = made_up_names("small", version="v5.3")
    assert names is not None
    assert len(names) == 42
    assert len(made_up_names("medium", version="v5.0") or ()) == 705
    trial = home.attempt(a_model(features=BY_RULES), last_feature())
    assert len(pq.read_schema(trial.files.live).names) == 42 + 2
    assert trial.features is None
    texts = [note.text for note in notes(trial, trial.judge())]
    (text,) = texts
    what, _, mend = text.partition("; ")
    assert what == "no features.json is here, so which features 'small' has is not frozen"
    assert mend.startswith(
        "`python -m job --dry-run` brings features.json, then `python -m job add "
    )


def test_made_up_names_are_not_held_against_a_model_that_has_its_own(home: Home) -> None:
    trial = home.attempt(a_model(features=BY_RULES), linear(["feature_real_a", "feature_real_b"]))
    assert trial.judge().rows == ROWS["classic"]


def test_real_names_of_a_set_are_held_against_the_model(home: Home) -> None:
    leave_round(home.data, 1400)
    with pytest.raises(ModelError, match="not what the model was trained on"):
        home.attempt(a_model(features=BY_RULES), linear(["feature_real_a", "feature_real_b"]))


def test_features_json_alone_tells_what_live_data_lack(home: Home) -> None:
    leave_round(home.data, 1400, live=False)
    with pytest.raises(ModelError, match="live lacks 1 of the model's 1 columns"):
        home.attempt(a_model(), linear(["feature_that_is_gone"]))


def test_a_set_without_features_json_beside_real_data_is_refused(home: Home) -> None:
    leave_round(home.data, 1400, features=False)
    with pytest.raises(ModelError, match=r"told by v5.3/features.json, which is not here"):
        home.attempt(a_model(features=BY_RULES), last_feature())
    with pytest.raises(ModelError, match="'no_such_set' has is told by"):
        Home.attempt(home, a_model(features=FeatureSet("no_such_set")), last_feature())


def test_a_function_that_knows_real_names_is_told_to_want_real_data(home: Home) -> None:
    with pytest.raises(ModelError, match="made-up names; it needs real ones") as caught:
        home.attempt(a_model(), by_name("feature_real_a"))
    assert "--data v5.3/live.parquet" in caught.value.hint
    leave_round(home.data, 1400)
    with pytest.raises(ModelError) as caught:
        home.attempt(a_model(), by_name("feature_real_a"))
    assert "made-up" not in str(caught.value)


def test_neutralizers_are_among_the_made_up_columns(home: Home) -> None:
    model = a_model(features=FeatureList(("feature_a",)), neutralize=Neutralize(BY_RULES, 0.5))
    with pytest.raises(ModelError, match="set postprocess: rank"):
        home.attempt(model, last_feature()).judge()
    ranked = a_model(
        features=FeatureList(("feature_a",)),
        neutralize=Neutralize(BY_RULES, 0.5),
        postprocess="rank",
    )
    trial = home.attempt(ranked, last_feature())
    assert trial.judge().rows == ROWS["classic"]
    assert "postprocess" in trial.seconds


# --- Signals and Crypto, Python models ---


@pytest.mark.parametrize(("tournament", "version"), [("signals", "v3.1"), ("crypto", "v2.0")])
def test_a_universe_is_made_up_with_its_day(home: Home, tournament: str, version: str) -> None:
    code = """
import pandas as pd
def predict(live, universe, tournament):
    assert live["date"].nunique() == 1 and list(live.index) == universe
    return pd.Series([(i + 1) / 9999 for i in range(len(universe))], index=universe)
"""
    trial = home.attempt(python(tournament=tournament, data_version=version), code)
    assert trial.judge().rows == ROWS[tournament]
    header = trial.csv.read_text().partition("\n")[0]
    assert header == {"signals": "numerai_ticker,signal", "crypto": "symbol,signal"}[tournament]


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(("tournament", "version"), [("signals", "v3.1"), ("crypto", "v2.0")])
def test_benchmark_models_are_classics_alone(
    home: Home, tournament: str, version: str, real: bool
) -> None:
    def predict(live_features: Any, live_benchmark_models: Any) -> Any:
        return live_benchmark_models.iloc[:, -1].to_frame("signal")

    if real:
        leave_round(home.data, 1400, tournament)
    with pytest.raises(ModelError, match="but only Classic has benchmark models") as caught:
        home.attempt(a_model(tournament=tournament, data_version=version), predict)
    assert "live data alone" in caught.value.hint


def test_the_share_of_the_real_universe_is_told(home: Home) -> None:
    leave_round(home.data, 1400, "crypto")
    code = "import pandas as pd\ndef predict(live, universe):\n"
    code += "    return pd.Series(range(150), index=universe[:150]) / 200\n"
    limits = Limits(min_coverage=0.9)
    model = python(tournament="crypto", data_version="v2.0", limits=limits)
    trial = home.attempt(model, code)
    found = {note.kind: note.text for note in notes(trial, trial.judge())}
    assert found["ok"] == "it covers 75.0% of the universe"
    assert "75.0% of the universe, less than min_coverage 90.0%" in found["warning"]


def test_a_python_model_gets_its_context_and_fetches_what_is_here(home: Home) -> None:
    folder = leave_round(home.data, 1400)
    code = """
import json
def predict(live, round, fetch, secrets, data_dir):
    assert (round, secrets) == (1400, {"MY_KEY": "a secret"})
    assert "feature_sets" in json.loads(fetch("features.json").read_text())
    assert (data_dir / "state").read_text() == "of the last round"
    (data_dir / "state").write_text("of a trial")
    return live.iloc[:, -1].rank(pct=True).to_frame("prediction")
"""
    state = home.data / "classic" / "models" / "teal" / "state"
    state.parent.mkdir(parents=True)
    state.write_text("of the last round")
    environ = {"MY_KEY": "a secret", "OTHER": "not for it"}
    home.attempt(python(env=("MY_KEY",)), code, environ=environ).judge()
    assert state.read_text() == "of the last round"
    assert folder.is_dir()


def test_what_a_python_model_cannot_fetch_here_is_named(home: Home) -> None:
    leave_round(home.data, 1400)
    code = "def predict(live, fetch):\n    fetch('validation.parquet')\n"
    with pytest.raises(ModelError, match=r"v5.3/validation.parquet is not here"):
        home.attempt(python(), code)
    assert not (home.data / "classic" / "models" / "teal").exists()


def test_a_finished_file_without_live_data_is_judged_by_its_values(home: Home) -> None:
    model = a_model("pintail", artifact=PurePosixPath("p.csv"), format="predictions")
    trial = home.attempt(model, "id,prediction\nn1,0.1\nn2,0.9\n")
    assert trial.judge().rows == 2
    told_of = [note.text for note in notes(trial, trial.judge())]
    assert told_of == ["its ids were not compared with live ones: no live data are here"]
    with pytest.raises(ModelError, match="outside"):
        home.attempt(model, "id,prediction\nn1,0.1\nn2,7\n").judge()
    with pytest.raises(ModelError, match="no prediction file with a column 'id'"):
        home.attempt(model, "name,prediction\nn1,0.1\n")


def test_a_finished_file_is_held_to_the_ids_that_are_here(home: Home) -> None:
    leave_round(home.data, 1400)
    model = a_model("pintail", artifact=PurePosixPath("p.csv"), format="predictions")
    with pytest.raises(ModelError, match="n1"):
        home.attempt(model, "id,prediction\nn1,0.1\nn2,0.9\n").judge()


# --- what is told, and kept ---


def test_the_guard_is_worked_out_where_its_reference_is_here(home: Home) -> None:
    leave_round(home.data, 1400)
    guard = Guard("live_example_preds.parquet", min_corr=0.9)
    trial = home.attempt(a_model(guard=guard), last_feature())
    correlation, held = notes(trial, trial.judge())
    assert correlation.text.startswith("its rank correlation with live_example_preds.parquet is ")
    assert held.kind == "warning"
    assert "outside 0.9 to 1" in held.text
    assert any(line.startswith("warning: a run would") for line in told(trial, trial.judge()))


def test_a_guard_that_cannot_be_worked_out_here_is_said_to_be(home: Home) -> None:
    leave_round(home.data, 1400, live_example_preds=False)
    why = {
        "teal": "it is another model's",
        "teal.v2": "it is another model's",
        "live_example_preds.parquet": "v5.3/live_example_preds.parquet is not here",
    }
    for reference, reason in why.items():
        trial = home.attempt(a_model(guard=Guard(reference)), last_feature())
        (note,) = notes(trial, trial.judge())
        assert (note.kind, note.text.partition("not known here: ")[2]) == ("ok", reason)


def test_the_note_of_a_trial_freezes_what_features_mean(home: Home) -> None:
    leave_round(home.data, 1400)
    against = Neutralize(FeatureSet("medium"))
    model = a_model(features=BY_RULES, neutralize=against, postprocess="rank")
    trial = home.attempt(model, last_feature())
    sidecar = sidecar_of(trial, trial.judge(), sha256="ab" * 32, now=NOON)
    sets = feature_sets(TINY)
    assert sidecar.frozen == (
        freeze(BY_RULES, data_version="v5.3", names=sets["small"]),
        freeze(FeatureSet("medium"), data_version="v5.3", names=sets["medium"]),
    )
    (tried,) = sidecar.tried
    assert tried.trial is not None
    assert (tried.trial.data, tried.trial.rows) == ("v5.3/live.parquet", TINY.rows)
    assert "Python" not in tried.libraries
    assert {"numpy", "pandas"} <= set(tried.libraries)


def test_frozen_features_are_used_and_a_change_of_the_set_is_told(home: Home) -> None:
    leave_round(home.data, 1400)
    then = list(feature_sets(TINY)["medium"][:3])
    frozen = freeze(BY_RULES, data_version="v5.3", names=then)
    sidecar = Sidecar(sha256="ab" * 32, tried=(Tried(python="3.99.0"),), frozen=(frozen,))
    model = a_model(features=BY_RULES, format="lightgbm", artifact=PurePosixPath("m.txt"))
    assert _frozen_names(home, model, sidecar) == then


def _frozen_names(home: Home, model: ModelSpec, sidecar: Sidecar) -> list[str]:
    import lightgbm

    names = list(sidecar.frozen[0].names)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 5, (300, len(names))), columns=names)
    data = lightgbm.Dataset(frame, rng.random(300))
    booster = lightgbm.train({"verbose": -1, "num_leaves": 4}, data, 3)
    trial = home.attempt(model, booster.model_to_string(), sidecar=sidecar)
    (note,) = notes(trial, trial.judge())
    assert note.kind == "warning"
    assert "had other features when the model was added" in note.text
    return list(trial.features or ())


# --- the data themselves ---


def test_made_up_ids_are_of_the_real_shape() -> None:
    keys = {tournament: made_up_keys(tournament) for tournament in ROWS}
    assert all(len(set(names)) == len(names) == ROWS[t] for t, names in keys.items())
    assert all(len(name) == 16 and name.startswith("n") for name in keys["classic"])


def test_made_up_live_data_read_as_published_ones(tmp_path: Path) -> None:
    path = tmp_path / "live.parquet"
    write_live(path, tournament="classic", columns=["feature_a", "era", "feature_a"])
    frame = pd.read_parquet(path)
    assert (frame.index.name, list(frame.columns)) == ("id", ["era", "feature_a"])
    assert frame["feature_a"].dtype == np.int8
    assert frame["feature_a"].between(0, 4).all()


def test_local_data_of_another_version_or_tournament_are_not_taken(tmp_path: Path) -> None:
    leave_round(tmp_path, 1400)
    assert LocalData(tmp_path, "classic", "v5.3").live() is not None
    assert LocalData(tmp_path, "classic", "v5.2").live() is None
    assert LocalData(tmp_path, "signals", "v3.1").live() is None
    assert json.loads(LocalData(tmp_path, "classic", "v5.3").get("features.json").path.read_text())
