"""Exit code 4: what cannot be reached, read, written or understood; what is submitted stays, and
the next run completes.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .animals import good
from .driver import Home, without_capabilities

pytestmark = pytest.mark.slow

UPLOAD_FAULTS: list[tuple[str, str, dict[str, object]]] = [
    ("submissionUploadAuth", "html", {}),
    ("submissionUploadAuth", "reset", {}),
    ("put", "status", {}),
    ("put", "lost_reply", {}),
    ("put", "expired", {}),
    ("createSubmission", "status", {"status": 429, "retry_after": "1"}),
    ("createSubmission", "graphql_error", {"message": "Too fast", "code": "rate_limited"}),
    ("createSubmission", "lost_reply", {}),
]


def check_recovers(home: Home) -> None:
    """Without the fault the next run submits what is lacking, and nothing twice."""
    home.box.faults.clear()
    ended = home.run()
    assert ended.code == 0, ended.err
    names = [made.model for made in home.box.submissions]
    assert sorted(names) == sorted(entry["name"] for entry in home.entries)


def test_a_refused_token_is_told_with_what_it_needs(home: Home) -> None:
    home.add("teal", good())
    ended = home.run(NUMERAI_SECRET_KEY="WRONG0123456789")
    assert ended.code == 4
    assert "NUMERAI_SECRET_KEY" in ended.err
    assert "upload_submission" in ended.err
    assert "WRONG0123456789" not in ended.err
    assert ended.seconds < 5
    assert ended.record is not None
    assert ended.record["round"] is None
    assert ended.outcomes() == {"teal": "skipped"}


def test_an_unreachable_host_is_told_after_the_patience(home: Home) -> None:
    home.add("teal", good())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = home.run(NUMERAI_API_URL=f"http://127.0.0.1:{port}", NUMERAI_RETRY_PATIENCE="1s")
    assert ended.code == 4
    assert f"127.0.0.1:{port} could not be reached" in ended.err
    assert "run again" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("kind", "told"),
    [("html", "something other than JSON"), ("graphql_error", "Something went wrong")],
)  # fmt: skip
def test_a_state_that_cannot_be_read_is_unknown_and_nothing_is_sent(
    home: Home, kind: str, told: str
) -> None:
    home.add("teal", good())
    home.box.faults.add(where="account", kind=kind, times=None)
    ended = home.run(NUMERAI_RETRY_PATIENCE="0.3s")
    assert ended.code == 4
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert home.box.submissions == []
    check_recovers(home)


def test_data_that_are_not_there_yet(home: Home) -> None:
    home.add("teal", good())
    home.box.objects.withhold("v5.3/live.parquet")
    ended = home.run()
    assert ended.code == 4
    assert "v5.3/live.parquet of round 1400 is not there yet" in ended.err
    home.box.objects.restore("v5.3/live.parquet")
    check_recovers(home)


def test_live_data_of_the_last_round_are_not_ready_until_they_change(home: Home) -> None:
    home.add("teal", good())
    assert home.run().code == 0
    home.box.rounds.turn()
    home.box.objects.make_stale("v5.3/live.parquet")
    ended = home.run()
    assert ended.code == 4
    assert "byte for byte the file of the round before" in ended.err
    assert len(home.box.submissions) == 1
    home.box.objects.restore("v5.3/live.parquet")
    assert home.run().code == 0
    assert [made.data_round for made in home.box.submissions] == [1400, 1401]


def test_with_a_wait_data_that_come_later_are_waited_for(home: Home) -> None:
    home.add("teal", good())
    home.box.objects.withhold("v5.3/live.parquet")
    asked: list[object] = []

    def publish(operation: object) -> None:
        asked.append(operation)
        if len(asked) == 2:
            home.box.objects.restore("v5.3/live.parquet")

    home.box.on("dataset", publish, match="live.parquet")
    ended = home.run("--wait", "30s")
    assert ended.code == 0, ended.err
    assert len(home.box.submissions) == 1


def test_a_download_that_breaks_time_and_again_is_mended_within_the_run(home: Home) -> None:
    home.add("teal", good(), features="small")
    cut: dict[str, bool] = {"content_length": False}
    home.box.faults.add(where="get", kind="truncate", match="live.parquet", **cut)
    home.box.faults.add(where="get", kind="expired", match="live.parquet")
    home.box.faults.add(where="get", kind="wrong_bytes", match="live.parquet")
    ended = home.run(NUMERAI_RETRY_PATIENCE="20s")
    assert ended.code == 0, ended.err
    assert [made.status for made in home.box.submissions] == ["validated"]
    assert "Traceback" not in ended.err


def test_an_upload_that_breaks_in_any_way_is_mended_within_the_run(home: Home) -> None:
    faults = [
        home.box.faults.add(where=where, kind=kind, match=f"duck{number}", **more)
        for number, (where, kind, more) in enumerate(UPLOAD_FAULTS)
    ]
    for number in range(len(faults)):
        home.add(f"duck{number}", good())
    ended = home.run(NUMERAI_RETRY_PATIENCE="20s")
    assert ended.code == 0, ended.err
    assert [fault.hits for fault in faults] == [1] * len(faults)
    assert sorted(made.model for made in home.box.submissions) == sorted(ended.outcomes())
    assert {made.status for made in home.box.submissions} == {"validated"}
    assert "Traceback" not in ended.err


def test_one_model_s_upload_that_fails_leaves_the_others_submitted(home: Home) -> None:
    home.add("teal", good())
    home.add("mallard", good())
    home.box.faults.add(where="put", kind="status", match="teal", times=None)
    ended = home.run(NUMERAI_RETRY_PATIENCE="1s")
    assert ended.code == 4
    assert ended.outcomes() == {"teal": "failed", "mallard": "submitted"}
    assert "503" in ended.model("teal")["reason"]
    check_recovers(home)


@pytest.fixture
def plain_user(home: Home) -> None:
    """Makes the job run without root's rights to every file."""
    home.prefix = without_capabilities()


