"""What a Python model is told by name, and how it asks for further data while it predicts."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from textwrap import dedent

import psutil
import pytest
from worker_round import ROWS, first_feature, pid_of

from job.errors import Exit, ModelError, StoppedError, UnavailableError
from job.workers import Context, Predicted, Worker

LIMITS = {"timeout": 30.0, "memory": None}
SECRET = "the-key-of-one-model"


def predict(
    worker: Worker, round_, code: str, *, timeout: float = 30.0, **options: object
) -> Predicted:
    path = round_.folder / "asking.py"
    path.write_text("import json, os, pathlib, signal, threading, time\n" + dedent(code))
    needs = worker.load(path, format="python", features=None, **LIMITS)
    benchmarks = round_.benchmarks if needs.benchmarks else None
    return worker.predict(
        round_.live,
        benchmarks,
        round_.out,
        timeout=timeout,
        memory=None,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def context(tmp_path: Path) -> Context:
    folder = tmp_path / "own data"
    folder.mkdir()
    return Context(1400, "signals", folder, {"MY_DATA_KEY": SECRET})


@pytest.fixture
def plain(context: Context) -> Context:
    """Without secrets, so that the process serves the next model too."""
    return Context(context.round, context.tournament, context.data_dir)


WRITES = """
    def predict(live, round, tournament, universe, data_dir, secrets):
        assert isinstance(data_dir, pathlib.Path)
        assert universe == list(live.index)
        told = [round, tournament, secrets]
        (data_dir / "told.json").write_text(json.dumps(told))
        return live["feature_000"] / 4
"""


def test_a_model_is_told_what_it_names(worker, round_, context):
    assert predict(worker, round_, WRITES, context=context).rows == ROWS
    told = (context.data_dir / "told.json").read_text()
    assert told == f'[1400, "signals", {{"MY_DATA_KEY": "{SECRET}"}}]'


@pytest.mark.parametrize(
    ("signature", "names"),
    [
        ("live", ""),
        ("live, round", "round"),
        ("live, *, data_dir, other=3", "data_dir"),
        ("live, **context", "data_dir fetch round secrets tournament universe"),
        ("live, live_benchmark_models", "live_benchmark_models"),
        ("live, live_benchmark_models, **rest", None),
    ],
)
def test_a_model_is_given_only_what_its_signature_takes(worker, round_, plain, signature, names):
    code = f"""
        def predict({signature}):
            names = set(locals()) | set(locals().get("context", locals().get("rest", ())))
            pathlib.Path({str(round_.folder / "names")!r}).write_text(" ".join(sorted(names)))
            return live["feature_000"] / 4
    """
    predict(worker, round_, code, context=plain)
    got = set((round_.folder / "names").read_text().split()) - {"live", "context", "rest", "other"}
    expected = "data_dir fetch live_benchmark_models round secrets tournament universe"
    assert got == set((expected if names is None else names).split())


def test_a_class_is_asked_as_a_function_is(worker, round_, plain):
    code = """
        class Model:
            def predict(self, live, *, round):
                return live["feature_000"] * 0.0 + round
    """
    predict(worker, round_, code, context=plain)
    assert set(round_.answers()) == {1400.0}


def test_the_universe_is_the_models_own_to_change(worker, round_, plain):
    code = """
        def predict(live, universe):
            universe.clear()
            return live["feature_000"] / 4
    """
    assert predict(worker, round_, code, context=plain).rows == ROWS


def test_secrets_are_in_no_environment_repr_or_log(worker, round_, context, caplog):
    caplog.set_level("DEBUG")
    assert SECRET not in repr(context)
    code = f"""
        def predict(live, secrets):
            assert {SECRET!r} not in str(dict(os.environ))
            assert {SECRET!r} not in pathlib.Path("/proc/self/environ").read_text()
            assert {SECRET!r} not in pathlib.Path("/proc/self/cmdline").read_text()
            raise ValueError("no")
    """
    with pytest.raises(ModelError, match="raised ValueError: no") as caught:
        predict(worker, round_, code, context=context)
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("fails", [False, True])
def test_a_process_that_was_told_secrets_ends_with_its_model(worker, round_, context, fails):
    before = pid_of(worker, round_)
    code = f"""
        def predict(live, secrets):
            assert not {fails}
            return live["feature_000"] * 0.0 + os.getpid()
    """
    if fails:
        with pytest.raises(ModelError):
            predict(worker, round_, code, context=context)
    else:
        predict(worker, round_, code, context=context)
        assert set(round_.answers()) == {before}
    assert pid_of(worker, round_) != before
    assert not psutil.pid_exists(before)


def test_a_process_without_secrets_serves_the_next_model_too(worker, round_, plain):
    before = pid_of(worker, round_)
    predict(worker, round_, WRITES, context=plain)
    assert pid_of(worker, round_) == before


# Further data

FETCHES = """
    def predict(live, fetch):
        first, second = fetch("signals/v3.1/a.txt"), fetch("b.txt")
        assert isinstance(first, pathlib.Path)
        return live["feature_000"] * 0.0 + float(first.read_text()) + float(second.read_text())
