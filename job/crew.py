"""What a round's work takes, put together: its data, model processes, uploader; and taken apart
again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import rmtree

from job.artifacts import Artifacts
from job.clock import monotonic_at
from job.data import RoundData, remove_old_rounds
from job.errors import UnavailableError
from job.files import disk_errors
from job.machine import cores, workers_for
from job.plan import UPLOAD_SECONDS, Submit
from job.predict import Limits, Predictor
from job.recover import recover
from job.retry import Retry
from job.round_work import RoundWork
from job.run import Job
from job.settle import Settler
from job.upload import Uploader
from job.workers import Worker, worker_environment

log = logging.getLogger(__name__)


def work_through(job: Job, steps: Sequence[Submit], *, wait_until: float) -> None:
    """Submits the steps, all of one round; what becomes of them is in the job's record."""
    left = recover(job, steps)
    if left:
        _submit(job, left, wait_until)


def _submit(job: Job, steps: Sequence[Submit], wait_until: float) -> None:
    first = steps[0]
    deadline = None if first.deadline is None else monotonic_at(job.clock, first.deadline)
    retry = Retry(job.clock, job.settings.retry_patience, until=deadline)
    with job.numerai.giving_up_at(deadline), _scratch(job.settings.data_dir) as scratch:
        RoundWork(
            steps=steps,
            predictor=_predictor(job, _round_data(job, first, retry)),
            uploader=Uploader(
                job.numerai, clock=job.clock, retry=retry, note_intent=partial(_note_intent, job)
            ),
            settler=Settler(job.numerai, job.record, job.clock),
            workers=_workers(job, steps, scratch),
            record=job.record,
            clock=job.clock,
            dry_run=job.dry_run,
            wait_until=min(wait_until, math.inf if deadline is None else deadline - UPLOAD_SECONDS),
        ).run()


def _predictor(job: Job, data: RoundData) -> Predictor:
    return Predictor(
        artifacts=Artifacts(job.settings.models_dir),
        data=data,
        models_dir=job.settings.models_dir,
        limits=Limits(job.settings.model_timeout, job.settings.model_memory),
        clock=job.clock,
    )


def _round_data(job: Job, step: Submit, retry: Retry) -> RoundData:
    round_ = step.round
    folder = job.settings.data_dir / round_.tournament
    with suppress(UnavailableError):  # an old file that stays is no reason to miss a round
        remove_old_rounds(folder, current=round_.number)
    return RoundData(
        job.numerai,
        folder / str(round_.number),
        round_,
        clock=job.clock,
        retry=retry,
        stale=job.record.stale_digests(round_),
    )


def _workers(job: Job, steps: Sequence[Submit], scratch: Path) -> list[Worker]:
    limits = [step.model.memory or job.settings.model_memory for step in steps]
    largest = max(filter(None, limits), default=None)
    count = min(job.settings.workers or workers_for(len(steps), largest=largest), len(steps))
    threads = max(1, cores() // count)
    log.info("%d to submit, %d model processes of %d threads", len(steps), count, threads)
    return [
        Worker(
            environment=worker_environment(
                job.environ, threads=threads, home=scratch / f"worker-{number}"
            ),
            threads=threads,
        )
        for number in range(count)
    ]


def _note_intent(job: Job, step: Submit, filename: str) -> None:
    now = job.clock.now()
    job.record.update(
        step.key,
        now=now,
        save=True,
        upload_filename=filename,
        intent_at=now.isoformat(timespec="milliseconds"),
    )


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
