"""Interpreters: a model's own, and what is found on a machine."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from job.errors import ModelError
from job.manifest import Manifest, load_manifest, read_manifest
from job.runtimes.interpreters import (
    find_python,
    minor_of,
    minors_here,
    own_minor,
    python_of,
    shipped_list,
    shipped_names,
    version_of,
)
from tests.builders import a_model

OWN = ".".join(map(str, sys.version_info[:3]))


def a_python(path: Path, version: str = "3.12.99", script: str = "") -> Path:
    """Something that answers as a Python of that version does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script or f'echo {version}'}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def manifest(**runtimes: Path) -> Manifest:
    return Manifest(path="m.yaml", sha256="", models=(), runtimes=runtimes)


class TestOfAModel:
    def test_a_model_without_a_runtime_has_the_jobs_own(self) -> None:
        assert python_of(a_model(), manifest()) is None

    def test_one_that_is_there_is_given_as_it_is_written(self, tmp_path: Path) -> None:
        link = tmp_path / "python"
        link.symlink_to(sys.executable)  # as a virtual environment has it, which it must stay
        assert python_of(a_model(runtime="r"), manifest(r=link)) == link

    def test_one_that_is_not_there_is_the_models_failure(self, tmp_path: Path) -> None:
        for known in (manifest(r=tmp_path / "bin/python"), manifest(r=tmp_path)):
            with pytest.raises(ModelError) as caught:
                python_of(a_model(runtime="r"), known)
            assert caught.value.what == "the runtime r is not there"
            assert "python -m job runtime create r --requirements FILE" in caught.value.hint

    def test_one_of_a_shipped_list_is_made_without_another(self, tmp_path: Path) -> None:
        known = manifest(**{"numerai-3.12": tmp_path / "gone"})
        with pytest.raises(ModelError) as caught:
            python_of(a_model(runtime="numerai-3.12"), known)
        assert "`python -m job runtime create numerai-3.12`" in caught.value.hint

    def test_relative_ones_are_under_the_models_root(self, tmp_path: Path) -> None:
        text = (
            "version: 1\nruntimes: {r: r/bin/python, s: /s}\nmodels: [{name: a, artifact: a.pkl}]"
        )
        path = tmp_path / "m.yaml"
        path.write_text(text)
        assert load_manifest(text, source="m").runtimes["r"] == Path("r/bin/python")
        here = read_manifest(path).runtimes
        assert here == {"r": tmp_path / "r/bin/python", "s": Path("/s")}
        elsewhere = read_manifest(path, models_dir=tmp_path / "root").runtimes
        assert elsewhere["r"] == tmp_path / "root/r/bin/python"


class TestVersion:
    def test_an_interpreter_is_asked(self) -> None:
        assert version_of(Path(sys.executable)) == OWN
        assert minor_of(OWN) == own_minor()

    def test_it_is_asked_once_and_again_when_it_has_changed(self, tmp_path: Path) -> None:
        count = tmp_path / "count"
        python = a_python(tmp_path / "python", script=f"echo x >> {count}; echo 3.12.1")
        assert [version_of(python) for _ in range(3)] == ["3.12.1"] * 3
        assert count.read_text() == "x\n"
        a_python(python, "3.13.5")
        assert version_of(python) == "3.13.5"

    @pytest.mark.parametrize("script", ["echo no", "exit 1", "echo", "kill -SEGV $$"])
    def test_what_does_not_answer_as_a_python_is_none(self, tmp_path: Path, script: str) -> None:
        assert version_of(a_python(tmp_path / "python", script=script)) is None

    def test_what_cannot_be_run_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("text")
        assert version_of(tmp_path / "text") is None
        assert version_of(tmp_path / "gone") is None

    def test_nothing_that_is_installed_there_runs(self, tmp_path: Path) -> None:
        said = tmp_path / "said"
        python = a_python(tmp_path / "python", script=f'echo "$@" > {said}; echo 3.12.1')
        version_of(python)
        assert said.read_text().startswith("-I -S -c ")


