"""A running request can be ended without ending the worker, at whatever moment."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import time

import cloudpickle
import numpy as np
import pytest
from worker_round import ROWS, first_feature, gone, new_worker, pid_of, process_id

from job.errors import Exit, JobError, ModelError, StoppedError

cloudpickle.register_pickle_by_value(sys.modules[__name__])

LIMITS = {"timeout": 30.0, "memory": None}


def sleeps(live_features):
    time.sleep(60)


def patches(live_features):
    np.mean = len
    return process_id(live_features)


def asking(round_):
    path = round_.folder / "asking.py"
    path.write_text("def predict(live, fetch): fetch('x')")
    return path


def test_an_aborted_model_ends_at_once_with_the_reason_and_the_next_one_runs(own_worker, round_):
    reason = ModelError("its time is needed for another")
    pid = pid_of(own_worker, round_)
    threading.Timer(0.3, own_worker.abort, [reason]).start()
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        round_.predict(own_worker, sleeps)
    assert caught.value is reason
    assert time.monotonic() - began < 1.5
    assert gone(pid)
    assert round_.predict(own_worker, first_feature).rows == ROWS


def test_a_model_can_be_aborted_while_its_process_starts(tmp_path, round_):
    reason = ModelError("too late")
    with new_worker(tmp_path) as own:
        threading.Timer(0.05, own.abort, [reason]).start()
        with pytest.raises(ModelError) as caught:
            round_.predict(own, first_feature)
        assert caught.value is reason
        assert round_.predict(own, first_feature).rows == ROWS


def test_aborting_between_requests_does_nothing(own_worker, round_):
    own_worker.abort(ModelError("nobody is there"))
    pid = pid_of(own_worker, round_)
    own_worker.load(round_.save(first_feature), format="pickle", features=None, **LIMITS)
    own_worker.abort(ModelError("between"))
    assert own_worker.predict(round_.live, None, round_.out, **LIMITS).rows == ROWS
    assert pid_of(own_worker, round_) == pid


def test_an_abort_that_comes_with_the_reply_is_not_lost(own_worker, round_):
    """While the reply, which is there already, is looked at."""
    reason = ModelError("in the last moment")

    class Aborts(logging.Handler):
        def emit(self, record):
            own_worker.abort(reason)

    handler, log = Aborts(logging.INFO), logging.getLogger("job.workers.succession")
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with pytest.raises(ModelError) as caught:
            round_.predict(own_worker, patches)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    assert caught.value is reason
    assert round_.predict(own_worker, first_feature).rows == ROWS


def test_a_model_can_be_aborted_while_it_awaits_data(own_worker, round_, tmp_path):
    reason = ModelError("not now")

    def fetch(filename):
        own_worker.abort(reason)
        return tmp_path

    own_worker.load(asking(round_), format="python", features=None, **LIMITS)
    with pytest.raises(ModelError) as caught:
        own_worker.predict(round_.live, None, round_.out, **LIMITS, fetch=fetch)
    assert caught.value is reason
    assert round_.predict(own_worker, first_feature).rows == ROWS


@pytest.mark.parametrize("stops", [False, True])
def test_the_first_abort_counts_and_a_stop_outweighs_it(tmp_path, round_, stops):
    first, stopped = ModelError("first"), StoppedError("SIGTERM", Exit.TERMINATED)

    def fetch(filename):
        own.abort(first)
        own.abort(ModelError("second"))
        if stops:
            own.stop(stopped)
        return tmp_path

    with new_worker(tmp_path) as own:
        own.load(asking(round_), format="python", features=None, **LIMITS)
        with pytest.raises(JobError) as caught:
            own.predict(round_.live, None, round_.out, **LIMITS, fetch=fetch)
    assert caught.value is (stopped if stops else first)


@pytest.mark.slow
def test_at_any_moment_a_request_is_either_aborted_or_done(own_worker, round_):
    """Aborts rain on quick models: each gives its rows or the reason, and the worker lives on."""
    over, reason = threading.Event(), ModelError("aborted")
    moments = random.Random(3)

    def rain():
        while not over.wait(moments.expovariate(4.0)):
            own_worker.abort(reason)

    round_.save(first_feature)
    thread = threading.Thread(target=rain)
    thread.start()
    outcomes = []
    until = time.monotonic() + 8
    try:
        while time.monotonic() < until:
            try:
                outcomes.append(round_.predict(own_worker, first_feature).rows)
            except ModelError as error:
                outcomes.append(error)
    finally:
        over.set()
        thread.join()
    assert {ROWS, reason} == set(outcomes)
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert round_.predict(own_worker, first_feature).rows == ROWS
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 3  # noqa: PTH208
