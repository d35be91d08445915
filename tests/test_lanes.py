"""Models go to the lanes in the plan's order, and what happens in one lane stays there."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.crew import Crew
from job.errors import (
    Exit,
    JobError,
    ModelError,
    NotReadyError,
    ReplyLostError,
    RoundTurnedError,
    StoppedError,
)
from job.figures import Figures
from job.lanes import HEARTBEAT_SECONDS, Agenda, Lanes
from job.model_spec import FeatureSet
from job.outcomes import planned
from job.plan import Submit
from job.predict import Prediction
from job.record import Outcome, RunRecord
from job.retry import Retry
from job.round_work import LOST_SECONDS, RoundWork
from job.settle import Settler
from job.store import Folder
from job.upload import Uploader
from job.workers import Worker
from tests.builders import a_step
from tests.clock import NOON, FakeClock
from tests.fakes import FakeNumerai


class Idle:
    """A worker that does nothing and knows whether it was stopped."""

    def __init__(self, _: int = 0) -> None:
        self.stopped: JobError | None = None

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self, reason: JobError | None = None) -> None:
        self.stopped = self.stopped or reason


def same(step: Submit) -> Submit:
    """Nothing is to be prepared."""
    return step


def crew_of(count: int) -> Crew:
    return Crew(cast(Callable[[int], Worker], Idle), count=count)


def step(name: str, *, priority: int = 0, features: str | None = None) -> Submit:
    wanted = None if features is None else FeatureSet(features)
    given = a_step(name)
    return replace(given, model=replace(given.model, priority=priority, features=wanted))


def names(agenda: Agenda, last: Submit | None = None) -> list[str]:
    taken = []
    while (last := agenda.take(last)) is not None:
        taken.append(last.model.name)
    return taken


def test_a_lane_stays_with_its_columns_among_equal_priorities() -> None:
    agenda = Agenda(
        [step("a", features="small"), step("b", features="all"), step("c", features="small")],
        clock=FakeClock(),
    )
    assert names(agenda) == ["a", "c", "b"]


def test_columns_never_outrank_priority() -> None:
    steps = [
        step("a", priority=2, features="small"),
        step("b", priority=1, features="all"),
        step("c", features="small"),
    ]
    assert names(Agenda(steps, clock=FakeClock())) == ["a", "b", "c"]


@given(
    models=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["small", "all", None])), max_size=8
    )
)
def test_every_model_is_taken_once_by_priority(models: list[tuple[int, str | None]]) -> None:
    steps = [step(f"m{n}", priority=p, features=f) for n, (p, f) in enumerate(models)]
    steps.sort(key=lambda one: -one.model.priority)
    taken = names(Agenda(steps, clock=FakeClock()))
    assert sorted(taken) == sorted(one.model.name for one in steps)
    priority = {one.model.name: one.model.priority for one in steps}
    assert [priority[name] for name in taken] == sorted(priority.values(), reverse=True)


def test_one_models_failure_leaves_the_lane_to_the_next() -> None:
    told: dict[str, Any] = {}

    def work(step: Submit, worker: Worker) -> Prediction:
        if step.model.name == "bad":
            raise ZeroDivisionError("oops")
        return cast(Prediction, "predicted")

    steps = [step("bad"), step("good")]
    lanes = Lanes(
        steps,
        crew_of(1),
        prepare=same,
        work=work,
        done=lambda s, result: told.update({s.model.name: result}),
        clock=FakeClock(),
        wait_until=0.0,
    )
    for future in lanes.start():
        future.result(10.0)
    assert isinstance(told["bad"], ZeroDivisionError)
    assert told["good"] == "predicted"


def lane_of(
    steps: list[Submit], ready_after: dict[str, int], clock: FakeClock, *, wait: float
) -> tuple[list[str], dict[str, Any]]:
    """Runs one lane; a model's data are ready after so many tries. Tells tries and results."""
    tried: list[str] = []
    told: dict[str, Any] = {}

    def work(step: Submit, worker: Worker) -> Prediction:
        tried.append(step.model.name)
        if tried.count(step.model.name) <= ready_after.get(step.model.name, 0):
            error = NotReadyError("its file is not there yet")
            error.again_in = 10.0
            raise error
        return cast(Prediction, "predicted")

    lanes = Lanes(
        steps,
        crew_of(1),
        prepare=same,
        work=work,
        done=lambda s, result: told.update({s.model.name: result}),
        clock=clock,
        wait_until=clock.monotonic() + wait,
    )
    for future in lanes.start():
        future.result(10.0)
    return tried, told