"""


def test_data_that_a_model_asks_for_are_fetched_in_the_callers_thread(worker, round_, tmp_path):
    asked, threads = [], set()

    def fetch(filename: str) -> Path:
        asked.append(filename)
        threads.add(threading.get_ident())
        path = tmp_path / f"{len(asked)}.txt"
        path.write_text(f"{len(asked)}00")
        return path

    predicted = predict(worker, round_, FETCHES, fetch=fetch)
    assert predicted.rows == ROWS
    assert asked == ["signals/v3.1/a.txt", "b.txt"]
    assert threads == {threading.get_ident()}
    assert set(round_.answers()) == {300.0}


def refuses(filename: str) -> Path:
    raise UnavailableError(f"there is no dataset {filename}", hint="see listDatasets")


def test_a_dataset_that_cannot_be_had_is_told_the_model_which_may_go_on(worker, round_):
    code = """
        def predict(live, fetch):
            try:
                fetch("none.parquet")
            except Exception as error:
                assert str(error) == "there is no dataset none.parquet; see listDatasets"
                return live["feature_000"] / 4
    """
    pid = pid_of(worker, round_)
    assert predict(worker, round_, code, fetch=refuses).rows == ROWS
    assert pid_of(worker, round_) == pid


def test_a_model_that_cannot_go_on_fails_with_the_reason(worker, round_):
    with pytest.raises(ModelError) as caught:
        predict(worker, round_, FETCHES, fetch=refuses)
    said = "FetchError: there is no dataset signals/v3.1/a.txt; see listDatasets"
    assert caught.value.what == f"the model raised {said}"
    assert round_.predict(worker, first_feature).rows == ROWS


def test_where_nothing_can_be_fetched_the_model_is_told(worker, round_):
    with pytest.raises(ModelError, match="no further data can be fetched here"):
        predict(worker, round_, FETCHES)


@pytest.mark.parametrize("filename", ["5", "''", "'x' * 5000", "None"])
def test_what_is_no_name_of_a_dataset_is_not_asked_for(worker, round_, filename):
    code = f"def predict(live, fetch): fetch({filename})"
    with pytest.raises(ModelError, match="fetch takes the name of a dataset"):
        predict(worker, round_, code, fetch=refuses)


def test_what_a_model_printed_before_it_asked_is_kept(worker, round_):
    code = """
        def predict(live, fetch):
            print("before I asked")
            try:
                fetch("x")
            finally:
                os.abort()
    """
    with pytest.raises(ModelError, match="SIGABRT") as caught:
        predict(worker, round_, code, fetch=refuses)
    assert "before I asked" in str(caught.value)


def test_time_goes_on_while_data_are_fetched(worker, round_, tmp_path):
    def slow(filename: str) -> Path:
        threading.Event().wait(0.4)
        return tmp_path / filename

    code = """
        def predict(live, fetch):
            while True:
                fetch("x")
    """
    began = time.monotonic()
    with pytest.raises(ModelError, match="took longer than 1s while predicting"):
        predict(worker, round_, code, timeout=1.0, fetch=slow)
    assert time.monotonic() - began < 5
    assert round_.predict(worker, first_feature).rows == ROWS


def test_a_process_that_dies_while_data_are_fetched_is_noticed(worker, round_, tmp_path):
    def kills(filename: str) -> Path:
        os.kill(int(filename), signal.SIGKILL)
        return tmp_path

    code = "def predict(live, fetch): fetch(str(os.getpid()))"
    with pytest.raises(ModelError, match="killed by SIGKILL while predicting"):
        predict(worker, round_, code, fetch=kills)
    assert round_.predict(worker, first_feature).rows == ROWS


@pytest.mark.parametrize(
    "error", [StoppedError("SIGTERM", Exit.TERMINATED), KeyError("a defect"), KeyboardInterrupt()]
)
def test_what_is_no_answer_to_a_model_ends_its_process_and_is_raised(worker, round_, error):
    def fetch(filename: str) -> Path:
        raise error

    pid = pid_of(worker, round_)
    with pytest.raises(type(error)) as caught:
        predict(worker, round_, FETCHES, fetch=fetch)
    assert caught.value is error
    assert pid_of(worker, round_) != pid


def test_another_thread_and_a_fork_are_told_that_they_cannot_fetch(worker, round_):
    code = """
        said = []

        def attempt(fetch):
            try:
                fetch("x")
            except Exception as error:
                said.append(str(error))

        def predict(live, fetch):
            thread = threading.Thread(target=attempt, args=(fetch,))
            thread.start()
            thread.join()
            child = os.fork()
            if not child:
                attempt(fetch)
                os._exit(len(said) == 2 and said[1] == said[0])
            assert os.waitpid(child, 0)[1] == 256
            raise ValueError(said)
    """
    with pytest.raises(ModelError, match="fetch works only in the thread that called predict"):
        predict(worker, round_, code, fetch=lambda name: pytest.fail("it was asked"))


def test_a_fetch_kept_for_later_is_of_no_use(worker, round_, plain):
    keeps = """
        def predict(live, fetch):
            import decimal
            decimal.kept = fetch
            return live["feature_000"] / 4
    """
    uses = """
        def predict(live):
            import decimal
            decimal.kept("x")
    """
    predict(worker, round_, keeps, context=plain, fetch=refuses)
    with pytest.raises(ModelError, match="fetch works only until predict returns"):
        predict(worker, round_, uses, fetch=lambda name: pytest.fail("it was asked"))


def test_an_answer_that_the_model_no_longer_awaits_is_not_taken_for_another(
    worker, round_, tmp_path
):
    """An alarm breaks off one fetch, and another after which nothing more is asked."""

    def slow(filename: str) -> Path:
        if filename.startswith("slow"):
            threading.Event().wait(0.3)
        (tmp_path / filename).write_text(filename)
        return tmp_path / filename

    code = """
        def ring(*_):
            raise TimeoutError

        def broken_off(fetch, name):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                fetch(name)
            except TimeoutError:
                return True

        def predict(live, fetch):
            signal.signal(signal.SIGALRM, ring)
            assert broken_off(fetch, "slow 1")
            assert fetch("quick").read_text() == "quick"
            assert broken_off(fetch, "slow 2")
            return live["feature_000"] * 0.0 + os.getpid()
    """
    pid = pid_of(worker, round_)
    predict(worker, round_, code, fetch=slow)
    assert set(round_.answers()) == {pid}
    assert pid_of(worker, round_) == pid


def test_a_model_can_be_stopped_while_it_awaits_data(own_worker, round_, tmp_path):
    reason = StoppedError("terminated", Exit.TERMINATED)

    def fetch(filename: str) -> Path:
        own_worker.stop(reason)
        return tmp_path

    with pytest.raises(StoppedError) as caught:
        predict(own_worker, round_, "def predict(live, fetch): fetch('x')", fetch=fetch)
    assert caught.value is reason
