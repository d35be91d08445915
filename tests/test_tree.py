"""The listing of a folder: what its digest is the digest of, and what may be read from one."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import pytest

from job.errors import ModelError
from job.tree import listed_files, listing, modules_listing, tree_sha256

ONE = hashlib.sha256(b"1").hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two modules, a file, a module in a folder, and what no import leads to."""
    root = tmp_path / "model"
    for name in ("b.py", "a.py", "weights.bin", "pkg/c.py", "__pycache__/a.pyc", ".venv/d.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"1")
    return root


def test_a_folders_digest_is_that_of_its_listing(folder: Path) -> None:
    assert tree_sha256(folder) == hashlib.sha256(listing(folder)).hexdigest()
    assert list(map(str, listed_files(listing(folder)))) == [
        ".venv/d.py",
        "a.py",
        "b.py",
        "pkg/c.py",
        "weights.bin",
    ]


def test_a_module_takes_along_what_it_may_import(folder: Path) -> None:
    names = ("a.py", "b.py", "pkg/c.py")
    assert modules_listing(folder / "a.py").decode() == "".join(f"{ONE}  ./{n}\n" for n in names)


def test_a_module_that_is_a_link_out_of_its_folder_is_refused(folder: Path) -> None:
    (folder.parent / "elsewhere.py").write_bytes(b"1")
    (folder / "linked.py").symlink_to(folder.parent / "elsewhere.py")
    with pytest.raises(ModelError, match=r"linked\.py in the folder model is a link out of it"):
        modules_listing(folder / "a.py")


def test_any_name_of_a_file_comes_back_from_a_listing(folder: Path) -> None:
    name = b"\xff \xc3\xbc.py".decode(errors="surrogateescape")
    (folder / name).write_bytes(b"1")
    assert listed_files(listing(folder))[PurePosixPath(name)] == ONE


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}  ./../a.py\n",
        f"{ONE}  .//etc/passwd\n",
        f"{ONE}  ./a.py",
        f"{ONE}  ./a.py\n\n",
        f"{ONE[:-1]}  ./a.py\n",
        f"{ONE}  ./a/../../b.py\n",
        f"{ONE}  ././a.py\n",
        "a pickle",
    ],
)
def test_what_no_push_has_made_is_no_listing(text: str) -> None:
    with pytest.raises(ModelError, match="is not one that `push` has made"):
        listed_files(text.encode())
