"""`runtime create` and `runtime list`, from the command line to the manifest."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from job.__main__ import command
from job.errors import Exit, ModelError
from job.manifest import read_manifest
from job.runtimes.interpreters import minors_here, own_minor, unfinished, version_of
from job.sidecar import Sidecar, Tried, made_with, write_sidecar
from job.workers import Worker, worker_environment

MANIFEST = """\
version: 1

models:
  - {name: anas, artifact: anas.pkl}      # the first
  - {name: aythya, artifact: aythya.txt}
"""
OWN = sys.version.split()[0]
Run = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A models root with a manifest."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "models_manifest.yaml").write_text(MANIFEST)
    return folder


@pytest.fixture
def environ(tmp_path: Path, root: Path) -> dict[str, str]:
    """Without credentials, and with a uv that makes environments of this very Python: all that is
    faked, for pandas takes long to install.
    """
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/said\n'
        'if [ "$1" = venv ]; then\n'
        '  for folder; do :; done; mkdir -p "$folder/bin"; touch "$folder/pyvenv.cfg"\n'
        f'  printf \'#!/bin/sh\\nexec {sys.executable} "$@"\\n\' > "$folder/bin/python"\n'
        '  chmod +x "$folder/bin/python"\n'
        f"elif [ -e {tmp_path}/broken ]; then echo no network; exit 2; fi\n"
    )
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{uv.parent}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "NUMERAI_MODELS_DIR": str(root),
        "NUMERAI_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def run(environ: dict[str, str]) -> Run:
    return lambda *argv: command(["runtime", *argv], environ)


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("pandas\npyarrow\n")
    return path


class TestCreate:
    def test_one_is_made_proven_and_named(
        self,
        run: Run,
        root: Path,
        tmp_path: Path,
        requirements: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.OK
        python = tmp_path / "data/runtimes/mine/bin/python"
        out = capsys.readouterr().out
        assert f"1/3 an environment of Python {OWN} (" in out
        assert f"2/3 what {requirements} lists" in out
        assert f"it starts: Python {OWN}, numpy " in out
        assert f"models made with Python {own_minor()} may now say `runtime: mine`" in out
        text = (root / "models_manifest.yaml").read_text()
        assert text == MANIFEST.replace("\n\n", f"\n\nruntimes:\n  mine: {python}\n\n", 1)
        assert not unfinished(python.parents[1]).exists()

    def test_one_of_a_shipped_list_needs_no_more_than_its_name(
        self, run: Run, tmp_path: Path
    ) -> None:
        name = f"numerai-{own_minor()}"
        if own_minor() not in {"3.11", "3.12", "3.13"}:
            pytest.skip(f"no list is shipped for Python {own_minor()}")
        assert run("create", name, "--into", str(tmp_path / "there")) == Exit.OK
        assert f"runtimes/{name}.txt" in (tmp_path / "said").read_text()
        assert (tmp_path / "there/bin/python").exists()

    def test_a_manifest_is_begun_where_there_is_none(
        self, run: Run, root: Path, requirements: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(root)
        path = root / "models_manifest.yaml"
        path.unlink()
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.OK
        assert list(read_manifest(path, empty=True).runtimes) == ["mine"]
        assert run("list") == Exit.OK

    def test_models_that_want_this_python_are_named(
        self, run: Run, root: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gone = "version: 1\nruntimes: {gone: /gone}\nmodels:\n" + "".join(
            f"- {{name: {name}, artifact: {name}.pkl, runtime: {runtime}}}\n"
            for name, runtime in (("a", "gone"), ("b", "null"), ("c", "gone"), ("d", "gone"))
        )
        (root / "models_manifest.yaml").write_text(gone)
        write_sidecar(root / "a.pkl", Sidecar(sha256="1" * 64, tried=(Tried(python=OWN),)))
        write_sidecar(root / "b.pkl", Sidecar(sha256="1" * 64, tried=(Tried(python=OWN),)))
        write_sidecar(root / "c.pkl", Sidecar(sha256="1" * 64, tried=(Tried(python="3.9.1"),)))
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.OK
        assert "made with it, and run with another so far: a\n" in capsys.readouterr().out

    def test_again_is_refused_but_for_force(
        self, run: Run, requirements: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.OK
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.USAGE
        assert "make it anew with --force" in capsys.readouterr().err
        assert run("create", "mine", "--requirements", str(requirements), "--force") == Exit.OK

    def test_a_failure_leaves_neither_folder_nor_name(
        self,
        run: Run,
        root: Path,
        tmp_path: Path,
        requirements: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "broken").touch()
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.UNAVAILABLE
        assert "uv ended with exit code 2 and said:\n    no network\n" in capsys.readouterr().err
        assert not (tmp_path / "data/runtimes/mine").exists()
        assert (root / "models_manifest.yaml").read_text() == MANIFEST

    def test_one_that_cannot_be_named_stays_with_the_line_to_write(
        self,
        run: Run,
        root: Path,
        tmp_path: Path,
        requirements: Path,
        environ: dict[str, str],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        uv = tmp_path / "bin/uv"
        spoil = f"echo 'version: 2' > {root}/models_manifest.yaml"
        uv.write_text(uv.read_text() + spoil + "\n")
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.USAGE
        python = tmp_path / "data/runtimes/mine/bin/python"
        assert python.exists()
        assert f"by hand:\n  mine: {python}\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("argv", "expected"),
        [
            (["numerai-3.1"], "perhaps you meant 'numerai-3.1"),
            (["mine"], "mine: give --requirements FILE; only numerai-3.11, "),
            (["mine", "--requirements", "gone.txt"], "--requirements gone.txt: no such file"),
            (["numerai-3.12", "--python", "3.13"], "numerai-3.12 is for Python 3.12"),
            (["numerai-3.12", "--python", "3.9"], "--python 3.9: give a version from 3.10 on"),
            (["mine", "--python", "/usr/bin/python"], "give a version from 3.10 on"),
            (["a/b"], "a/b: cannot be a runtime's name"),
        ],
    )
    def test_what_is_asked_wrongly_is_refused_before_anything_is_made(
        self,
        run: Run,
        tmp_path: Path,
        argv: list[str],
        expected: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert run("create", *argv) == Exit.USAGE
        assert expected in capsys.readouterr().err
        assert not (tmp_path / "data").exists()

    def test_a_python_that_is_not_here_is_told_with_those_that_are(
        self, run: Run, requirements: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ("create", "mine", "--requirements", str(requirements), "--python", "3.99")
        assert run(*argv) == Exit.USAGE
        err = capsys.readouterr().err
        assert "there is no Python 3.99 on this machine" in err
        assert own_minor() in err
        assert "`uv python install 3.99` or `pyenv install 3.99`" in err

    def test_a_manifest_that_is_wrong_is_refused_first(
        self, run: Run, root: Path, tmp_path: Path, requirements: Path
    ) -> None:
        (root / "models_manifest.yaml").write_text("version: 2\nmodels: []\n")
        assert run("create", "mine", "--requirements", str(requirements)) == Exit.USAGE
        assert not (tmp_path / "data").exists()


class TestList:
    def test_each_is_shown_with_what_it_has(
        self, run: Run, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        half = tmp_path / "half" / "bin" / "python"
        half.parent.mkdir(parents=True)
        half.touch()
        unfinished(tmp_path / "half").touch()
        bare = tmp_path / "bare"
        bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        bare.chmod(0o755)
        runtimes = f"{{own: {sys.executable}, gone: gone, half: {half}, bare: {bare}}}"
        (root / "models_manifest.yaml").write_text(MANIFEST + f"runtimes: {runtimes}\n")
        assert run("list") == Exit.MODELS_FAILED
        rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[2:]}
        assert rows["own"].split()[2] == OWN
        assert rows["own"].endswith("yes")
        assert f"{root}/gone" in rows["gone"]
        assert rows["gone"].endswith("no: there is no such file")
        assert rows["half"].endswith("no: half made; make it again")
        assert rows["bare"].split()[2] == OWN
        assert "needs pandas" in rows["bare"]

    def test_none_is_told_with_the_command_that_makes_one(
        self, run: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("list") == Exit.OK
        assert "`python -m job runtime create NAME` makes one" in capsys.readouterr().out


def another_minor() -> str:
    others = [minor for minor in minors_here(os.environ) if minor not in (own_minor(), "3.14")]
    if not others:
        pytest.skip(f"no other Python than {own_minor()} is on this machine")
    return others[-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pickle_runs_in_the_runtime_made_for_it_and_is_refused_elsewhere(
    environ: dict[str, str],
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    minor = another_minor()
    requirements = tmp_path / "list.txt"
    requirements.write_text("pandas\npyarrow\ncloudpickle\n--only-binary :all:\n")
    (tmp_path / "bin/uv").unlink()  # venv and pip, both real
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environ = {**environ, **pip}
    argv = ["runtime", "create", "old", "--python", minor, "--requirements", str(requirements)]
    code = command(argv, environ)
    if code == Exit.UNAVAILABLE:
        pytest.skip(f"Python {minor} or its packages: {capsys.readouterr().err[-300:]}")
    assert code == Exit.OK

    python = read_manifest(root / "models_manifest.yaml").runtimes["old"]
    artifact = root / "anas.pkl"
    script = (
        "import cloudpickle, sys\n"
        "def predict(live):\n"
        "    return live[['f']].rename(columns={'f': 'prediction'})\n"
        "open(sys.argv[1], 'wb').write(cloudpickle.dumps(predict))\n"
    )
    subprocess.run([python, "-c", script, artifact], check=True, timeout=120)
    home = worker_environment(environ, threads=1, home=tmp_path / "home")
    with Worker(environment=home) as worker:
        versions = worker.versions(python)
        assert versions["Python"] == version_of(python)
        load = {"format": "pickle", "features": None, "timeout": 60.0, "memory": None}
        assert worker.load(artifact, **load, python=python).kind == "function"
        sidecar = Sidecar(sha256="1" * 64, tried=(Tried(python=versions["Python"]),))
        with pytest.raises(ModelError, match="`runtime: old` in the manifest would do"):
            made_with(sidecar, worker.versions(), format="pickle", runtimes={"old": python})
