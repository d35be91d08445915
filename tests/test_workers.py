"""Real processes, real pickles: whatever a model does costs only itself."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from job.errors import Exit, ModelError, StoppedError
from job.workers import Needs, Predicted, Worker, worker_environment

cloudpickle.register_pickle_by_value(sys.modules[__name__])

FEATURES = [f"feature_{i:03d}" for i in range(120)]
ROWS = 300
MIB = 1 << 20
SECRETS = {
    "NUMERAI_SECRET_KEY": "s3cret",
    "AZURE_CLIENT_SECRET": "s3cret",
    "IDENTITY_ENDPOINT": "http://169.254.169.254/s3cret",
    "AWS_SESSION_TOKEN": "s3cret",
    "GITHUB_TOKEN": "s3cret",
}


@dataclass(frozen=True, slots=True)
class Round:
    """The files of a round, and a folder for models and answers."""

    folder: Path
    live: Path
    benchmarks: Path

    def save(self, model: object, name: str = "model.pkl") -> Path:
        path = self.folder / name
        path.write_bytes(cloudpickle.dumps(model))
        return path

    def predict(
        self,
        worker: Worker,
        model: object,
        *,
        timeout: float = 30.0,
        memory: int | None = None,
        features: list[str] | None = None,
        format: str = "pickle",
    ) -> Predicted:
        artifact = model if isinstance(model, Path) else self.save(model)
        limits = {"timeout": timeout, "memory": memory}
        needs = worker.load(artifact, format=format, features=features, **limits)
        benchmarks = self.benchmarks if needs.benchmarks else None
        return worker.predict(self.live, benchmarks, self.out, **limits)

    def fails(self, worker: Worker, model: object, **limits: object) -> ModelError:
        """Have a model fail, and the next one succeed."""
        self.out.unlink(missing_ok=True)
        with pytest.raises(ModelError) as caught:
            self.predict(worker, model, **limits)  # type: ignore[arg-type]
        assert not self.out.exists()
        assert self.predict(worker, first_feature).rows == ROWS
        return caught.value

    @property
    def out(self) -> Path:
        return self.folder / "out.csv"

    def answers(self) -> pd.Series:
        return pd.read_csv(self.out, index_col="id")["prediction"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("round")
    rng = np.random.default_rng(3)
    index = pd.Index([f"n{i:06x}" for i in range(ROWS)], name="id")
    values = rng.integers(0, 5, (ROWS, len(FEATURES)), dtype=np.int8)
    live = pd.DataFrame(values, index=index, columns=FEATURES)
    live.insert(0, "era", "1042")
    live.to_parquet(folder / "live.parquet")
    benchmarks = pd.DataFrame({"v53_lgbm_ender20": rng.random(ROWS)}, index=index)
    benchmarks.to_parquet(folder / "live_benchmark_models.parquet")
    return folder / "live.parquet", folder / "live_benchmark_models.parquet"


@pytest.fixture
def round_(files: tuple[Path, Path], tmp_path: Path) -> Round:
    return Round(tmp_path, *files)


def new_worker(folder: Path, **options: object) -> Worker:
    environ = {**os.environ, **SECRETS}
    environment = worker_environment(environ, threads=1, home=folder / "home")
    return Worker(environment=environment, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with new_worker(tmp_path_factory.mktemp("worker")) as shared:
        yield shared


@pytest.fixture
def own_worker(tmp_path: Path) -> Iterator[Worker]:
    with new_worker(tmp_path) as own:
        yield own


def first_feature(live_features):
    return live_features[["feature_000"]] / 4


def process_id(live_features):
    return pd.Series(float(os.getpid()), index=live_features.index)


def pid_of(worker: Worker, round_: Round) -> int:
    round_.predict(worker, process_id)
    return int(round_.answers().iloc[0])


def gone(pid: int, *, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


# What models are given, and what becomes of their answers.


def test_a_function_gets_the_whole_frame_and_its_answer_becomes_a_csv(worker, round_, files):
    def predict(live_features):
        assert list(live_features.columns[:2]) == ["era", "feature_000"]
        assert len(live_features.columns) == 121
        return live_features[["feature_001"]] / 7

    predicted = round_.predict(worker, predict)
    expected = pd.read_parquet(files[0])["feature_001"] / 7
    assert predicted.rows == ROWS
    assert set(predicted.seconds) == {"load", "decode", "predict", "write"}
    assert list(round_.answers().index) == list(expected.index)
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)


def test_benchmarks_reach_a_function_of_two_parameters(worker, round_, files):
    def predict(live_features, live_benchmark_models):
        return live_benchmark_models.rename(columns={"v53_lgbm_ender20": "prediction"})

    artifact = round_.save(predict)
    needs = worker.load(artifact, format="pickle", features=None, timeout=30, memory=None)
    assert needs == Needs("function", None, benchmarks=True)
    worker.predict(round_.live, round_.benchmarks, round_.out, timeout=30, memory=None)
    expected = pd.read_parquet(files[1])["v53_lgbm_ender20"]
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)
    error = round_.fails(worker, lambda live, bench: 1 / 0)
    assert "ZeroDivisionError" in error.what


def test_benchmarks_that_are_not_given_are_missed_by_name(worker, round_):
    worker.load(
        round_.save(lambda live, benchmarks: live),
        format="pickle",
        features=None,
        timeout=30,
        memory=None,
    )
    with pytest.raises(ModelError, match="live_benchmark_models"):
        worker.predict(round_.live, None, round_.out, timeout=30, memory=None)


def test_an_object_gets_only_the_columns_it_was_trained_on(worker, round_, files):
    columns = ["feature_007", "feature_003"]
    live = pd.read_parquet(files[0])
    model = LinearRegression().fit(live[columns], live["feature_003"])
    predicted = round_.predict(worker, model)
    assert predicted.decoded == 2
    np.testing.assert_allclose(round_.answers(), live["feature_003"], atol=1e-9)


def test_every_format_gives_the_same_predictions(worker, round_, files):
    live = pd.read_parquet(files[0])
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1)
    model.fit(live[FEATURES[:9]], live["feature_001"])
    joblib.dump(model, round_.folder / "model.joblib", compress=3)
    model.booster_.save_model(round_.folder / "model.txt")
    answers = []
    for thing, format in (
        (model, "pickle"),
        (model.booster_, "pickle"),
        (round_.folder / "model.joblib", "joblib"),
        (round_.folder / "model.txt", "lightgbm"),
    ):
        round_.predict(worker, thing, format=format)
        answers.append(round_.out.read_bytes())
    assert len(set(answers)) == 1


def test_an_object_trained_on_an_array_is_given_an_array(worker, round_, files):
    live = pd.read_parquet(files[0])
    model = LinearRegression().fit(live[FEATURES[:3]].to_numpy(), live["feature_001"])
    assert round_.predict(worker, model, features=FEATURES[:3]).rows == ROWS
    error = round_.fails(worker, model)
    assert "set `features`" in error.hint


def test_a_column_set_is_decoded_once_for_all_its_models(own_worker, round_):
    decoded = [round_.predict(own_worker, first_feature).decoded for _ in range(3)]
    assert decoded == [121, 0, 0]


def test_a_changed_input_does_not_reach_the_next_model(worker, round_, files):
    def vandal(live_features):
        live_features.iloc[:, 1:] = 99
        live_features.drop(live_features.index[5:], inplace=True)
        live_features.index.name = "x"
        live_features.columns = [f"c{i}" for i in range(live_features.shape[1])]
        raise ValueError("done")

    error = round_.fails(worker, vandal)
    assert error.what == "the model raised ValueError: done"
    expected = pd.read_parquet(files[0])["feature_000"] / 4
    np.testing.assert_allclose(round_.answers(), expected, rtol=1e-15)


def test_what_a_model_changes_in_its_process_does_not_reach_the_next(worker, round_):
    home = pid_of(worker, round_)

    def vandal(live_features):
        import warnings

        os.chdir("/")
        os.environ.clear()
        sys.path.clear()
        warnings.simplefilter("error")
        sys.setrecursionlimit(60)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        sys.stdout.close()
        sys.stderr.close()
        return first_feature(live_features)

    def careful(live_features):
        import time
        import warnings

        time.sleep(0.3)
        warnings.warn("harmless", stacklevel=2)
        print("still there")
        folder = os.getcwd()  # noqa: PTH109
        assert folder == os.environ["HOME"]
        assert sys.path
        return process_id(live_features)

    round_.predict(worker, vandal)
    round_.predict(worker, careful)
    assert round_.answers().iloc[0] == home


def test_no_credential_reaches_model_code(worker, round_):
    seen = str(round_.folder / "environment.json")

    def predict(live_features):
        found = {"environ": dict(os.environ), "argv": sys.argv[1:]}
        Path(seen).write_text(json.dumps(found))
        return first_feature(live_features)

    round_.predict(worker, predict)
    found = json.loads(Path(seen).read_text())
    assert "s3cret" not in json.dumps(found)
    assert not set(SECRETS) & set(found["environ"])
    assert found["environ"]["OMP_NUM_THREADS"] == "1"
    assert found["argv"] == []


def test_the_environment_is_an_allow_list(tmp_path):
    environ = {**SECRETS, "PATH": "/bin", "LC_ALL": "C", "HOME": "/root", "ANYTHING": "x"}
    environment = worker_environment(environ, threads=3, home=tmp_path)
    assert environment["HOME"] == environment["TMPDIR"] == str(tmp_path)
    assert environment["OPENBLAS_NUM_THREADS"] == "3"
    kept = {name for name in environ if environment.get(name) == environ[name]}
    assert kept == {"PATH", "LC_ALL"}


# Misbehaviour: every model here fails, and the next one in the same worker succeeds.


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
    os.closerange(0, 200)
    time.sleep(60)


def closes_and_returns(live_features):
    os.closerange(0, 200)
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
    model.fit(live[FEATURES[:5]], live["feature_001"])
    assert round_.predict(worker, model).rows == ROWS


# The process itself.


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
    root = Path(__file__).resolve().parents[1]
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
        sys.modules["kept"] = np.ones(30 * MIB)  # 240 MiB that nothing frees
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
    model.fit(live[FEATURES], live["feature_001"])

    def predict(live_features):
        wide = pd.concat([live_features[FEATURES].astype(np.float64)] * 20)
        assert len(wide)
        return pd.Series(model.predict(live_features[FEATURES]), index=live_features.index)

    with new_worker(tmp_path) as own:
        for i in range(52):
            round_.predict(own, (predict, model)[i % 2])
            if i == 1:
                process = psutil.Process(pid_of(own, round_))
                before = process.memory_info().rss
        assert process.memory_info().rss - before < 16 * MIB


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
    assert "the model needs numpy" in caught.value.why
    assert "pandas" in caught.value.hint


def test_code_of_the_saving_script_recommends_cloudpickle(worker, round_):
    path = round_.folder / "model.pkl"
    path.write_bytes(b"c__main__\nMyModel\n.")
    assert "cloudpickle" in round_.fails(worker, path).hint


def test_predicting_without_a_loaded_model_is_refused(own_worker, round_):
    with pytest.raises(ModelError, match="no model is loaded"):
        own_worker.predict(round_.live, None, round_.out, timeout=30, memory=None)