def test_a_model_whose_data_are_not_there_lets_the_others_go_first(clock: FakeClock) -> None:
    tried, told = lane_of([step("late"), step("a"), step("b")], {"late": 2}, clock, wait=600.0)
    assert tried == ["late", "a", "b", "late", "late"]
    assert told == dict.fromkeys(["late", "a", "b"], "predicted")
    assert 20.0 <= sum(clock.sleeps) <= 25.0


def test_data_that_never_come_fail_the_model_when_the_wait_is_over(clock: FakeClock) -> None:
    tried, told = lane_of([step("late"), step("a")], {"late": 99}, clock, wait=70.0)
    assert isinstance(told["late"], NotReadyError)
    assert told["a"] == "predicted"
    assert tried.count("late") >= 6
    assert sum(clock.sleeps) <= 70.0


def test_without_a_wait_data_that_are_not_there_fail_the_model_at_once(clock: FakeClock) -> None:
    tried, told = lane_of([step("late"), step("a")], {"late": 1}, clock, wait=0.0)
    assert tried == ["late", "a"]
    assert isinstance(told["late"], NotReadyError)
    assert clock.sleeps == []


@pytest.mark.parametrize("wait", [0.5, 8.0, 10.0, 10.5, 14.0])
def test_the_last_try_is_when_the_wait_ends(clock: FakeClock, wait: float) -> None:
    began, tries = clock.monotonic(), math.ceil(wait / 10.0)
    tried, told = lane_of([step("late")], {"late": tries}, clock, wait=wait)
    assert told == {"late": "predicted"}
    assert len(tried) == tries + 1
    assert wait <= clock.monotonic() - began <= wait + HEARTBEAT_SECONDS


@pytest.mark.parametrize("wait", [0.5, 8.0, 10.0, 10.5, 14.0])
def test_after_the_end_of_the_wait_there_is_no_further_try(clock: FakeClock, wait: float) -> None:
    tried, told = lane_of([step("late")], {"late": 99}, clock, wait=wait)
    assert isinstance(told["late"], NotReadyError)
    assert len(tried) == math.ceil(wait / 10.0) + 1


def test_a_stop_ends_the_wait_for_data(clock: FakeClock) -> None:
    clock.stop(StoppedError("terminated", Exit.TERMINATED))
    _, told = lane_of([step("late")], {"late": 99}, clock, wait=600.0)
    assert told == {}


def test_a_stop_takes_no_further_model_and_ends_the_one_that_runs() -> None:
    begun, go_on = threading.Event(), threading.Event()
    taken: list[str] = []
    used: list[Worker] = []
    told: list[Prediction | Exception] = []

    def work(step: Submit, worker: Worker) -> Prediction:
        taken.append(step.model.name)
        used.append(worker)
        begun.set()
        go_on.wait(10.0)
        return cast(Prediction, "predicted, but too late")

    crew = crew_of(1)
    lanes = Lanes(
        [step("a"), step("b"), step("c")],
        crew,
        prepare=same,
        work=work,
        done=lambda _, result: told.append(result),
        clock=FakeClock(),
        wait_until=0.0,
    )
    futures = lanes.start()
    assert begun.wait(10.0)
    reason = StoppedError("terminated", Exit.TERMINATED)
    lanes.stop(reason)
    go_on.set()
    wait(futures, timeout=10.0)
    assert taken == ["a"]
    assert told == [reason]
    assert cast(Idle, used[0]).stopped is reason
    with crew.lend(used[0]) as next_one:
        assert next_one is not used[0]


def test_a_lane_that_waits_for_a_worker_leaves_when_it_is_stopped() -> None:
    crew, told = crew_of(1), list[Any]()
    lanes = Lanes(
        [step("a")],
        crew,
        prepare=same,
        work=lambda *_: pytest.fail("it was begun after the stop"),
        done=lambda _, result: told.append(result),
        clock=FakeClock(),
        wait_until=0.0,
    )
    reason = StoppedError("terminated", Exit.TERMINATED)
    with crew.lend():
        futures = lanes.start()
        while not crew._queue:
            time.sleep(0.001)
        lanes.stop(reason)
    wait(futures, timeout=10.0)
    assert told == [reason]