class TestFinding:
    def test_the_jobs_own_is_found_without_any_path(self) -> None:
        found = find_python(own_minor(), {})
        assert found is not None
        assert version_of(found) == OWN

    def test_path_goes_before_pyenv_and_uv(self, tmp_path: Path) -> None:
        environ = {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
        assert find_python("3.99", environ) is None
        uv = tmp_path / ".local/share/uv/python/cpython-3.99.1-linux/bin/python3.99"
        assert find_python("3.99", self.with_one(environ, uv)) == uv
        pyenv = tmp_path / ".pyenv/versions/3.99.2/bin/python3.99"
        assert find_python("3.99", self.with_one(environ, pyenv)) == pyenv
        on_path = tmp_path / "bin/python3.99"
        assert find_python("3.99", self.with_one(environ, on_path)) == on_path

    @staticmethod
    def with_one(environ: dict[str, str], path: Path) -> dict[str, str]:
        a_python(path, "3.99.1")
        return environ

    def test_one_that_does_not_run_or_is_another_is_passed_over(self, tmp_path: Path) -> None:
        """As a shim of pyenv's for a version that is installed but not chosen."""
        a_python(tmp_path / "bin/python3.99", script="echo not found >&2; exit 127")
        a_python(tmp_path / ".pyenv/versions/3.99.9/bin/python3.99", "3.98.0")
        good = a_python(tmp_path / ".pyenv/versions/3.99.10/bin/python3.99", "3.99.10")
        a_python(tmp_path / ".pyenv/versions/3.99.2/bin/python3.99", "3.99.2")
        environ = {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
        assert find_python("3.99", environ) == good

    def test_the_folders_of_pyenv_and_uv_may_be_elsewhere(self, tmp_path: Path) -> None:
        pyenv = a_python(tmp_path / "p/versions/3.98.1/bin/python3.98", "3.98.1")
        uv = a_python(tmp_path / "u/cpython-3.99.1/bin/python3.99", "3.99.1")
        environ = {
            "PYENV_ROOT": str(tmp_path / "p"),
            "UV_PYTHON_INSTALL_DIR": str(tmp_path / "u"),
        }
        assert find_python("3.98", environ) == pyenv
        assert find_python("3.99", environ) == uv

    def test_what_is_here_is_told_oldest_first(self, tmp_path: Path) -> None:
        for minor in ("3.9", "3.10", "3.13"):
            a_python(tmp_path / f"python{minor}", f"{minor}.0")
        here = minors_here({"PATH": str(tmp_path)})
        assert here == sorted({"3.10", "3.13", own_minor()}, key=lambda m: int(m.split(".")[1]))

    def test_those_of_this_machine_are_found(self) -> None:
        for minor in minors_here(os.environ):
            found = find_python(minor, os.environ)
            assert found is not None
            assert minor_of(version_of(found) or "") == minor


class TestShippedLists:
    def test_there_is_one_for_each_image_of_numerai(self) -> None:
        assert shipped_names() == ["numerai-3.11", "numerai-3.12", "numerai-3.13"]
        assert shipped_list("numerai-3.10") is None
        assert shipped_list("../numerai-3.12") is None

    @pytest.mark.parametrize("name", ["numerai-3.11", "numerai-3.12", "numerai-3.13"])
    def test_each_pins_everything_and_what_a_worker_and_a_pickle_need(self, name: str) -> None:
        path = shipped_list(name)
        assert path is not None
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        pins = dict(line.split("==") for line in lines)
        assert {"pandas", "pyarrow", "numpy", "cloudpickle", "scikit-learn", "joblib"} <= set(pins)

    def test_numerais_python_312_is_pinned_as_it_is_known(self) -> None:
        path = shipped_list("numerai-3.12")
        assert path is not None
        known = "numpy==2.1.3 pandas==2.3.1 pyarrow==18.1.0 scikit-learn==1.6.1 lightgbm==4.5.0"
        assert {*known.split(), "cloudpickle==3.1.1"} <= set(path.read_text().splitlines())
