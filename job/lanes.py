"""Lanes: as many threads as model processes, each taking the next model as soon as its process is
free.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from job.clock import Clock
from job.errors import JobError, NotReadyError, StoppedError
from job.plan import Submit
from job.predict import Prediction
from job.workers import Worker

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0

Work = Callable[[Submit, Worker], Prediction]
Done = Callable[[Submit, Prediction | Exception], None]


class Agenda:
    """The models still to be predicted, in the plan's order.

    Among models of equal priority a lane is given one that reads the same columns as its last,
    because its process has them decoded.
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
            chosen = next((step for step in self._steps if _alike(step, last, first)), first)
            self._steps.remove(chosen)
            return chosen

    def put_back(self, step: Submit, *, seconds: float) -> None:
        """Has a model taken again, `seconds` from now at the earliest."""
        with self._guard:
            self._later.append((self._clock.monotonic() + seconds, step))

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


def _alike(step: Submit, last: Submit | None, first: Submit) -> bool:
    return (
        last is not None
        and step.model.priority == first.model.priority
        and step.model.features == last.model.features
        and step.model.data_version == last.model.data_version
    )


class Lanes:
    """Runs `work` for every step on one of the workers, and tells `done` what came of it.

    A model whose data are not ready lets the others go first and is tried again.

    Args:
        wait_until: monotonic moment until which data that are not ready are waited for.
    """

    def __init__(
        self,
        steps: Iterable[Submit],
        workers: Sequence[Worker],
        *,
        work: Work,
        done: Done,
        clock: Clock,
        wait_until: float,
    ) -> None:
        self._agenda = Agenda(steps, clock=clock)
        self._clock = clock
        self._wait_until = wait_until
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
            while (step := self._next(step)) is not None:
                result: Prediction | Exception
                try:
                    result = self._work(step, worker)
                except NotReadyError as error:
                    if self._postponed(step, error):
                        continue
                    result = error
                except Exception as error:  # noqa: BLE001 - it costs this model only
                    result = error
                self._done(step, result)

    def _next(self, last: Submit | None) -> Submit | None:
        while (step := self._agenda.take(last)) is None and self._agenda.waiting:
            try:
                self._clock.sleep(HEARTBEAT_SECONDS)
            except StoppedError:
                return None
        return step

    def _postponed(self, step: Submit, error: NotReadyError) -> bool:
        """Puts the model back, unless the wait for its data is over before it would be due."""
        if self._clock.monotonic() + error.again_in > self._wait_until:
            return False
        log.info("%s: %s; trying again in %.0f s", step.model.name, error.what, error.again_in)
        self._agenda.put_back(step, seconds=error.again_in)
        return True
