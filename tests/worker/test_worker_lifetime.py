"""When a model process starts, how long it lives, and what goes with it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
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
