"""Looking after models as their user does it, from the skeleton to the submission; and whatever
stops a command in the middle leaves the models root as it was.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import cloudpickle
import pytest

from job.manifest import read_manifest

from .animals import bad, good, slow
from .driver import Home, is_running, wait_for, without_capabilities

pytestmark = pytest.mark.slow

WITHOUT_ACCOUNT = {
    "NUMERAI_PUBLIC_ID": None,
    "NUMERAI_SECRET_KEY": None,
    "NUMERAI_API_URL": "http://127.0.0.1:9",
}


def outside(home: Home, name: str, model: object) -> str:
    """A model's file in the working folder, outside of the models root."""
    path = home.root / f"{name}.pkl"
    path.write_bytes(cloudpickle.dumps(model))
    return path.name


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def names(home: Home) -> list[str]:
    """The models of the manifest."""
    return [model.name for model in read_manifest(home.models / "models_manifest.yaml").models]


def test_from_an_empty_folder_to_a_submission(home: Home) -> None:
    for name in ("mallard", "teal", "pintail"):
        home.box.add_model(name)
    assert home.run("init").code == 0
    skeleton = (home.models / "models_manifest.yaml").read_text()
    assert home.run().code == 0  # nothing is enabled yet
    for name in ("mallard", "teal"):
        ended = home.run("add", outside(home, name, good()), "--name", name, "--replace")
        assert ended.code == 0, ended.err
    ended = home.run("check", "--deep")
    assert ended.code == 0, ended.out
    assert "mallard: predicted 6,500 rows of made-up live data" in ended.out
    assert home.run().outcomes() == {
        "mallard": "submitted",
        "teal": "submitted",
        "pintail": "skipped",
    }
    status = home.run("status").out
    assert "pickle" in status
    text = (home.models / "models_manifest.yaml").read_text()
    comments = [line for line in skeleton.splitlines() if line.strip().startswith("#")]
    assert [line for line in text.splitlines() if line.strip().startswith("#")] == comments
    assert names(home) == ["mallard", "teal", "pintail"]
    ended = home.run("predict", "mallard", "--out", "m.csv")
    assert ended.code == 0, ended.err
    assert "for v5.3/live.parquet of round 1400" in ended.out


def test_add_and_predict_ask_nobody(home: Home) -> None:
    ended = home.run("add", outside(home, "teal", good()), "--name", "teal", **WITHOUT_ACCOUNT)
    assert ended.code == 0, ended.err
    assert home.run("predict", "teal", **WITHOUT_ACCOUNT).code == 3
    assert home.box.requests == []
    assert ended.record is None


def test_add_needs_nothing_of_what_the_demo_needs(home: Home) -> None:
    blocked = (
        "import sys; [sys.modules.__setitem__(n, None) for n in ('graphql', 'lightgbm', 'sklearn')]"
    )
    argv = ["add", outside(home, "teal", good()), "--name", "teal"]
    program = f"{blocked}; import os; from job.__main__ import command; "
    program += f"sys.exit(command({argv!r}, os.environ))"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=home.environ(**WITHOUT_ACCOUNT),
        cwd=home.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_add_that_is_stopped_changes_nothing(home: Home, number: signal.Signals) -> None:
    home.add("mallard", good())
    beacon = home.root / "beacon"
    before = files(home.models)
    scratch = home.root / "tmp"
    scratch.mkdir()
    path = outside(home, "teal", slow(60.0, str(beacon)))
    adding = home.start("add", path, "--name", "teal", TMPDIR=str(scratch))
    model = int(wait_for(lambda: beacon.exists() and beacon.read_text(), "the model predicts"))
    adding.signal(number)
    ended = adding.end(10.0)
    assert ended.code == {signal.SIGKILL: 137, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    wait_for(lambda: not is_running(model), "the model has gone")
    left = files(home.models)
    hidden = {name for name in left if name.startswith(".teal.pkl.")}
    assert {name: left[name] for name in left if name not in hidden} == before
    if number is not signal.SIGKILL:
        assert not hidden
        assert list(scratch.iterdir()) == []
    for folder in home.models.glob(".teal.pkl.*.part"):
        os.utime(folder, (0, 0))  # a young one might be another's who adds just now
    ended = home.run("add", outside(home, "teal", good()), "--name", "teal")
    assert ended.code == 0, ended.err
    assert not any(name.startswith(".") for name in files(home.models))


def test_a_models_root_that_is_read_only_is_told_before_the_trial(home: Home) -> None:
    home.prefix = without_capabilities()
    path = outside(home, "teal", good())
    home.models.chmod(0o555)
    try:
        ended = home.run("add", path, "--name", "teal")
    finally:
        home.models.chmod(0o755)
    assert ended.code == 4
    assert f"cannot write into {home.models}" in ended.err
    assert "predicting" not in ended.err
    assert files(home.models) == {}


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("room", [0, 600, 50_000, 2_000_000])
def test_a_disk_that_takes_no_more_leaves_nothing_half_written(home: Home, room: int) -> None:
    """Full at the copy, at the made-up data, or at the prediction."""
    home.add("mallard", good())
    before = files(home.models)
    path = outside(home, "teal", good())
    ended = home.run("add", path, "--name", "teal", limit=partial(_limit, room))
    assert ended.code == 4, ended.err
    assert "Traceback" not in ended.err
    assert files(home.models) == before


def test_a_model_that_hangs_is_given_up(home: Home) -> None:
    path = outside(home, "teal", slow(60.0, str(home.root / "beacon")))
    ended = home.run("add", path, "--name", "teal", "--timeout", "1s")
    assert ended.code == 3
    assert "teal is not added: the model took longer than 1s while predicting" in ended.err


def test_a_model_that_eats_memory_is_stopped(home: Home) -> None:
    path = outside(home, "teal", bad()["eats_memory"])
    ended = home.run("add", path, "--name", "teal", "--memory", "400MiB")
    assert ended.code == 3
    assert "more than its limit of 400 MiB" in ended.err


def test_two_adds_at_once_lose_neither_model_silently(home: Home) -> None:
    running = {
        name: home.start("add", outside(home, name, good()), "--name", name)
        for name in ("mallard", "teal")
    }
    codes = {name: one.end().code for name, one in running.items()}
    assert set(codes.values()) <= {0, 4}
    assert set(names(home)) == {name for name, code in codes.items() if code == 0}


@pytest.mark.parametrize("kind", ["raises", "exits", "ends_hard", "crashes", "nan", "no_frame"])
def test_a_model_that_would_fail_is_refused_with_its_reason(home: Home, kind: str) -> None:
    before = files(home.models)
    ended = home.run("add", outside(home, "teal", bad()[kind]), "--name", "teal")
    assert ended.code == 3
    assert ended.err.count("teal is not added") == 1
    assert "Traceback" not in ended.err
    assert files(home.models) == before


def test_a_model_from_a_runtime_is_tried_in_it(home: Home, tmp_path: Path) -> None:
    """The interpreter is the same, the runtime is not: what it is told by must be the name."""
    python = tmp_path / "runtime" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    text = f"version: 1\nruntimes:\n  mine: {python}\nmodels: []\n"
    (home.models / "models_manifest.yaml").write_text(text)
    path = outside(home, "teal", good())
    ended = home.run("add", path, "--name", "teal", "--runtime", "mine")
    assert ended.code == 0, ended.err
    assert (tmp_path / "used").exists()
    assert "runtime: mine" in (home.models / "models_manifest.yaml").read_text()