@pytest.mark.usefixtures("plain_user")
@pytest.mark.parametrize("records", ["records elsewhere", "records there too"])
def test_a_read_only_data_folder(home: Home, records: str) -> None:
    home.add("teal", good())
    runs = home.root / "runs"
    for folder in (home.data, runs):
        folder.mkdir()
    home.data.chmod(0o555)
    elsewhere = records == "records elsewhere"
    env = {"NUMERAI_RUNS_DIR": str(runs)} if elsewhere else {}
    ended = home.run(**env)
    assert ended.code == 4, ended.err
    assert str(home.data) in ended.err
    assert "Permission denied" in ended.err
    assert "Traceback" not in ended.err
    assert home.box.submissions == []
    assert len(list(runs.glob("*.run.json"))) == int(elsewhere)
    home.data.chmod(0o755)
    check_recovers(home)


@pytest.mark.usefixtures("plain_user")
def test_an_artifact_and_a_manifest_that_may_not_be_read(home: Home) -> None:
    home.add("teal", good())
    home.add("mallard", good())
    (home.models / "teal.pkl").chmod(0o000)
    ended = home.run()
    assert ended.code == 4, ended.err
    assert ended.outcomes() == {"teal": "failed", "mallard": "submitted"}
    assert "Permission denied" in ended.model("teal")["reason"]
    (home.models / "models_manifest.yaml").chmod(0o000)
    ended = home.run()
    assert ended.code == 2
    assert "Permission denied" in ended.err
    assert "Traceback" not in ended.err


@pytest.fixture
def small_disk(home: Home) -> Iterator[Callable[[int], Path]]:
    """Mounts a disk of so many KiB as the data folder."""
    home.data.mkdir()
    mounted = []

    def mount(kib: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(home.data)]
        done = subprocess.run(command, check=False, capture_output=True)
        if done.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {done.stderr.decode().strip()}")
        mounted.append(home.data)
        return home.data

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path, leave_kib: int) -> Path:
    """Leaves so much room on the disk; gives the file to remove for more."""
    left = shutil.disk_usage(folder).free - leave_kib * 1024
    filler = folder / "filler"
    filler.write_bytes(b"x" * left)
    return filler


@pytest.mark.parametrize("room", [0, 16, 40, 48])
def test_a_full_disk(home: Home, small_disk: Callable[[int], Path], room: int) -> None:
    """What the run needs: its record, scratch, 35 KB of live data, CSV and notes."""
    home.add("teal", good())
    filler = _fill(small_disk(1024), room)
    ended = home.run()
    assert ended.code == 4, ended.err + ended.out
    assert "No space left on device" in ended.err
    assert "Traceback" not in ended.err
    assert len(home.box.submissions) <= 1
    filler.unlink()
    check_recovers(home)
