"""What a round's work takes, put together: its data, its predictor, uploader and settler."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from job.clock import monotonic_at
from job.crew import Crew
from job.data import RoundData, remove_old_rounds
from job.errors import StoppedError, UnavailableError
from job.figures import Figures
from job.plan import UPLOAD_SECONDS, Submit
from job.predict import Defaults, Predictor
from job.recover import recover
from job.retry import Retry
from job.round_work import RoundWork
from job.run import Job
from job.settle import Settler
from job.tournament import Tournament
from job.upload import Uploader

log = logging.getLogger(__name__)

LAST_TRY_SECONDS = 5.0
"""What the last try of a model that has waited gets before the time that its upload needs: to read
a file that has just come, and to predict.
"""


def submit(job: Job, steps: Sequence[Submit], crew: Crew, *, wait_until: float) -> None:
    """Submits the steps, all of one round; what becomes of them is in the job's record."""
    left = recover(job, steps)
    if left:
        log.info("%d %s models to submit", len(left), left[0].round.tournament)
        job.models.tidy(job.manifest)
        _submit(job, left, crew, wait_until)


def _submit(job: Job, steps: Sequence[Submit], crew: Crew, wait_until: float) -> None:
    first = steps[0]
    deadline = None if first.deadline is None else monotonic_at(job.clock, first.deadline)
    retry = Retry(job.clock, job.settings.retry_patience, until=deadline)
    numerai = job.numerai.giving_up_at(deadline)
    if deadline is not None:
        wait_until = min(wait_until, deadline - UPLOAD_SECONDS - LAST_TRY_SECONDS)
    data = _round_data(job, numerai, first, retry, wait_until=wait_until)
    predictor = _predictor(job, data)
    RoundWork(
        steps=steps,
        predictor=predictor,
        figures=Figures(
            numerai,
            data,
            peer=partial(predictor.peer, first.round.tournament),
            force=job.wishes.force,
        ),
        uploader=Uploader(
            numerai,
            clock=job.clock,
            retry=retry,
            note_intent=partial(_note_intent, job),
            check_lock=partial(_check_lock, job),
        ),
        settler=Settler(numerai, job.record, job.clock),
        crew=crew,
        record=job.record,
        clock=job.clock,
        dry_run=job.dry_run,
        wait_until=wait_until,
    ).run()


def _predictor(job: Job, data: RoundData) -> Predictor:
    return Predictor(
        models=job.models,
        data=data,
        manifest=job.manifest,
        data_dir=job.settings.data_dir,
        environ=job.environ,
        defaults=Defaults(job.settings.model_timeout, job.settings.model_memory),
        clock=job.clock,
        force=job.wishes.force,
    )


def _round_data(
    job: Job, numerai: Tournament, step: Submit, retry: Retry, *, wait_until: float
) -> RoundData:
    round_ = step.round
    folder = job.settings.data_dir / round_.tournament
    with suppress(UnavailableError):  # an old file that stays is no reason to miss a round
        remove_old_rounds(folder, current=round_.number)
    return RoundData(
        numerai,
        folder / str(round_.number),
        round_,
        clock=job.clock,
        retry=retry,
        stale=job.record.stale_digests(round_),
        note_live=partial(job.record.note_live, round_),
        wait_until=wait_until,
    )


def _note_intent(job: Job, step: Submit, filename: str) -> None:
    """Writes down what is about to be registered."""
    now = job.clock.now()
    job.record.update(
        step.key,
        now=now,
        save=True,
        upload_filename=filename,
        intent_at=now.isoformat(timespec="milliseconds"),
    )


def _check_lock(job: Job) -> None:
    """A run whose lock is another's by now may not register anything any more, and ends."""
    try:
        job.runs.check_lock()
    except StoppedError as lost:
        job.clock.stop(lost)
        raise
