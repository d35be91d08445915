"""The listing of a folder: what its digest is the digest of, and what may be read from one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from job.tree import listing, modules_listing, read_listing, tree_sha256

ONE = hashlib.sha256(b"1").hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two modules, a file, a module in a folder, and what no import leads to."""
    root = tmp_path / "model"
    for name in ("b.py", "a.py", "weights.bin", "pkg/c.py", "__pycache__/a.pyc", ".venv/d.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"1")
    return root


def files_of(listed: bytes) -> Mapping[PurePosixPath, str]:
    found = read_listing(listed)
    assert found is not None
    return found


def test_a_folders_digest_is_that_of_its_listing(folder: Path) -> None:
    assert tree_sha256(folder) == hashlib.sha256(listing(folder)).hexdigest()
    assert list(map(str, files_of(listing(folder)))) == [
        ".venv/d.py",
        "a.py",
        "b.py",
        "pkg/c.py",
        "weights.bin",
    ]


def test_a_module_takes_along_what_it_may_import(folder: Path) -> None:
    names = ("a.py", "b.py", "pkg/c.py")
    assert modules_listing(folder / "a.py").decode() == "".join(f"{ONE}  ./{n}\n" for n in names)


def test_any_name_of_a_file_comes_back_from_a_listing(folder: Path) -> None:
    name = b"\xff \xc3\xbc.py".decode(errors="surrogateescape")
    (folder / name).write_bytes(b"1")
    assert files_of(listing(folder))[PurePosixPath(name)] == ONE


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}  ./../a.py\n",
        f"{ONE}  .//etc/passwd\n",
        f"{ONE}  ./a.py",
        f"{ONE}  ./a.py\n\n",
        f"{ONE[:-1]}  ./a.py\n",
        f"{ONE}  ./a/../../b.py\n",
        "a pickle",
    ],
)
def test_what_no_push_has_made_is_no_listing(text: str) -> None:
    assert read_listing(text.encode()) is None
