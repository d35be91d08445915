"""Lanes: as many threads as model processes, each taking the next model as soon as its process is
free.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from job.errors import JobError
from job.plan import Submit
from job.predict import Prediction
from job.workers import Worker

Work = Callable[[Submit, Worker], Prediction]
Done = Callable[[Submit, Prediction | Exception], None]


class Agenda:
    """The models still to be predicted, in the plan's order.

    Among models of equal priority a lane is given one that reads the same columns as its last,
    because its process has them decoded.
    """

    def __init__(self, steps: Iterable[Submit]) -> None:
        self._steps = list(steps)
        self._guard = threading.Lock()

    def take(self, last: Submit | None) -> Submit | None:
        """The next model for a lane whose last one was `last`; None when none is left."""
        with self._guard:
            if not self._steps:
                return None
            first = self._steps[0]
            chosen = next((step for step in self._steps if _alike(step, last, first)), first)
            self._steps.remove(chosen)
            return chosen

    def clear(self) -> None:
        """Leaves nothing to be taken."""
        with self._guard:
            self._steps.clear()


def _alike(step: Submit, last: Submit | None, first: Submit) -> bool:
    return (
        last is not None
        and step.model.priority == first.model.priority
        and step.model.features == last.model.features
        and step.model.data_version == last.model.data_version
    )


class Lanes:
    """Runs `work` for every step on one of the workers, and tells `done` what came of it."""

    def __init__(
        self, steps: Iterable[Submit], workers: Sequence[Worker], *, work: Work, done: Done
    ) -> None:
        self._agenda = Agenda(steps)
        self._workers = workers
        self._work = work
        self._done = done

    def start(self) -> list[Future[None]]:
        """Starts the processes; the futures end when every step has been taken and is done."""
        pool = ThreadPoolExecutor(len(self._workers), thread_name_prefix="lane")
        futures = [pool.submit(self._run, worker) for worker in self._workers]
        pool.shutdown(wait=False)
        return futures

    def stop(self, reason: JobError) -> None:
        """Takes no further step and ends the models that run; they fail with `reason`."""
        self._agenda.clear()
        for worker in self._workers:
            worker.stop(reason)

    def _run(self, worker: Worker) -> None:
        step: Submit | None = None
        with worker:
            worker.start()
            while (step := self._agenda.take(step)) is not None:
                result: Prediction | Exception
                try:
                    result = self._work(step, worker)
                except Exception as error:  # noqa: BLE001 - it costs this model only
                    result = error
                self._done(step, result)
