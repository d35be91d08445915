"""`check` and `status` against the sandbox, in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from job.__main__ import command
from job.errors import Exit
from job.sandbox import TINY, Sandbox

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
