"""`add` and `predict` in this process: real models in real model processes, and what is left."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
import pytest

from job.__main__ import command
from job.adding.placing import place_of, settle, staged
from job.errors import Exit, UnavailableError, UsageError
from job.manifest import Manifest, read_manifest
from job.sidecar import Sidecar, frozen_neutralizers, read_sidecar
from job.tree import tree_sha256
from tests.test_trial import leave_round

COMMENTED = """\
# mine
version: 1
runtimes: {}
models:
  # the first
  - {name: teal, artifact: teal.pkl}   # short
  - name: pintail      # the second
    artifact: old.bin
    format: pickle
    priority: 7        # early
    enabled: false
"""
Run = Callable[..., int]


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Any:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], _ = before[0], root.setLevel(before[1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a models root in it and a model outside of that."""
    (tmp_path / "models").mkdir()
    (tmp_path / "good.pkl").write_bytes(cloudpickle.dumps(good()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a command in an environment without credentials."""

    def run_command(*argv: str, **environ: str) -> int:
        env = {"NUMERAI_MODELS_DIR": "models", "NUMERAI_DATA_DIR": "data", **environ}
        return command(argv, env | {"PATH": os.environ["PATH"]})

    return run_command


def good(shift: int = 0) -> Callable[..., Any]:
    def predict(live_features: Any) -> Any:
        answer = live_features.iloc[:, -1 - shift].rank(pct=True)
        return answer.to_frame("prediction")

    return predict


def bad() -> Callable[..., Any]:
    def predict(live_features: Any) -> Any:
        raise ZeroDivisionError("a fault of the model's own")

    return predict


def manifest(home: Path) -> Manifest:
    return read_manifest(home / "models" / "models_manifest.yaml")


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


# --- add ---


def test_a_second_model_of_one_file_leaves_what_is_known_for_the_first(
    run: Run, home: Path
) -> None:
    leave_round(home / "data", 1400)
    path = home / "models" / "good.pkl"
    shutil.copy(home / "good.pkl", path)
    asked = ("--postprocess", "rank", "--neutralize")
    assert run("add", str(path), "--name", "teal", *asked, "small") == Exit.OK
    assert run("add", str(path), "--name", "pintail", *asked, "medium") == Exit.OK
    first, second = manifest(home).models
    sidecar = read_sidecar(path, sha256=first.sha256)
    assert sidecar is not None
    assert (first.artifact, first.sha256) == (second.artifact, second.sha256)
    sizes = [len(frozen_neutralizers(sidecar, model) or ()) for model in (first, second)]
    assert 0 < sizes[0] < sizes[1]


def test_check_warns_of_a_set_that_was_not_known_when_its_model_was_added(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ("add", "good.pkl", "--name", "teal", "--postprocess", "rank", "--features", "small")
    told = "teal: what the set 'small' had when it was added is not known"
    assert run(*add) == Exit.OK
    run("check")
    assert told in capsys.readouterr().out
    leave_round(home / "data", 1400)
    assert run(*add, "--replace") == Exit.OK
    run("check")
    assert told not in capsys.readouterr().out


def test_the_first_model_begins_a_manifest(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    (model,) = manifest(home).models
    assert (model.name, str(model.artifact), model.enabled) == ("teal", "teal/good.pkl", True)
    copy = home / "models" / "teal" / "good.pkl"
    assert copy.read_bytes() == (home / "good.pkl").read_bytes()
    sidecar = read_sidecar(copy, sha256=model.sha256)
    assert isinstance(sidecar, Sidecar)
    trial = sidecar.tried_in(None).trial
    assert trial is not None
    assert trial.data == "synthetic"
    assert trial.memory > 0
    out = capsys.readouterr().out
    assert "predicted made-up live data: 6,500 rows" in out
    assert "MiB, with Python 3." in out
    assert f"copied to {copy}" in out
    assert not (home / "data").exists()


def test_comments_and_order_of_the_manifest_stay(run: Run, home: Path) -> None:
    path = home / "models" / "models_manifest.yaml"
    path.write_text(COMMENTED)
    assert run("add", "good.pkl", "--name", "wigeon", "--priority", "2", "--timeout", "5m") == 0
    assert path.read_text().startswith(COMMENTED)
    added = manifest(home).models[-1]
    assert (added.name, added.priority, added.timeout) == ("wigeon", 2, 300.0)


def test_replace_renews_the_file_and_keeps_what_else_was_said(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "models" / "models_manifest.yaml"
    path.write_text(COMMENTED)
    assert run("add", "good.pkl", "--name", "pintail") == Exit.USAGE
    assert "exchange its entry with --replace" in capsys.readouterr().err
    assert path.read_text() == COMMENTED
    assert run("add", "good.pkl", "--name", "pintail", "--replace") == Exit.OK
    teal, pintail = manifest(home).models
    assert (teal.name, pintail.priority, pintail.enabled) == ("teal", 7, True)
    assert (pintail.format, str(pintail.artifact)) == ("pickle", "pintail/good.pkl")
    assert "priority: 7        # early" in path.read_text()
    assert "kept from its entry before: priority" in capsys.readouterr().out


def test_a_newer_file_never_overwrites_the_one_that_runs(run: Run, home: Path) -> None:
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    before = (home / "models" / "teal" / "good.pkl").read_bytes()
    (home / "good.pkl").write_bytes(cloudpickle.dumps(good(1)))
    assert run("add", "good.pkl", "--name", "teal", "--replace") == Exit.OK
    (model,) = manifest(home).models
    assert str(model.artifact) == f"teal/good-{str(model.sha256)[:8]}.pkl"
    assert (home / "models" / "teal" / "good.pkl").read_bytes() == before


def test_a_file_in_the_models_root_stays_where_it_is(run: Run, home: Path) -> None:
    (home / "models" / "mine").mkdir()
    (home / "good.pkl").rename(home / "models" / "mine" / "m.pkl")
    assert run("add", "models/mine/m.pkl", "--name", "teal") == Exit.OK
    assert str(manifest(home).models[0].artifact) == "mine/m.pkl"
    assert set(files(home / "models")) == {
        "mine/m.pkl",
        "mine/m.pkl.meta.json",
        "models_manifest.yaml",
    }


@pytest.mark.parametrize("place", [".", "models"])
def test_a_model_that_would_fail_changes_nothing(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (home / "models" / "models_manifest.yaml").write_text(COMMENTED)
    (home / place / "bad.pkl").write_bytes(cloudpickle.dumps(bad()))
    before = files(home)
    assert run("add", f"{place}/bad.pkl", "--name", "wigeon") == Exit.MODELS_FAILED
    err = capsys.readouterr().err
    assert "error: wigeon is not added: the model raised ZeroDivisionError" in err
    assert files(home) == before
    assert not (home / "models" / "wigeon").exists()


def test_predictions_that_numerai_would_refuse_are_refused(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def predict(live):\n    return live.iloc[:, -1].rank().to_frame('prediction')\n"
    (home / "ranks.py").write_text(code)
    assert run("add", "ranks.py", "--name", "teal") == Exit.MODELS_FAILED
    assert "set postprocess: rank" in capsys.readouterr().err
    assert run("add", "ranks.py", "--name", "teal", "--postprocess", "rank") == Exit.OK


def test_every_fault_of_the_flags_is_told_by_flag(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--tournament", "clasic", "--runtime", "r", "--timeout", "soon", "--priority", "x"]
    flags += ["--neutralize", "small", "--proportion", "2", "--memory", "4", "--data-version", "5"]
    assert run("add", "good.pkl", "--name", "teal", *flags) == Exit.USAGE
    err = capsys.readouterr().err
    for flag in flags[::2]:
        assert f"\n  {flag}: " in err or flag == "--neutralize", flag
    assert "perhaps you meant 'classic'" in err
    assert files(home / "models") == {}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nope.pkl", "--name", "teal"], "PATH nope.pkl: there is no such file"),
        ([".", "--name", "teal"], "the models root models lies in it"),
        (["good.pkl", "--name", ""], "--name: must be text"),
        (["good.pkl", "--name", "../x"], "cannot be a model's name"),
        (["good.pkl", "--name", "x", "--env", "NOT_SET"], "--env NOT_SET: not set here"),
        (["good.pkl", "--name", "x", "--proportion", "1"], "--proportion: of what?"),
        (["good.pkl", "--name", "x", "--data", "live.parquet"], "--data live.parquet: no such"),
        (["good.pkl", "--name", "x", "--data", "good.pkl"], "not a parquet file"),
        (["good.pkl", "--name", "x", "--data", "models"], "a folder, not a file"),
        (["p.csv", "--name", "x"], "another program is to write it under the models root"),
    ],
)
def test_nonsense_is_refused_before_anything_is_tried(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    (home / "p.csv").write_text("id,prediction\nn1,0.5\n")
    before = files(home)
    assert run("add", *argv) == Exit.USAGE
    assert told in capsys.readouterr().err
    assert files(home) == before


def test_a_manifest_that_is_not_valid_is_told_as_by_every_command(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "models" / "models_manifest.yaml").write_text("version: 1\nmodles: []\n")
    assert run("add", "good.pkl", "--name", "teal") == Exit.USAGE
    assert "perhaps you meant 'models'" in capsys.readouterr().err


def test_a_file_that_is_exchanged_takes_its_pinned_modules_with_it(run: Run, home: Path) -> None:
    code = "def predict(live):\n    return live.iloc[:, -1].rank(pct=True).to_frame('prediction')\n"
    (home / "m.py").write_text(code)
    path = home / "models" / "models_manifest.yaml"
    entry = f"{{name: teal, artifact: old.py, modules: {'ab' * 32}, priority: 3}}"
    path.write_text(f"version: 1\nmodels:\n  - {entry}\n")
    assert run("add", "m.py", "--name", "teal", "--replace") == Exit.OK
    (model,) = manifest(home).models
    assert (model.modules, model.priority) == (None, 3)
    assert "modules" not in path.read_text()


def test_one_name_in_two_tournaments_is_two_models(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import pandas as pd\ndef predict(live, universe):\n"
    code += "    return pd.Series(range(len(universe)), index=universe)\n"
    (home / "m.py").write_text(code)
    flags = ["--name", "teal", "--postprocess", "rank"]
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    assert run("add", "m.py", *flags, "--tournament", "crypto") == Exit.OK
    assert [model.key for model in manifest(home).models] == [
        ("classic", "teal"),
        ("crypto", "teal"),
    ]
    capsys.readouterr()
    assert run("add", "m.py", *flags, "--replace") == Exit.USAGE
    assert "--tournament: teal is in classic and crypto; say which" in capsys.readouterr().err
    assert run("predict", "teal") == Exit.USAGE
    assert "say which with --tournament" in capsys.readouterr().err


def test_defaults_of_the_manifest_hold_for_what_is_added(run: Run, home: Path) -> None:
    text = "version: 1\ndefaults: {postprocess: rank, features: [feature_a, feature_b]}\nmodels: []"
    (home / "models" / "models_manifest.yaml").write_text(f"{text}\n")
    code = "def predict(live):\n    assert len(live.columns) == 3, live.columns\n"
    (home / "m.py").write_text(f"{code}    return live.iloc[:, -1].to_frame('prediction')\n")
    assert run("add", "m.py", "--name", "teal") == Exit.OK
    assert manifest(home).models[0].postprocess == "rank"


def test_a_finished_file_is_neither_pinned_nor_given_a_note(run: Run, home: Path) -> None:
    rows = "".join(f"n{place},{place / 9}\n" for place in range(1, 9))
    (home / "models" / "p.csv").write_text(f"id,prediction\n{rows}")
    assert run("add", "models/p.csv", "--name", "teal") == Exit.OK
    assert manifest(home).models[0].sha256 is None
    assert set(files(home / "models")) == {"p.csv", "models_manifest.yaml"}


def test_a_module_that_lay_beside_a_single_file_is_named_with_the_way_out(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "research"
    folder.mkdir()
    (folder / "my_lib.py").write_text("def last(live): return live.iloc[:, -1]\n")
    code = "import my_lib\ndef predict(live):\n"
    (folder / "model.py").write_text(
        f"{code}    return my_lib.last(live).rank(pct=True).to_frame('prediction')\n"
    )
    assert run("add", "research/model.py", "--name", "teal") == Exit.MODELS_FAILED
    assert f"give the folder {folder} as PATH" in capsys.readouterr().err
    assert files(home / "models") == {}
    assert run("add", "research", "--name", "teal") == Exit.OK
    (model,) = manifest(home).models
    assert str(model.artifact) == "teal"
    assert model.sha256 == tree_sha256(folder) == tree_sha256(home / "models" / "teal")
    assert (home / "models" / "teal.meta.json").is_file()


def test_secrets_reach_the_model_and_no_output(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def predict(live, secrets):\n    raise ValueError(secrets['MY_KEY'])\n"
    (home / "m.py").write_text(code)
    argv = ["add", "m.py", "--name", "teal", "--env", "MY_KEY"]
    assert run(*argv, MY_KEY="p4ssw0rd-of-mine") == Exit.MODELS_FAILED
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "p4ssw0rd-of-mine" not in err


def test_what_was_put_in_place_is_taken_back_when_the_manifest_cannot_be_written(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise UnavailableError("somebody else was quicker")

    monkeypatch.setattr("job.commands.add.add_model", fails)
    assert run("add", "good.pkl", "--name", "teal") == Exit.UNAVAILABLE
    assert files(home / "models") == {}


def test_a_models_root_that_is_not_there_is_made_for_a_model_that_would_do(
    run: Run, home: Path
) -> None:
    (home / "models").rmdir()
    (home / "bad.pkl").write_bytes(cloudpickle.dumps(bad()))
    assert run("add", "bad.pkl", "--name", "teal") == Exit.MODELS_FAILED
    assert not (home / "models").exists()
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    assert [model.name for model in manifest(home).models] == ["teal"]


# --- placing ---


def test_a_copy_that_differs_from_what_was_read_is_refused(home: Path) -> None:
    place = place_of(Path("good.pkl"), name="teal", models_dir=Path("models"))
    (home / "good.pkl").write_bytes(b"another file by now")
    with (
        pytest.raises(UnavailableError, match="changed while it was copied"),
        staged(place, models_dir=Path("models")),
    ):
        raise AssertionError("it is not handed out")
    assert list((home / "models").iterdir()) == []


def test_what_a_killed_add_has_left_is_cleared_by_the_next(home: Path) -> None:
    left, begun = (home / "models" / f".good.pkl.{name}.part" for name in ("old", "new"))
    for folder in (left, begun):
        folder.mkdir()
        (folder / "half").write_bytes(b"a half")
    os.utime(left, (0, 0))
    place = place_of(Path("good.pkl"), name="teal", models_dir=Path("models"))
    with staged(place, models_dir=Path("models")) as copy:
        settle(place, copy)
    assert set(files(home / "models")) == {"teal/good.pkl", ".good.pkl.new.part/half"}


def test_links_lead_to_the_file_itself(home: Path) -> None:
    (home / "models" / "link.pkl").symlink_to(home / "good.pkl")
    place = place_of(Path("models/link.pkl"), name="teal", models_dir=Path("models"))
    assert place.copied
    assert place.relative == "teal/good.pkl"
    (home / "loop").symlink_to("loop")
    os.mkfifo(home / "pipe")
    for name in ("loop", "pipe"):
        with pytest.raises(UsageError):
            place_of(Path(name), name="teal", models_dir=Path("models"))


# --- predict ---


def test_predict_writes_csv_or_parquet_with_the_figures(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_round(home / "data", 1400)
    assert run("add", "good.pkl", "--name", "teal", "--postprocess", "rank") == Exit.OK
    capsys.readouterr()
    assert run("predict", "TEAL") == Exit.OK
    told = capsys.readouterr()
    assert "teal.csv: 200 rows for v5.3/live.parquet of round 1400, mean 0.5000" in told.out
    assert "predicting" in told.err
    assert run("predict", "teal", "--out", "t.parquet") == Exit.OK
    csv, parquet = pd.read_csv(home / "teal.csv"), pd.read_parquet(home / "t.parquet")
    assert list(csv.columns) == ["id", "prediction"]
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    assert csv["prediction"].between(0, 1, inclusive="neither").all()


def test_predict_without_live_data_says_how_to_get_them(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    assert run("predict", "teal") == Exit.MODELS_FAILED
    assert "download_dataset('v5.3/live.parquet')" in capsys.readouterr().err
    elsewhere = leave_round(home / "other", 1200) / "v5.3" / "live.parquet"
    assert run("predict", "teal", "--data", str(elsewhere)) == Exit.OK


def test_a_file_that_numerai_would_refuse_is_written_and_told(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_round(home / "data", 1400)
    code = "def predict(live):\n    return live.iloc[:, -1].rank().to_frame('prediction')\n"
    (home / "models" / "m.py").write_text(code)
    entry = json.dumps({"version": 1, "models": [{"name": "teal", "artifact": "m.py"}]})
    (home / "models" / "models_manifest.yaml").write_text(entry)
    assert run("predict", "teal") == Exit.MODELS_FAILED
    assert "teal.csv is written, but Numerai would refuse it" in capsys.readouterr().err
    assert len(pd.read_csv(home / "teal.csv")) == 200


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["tael"], "perhaps you meant 'teal'"),
        (["teal", "--tournament", "crypto"], "not in the manifest as a crypto model"),
        (["teal", "--out", "x.txt"], "must end in .csv or .parquet"),
        (["teal", "--data", "x.parquet"], "no such file"),
    ],
)
def test_wrong_words_to_predict_are_told(
    run: Run, home: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    (home / "models" / "models_manifest.yaml").write_text(COMMENTED)
    assert run("predict", *argv) == Exit.USAGE
    assert told in capsys.readouterr().err


def test_predict_into_a_place_that_takes_nothing_is_4(run: Run, home: Path) -> None:
    leave_round(home / "data", 1400)
    assert run("add", "good.pkl", "--name", "teal") == Exit.OK
    assert run("predict", "teal", "--out", "good.pkl/x.csv") == Exit.UNAVAILABLE


def test_the_example_of_a_clone_is_nobodys_manifest(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = home / "models_manifest.yaml"
    example.write_text(COMMENTED)
    assert run("add", "good.pkl", "--name", "wigeon") == Exit.OK  # in the working folder, it counts
    assert example.read_text() != COMMENTED
    example.write_text(COMMENTED)
    monkeypatch.setattr("job.manifest.loading.EXAMPLE", example)
    assert run("add", "good.pkl", "--name", "wigeon") == Exit.OK
    assert example.read_text() == COMMENTED
    assert [model.name for model in manifest(home).models] == ["wigeon"]
