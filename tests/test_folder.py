"""A folder: files that are whole or absent, and a lock that dies with its holder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job.errors import Exit, UnavailableError
from job.files import disk_errors, read_json, sha256_of, write_whole
from job.store import HOLDER, LOCK, Folder, note_of_holder


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "runs")


def test_a_write_that_fails_leaves_the_old_file_and_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    write_whole(path, b"old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UnavailableError, match="No space left") as caught:
        write_whole(path, b"new")
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


def test_a_disk_error_says_what_and_why() -> None:
    with pytest.raises(UnavailableError) as caught, disk_errors("cannot write the record"):
        raise OSError(30, "Read-only file system")
    assert caught.value.lines()[:2] == ["cannot write the record", "  Read-only file system"]
    assert str(os.getuid()) in caught.value.hint


def test_a_note_that_is_no_json_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    assert read_json(path) is None
    path.write_bytes(b"\xff{")
    assert read_json(path) is None
    assert read_json(tmp_path) is None
    path.write_bytes(b"[1]")
    assert read_json(path) == [1]


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_lock_dies_with_its_holder(store: Folder) -> None:
    script = (
        "import os, sys; from pathlib import Path; from job.store import Folder\n"
        "with Folder(Path(sys.argv[1])).lock('noon') as holder:\n"
        "    assert holder is None; os._exit(9)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(store.root)], timeout=60, check=False)
    assert died.returncode == 9
    assert (store.root / LOCK).exists()
    with store.lock("later") as holder:
        assert holder is None


def test_a_holder_takes_its_note_away_with_it(store: Folder) -> None:
    """Who comes while the next one has no note yet would take it for this one."""
    with store.lock("noon"):
        assert store.find(HOLDER) is not None
    assert store.find(HOLDER) is None


def test_who_has_just_taken_the_lock_is_not_taken_for_the_dead_holder_before(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.lock("noon"):
        store.write(HOLDER, note_of_holder("yesterday"))  # its own note is still to be written
        monkeypatch.setattr(time, "sleep", lambda _: store.write(HOLDER, note_of_holder("noon")))
        with Folder(store.root).lock("later") as holder:
            assert holder is not None
            assert holder.text.endswith("running since noon")


def test_two_that_write_the_same_file_at_the_same_time_do_not_mix(
    store: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write = Path.write_bytes

    def meanwhile(self: Path, data: bytes) -> int:
        size = write(self, data)
        if not written:
            written.append(self)
            store.write("latest.json", b"another's")
        return size

    monkeypatch.setattr(Path, "write_bytes", meanwhile)
    store.write("latest.json", b"mine")
    assert store.read("latest.json") == b"mine"
    assert store.names("") == ["latest.json"]


def test_the_lock_is_not_inherited_by_children(store: Folder) -> None:
    with store.lock("noon"):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    try:
        with Folder(store.root).lock("later") as holder:
            assert holder is None
    finally:
        child.communicate(b"\n", timeout=60)


def test_a_place_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"a file")
    store = Folder(tmp_path / "runs")
    with pytest.raises(UnavailableError, match="run records"), store.lock("noon"):
        pass
    with pytest.raises(UnavailableError, match="cannot write"):
        store.write("a.json", b"")


def test_what_a_killed_run_left_half_written_is_removed_by_the_next(tmp_path: Path) -> None:
    half = tmp_path / ".20261103T121000.run.json.77.part"
    half.write_text('{"schema"')
    with Folder(tmp_path).lock("now"):
        assert not half.exists()


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.EACCES, f"uid {os.getuid()} may not: give it the folder (chown -R {os.getuid()})"),
        (errno.EROFS, f"put a volume there that uid {os.getuid()} may write to"),
        (errno.ENOSPC, "is there room"),
    ],
)
def test_a_disk_that_refuses_gets_a_sentence_with_the_fix(number: int, fix: str) -> None:
    with pytest.raises(UnavailableError) as caught, disk_errors("cannot write"):
        raise OSError(number, os.strerror(number))
    assert fix in caught.value.hint
