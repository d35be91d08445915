"""Whatever a model does costs only itself: the next one in the same worker succeeds."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from worker_round import (
    MIB,
    ROWS,
    WIDE,
    first_feature,
    gone,
    pid_of,
    process_id,
)

from job.errors import ModelError

cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.filterwarnings("ignore:'force_all_finite' was renamed:FutureWarning")

MANY = 1 << 16
"""Beyond every descriptor: a process that has been testing for long has many, and the model's
process gets its pipes under the numbers that they have there.
"""


def exits(live_features):
    sys.exit(3)


def exits_at_once(live_features):
    os._exit(0)


def kills_itself(number: int) -> Callable:
    def predict(live_features):
        print("the last words")
        os.kill(os.getpid(), number)

    return predict


def recurses(live_features):
    return recurses(live_features)


def interrupts(live_features):
    raise KeyboardInterrupt


def closes_everything(live_features):
    os.closerange(0, MANY)
    time.sleep(60)


def closes_and_returns(live_features):
    os.closerange(0, MANY)
    return first_feature(live_features)


def segfaults(live_features):
    ctypes.string_at(0)


def answers_by_position(live_features):
    return pd.DataFrame({"prediction": np.zeros(len(live_features))})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (exits, "the model ended the process by sys.exit(3)"),
        (exits_at_once, "the model ended its process with exit code 0 while predicting"),
        (recurses, "the model raised RecursionError"),
        (interrupts, "the model raised KeyboardInterrupt"),
        (answers_by_position, "300 of the answer's 300 rows have no id of live"),
        (lambda live: None, "the model returned nothing"),
        (lambda live: live["feature_999"], "the model raised KeyError: 'feature_999'"),
        (lambda a, b, c: None, "the function takes (a, b, c)"),
        ({"not": "a model"}, "the file holds a dict"),
    ],
)
def test_a_model_that_does_not_answer_costs_only_itself(worker, round_, model, said):
    assert said in round_.fails(worker, model).what


def test_a_crash_names_the_signal_the_likely_cause_and_the_last_words(worker, round_):
    error = round_.fails(worker, segfaults)
    assert error.what == "the model's process was killed by SIGSEGV while predicting"
    assert "made with another Python or other library versions" in error.why[0]
    assert f"pandas {pd.__version__}" in error.why[0]
    assert any("in segfaults" in line for line in error.why)
    assert "Extension modules" not in str(error)


def test_a_kill_from_outside_speaks_of_memory(worker, round_):
    error = round_.fails(worker, kills_itself(signal.SIGKILL))
    assert error.what == "the model's process was killed by SIGKILL while predicting"
    assert error.why[0] == "likely out of memory"
    assert "the last words" in error.why[-1]


def test_a_model_that_closes_every_descriptor_costs_only_itself(worker, round_):
    began = time.monotonic()
    error = round_.fails(worker, closes_everything)
    assert error.what == "the model closed its process's pipes while predicting"
    assert time.monotonic() - began < 15
    with pytest.raises(ModelError, match="while predicting"):
        round_.predict(worker, closes_and_returns)
    assert round_.predict(worker, first_feature).rows == ROWS


def test_a_model_that_hangs_is_killed_when_its_time_is_up(worker, round_):
    def predict(live_features):
        print("waiting for something")
        time.sleep(60)

    began = time.monotonic()
    error = round_.fails(worker, predict, timeout=0.5)
    assert error.what == "the model took longer than 0.5s while predicting"
    assert any("waiting for something" in line for line in error.why)
    assert time.monotonic() - began < 15


def test_a_model_that_hangs_while_it_is_loaded_is_killed_too(worker, round_):
    class Hangs:
        def __reduce__(self):
            return time.sleep, (60,)

    error = round_.fails(worker, Hangs(), timeout=0.5)
    assert error.what == "the model took longer than 0.5s while being loaded"


def test_a_model_that_eats_memory_is_killed_over_its_limit(worker, round_):
    def predict(live_features):
        eaten = []
        while True:
            eaten.append(np.ones(MIB))
            time.sleep(0.02)

    error = round_.fails(worker, predict, memory=400 * MIB)
    assert "more than its limit of 400 MiB" in error.what


def test_what_a_model_forks_counts_against_its_memory(worker, round_):
    def predict(live_features):
        if os.fork() == 0:
            eaten = np.ones(60 * MIB)
            time.sleep(60)
            os._exit(int(eaten[0]))
        time.sleep(60)

    error = round_.fails(worker, predict, memory=400 * MIB)
    assert "more than its limit of 400 MiB" in error.what


def test_a_model_that_prints_megabytes_answers_all_the_same(worker, round_):
    def predict(live_features):
        for _ in range(200):
            print("x" * 100_000)
            os.write(2, b"y" * 100_000)
        return first_feature(live_features)

    assert round_.predict(worker, predict).rows == ROWS


def test_only_the_end_of_what_a_model_prints_is_reported(worker, round_):
    def predict(live_features):
        for i in range(100_000):
            print(f"line {i}")
        os.write(1, b"\xff not text\n")
        raise ValueError

    error = round_.fails(worker, predict)
    assert "line 99999" in str(error)
    assert "\N{REPLACEMENT CHARACTER} not text" in str(error)
    assert len(str(error)) < 8192


def test_what_an_earlier_model_printed_is_not_reported(worker, round_):
    def talkative(live_features):
        print("not mine")
        return first_feature(live_features)

    round_.predict(worker, talkative)
    assert "not mine" not in str(round_.fails(worker, interrupts))


def test_a_model_that_closes_its_streams_answers_all_the_same(worker, round_):
    pid = pid_of(worker, round_)

    def predict(live_features):
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        return first_feature(live_features)

    round_.predict(worker, predict)
    assert pid_of(worker, round_) == pid
    error = round_.fails(worker, kills_itself(signal.SIGTERM))
    assert "the last words" in str(error)


def test_a_fork_that_returns_does_not_answer_twice(worker, round_):
    def predict(live_features):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return process_id(live_features)

    round_.predict(worker, predict)
    assert round_.answers().iloc[0] == pid_of(worker, round_)


def test_a_fork_does_not_hold_the_private_pipes(worker, round_):
    seen = str(round_.folder / "held")

    def predict(live_features):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return first_feature(live_features)
        held = [number for number in range(100) if is_pipe(number)]
        Path(seen).write_text(str(held))
        os._exit(0)

    round_.predict(worker, predict)
    assert Path(seen).read_text() == "[1, 2]"


def is_pipe(number):
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


@pytest.mark.parametrize("new_session", [False, True])
def test_processes_left_behind_are_killed_and_the_next_model_is_in_a_fresh_one(
    worker, round_, new_session
):
    before = pid_of(worker, round_)

    def predict(live_features):
        left = subprocess.Popen(["sleep", "60"], start_new_session=new_session)
        return pd.Series(float(left.pid), index=live_features.index)

    round_.predict(worker, predict)
    assert gone(int(round_.answers().iloc[0]))
    assert pid_of(worker, round_) != before


def test_processes_that_a_model_waited_for_cost_nothing(worker, round_):
    before = pid_of(worker, round_)

    def predict(live_features):
        for _ in range(3):
            subprocess.Popen(["true"])
        time.sleep(0.2)
        return first_feature(live_features)

    round_.predict(worker, predict)
    assert pid_of(worker, round_) == before


def test_a_model_that_predicts_in_parallel_works(worker, round_, files):
    live = pd.read_parquet(files[0])
    model = RandomForestRegressor(n_estimators=4, n_jobs=2, max_depth=3)
    model.fit(live[WIDE[:5]], live["feature_001"])
    assert round_.predict(worker, model).rows == ROWS


def test_what_a_crashed_model_has_started_ends_with_it(worker, round_):
    seen = round_.folder / "pid"
    path = str(seen)

    def predict(live_features):
        left = subprocess.Popen(["sleep", "60"])
        Path(path).write_text(str(left.pid))
        os.kill(os.getpid(), signal.SIGABRT)

    assert "SIGABRT" in round_.fails(worker, predict).what
    assert gone(int(seen.read_text()))


def test_a_request_larger_than_a_pipe_arrives(worker, round_):
    features = [f"feature_{'x' * 60}_{i:05d}" for i in range(5000)]
    error = round_.fails(worker, first_feature, features=features)
    assert error.what == "live lacks 5000 of the model's 5001 columns"


def test_a_reply_without_end_is_refused(worker, round_):
    class Endless:
        feature_names_in_ = tuple(f"feature_{'x' * 60}_{i:05d}" for i in range(20_000))

        def predict(self, frame):
            return frame

    error = round_.fails(worker, Endless())
    assert "a reply of more than 1 MiB" in error.what
