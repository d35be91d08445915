"""When a model process starts, how long it lives, and what goes with it."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import cloudpickle
import lightgbm
import numpy as np
import pandas as pd
import psutil
import pytest
from worker_round import (
    MIB,
    WIDE,
    first_feature,
    gone,
    new_worker,
    pid_of,
    process_id,
)

from job.errors import Exit, ModelError, StoppedError, UnavailableError

cloudpickle.register_pickle_by_value(sys.modules[__name__])

LIMITS = {"timeout": 30.0, "memory": None}

pytestmark = pytest.mark.filterwarnings("ignore:'force_all_finite' was renamed:FutureWarning")


def test_a_worker_outlives_the_thread_that_started_it(tmp_path, round_):
    with new_worker(tmp_path) as own:
        starter = threading.Thread(target=lambda: pids.append(pid_of(own, round_)))
        pids: list[int] = []
        starter.start()
        starter.join()
        time.sleep(0.3)
        assert pid_of(own, round_) == pids[0]


def test_a_killed_parent_takes_the_process_and_its_forks_along(tmp_path, round_):
    pids = str(tmp_path / "pids")

    def predict(live_features):
        child = os.fork()
        if child:
            Path(pids).write_text(f"{os.getpid()} {child}")
        time.sleep(60)

    script = (
        "import sys; from pathlib import Path; from job.workers import Worker\n"
        "worker = Worker(environment={'HOME': sys.argv[1]})\n"
        "limits = {'timeout': 60, 'memory': None}\n"
        "worker.load(Path(sys.argv[2]), format='pickle', features=None, **limits)\n"
        "worker.predict(Path(sys.argv[3]), None, Path(sys.argv[4]), **limits)\n"
    )
    arguments = [tmp_path / "home", round_.save(predict), round_.live, round_.out]
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], cwd=root)
    deadline = time.monotonic() + 20
    while not Path(pids).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    parent.kill()
    parent.wait()
    assert all(gone(int(pid)) for pid in Path(pids).read_text().split())


def test_the_kernel_is_told_to_kill_a_model_first(worker, round_):
    score = Path(f"/proc/{pid_of(worker, round_)}/oom_score_adj")
    if not score.exists():
        pytest.skip("no /proc")
    assert score.read_text().strip() == "1000"


def test_stop_from_another_thread_ends_a_running_request_within_a_second(tmp_path, round_):
    reason = StoppedError("SIGTERM", Exit.TERMINATED)
    own = new_worker(tmp_path)
    round_.predict(own, first_feature)
    threading.Timer(0.5, own.stop, [reason]).start()
    began = time.monotonic()
    with pytest.raises(StoppedError) as caught:
        round_.predict(own, lambda live: time.sleep(60))
    assert caught.value is reason
    assert time.monotonic() - began < 1.5
    with pytest.raises(StoppedError):
        round_.predict(own, first_feature)


def test_a_stopped_worker_has_no_process_and_refuses_models(tmp_path, round_):
    with new_worker(tmp_path) as own:
        pid = pid_of(own, round_)
    assert gone(pid)
    own.start()
    with pytest.raises(ModelError, match="stopped"):
        round_.predict(own, first_feature)
    own.stop()


def test_a_started_worker_can_be_stopped_before_it_is_ready(tmp_path):
    own = new_worker(tmp_path)
    began = time.monotonic()
    own.start()
    own.stop()
    assert time.monotonic() - began < 1


def test_a_process_that_has_grown_is_replaced_before_the_next_model(tmp_path, round_):
    def leaks(live_features):
        np.kept = np.ones(30 * MIB)  # 240 MiB that nothing frees
        return process_id(live_features)

    with new_worker(tmp_path, ceiling=200 * MIB) as own:
        before = pid_of(own, round_)
        assert pid_of(own, round_) == before
        round_.predict(own, leaks)
        assert round_.answers().iloc[0] == before
        assert pid_of(own, round_) != before


def test_memory_stays_flat_over_fifty_models(tmp_path, round_, files):
    live = pd.read_parquet(files[0])
    model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)
    model.fit(live[WIDE], live["feature_001"])

    def predict(live_features):
        wide = pd.concat([live_features[WIDE].astype(np.float64)] * 20)
        assert len(wide)
        return pd.Series(model.predict(live_features[WIDE]), index=live_features.index)

    with new_worker(tmp_path) as own:
        for i in range(52):
            round_.predict(own, (predict, model)[i % 2])
            if i == 1:
                process = psutil.Process(pid_of(own, round_))
                before = process.memory_info().rss
        assert process.memory_info().rss - before < 16 * MIB


def test_a_process_that_has_only_imported_libraries_is_kept(own_worker, round_):
    before = pid_of(own_worker, round_)

    def imports(live_features):
        np.kept = np.ones(10 * MIB)  # 80 MiB, more than half of what it was
        return process_id(live_features)

    round_.predict(own_worker, imports)
    assert pid_of(own_worker, round_) == before


@pytest.mark.parametrize(
    ("python", "said"),
    [(Path("/nonexistent/python"), "No such file"), (Path("/bin/false"), "exit code 1")],
)
def test_a_runtime_that_does_not_start_is_reported_with_the_model(tmp_path, round_, python, said):
    with new_worker(tmp_path, python=python) as own:
        own.start()
        with pytest.raises(ModelError) as caught:
            round_.predict(own, first_feature)
    assert said in str(caught.value)


def test_a_runtime_without_pandas_says_what_it_needs(tmp_path, round_):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    with (
        new_worker(tmp_path, python=bare / "bin" / "python") as own,
        pytest.raises(ModelError) as caught,
    ):
        round_.predict(own, first_feature)
    assert "does not start" in caught.value.what
    assert "the model needs pandas" in caught.value.why
    assert "pandas" in caught.value.hint


def test_code_of_the_saving_script_recommends_cloudpickle(worker, round_):
    path = round_.folder / "model.pkl"
    path.write_bytes(b"c__main__\nMyModel\n.")
    assert "cloudpickle" in round_.fails(worker, path).hint


def test_predicting_without_a_loaded_model_is_refused(own_worker, round_):
    with pytest.raises(ModelError, match="no model is loaded"):
        own_worker.predict(round_.live, None, round_.out, timeout=30, memory=None)


def test_a_machine_without_room_for_a_process_is_no_fault_of_the_models(own_worker, round_):
    path = round_.save(first_feature)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(UnavailableError, match="cannot start a model process") as caught:
            own_worker.load(path, format="pickle", features=None, timeout=60.0, memory=None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit" in caught.value.hint


def another_python(folder: Path) -> Path:
    """Another interpreter as far as its path goes, with the same libraries."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


