"""Model files: found inside the root, and verified before anything reads them."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from job.artifacts import Artifacts
from job.errors import Exit, ModelError
from job.model_spec import ModelSpec
from job.tree import digest_of, modules_listing
from tests.builders import a_model
from tests.models_root import root

__all__ = ["root"]


def pinned(content: bytes = b"a model", **more: Any) -> ModelSpec:
    return a_model(sha256=sha256(content).hexdigest(), **more)


def test_a_model_file_is_found_with_its_digest(root: Path) -> None:
    artifact = Artifacts(root).get(a_model())
    assert artifact.path == root / "mallard.pkl"
    assert artifact.sha256 == sha256(b"a model").hexdigest()
    assert Artifacts(root).get(pinned()) == artifact


def test_a_file_that_is_not_the_one_pinned_is_refused(root: Path) -> None:
    with pytest.raises(ModelError, match="not the file that the manifest pins") as caught:
        Artifacts(root).get(pinned(b"another"))
    assert caught.value.exit_code is Exit.MODELS_FAILED
    assert sha256(b"another").hexdigest() in str(caught.value)
    assert sha256(b"a model").hexdigest() in str(caught.value)


def test_a_missing_file_is_named_with_its_neighbours(root: Path) -> None:
    with pytest.raises(ModelError, match=r"no file teal.pkl") as caught:
        Artifacts(root).get(a_model("teal"))
    assert "mallard.pkl" in caught.value.hint
    with pytest.raises(ModelError, match="is not there either"):
        Artifacts(root).get(a_model(artifact=PurePosixPath("anas/model.pkl")))


def test_an_empty_file_is_said_to_be(root: Path) -> None:
    (root / "mallard.pkl").write_bytes(b"")
    with pytest.raises(ModelError, match="is empty"):
        Artifacts(root).get(a_model())


def test_a_link_that_leaves_the_root_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.pkl").write_bytes(b"x")
    (root / "link.pkl").symlink_to(tmp_path / "outside.pkl")
    with pytest.raises(ModelError):
        Artifacts(root).get(a_model("link"))


def test_a_folder_is_no_model(root: Path) -> None:
    (root / "teal.pkl").mkdir()
    with pytest.raises(ModelError):
        Artifacts(root).get(a_model("teal"))


@pytest.mark.parametrize("change", ["rewritten", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_read_is_noticed(root: Path, change: str) -> None:
    artifact = Artifacts(root).get(a_model())
    artifact.check_unchanged()
    if change == "rewritten":
        artifact.path.write_bytes(b"another model")
    elif change == "replaced":
        os.replace(_written(root / "new.pkl", b"b model"), artifact.path)  # noqa: PTH105
    else:
        artifact.path.unlink()
    with pytest.raises(ModelError, match="was replaced"):
        artifact.check_unchanged()


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def folder(root: Path) -> Path:
    """A Python model with a helper module, weights and what Python left there."""
    folder = root / "pintail"
    (folder / "parts" / "__pycache__").mkdir(parents=True)
    (folder / "model.py").write_text("import parts.ranks\n")
    (folder / "parts" / "ranks.py").write_text("x = 1\n")
    (folder / "parts" / "weights.bin").write_bytes(b"\0\1")
    (folder / "parts" / "__pycache__" / "ranks.pyc").write_bytes(b"compiled")
    return folder


def python_model(name: str = "pintail", suffix: str = "", **more: Any) -> ModelSpec:
    return a_model(name, artifact=PurePosixPath(f"{name}{suffix}"), format="python", **more)


def test_a_folders_digest_is_what_a_shell_prints(root: Path, folder: Path) -> None:
    command = (
        "find . -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    )
    shell = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=True)
    digest = Artifacts(root).get(python_model()).sha256
    assert shell.stdout.split()[0].decode() == digest
    assert Artifacts(root).get(python_model(sha256=digest)).path == folder


def test_any_file_of_a_folder_counts_and_what_python_leaves_does_not(
    root: Path, folder: Path
) -> None:
    before = Artifacts(root).get(python_model())
    (folder / "parts" / "__pycache__" / "model.pyc").write_bytes(b"compiled again")
    assert Artifacts(root).get(python_model()).sha256 == before.sha256
    before.check_unchanged()
    (folder / "parts" / "ranks.py").write_text("x = 2\n")
    assert Artifacts(root).get(python_model()).sha256 != before.sha256
    with pytest.raises(ModelError, match="was replaced"):
        before.check_unchanged()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_out_of_a_folder_is_refused(
    root: Path, folder: Path, tmp_path: Path, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "ranks.py").write_text("x = 3\n")
    (folder / "link").symlink_to(outside if kind == "folder" else outside / "ranks.py")
    with pytest.raises(ModelError, match="a link out of it"):
        Artifacts(root).get(python_model())


def test_a_link_inside_a_folder_is_fine(root: Path, folder: Path) -> None:
    (folder / "other.py").symlink_to(folder / "model.py")
    assert Artifacts(root).get(python_model())


def test_an_empty_folder_is_said_to_be(root: Path) -> None:
    (root / "pintail").mkdir()
    with pytest.raises(ModelError, match="is empty"):
        Artifacts(root).get(python_model())


def test_a_module_beside_a_single_file_counts_as_its_code(root: Path) -> None:
    (root / "gadwall.py").write_text("import ranks\n")
    (root / "ranks.py").write_text("x = 1\n")
    before = Artifacts(root).get(python_model("gadwall", ".py"))
    assert before.sha256 == sha256(b"import ranks\n").hexdigest()
    code = before.code_sha256()
    (root / "ranks.py").write_text("x = 2\n")
    after = Artifacts(root).get(python_model("gadwall", ".py"))
    assert after.sha256 == before.sha256
    assert after.code_sha256() != code


def with_modules(root: Path) -> tuple[Path, str]:
    """A file of code with modules beside it, and what a shell prints of them."""
    folder = root / "smew"
    (folder / "parts").mkdir(parents=True)
    for name in ("smew.py", "ranks.py", "parts/__init__.py"):
        (folder / name).write_text(f"x = {name!r}\n")
    (folder / "notes.txt").write_text("no module")
    command = "find . -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    shell = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=True)
    return folder, shell.stdout.split()[0].decode()


def smew(**more: Any) -> ModelSpec:
    return a_model("smew", artifact=PurePosixPath("smew/smew.py"), format="python", **more)


def test_modules_beside_a_file_are_verified_with_it(root: Path) -> None:
    folder, digest = with_modules(root)
    artifact = Artifacts(root).get(smew(modules=digest))
    assert artifact.code_sha256() == digest
    (folder / "parts" / "__init__.py").write_text("x = 0\n")
    with pytest.raises(ModelError, match=r"modules beside smew/smew\.py are not those") as caught:
        Artifacts(root).get(smew(modules=digest))
    assert digest in str(caught.value)
    assert Artifacts(root).get(smew()).sha256 == artifact.sha256


def test_what_is_no_module_of_the_users_changes_nothing(root: Path) -> None:
    folder, digest = with_modules(root)
    for name in ("__pycache__/a.py", ".git/b.py", "env/pyvenv.cfg", "env/lib/c.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("y = 1\n")
    assert Artifacts(root).get(smew()).code_sha256() == digest
    moved = root / "elsewhere"
    folder.rename(moved)
    assert digest_of(modules_listing(moved / "smew.py")) == digest


def test_an_artifact_knows_when_it_was_written(root: Path) -> None:
    moment = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
    os.utime(root / "mallard.pkl", (moment.timestamp(), moment.timestamp()))
    assert Artifacts(root).get(a_model()).modified == moment
