"""Model processes on loan: shared by all tournaments, in the order of asking, none lent twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.crew import Crew
from job.errors import Exit, JobError, ModelError, StoppedError
from job.lanes import Lanes
from job.plan import Submit
from job.predict import Prediction
from job.workers import Worker
from tests.builders import a_step
from tests.clock import FakeClock

STOP = StoppedError("terminated", Exit.TERMINATED)


class Idle:
    """A worker that does nothing and knows why it was stopped."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.reasons: list[JobError | None] = []

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self, reason: JobError | None = None) -> None:
        self.reasons.append(reason)


def crew_of(count: int) -> Crew:
    return Crew(cast(Callable[[int], Worker], Idle), count=count)


def idle(worker: Worker) -> Idle:
    return cast(Idle, worker)


def test_no_more_workers_are_made_than_are_wanted_at_once() -> None:
    crew = crew_of(3)
    with crew.lend() as first, crew.lend() as second:
        assert first is not second
    with crew.lend() as again:
        assert idle(again).number in {1, 2}


def test_a_lane_has_the_worker_again_that_it_had() -> None:
    crew = crew_of(2)
    with crew.lend() as first, crew.lend() as second:
        pass
    for wanted in (first, second, first):
        with crew.lend(wanted) as worker:
            assert worker is wanted


@given(st.integers(1, 4), st.integers(1, 12))
def test_a_worker_is_lent_to_one_lane_at_a_time(count: int, lanes: int) -> None:
    crew, lent, guard = crew_of(count), set[Worker](), threading.Lock()

    def lane(_: int) -> int:
        with crew.lend() as worker:
            with guard:
                assert worker not in lent
                lent.add(worker)
                most = len(lent)
            with guard:
                lent.discard(worker)
        return most

    with ThreadPoolExecutor(lanes) as pool:
        assert max(pool.map(lane, range(lanes))) <= count


def test_lanes_are_served_in_the_order_of_asking() -> None:
    crew, served, asked = crew_of(1), list[str](), threading.Semaphore(0)

    def lane(name: str) -> None:
        with crew.lend():
            served.append(name)

    with ThreadPoolExecutor(3) as pool:
        with crew.lend() as worker:
            for name in ("first", "second", "third"):
                waiting = len(crew._queue)
                pool.submit(lane, name)
                while len(crew._queue) == waiting:
                    asked.acquire(timeout=0.001)
        with crew.lend(worker):  # who has just had it goes to the end of the queue
            served.append("again")
    assert served == ["first", "second", "third", "again"]


def test_a_retired_workers_place_is_taken_by_a_new_one() -> None:
    crew = crew_of(1)
    with crew.lend() as old:
        crew.retire(old, STOP)
    assert idle(old).reasons[0] is STOP
    with crew.lend(old) as new:
        assert new is not old


def test_a_closed_crew_ends_every_worker_and_lets_nobody_wait() -> None:
    crew = crew_of(2)
    with crew.lend() as lent:
        with crew.lend() as at_home:
            pass
        crew.close()
        assert idle(at_home).reasons == [None]
        with pytest.raises(ModelError, match="ended before its turn"), crew.lend():
            raise AssertionError("unreachable")
    assert idle(lent).reasons == [None]


def test_a_stop_ends_no_worker_that_is_another_tournaments_by_then() -> None:
    """Ending a worker takes a while; one that is given back meanwhile must not be ended next."""
    crew, told = crew_of(2), list[object]()
    working, may_end = threading.Barrier(3), threading.Event()
    reason = StoppedError("the round has turned", Exit.UNAVAILABLE)

    def work(step: Submit, worker: Worker) -> Prediction:
        working.wait(10.0)
        may_end.wait(10.0)
        return cast(Prediction, None)

    lanes = Lanes(
        [a_step("mallard"), a_step("teal")],
        crew,
        prepare=lambda step: step,
        work=work,
        done=lambda _, result: told.append(result),
        clock=FakeClock(),
        wait_until=0.0,
    )
    futures = lanes.start()
    working.wait(10.0)
    retire, retired = crew.retire, list[Worker]()

    def slow_retire(worker: Worker, why: JobError) -> None:
        retired.append(worker)
        may_end.set()  # the other lane's model ends just now
        if len(retired) == 1:
            with suppress(TimeoutError):
                futures[0].result(0.2)
        retire(worker, why)

    crew.retire = slow_retire  # type: ignore[method-assign]
    lanes.stop(reason)
    wait(futures, timeout=10.0)
    with crew.lend() as first, crew.lend() as second:
        assert not {first, second} & set(retired)
        assert not idle(first).reasons
        assert not idle(second).reasons
