"""How a run ends: its record closed, its summary said, its log put beside the record; in time,
where it is told to stop.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path

from job.errors import Exit, JobError, StoppedError, UnavailableError
from job.logs import redacted
from job.notices.reporter import Reporter
from job.outcomes import unfinished
from job.output import say
from job.record import LATEST, SUFFIX, Outcome, RunRecord
from job.report import headline, outcome_word, summary
from job.run import Job, run
from job.run_log import SUFFIX as LOG_SUFFIX
from job.run_log import LogWriter, RunLog
from job.supervise import done_in_time, supervise

log = logging.getLogger(__name__)

OUTRANKED_BY_THE_DISK = (Exit.OK, Exit.MODELS_FAILED, Exit.MISSED, Exit.NO_ROUND)
LOG_SECONDS = 10.0
"""What the last lines of the log get to be put beside the record."""


def run_with_log(
    job: Job, reporter: Reporter, lines: RunLog, *, since: float, as_json: bool
) -> Exit:
    """The same with a copy of what the run says beside its record, summary and error included."""
    name = job.record.name.removesuffix(SUFFIX) + LOG_SUFFIX
    writer = LogWriter(lines, job.runs, name)
    writer.start()
    try:
        return run_to_its_end(job, reporter, since=since, as_json=as_json, told=lines.add)
    except JobError as error:
        lines.add(redacted("\n".join(["error: " + error.lines()[0], *error.lines()[1:]])))
        raise
    finally:
        done_in_time(lambda: writer.finish(LOG_SECONDS), clock=job.clock, seconds=LOG_SECONDS)


def run_to_its_end(
    job: Job,
    reporter: Reporter,
    *,
    since: float,
    as_json: bool,
    told: Callable[[str], None] = lambda _: None,
) -> Exit:
    """Runs, records, sums up and tells whoever wants to know.

    Args:
        since: when the run began, on the clock's monotonic scale.
        told: gets what is said, too.
    """
    error: Exception | None = None
    try:
        code = supervise(
            lambda: run(job),
            clock=job.clock,
            timeout=job.settings.run_timeout,
            since=since,
            afterwards=reporter.afterwards,
        )
    except JobError as raised:
        error, code = raised, raised.exit_code
    except Exception as raised:
        log.exception("unforeseen error")
        error, code = raised, Exit.UNFORESEEN
    recorded = _recorded(job, code, error)
    if not recorded and code in OUTRANKED_BY_THE_DISK:
        stopping = job.clock.stopping
        code = Exit.UNAVAILABLE if stopping is None else stopping.exit_code
    text = _text(job, code)
    if not as_json:
        say(text)
        told(redacted(text))
    reporter.end(code, error, record=job.record, manifest=job.manifest, text=text)
    if as_json:
        say(line := as_line(job.record))
        told(redacted(line))
    if job.settings.exit_zero and recorded:
        code = Exit.OK
    if isinstance(error, JobError):
        error.exit_code = code
        raise error
    return code


def _recorded(job: Job, code: Exit, error: Exception | None) -> bool:
    """Closes the record; False when it could not be written, or not in the time that a run has
    which is told to stop.
    """
    if not done_in_time(lambda: _end_record(job, code, error), clock=job.clock, seconds=math.inf):
        what = LATEST if job.record.is_closed else "the run record"
        log.error("%s could not be written in time", what)
    return job.record.is_closed


def _end_record(job: Job, code: Exit, error: Exception | None) -> None:
    record, now = job.record, job.clock.now()
    record.api_requests = job.numerai.api_requests
    record.bytes_downloaded = job.numerai.bytes_downloaded
    for result in record.results:
        if result.outcome is Outcome.PENDING:
            record.update(result.key, now=now, **unfinished(result, error))
    try:
        record.end(
            outcome=outcome_word(code, record.results),
            exit_code=code,
            message="" if error is None else str(error),
            now=now,
        )
    except (UnavailableError, StoppedError) as problem:
        log.error("the run record could not be written: %s", problem)


def as_line(record: RunRecord) -> str:
    """The record as one line of JSON."""
    return json.dumps(record.as_dict())


def _text(job: Job, code: Exit) -> str:
    results = job.record.results
    rounds = ", ".join(f"{name} round {r.number}" for name, r in job.record.rounds.items())
    if outcome_word(code, results) == "nothing_to_do":
        why = "no round is open" if job.tournaments else "no model is enabled"
        return f"{rounds or why}: nothing to do ({headline(results)})"
    if not results:
        return ""
    text = f"{summary(results)}\n\n{rounds or 'no round'}: {headline(results)}"
    folders = {str(Path(r.csv).parent) for r in results if r.csv and r.outcome is Outcome.DRY_RUN}
    return "\n".join([text, *(f"not uploaded, but left in {folder}" for folder in folders)])