class Bench:
    """A round's work on the fake, with predictions that are there at once."""

    def __init__(self, clock: FakeClock, folder: Path, *, lanes: int = 1) -> None:
        self.clock = clock
        self.numerai = FakeNumerai(clock)
        self.numerai.rounds["classic"] = [a_step().round]
        self.steps = [a_step(name) for name in ("mallard", "teal")]
        for one in self.steps:
            self.numerai.add_model(one.model.name)
        self.record = RunRecord(Folder(folder / "runs"), started=NOON)
        self.record.begin(map(planned, self.steps))
        self.csv = folder / "p.csv"
        self.csv.write_bytes(b"id,prediction\n")
        self.used: list[Idle] = []
        self.crew = Crew(self.worker, count=lanes)
        self.predictor: Any = SimpleNamespace(prepare=same, predict=self.predict)
        self.work = RoundWork(
            steps=self.steps,
            predictor=self.predictor,
            figures=cast(Figures, None),
            uploader=Uploader(
                self.numerai,
                clock=clock,
                retry=Retry(clock, 30.0),
                note_intent=lambda *_: None,
                check_lock=lambda: None,
            ),
            settler=Settler(self.numerai, self.record, clock),
            crew=self.crew,
            record=self.record,
            clock=clock,
            dry_run=False,
            wait_until=0.0,
        )

    def worker(self, _: int) -> Worker:
        self.used.append(Idle())
        return cast(Worker, self.used[-1])

    def predict(self, step: Submit, worker: Worker) -> Prediction:
        return Prediction(self.csv, 1, 1, "0" * 64, {}, {})

    @property
    def outcomes(self) -> list[str]:
        return [str(result.outcome) for result in self.record.results]


@pytest.fixture
def bench(clock: FakeClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


def test_a_rounds_work_submits_and_proves_every_model(bench: Bench) -> None:
    bench.work.run()
    assert bench.outcomes == ["submitted", "submitted"]
    assert len(bench.numerai.submissions) == 2
    assert bench.numerai.calls.count("account_state") == 1


def test_a_fault_of_a_lane_itself_stops_the_others(clock: FakeClock, tmp_path: Path) -> None:
    bench = Bench(clock, tmp_path, lanes=2)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    def predict(step: Submit, worker: Worker) -> Prediction:
        while step.model.name == "teal" and cast(Idle, worker).stopped is None:
            time.sleep(0.001)
        return bench.predict(step, worker)

    bench.predictor.predict = predict
    bench.record.update = broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="No space left"):
        bench.work.run()
    assert any(idle.stopped is not None for idle in bench.used)


def test_an_upload_that_outlasts_its_round_leaves_the_next_ones_record_alone(
    bench: Bench,
) -> None:
    bench.work._over = True
    before = bench.record.results
    bench.work._failed(bench.steps[0], ModelError("too late to tell"))
    assert bench.work._deliver(bench.steps[1], bench.predict(bench.steps[1], bench.worker(0)))
    assert bench.record.results == before


def test_a_stop_ends_the_work_and_leaves_what_was_done(bench: Bench, clock: FakeClock) -> None:
    stop = StoppedError("terminated", Exit.TERMINATED)
    bench.numerai.before("create", lambda: clock.stop(stop))
    with pytest.raises(StoppedError):
        bench.work.run()
    made = len(bench.numerai.submissions)
    assert sorted(bench.outcomes) == ["pending"] * (2 - made) + ["unproven"] * made
    assert made


@pytest.mark.parametrize("lost", [True, False])
def test_an_upload_is_settled_while_another_model_still_runs(
    bench: Bench, clock: FakeClock, lost: bool
) -> None:
    settled = threading.Event()

    def predict(step: Submit, worker: Worker) -> Prediction:
        if step.model.name == "teal":
            while not settled.wait(0.01):
                clock.move(LOST_SECONDS / 10)
        return bench.predict(step, worker)

    def note(*given: Any, **changes: Any) -> None:
        update(*given, **changes)
        if changes.get("outcome") is Outcome.SUBMITTED:
            settled.set()

    update = bench.record.update
    bench.record.update = note  # type: ignore[method-assign]
    bench.predictor.predict = predict
    if lost:
        bench.numerai.fail("create", ReplyLostError("no answer"), match="mallard")
    bench.work.run()
    assert bench.outcomes == ["submitted", "submitted"]
    assert sorted(made.model for made in bench.numerai.submissions) == ["mallard", "teal"]
    assert bench.numerai.calls.count("create") == (3 if lost else 2)


def test_a_lost_answer_of_a_round_that_turned_ends_the_work_while_models_run(
    bench: Bench, clock: FakeClock
) -> None:
    turned = threading.Event()

    def turn() -> None:
        clock.move(60.0)
        bench.numerai.open_round(1401)

    def predict(step: Submit, worker: Worker) -> Prediction:
        if step.model.name == "teal":
            while cast(Idle, worker).stopped is None:
                clock.move(1.0)
                turned.wait(0.01)
            raise cast(Idle, worker).stopped  # type: ignore[misc]
        return bench.predict(step, worker)

    bench.predictor.predict = predict
    bench.numerai.before("create", turn)
    bench.numerai.fail("create", ReplyLostError("no answer"), done=True)
    with pytest.raises(RoundTurnedError, match="1401"):
        bench.work.run()
