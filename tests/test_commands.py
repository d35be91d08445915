"""`init`, `check` and `status` against the sandbox, in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from job.__main__ import command
from job.cli import parse
from job.errors import Exit
from job.manifest import load_manifest, read_manifest
from job.sandbox import TINY, Sandbox
from job.sidecar import Sidecar, TrialNote, Tried, write_sidecar
from tests.clock import NOON

MANIFEST = """
version: 1
models:
  - {name: anas_platyrhynchos, artifact: anas.pkl, features: small}
  - {name: aythya_fuligula, artifact: aythya.txt}
"""
Run = Callable[..., int]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """On the system's clock, which is the one that the commands read."""
    with Sandbox(shape=TINY) as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models root with two artifacts, which nobody is going to load."""
    (tmp_path / "anas.pkl").write_bytes(b"a pickle")
    (tmp_path / "aythya.txt").write_bytes(b"a booster")
    (tmp_path / "models_manifest.yaml").write_text(MANIFEST)
    return tmp_path


@pytest.fixture
def run(box: Sandbox, models: Path) -> Run:
    """Runs a command with everything set; keywords replace variables, None takes one out."""

    def run_command(*argv: str, **changes: str | None) -> int:
        environ: dict[str, str | None] = {
            "NUMERAI_API_URL": box.api_url,
            "NUMERAI_PUBLIC_ID": box.public_id,
            "NUMERAI_SECRET_KEY": box.secret_key,
            "NUMERAI_MODELS_DIR": str(models),
            "NUMERAI_DATA_DIR": str(models / "data"),
            "NUMERAI_RETRY_PATIENCE": "0",
            **changes,
        }
        return command(argv, {name: value for name, value in environ.items() if value is not None})

    return run_command


def faults(out: str) -> list[str]:
    """The report's fault lines."""
    return [line.removeprefix("fault").strip() for line in out.splitlines() if "fault " in line]


