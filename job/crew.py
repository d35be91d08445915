"""The run's model processes, which the tournaments share: lent for one model at a time, in the
order in which they are asked for.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree

from filelock import BaseFileLock, FileLock, Timeout

from job.clock import Clock
from job.errors import JobError, ModelError
from job.files import disk_errors
from job.machine import cores, workers_for
from job.run import Job
from job.workers import Worker, worker_environment

log = logging.getLogger(__name__)

LOCK = "lock"
RETRY_SECONDS = 1.0


class Crew:
    """Workers on loan. Safe to use from many threads.

    Args:
        make: a worker with the scratch folder of that number.
        count: how many there are at most.
    """

    def __init__(self, make: Callable[[int], Worker], *, count: int) -> None:
        self.count = count
        self._make = make
        self._guard = threading.Condition()
        self._idle: list[Worker] = []
        self._made = 0
        self._lent = 0
        self._queue: deque[object] = deque()
        self._retired: set[Worker] = set()
        self._closed = False

    def warm_up(self, count: int) -> None:
        """Has so many processes start, as far as they are not lent, while their data come."""
        with self._guard:
            while not self._closed and self._made < min(count, self.count):
                self._made += 1
                self._idle.append(self._make(self._made))
            idle = list(self._idle[:count])
        for worker in idle:
            worker.start()

    @contextmanager
    def lend(self, like: Worker | None = None) -> Iterator[Worker]:
        """A worker for one model; `like` is the one to be had again if it is free."""
        worker = self._take(like)
        try:
            yield worker
        finally:
            self._give_back(worker)

    def retire(self, worker: Worker, reason: JobError) -> None:
        """Ends what a lent worker does, and the worker with it: another will take its place."""
        with self._guard:
            self._retired.add(worker)
        worker.stop(reason)

    def close(self) -> None:
        """Ends the workers that are not lent; the others end as they come back."""
        with self._guard:
            idle, self._idle = self._idle, []
            self._closed = True
            self._guard.notify_all()
        for worker in idle:
            worker.stop()

    def _take(self, like: Worker | None) -> Worker:
        turn = object()
        with self._guard:
            self._queue.append(turn)
            self._guard.wait_for(lambda: self._closed or self._is_next(turn))
            self._queue.remove(turn)
            if self._closed:
                raise ModelError("the run ended before its turn")
            self._lent += 1
            self._guard.notify_all()
            if like in self._idle:
                self._idle.remove(like)
                return like
            if self._idle:
                return self._idle.pop()
            self._made += 1
            return self._make(self._made)

    def _is_next(self, turn: object) -> bool:
        return self._queue[0] is turn and self._lent < self.count

    def _give_back(self, worker: Worker) -> None:
        with self._guard:
            self._lent -= 1
            ended = worker in self._retired or self._closed
            self._retired.discard(worker)
            if not ended:
                self._idle.append(worker)
            self._guard.notify_all()
        if ended:
            worker.stop()


@contextmanager
def model_processes(job: Job) -> Iterator[Crew]:
    """The crew of a run; its processes are gone at the end."""
    models = [model for model in job.manifest.models if model.enabled]
    limits = [model.memory or job.settings.model_memory for model in models]
    largest = max(filter(None, limits), default=None)
    wanted = job.settings.workers or workers_for(len(models), largest=largest)
    count = min(wanted, len(models))
    threads = max(1, cores() // count)
    log.info("up to %d model processes of %d threads", count, threads)
    with ExitStack() as ended:
        ended.enter_context(_alone_in(job.settings.data_dir, job.clock))
        scratch = ended.enter_context(_scratch(job.settings.data_dir))
        crew = Crew(
            lambda number: Worker(
                environment=worker_environment(
                    job.environ, threads=threads, home=scratch / f"worker-{number}"
                ),
                threads=threads,
            ),
            count=count,
        )
        ended.callback(crew.close)
        yield crew


@contextmanager
def _alone_in(data_dir: Path, clock: Clock) -> Iterator[None]:
    """Waits until no other run works with this data folder. One whose records lie elsewhere, of
    another account perhaps, has another lock.
    """
    lock = FileLock(data_dir / LOCK)
    told = False
    while not _is_taken(lock, data_dir):
        if not told:
            log.warning(
                "another run works in %s; waiting for it (each its own NUMERAI_DATA_DIR spares "
                "that)",
                data_dir,
            )
            told = True
        clock.sleep(RETRY_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _is_taken(lock: BaseFileLock, data_dir: Path) -> bool:
    with disk_errors(f"cannot use {data_dir}"):
        data_dir.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except NotImplementedError:  # a file system without locks
            log.debug("%s cannot be locked", data_dir)
    return True


@contextmanager
def _scratch(data_dir: Path) -> Iterator[Path]:
    """The folder in which model processes live; what a killed run left in it goes first."""
    folder = data_dir / "scratch"
    with disk_errors(f"cannot use {folder}"):
        rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)