def test_a_model_of_another_python_takes_the_place_of_the_process(own_worker, round_, tmp_path):
    path = round_.save(process_id)

    def pid(**options: Path) -> int:
        own_worker.load(path, format="pickle", features=None, **LIMITS, **options)
        own_worker.predict(round_.live, None, round_.out, **LIMITS)
        return int(round_.answers().iloc[0])

    python = another_python(tmp_path / "other")
    usual = pid()
    assert pid() == usual
    other = pid(python=python)
    assert other != usual
    assert gone(usual)
    assert pid(python=python) == other
    assert pid() not in (usual, other)
    assert gone(other)


def test_another_python_that_does_not_start_costs_only_its_model(own_worker, round_):
    path, missing = round_.save(first_feature), Path("/nonexistent/python")
    with pytest.raises(ModelError, match="/nonexistent/python does not start"):
        own_worker.load(path, format="pickle", features=None, **LIMITS, python=missing)
    with pytest.raises(ModelError, match="/nonexistent/python does not start"):
        own_worker.versions(missing)
    round_.predict(own_worker, first_feature)


def test_versions_are_those_of_the_interpreter_asked(own_worker, round_, tmp_path):
    pid = pid_of(own_worker, round_)
    versions = own_worker.versions()
    assert versions["Python"] == platform.python_version()
    for name in ("numpy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "cloudpickle"):
        assert versions[name] == metadata.version(name)
    assert pid_of(own_worker, round_) == pid
    own_worker.load(round_.save(first_feature), format="pickle", features=None, **LIMITS)
    assert own_worker.versions() == versions  # and a loaded model stays
    own_worker.predict(round_.live, None, round_.out, **LIMITS)
    assert own_worker.versions(another_python(tmp_path / "other")) == versions
    assert gone(pid)


def test_versions_of_a_stopped_worker_are_refused(tmp_path):
    own = new_worker(tmp_path)
    own.stop(StoppedError("SIGTERM", Exit.TERMINATED))
    with pytest.raises(StoppedError):
        own.versions()


def test_the_most_memory_that_a_model_took_is_told(own_worker, round_):
    def short_peak(live_features):
        assert np.ones(50 * MIB).sum()  # 400 MiB, for less time than there is between two looks
        return first_feature(live_features)

    small = round_.predict(own_worker, first_feature).memory
    assert 30 * MIB < small < 300 * MIB
    large = round_.predict(own_worker, short_peak).memory
    assert 380 * MIB < large - small < 450 * MIB
    assert abs(round_.predict(own_worker, first_feature).memory - small) < 40 * MIB


def test_memory_taken_while_loading_counts(own_worker, round_):
    class Large:
        def __reduce__(self):
            return eval, ("__import__('numpy').ones(50 * 2**20).sum() and len",)

    class Model:
        def __init__(self):
            self.large = Large()

        def __call__(self, live_features):
            return first_feature(live_features)

    small = round_.predict(own_worker, first_feature).memory
    assert round_.predict(own_worker, Model()).memory - small > 380 * MIB


def test_what_a_model_starts_counts_as_its_memory(own_worker, round_):
    def predict(live_features):
        code = "import time; kept = bytearray(300 << 20); time.sleep(0.6)"
        subprocess.run([sys.executable, "-c", code], check=True)
        return first_feature(live_features)

    assert round_.predict(own_worker, predict).memory > 330 * MIB
