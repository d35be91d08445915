"""Lanes: as many threads as there are model processes, each taking the next model as soon as a
process is free.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from job.clock import Clock
from job.crew import Crew
from job.errors import JobError, NotReadyError, StoppedError
from job.plan import Submit
from job.predict import Prediction
from job.workers import Worker

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0

R = TypeVar("R")
Done = Callable[[Submit, Prediction | Exception], None]


class Agenda:
    """The models still to be predicted, in the plan's order.

    Among models of equal priority a lane is given one that has the same runtime as its last and
    reads the same columns, because its process runs in the one and has the others decoded.
    """

    def __init__(self, steps: Iterable[Submit], *, clock: Clock) -> None:
        self._clock = clock
        self._steps = list(steps)
        self._later: list[tuple[float, Submit]] = []
        self._guard = threading.Lock()

    def take(self, last: Submit | None) -> Submit | None:
        """The next model for a lane whose last one was `last`; None when none can be had now."""
        with self._guard:
            self._bring_back_due()
            if not self._steps:
                return None
            first = self._steps[0]
            chosen = max(self._steps, key=lambda step: _likeness(step, last, first))
            self._steps.remove(chosen)
            return chosen

    def put_back(self, step: Submit, *, due: float) -> None:
        """Has a model taken again, at that monotonic moment at the earliest."""
        with self._guard:
            self._later.append((due, step))

    @property
    def waiting(self) -> bool:
        """Whether a model that was put back has not been taken again."""
        with self._guard:
            return bool(self._later)

    def clear(self) -> None:
        """Leaves nothing to be taken."""
        with self._guard:
            self._steps.clear()
            self._later.clear()

    def _bring_back_due(self) -> None:
        now = self._clock.monotonic()
        due = [step for moment, step in self._later if moment <= now]
        self._later = [(moment, step) for moment, step in self._later if moment > now]
        self._steps.extend(due)


def _likeness(step: Submit, last: Submit | None, first: Submit) -> int:
    """How much of a lane's process a model could use: 0 nothing, 1 its interpreter, 2 its columns,
    too; -1 for a model whose turn it is not.
    """
    if step.model.priority != first.model.priority:
        return -1
    if last is None or step.model.runtime != last.model.runtime:
        return 0
    columns = (last.model.features, last.model.data_version)
    return 2 if (step.model.features, step.model.data_version) == columns else 1


class Lanes(Generic[R]):
    """Prepares every step, runs `work` for it on a worker of the crew, and tells `done` what came
    of it.

    A model whose data are not ready lets the others go first and is tried again, the last time when
    the wait for them ends.

    Args:
        prepare: gets what `work` is given; no worker is lent for it, since it may wait for data.
        wait_until: monotonic moment until which data that are not ready are waited for.
    """

    def __init__(
        self,
        steps: Sequence[Submit],
        crew: Crew,
        *,
        prepare: Callable[[Submit], R],
        work: Callable[[R, Worker], Prediction],
        done: Done,
        clock: Clock,
        wait_until: float,
    ) -> None:
        self._agenda = Agenda(steps, clock=clock)
        self._count = min(crew.count, len(steps))
        self._clock = clock
        self._wait_until = wait_until
        self._crew = crew
        self._prepare = prepare
        self._work = work
        self._done = done
        self._guard = threading.Lock()
        self._busy: set[Worker] = set()
        self._stopped: JobError | None = None

    def start(self) -> list[Future[None]]:
        """Starts the lanes; the futures end when every step has been taken and is done."""
        self._crew.warm_up(self._count)
        pool = ThreadPoolExecutor(self._count, thread_name_prefix="lane")
        futures = [pool.submit(self._run) for _ in range(self._count)]
        pool.shutdown(wait=False)
        return futures

    def stop(self, reason: JobError) -> None:
        """Takes no further step and ends the models that run; they fail with `reason`."""
        self._agenda.clear()
        with self._guard:  # held to the end: a worker that is given back is soon another's
            self._stopped = self._stopped or reason
            for worker in self._busy:
                self._crew.retire(worker, reason)

    def _run(self) -> None:
        step: Submit | None = None
        worker: Worker | None = None
        while (step := self._next(step)) is not None:
            result: Prediction | Exception
            try:
                ready = self._prepare(step)
                with self._crew.lend(worker) as worker, self._watched(worker):
                    result = self._work(ready, worker)
            except NotReadyError as error:
                if self._postponed(step, error):
                    continue
                result = error
            except Exception as error:  # noqa: BLE001 - it costs this model only
                result = error
            self._done(step, self._stopped or result)

    @contextmanager
    def _watched(self, worker: Worker) -> Iterator[None]:
        """Lets `stop` end what the worker does; raises its reason where it has come already."""
        with self._guard:
            if self._stopped is not None:
                raise self._stopped
            self._busy.add(worker)
        try:
            yield
        finally:
            with self._guard:
                self._busy.discard(worker)

    def _next(self, last: Submit | None) -> Submit | None:
        while (step := self._agenda.take(last)) is None and self._agenda.waiting:
            try:
                self._clock.sleep(HEARTBEAT_SECONDS)
            except StoppedError:
                return None
        return step

    def _postponed(self, step: Submit, error: NotReadyError) -> bool:
        """Puts the model back, unless the wait for its data is over."""
        now = self._clock.monotonic()
        if now >= self._wait_until or self._stopped is not None:
            return False
        due = min(now + error.again_in, self._wait_until)
        log.info("%s: %s; trying again in %.0f s", step.model.name, error.what, due - now)
        self._agenda.put_back(step, due=due)
        return True
