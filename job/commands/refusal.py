"""What is left of a run that was refused before it began: a record that says why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from job.blob_url import Location
from job.clock import Clock
from job.connect import open_store
from job.errors import JobError
from job.handed_on import HandedOn
from job.logs import redacted
from job.past_records import PastRecords, live_data
from job.record import SUFFIX, RunRecord
from job.report import WORDS
from job.run_log import SUFFIX as LOG_SUFFIX
from job.settings import runs_dir_of
from job.store import Store

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""For the record alone; the settings' own patience may be what is wrong with them."""


def leave_refusal(
    error: JobError,
    environ: Mapping[str, str],
    clock: Clock,
    *,
    look_back: Callable[[PastRecords], HandedOn],
) -> RunRecord | None:
    """Leaves the record, where there is a place for it; None where it could not be written.

    Args:
        look_back: is given the records of that place before there is one of this run in it, and
            gives what this one is to hand on.
    """
    location = runs_dir_of(environ)
    if location is None:
        return None
    try:
        runs = open_store(location, environ, clock=clock, patience=PATIENCE_SECONDS)
        past = PastRecords(runs)
        known = look_back(past)
        record = RunRecord(
            runs,
            started=clock.now(),
            redact=redacted,
            live_data=live_data(past),
            handed_on=known,
            after=past.newest,
        )
        return _refused(location, runs, error, record, clock)
    except JobError as problem:
        log.debug("no run record: %s", problem)
        return None


def _refused(
    location: Location, runs: Store, error: JobError, record: RunRecord, clock: Clock
) -> RunRecord:
    record.end(
        outcome=WORDS[error.exit_code],
        exit_code=error.exit_code,
        message=str(error),
        now=clock.now(),
    )
    if not isinstance(location, Path):
        text = "\n".join(["error: " + error.lines()[0], *error.lines()[1:], ""])
        try:
            runs.write(record.name.removesuffix(SUFFIX) + LOG_SUFFIX, redacted(text).encode())
        except JobError as problem:
            log.debug("no log beside the record: %s", problem)
    return record