def test_check_of_a_sound_set_up_finds_no_fault(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check") == Exit.OK
    out = capsys.readouterr().out
    assert faults(out) == []
    assert "ok       dataset v5.3/live.parquet" in out
    assert "ok       dataset v5.3/features.json" in out
    assert "faults: 0" in out


def test_check_uploads_nothing_and_leaves_no_file(run: Run, box: Sandbox, models: Path) -> None:
    before = sorted(models.rglob("*"))
    run("check")
    assert box.submissions == []
    assert sorted(models.rglob("*")) == before


def test_check_reports_faults_of_every_kind_in_one_report(
    run: Run, box: Sandbox, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box.scopes = ["read_user_info", "read_submission_info"]
    box.objects.withhold("v5.3/live.parquet")
    (models / "anas.pkl").unlink()
    text = MANIFEST + "  - {name: nobody_knows_me, artifact: aythya.txt}\n"
    text = text.replace("aythya.txt}", f"aythya.txt, sha256: {'ab' * 32}}}", 1)
    (models / "models_manifest.yaml").write_text(text)
    assert run("check") == Exit.UNAVAILABLE
    found = "\n".join(faults(capsys.readouterr().out))
    assert "lacks: upload_submission" in found
    assert "no file anas.pkl" in found
    assert "not the file that the manifest pins" in found
    assert "has no classic model of this name" in found
    assert "dataset v5.3/live.parquet" in found


def test_check_without_credentials_still_checks_the_rest(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "anas.pkl").write_bytes(b"")
    assert run("check", NUMERAI_PUBLIC_ID=None, NUMERAI_SECRET_KEY=None) == Exit.USAGE
    out = capsys.readouterr().out
    assert "NUMERAI_PUBLIC_ID: not set" in out
    assert "anas.pkl is empty" in out


def test_check_of_a_refused_token_is_4_and_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", NUMERAI_SECRET_KEY="wrong-key") == Exit.UNAVAILABLE
    assert "API token" in "\n".join(faults(capsys.readouterr().out))


def test_check_of_only_a_missing_artifact_is_3(run: Run, models: Path) -> None:
    (models / "aythya.txt").unlink()
    assert run("check") == Exit.MODELS_FAILED


def test_check_reads_the_lists_of_features(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "models_manifest.yaml").write_text(MANIFEST.replace("small", "anas.json"))
    assert run("check") == Exit.MODELS_FAILED
    assert faults(capsys.readouterr().out) == [
        "anas_platyrhynchos: there is no feature list anas.json in the models root"
    ]
    (models / "anas.json").write_text('["feature_a"]')
    assert run("check") == Exit.OK


def test_check_warns_of_a_token_that_can_stake_and_of_another_pipeline(
    run: Run, box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.scopes = [*box.scopes, "stake"]
    model = box.model("aythya_fuligula")
    box.roster.change_model(model.id, webhook="https://example.invalid/hook")
    assert run("check") == Exit.OK
    out = capsys.readouterr().out
    assert "warning  the token can stake" in out
    assert "does another pipeline still submit this model?" in out
    assert "example.invalid" not in out


@pytest.mark.parametrize(
    ("own", "is_own"),
    [
        ("https://prod-01.example:443/workflows/0123", True),
        ("https://PROD-01.example/workflows/0123/", True),
        ("https://prod-01.example/workflows/01", False),
        ("https://prod-02.example/workflows/0123", False),
        ("https://prod-01.example:444/workflows/0123", False),
        ("https://prod-01.example/workflows/0123/triggers/other", False),
        ("https://prod-01.example:port/workflows/0123", False),
        ("", False),
    ],
)
def test_check_does_not_warn_of_the_jobs_own_webhook(
    run: Run, box: Sandbox, capsys: pytest.CaptureFixture[str], own: str, is_own: bool
) -> None:
    model = box.model("aythya_fuligula")
    url = "https://prod-01.example/workflows/0123/triggers/called/paths/invoke?sv=1.0&sig=hush"
    box.roster.change_model(model.id, webhook=url)
    assert run("check", NUMERAI_OWN_WEBHOOK=own) == Exit.OK
    out = capsys.readouterr().out
    assert ("does another pipeline still submit this model?" not in out) == is_own
    assert ("aythya_fuligula: Numerai calls this job's own webhook" in out) == is_own
    assert "hush" not in out


def test_check_names_a_hosted_model_and_the_way_out(
    run: Run, box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.roster.change_model(box.model("aythya_fuligula").id, hosted=True)
    assert run("check") == Exit.MODELS_FAILED
    assert "remove that pickle" in "\n".join(faults(capsys.readouterr().out))


def test_status_shows_every_model_and_the_rounds_times(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "aythya.txt").unlink()
    assert run("status") == Exit.OK
    out = capsys.readouterr().out
    assert "classic round 1400 (on time)" in out
    anas, aythya = (next(x for x in out.splitlines() if x.startswith(n)) for n in ("anas", "ayth"))
    assert anas.split()[3:5] == ["no", "yes"]
    assert aythya.split()[3:5] == ["no", "no"]


def test_status_as_json_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--json") == Exit.OK
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    status = json.loads(out)
    assert status["rounds"]["classic"]["phase"] == "on time"
    assert [row["submitted"] for row in status["models"]] == [False, False]


def test_status_between_rounds_says_so(
    run: Run, box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.rounds.close(tournament=8)
    assert run("status") == Exit.OK
    assert "no round is open" in capsys.readouterr().out


def test_status_of_an_unreachable_service_is_4(run: Run) -> None:
    assert run("status", NUMERAI_API_URL="http://127.0.0.1:9") == Exit.UNAVAILABLE


def test_status_with_faulty_settings_is_2_with_all_faults(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", NUMERAI_WAIT="soon", NUMERAI_WORKERS="many") == Exit.USAGE
    err = capsys.readouterr().err
    assert "NUMERAI_WAIT" in err
    assert "NUMERAI_WORKERS" in err


@pytest.mark.parametrize("stdout", [None, "full"])
def test_a_stdout_that_takes_nothing_changes_no_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, stdout: str | None
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full if stdout else None)
        assert run("check") == Exit.OK
        assert run("status") == Exit.OK


def test_the_demo_without_its_extra_says_what_to_install() -> None:
    without = "import sys; sys.modules['graphql'] = None"
    program = f"{without}; from job.__main__ import command; sys.exit(command(['demo'], {{}}))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == Exit.USAGE
    assert "pip install 'numerai-job[demo]'" in ended.stderr
    assert ended.stdout == ""


def write_signals(models: Path, **keys: object) -> None:
    """Adds a Python model of Signals to the manifest."""
    entry = {"name": "somateria_mollissima", "artifact": "s.py", "tournament": "signals", **keys}
    text = (models / "models_manifest.yaml").read_text()
    (models / "models_manifest.yaml").write_text(f"{text}  - {json.dumps(entry)}\n")
    code = "import pandas as pd\ndef predict(live, universe):\n"
    code += "    return pd.Series(range(len(universe)), index=universe)\n"
    (models / "s.py").write_text(code)


def test_check_names_the_universe_that_is_listed_or_those_that_might_be(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_signals(models)
    assert run("check") == Exit.OK
    assert "ok       signals universe signals/v3.1/live.parquet" in capsys.readouterr().out
    text = (models / "models_manifest.yaml").read_text()
    text = text.replace('"tournament"', '"data_version": "v9.9", "tournament"')
    (models / "models_manifest.yaml").write_text(text)
    assert run("check") == Exit.UNAVAILABLE
    (fault,) = faults(capsys.readouterr().out)
    assert "signals/v9.9/live.parquet and signals/v9.9/live_universe.parquet" in fault


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"features": "small"}, "there are no sets of features to name; give the names"),
        ({"neutralize": {"features": "small"}}, "there are no sets of features to name"),
        ({"guard": {"reference": "meta.parquet"}}, "correct the name, or do without it"),
    ],
)
def test_check_tells_of_what_a_tournament_does_not_have(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str], keys: dict[str, Any], said: str
) -> None:
    write_signals(models, **keys)
    assert run("check") == Exit.MODELS_FAILED
    (fault,) = faults(capsys.readouterr().out)
    assert "somateria_mollissima: Numerai publishes no signals/v3.1/" in fault
    assert said in fault


def test_check_tells_of_variables_that_models_need(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_signals(models, env=["MY_DATA_KEY"])
    assert run("check") == Exit.MODELS_FAILED
    (fault,) = faults(capsys.readouterr().out)
    assert fault == "somateria_mollissima: is to be given MY_DATA_KEY, not set in the environment"
    assert run("check", MY_DATA_KEY="a secret of mine") == Exit.OK
    out = capsys.readouterr().out
    assert "somateria_mollissima: MY_DATA_KEY set" in out
    assert "a secret of mine" not in out


def test_check_tells_of_runtimes_that_are_not_there(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtimes = f"runtimes: {{mine: {sys.executable}, gone: /nowhere/bin/python}}\n"
    path = models / "models_manifest.yaml"
    path.write_text(MANIFEST.replace("models:", f"{runtimes}models:"))
    assert run("check") == Exit.OK
    out = capsys.readouterr().out
    assert f"ok       runtime mine: {sys.executable}" in out
    assert "warning  runtime gone: there is no /nowhere/bin/python" in out
    path.write_text(path.read_text().replace("anas.pkl,", "anas.pkl, runtime: gone,"))
    assert run("check") == Exit.MODELS_FAILED
    assert "runtime create gone" in faults(capsys.readouterr().out)[0]


def test_check_awaits_a_finished_file_that_is_not_there_yet(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / "models_manifest.yaml"
    path.write_text(MANIFEST.replace("aythya.txt", "aythya.csv"))
    assert run("check") == Exit.OK
    assert "warning  aythya_fuligula: aythya.csv is not there yet" in capsys.readouterr().out


def test_check_deep_tries_every_enabled_model_and_runtime(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"version: 1\nruntimes: {{mine: {sys.executable}, broken: /bin/true}}\nmodels:\n"
    for name in ("anas_platyrhynchos", "aythya_fuligula", "mergus_merganser"):
        enabled = str(name != "mergus_merganser").lower()
        text += f"  - {{name: {name}, artifact: {name}.py, enabled: {enabled}}}\n"
    (models / "models_manifest.yaml").write_text(text)
    good = "def predict(live):\n    return live.iloc[:, -1].rank(pct=True).to_frame('prediction')\n"
    (models / "anas_platyrhynchos.py").write_text(good)
    (models / "aythya_fuligula.py").write_text("def predict(live):\n    raise OSError('alas')\n")
    before = sorted(models.rglob("*"))
    assert run("check", "--deep") == Exit.MODELS_FAILED
    told = capsys.readouterr()
    assert "ok       runtime mine: Python 3." in told.out
    assert "ok       anas_platyrhynchos: predicted 6,500 rows of made-up live data in" in told.out
    broken, failed = faults(told.out)
    assert "runtime broken: the model runtime /bin/true does not start" in broken
    assert "aythya_fuligula: the model raised OSError: alas" in failed
    assert "aythya_fuligula: loading aythya_fuligula.py" in told.err
    assert "mergus_merganser: " not in told.out
    assert sorted(models.rglob("*")) == before


def test_check_deep_needs_no_account_for_the_models(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_signals(models, postprocess="rank")
    without = {"NUMERAI_PUBLIC_ID": None, "NUMERAI_SECRET_KEY": None}
    assert run("check", "--deep", **without) == Exit.USAGE
    assert "somateria_mollissima: predicted 5,000 rows" in capsys.readouterr().out


def test_status_shows_format_size_and_last_trial_in_every_tournament(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_signals(models)
    note = TrialNote(at=NOON.isoformat(), rows=200, seconds={"load": 1.0, "predict": 0.5},
                     memory=200 << 20, data="synthetic")  # fmt: skip
    write_sidecar(
        models / "anas.pkl", Sidecar(sha256="ab" * 32, tried=(Tried(python="3.12.1", trial=note),))
    )
    assert run("status") == Exit.OK
    out = capsys.readouterr().out
    assert "signals round 1399 (on time)" in out
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert "2026-11-03 12:10, 1.5 s, 200 MiB" in rows["anas_platyrhynchos"]
    assert "lightgbm" in rows["aythya_fuligula"]
    assert "python" in rows["somateria_mollissima"]
    assert run("status", "--json") == Exit.OK
    anas, aythya, _ = json.loads(capsys.readouterr().out)["models"]
    assert (anas["format"], anas["runtime"], anas["size"]) == ("pickle", None, len(b"a pickle"))
    assert (anas["trial"]["memory"], aythya["trial"]) == (200 << 20, None)


def test_status_shows_no_trial_of_another_file_than_is_pinned(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = TrialNote(at=NOON.isoformat(), rows=200, seconds={}, memory=0, data="synthetic")
    write_sidecar(
        models / "anas.pkl", Sidecar(sha256="ab" * 32, tried=(Tried(python="3.12.1", trial=note),))
    )
    path = models / "models_manifest.yaml"
    path.write_text(MANIFEST.replace("anas.pkl,", f"anas.pkl, sha256: {'cd' * 32},"))
    assert run("status", "--json") == Exit.OK
    assert json.loads(capsys.readouterr().out)["models"][0]["trial"] is None


def test_init_writes_what_the_account_has_and_check_takes_it(
    run: Run, box: Sandbox, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / "models_manifest.yaml"
    path.unlink()
    box.roster.change_model(box.model("aythya_fuligula").id, hosted=True)
    assert run("init") == Exit.OK
    out = capsys.readouterr().out
    assert f"{path}: 4 classic, 1 signals, 1 crypto models, none enabled yet" in out
    names = [model.name for model in read_manifest(path).models]
    assert "aythya_fuligula" not in names
    assert {"anas_platyrhynchos", "somateria_mollissima", "clangula_hyemalis"} <= set(names)
    assert run("check") == Exit.OK


def test_init_never_overwrites_a_manifest(
    run: Run, models: Path, box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models / "models_manifest.yaml"
    assert run("init") == Exit.USAGE
    assert "--out FILE" in capsys.readouterr().err
    assert run("init", "--out", str(path)) == Exit.USAGE
    assert path.read_text() == MANIFEST
    assert box.requests == []
    assert run("init", "--out", str(models / "other.yaml")) == Exit.OK
    assert (models / "other.yaml").is_file()


def test_init_shows_the_skeleton_on_stdout_and_nothing_else(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(models.rglob("*"))
    assert run("init", "--out", "-") == Exit.OK
    assert load_manifest(capsys.readouterr().out, source="stdout").models
    assert sorted(models.rglob("*")) == before


def test_init_without_credentials_or_models_says_what_to_do(
    run: Run, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "models_manifest.yaml").unlink()
    assert run("init", NUMERAI_PUBLIC_ID=None) == Exit.USAGE
    assert "NUMERAI_PUBLIC_ID: not set" in capsys.readouterr().err
    with Sandbox(shape=TINY, models=[]) as empty:
        assert run("init", NUMERAI_API_URL=empty.api_url) == Exit.USAGE
    assert "has no models" in capsys.readouterr().err
    assert not (models / "models_manifest.yaml").exists()


@pytest.mark.parametrize("name", ["run", "status", "check", "init", "add", "predict"])
def test_the_help_of_each_command_teaches_by_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([name, "--help"])
    assert ended.value.code == 0
    assert f"numerai-job {name}" in capsys.readouterr().out.partition("example")[2]
