"""What the image is built with, and what is published, as far as no image is needed to know it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.image import audit, build, engine
from deploy.image.figures import copied_context
from deploy.image.precompile import main as precompile
from deploy.image.requirements import main as requirements
from deploy.image.slim import slim
from job.cli import parse
from tests.image.making import MAKE, MAKE_FURTHER, MAKE_JOB

ROOT = Path(__file__).resolve().parents[1]
PROJECT = str(ROOT / "pyproject.toml")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_requirements_are_the_projects_and_those_of_the_extras(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert requirements([PROJECT]) == 0
    own = set(capsys.readouterr().out.split("\n"))
    assert requirements([PROJECT, "demo", "xgboost"]) == 0
    more = set(capsys.readouterr().out.split("\n"))
    assert own < more
    assert {line.partition(">")[0] for line in more - own} >= {"lightgbm", "xgboost-cpu"}


def test_extras_of_extras_are_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    assert requirements([PROJECT, "dev"]) == 0
    out = capsys.readouterr().out
    assert "cloudpickle" in out
    assert "numerai-job[" not in out


def test_extras_can_be_asked_for_without_the_projects_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert requirements([PROJECT, "--extras", "xgboost", "onnx"]) == 0
    names = [line.partition(">")[0] for line in capsys.readouterr().out.split()]
    assert names == ["xgboost-cpu", "onnxruntime"]
    assert requirements([PROJECT, "--extras"]) == 0
    assert not capsys.readouterr().out.split()


def test_a_misspelt_extra_is_named_with_its_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    assert requirements([PROJECT, "xgbost"]) == 2
    assert "'xgbost' is none of" in (err := capsys.readouterr().err)
    assert "perhaps you meant xgboost?" in err


def test_every_extra_of_the_job_is_locked_for_the_image(capsys: pytest.CaptureFixture[str]) -> None:
    locked = (ROOT / "deploy" / "image" / "constraints.txt").read_text(encoding="utf-8")
    names = {line.partition("==")[0].replace("_", "-").lower() for line in locked.splitlines()}
    extras = tomllib.loads(Path(PROJECT).read_text())["project"]["optional-dependencies"]
    requirements([PROJECT, *(extra for extra in extras if extra not in {"deploy", "dev"})])
    wanted = re.findall(r"^[\w.-]+", capsys.readouterr().out, re.MULTILINE)
    assert {name.replace(".", "-").lower() for name in wanted} <= names, "run `make lock`"


def test_the_images_lock_has_numerais_versions() -> None:
    def pins(path: str) -> dict[str, str]:
        text = (ROOT / path).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    locked, known = pins("deploy/image/constraints.txt"), pins("job/runtimes/numerai-3.12.txt")
    assert {name: known[name] for name in known.keys() & locked.keys()}.items() <= locked.items()
    assert {"numpy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "scipy"} <= known.keys()


@pytest.mark.slow
def test_what_is_slimmed_away_is_gone_and_what_is_beside_it_stays(tmp_path: Path) -> None:
    files = {
        "pandas/core/frame.py": True,
        "pandas/tests/test_frame.py": False,
        "numpy/testing/__init__.py": True,
        "numpy/_core/include/numpy/arrayobject.h": False,
        "pyarrow/libarrow_flight.so.1801": False,
        "pyarrow/flight.py": False,
        "pyarrow/dataset.py": True,
        "aiohttp/client.py": False,
        "aiohttp-1.dist-info/METADATA": False,
        "requests/api.py": True,
    }
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 1000 if "METADATA" not in name else "Name: aiohttp\n")
    record = "aiohttp/client.py,,\naiohttp-1.dist-info/METADATA,,\n"
    (tmp_path / "aiohttp-1.dist-info" / "RECORD").write_text(record)
    removed = {what: saved for what, saved, _ in slim(tmp_path)}
    assert {name: (tmp_path / name).exists() for name in files} == files
    assert removed["test suites"] == 1000
    assert next(iter(slim(tmp_path)))[1] == 0


def test_what_is_compiled_is_good_whatever_the_files_times(tmp_path: Path) -> None:
    (tmp_path / "module_to_compile.py").write_text("VALUE = 1\n")
    command = [sys.executable, "-m", "deploy.image.precompile", str(tmp_path / "out")]
    environ = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    names = ["module_to_compile", "not_installed_here.*"]
    subprocess.run([*command, *names], env=environ, check=True, timeout=60)
    (compiled,) = (tmp_path / "out").rglob("module_to_compile.*.pyc")
    assert compiled.read_bytes()[4] == 0b01  # PEP 552: by hash, and not checked
    assert callable(precompile)


def test_an_audit_that_could_not_be_made_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--database", "http://127.0.0.1:9/query"]) == 0
    assert "audit skipped: the database of vulnerabilities cannot be" in capsys.readouterr().out


def test_where_nothing_builds_images_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "TOOL", tmp_path / "not-there")
    assert engine.main() == 2
    assert "neither a docker daemon nor podman answers here" in capsys.readouterr().err


def test_the_workflow_is_one(tmp_path: Path) -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", *map(str, workflows)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [".ci/run", ".github/workflows/image.yml"])
def test_every_image_is_built_before_the_tests_must_pass(path: str) -> None:
    commands = re.findall(r"make image\b.*", (ROOT / path).read_text(encoding="utf-8"))
    assert commands == [MAKE, MAKE_JOB, MAKE_FURTHER, "make image-test IMAGE_TESTS=must"]


def test_a_tag_of_its_own_spares_the_images_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []

    class Builds(engine.Engine):
        def build(self, tag: str, **_: object) -> subprocess.CompletedProcess[str]:
            built.append(tag)
            return subprocess.CompletedProcess([], 1)

    monkeypatch.setattr(build, "find_engine", lambda: Builds("none"))
    for words in ([], ["--target", "job"], ["--tag", "further"]):
        monkeypatch.setattr(sys, "argv", ["build", *words])
        assert build.main() == 1
    assert built == [engine.IMAGE, engine.JOB_IMAGE, engine.FURTHER_IMAGE]


def test_the_workflow_calls_targets_that_are_there() -> None:
    text = (ROOT / ".github" / "workflows" / "image.yml").read_text(encoding="utf-8")
    called = set(re.findall(r"make (?:--silent )?([a-z-]+)", text))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"image", "image-test", "base-digest"} <= called <= targets


def test_the_readmes_compose_file_keeps_what_the_tests_of_the_image_prove() -> None:
    blocks = re.findall(r"```yml\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (block,) = (block for block in blocks if "services:" in block)
    (service,) = YAML(typ="safe").load(block)["services"].values()
    assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (
        True,
        ["/tmp"],
        ["ALL"],
    )
    assert service["volumes"] == ["./models:/models:ro", "data:/data"]
    parse(service["command"])


def test_dependencies_come_before_the_source() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    with_source = [stage for stage in stages if re.search(r"^COPY job/ ", stage, re.MULTILINE)]
    (stage,) = with_source
    assert "AS source" in stage
    assert stage.index("pip install") < stage.index("COPY job/ ")
    for final in stages[-2:]:
        copies = re.findall(r"^COPY --from=([\w-]+)", final, re.MULTILINE)
        assert copies[-1] == "source"


def test_no_secret_is_asked_for_at_build_time() -> None:
    arguments = re.findall(r"^(?:ARG|ENV) (\w+)", DOCKERFILE, re.MULTILINE)
    assert arguments
    assert not [name for name in arguments if re.search("SECRET|TOKEN|KEY|PASSWORD", name)]


def test_only_what_is_needed_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert "!.git" not in rules
    assert set(re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)) <= {
        *(f"{rule[1:]}/" for rule in rules),
        *(rule[1:] for rule in rules),
        *(f"deploy/image/{name}" for name in ("constraints.txt", "interpreters.sh")),
        "job/runtimes/*.txt",
    }


def test_a_copy_of_what_the_builder_is_sent_has_all_that_is_copied_into_the_image(
    tmp_path: Path,
) -> None:
    context = copied_context(tmp_path / "context")
    lines = re.findall(r"^COPY (?!--from)(.+)$", (context / "Dockerfile").read_text(), re.MULTILINE)
    sources = [source for line in lines for source in line.split()[:-1]]
    assert "job/" in sources
    assert [source for source in sources if not list(context.glob(source))] == []
