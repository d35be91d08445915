"""`run`: the job, with its lock, its record, its summary and its end."""

from __future__ import annotations

import json
import logging
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import prepare
from job.commands.refusal import leave_refusal
from job.connect import connect, open_store
from job.errors import Exit, JobError, StoppedError, UnavailableError, UsageError
from job.logs import redacted
from job.manifest import Manifest
from job.models_root import ModelsRoot
from job.outcomes import unfinished
from job.output import say
from job.past_records import live_data
from job.plan import Wishes
from job.record import (
    SCHEMA,
    SUFFIX,
    ModelResult,
    Outcome,
    RunRecord,
    at_once,
    in_a_thread,
)
from job.report import headline, outcome_word, summary
from job.run import Job, run
from job.run_log import SUFFIX as LOG_SUFFIX
from job.run_log import LogWriter, RunLog
from job.settings import Settings, wants_exit_zero
from job.shield import shield
from job.store import Store
from job.supervise import in_time, supervise
from job.units import parse_duration, perhaps

log = logging.getLogger("job.commands.run")

OUTRANKED_BY_THE_DISK = (Exit.OK, Exit.MODELS_FAILED, Exit.MISSED, Exit.NO_ROUND)
RECORD_SECONDS = 60.0
"""What the record of a run that is told to stop gets, if it has so much time left."""
LOG_SECONDS = 10.0
"""What the last lines of the log get to be put beside the record."""


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Runs the job; raises the `JobError` that ended it, once the record holds it."""
    clock, lines = Clock(), RunLog()
    try:
        settings, models, manifest = prepare(
            environ, clock, lambda known: _flag_faults(args, known), also=[lines]
        )
    except (UsageError, UnavailableError) as error:
        _leave_refusal(error, args, environ, clock)
        raise
    shield()
    patience = settings.retry_patience
    runs = open_store(settings.runs_dir, environ, clock=clock, patience=patience)
    with runs.lock(clock.now().isoformat(timespec="seconds")) as holder:
        if holder is not None:
            _say_held(f"{holder.text} holds the lock of {runs.shown}", as_json=args.json)
            return Exit.OK
        job = _job(args, environ, settings, models, manifest, runs, clock)
        if isinstance(settings.runs_dir, Path):
            return _run_to_its_end(job, as_json=args.json)
        return _run_with_log(job, lines, as_json=args.json)


def _job(
    args: Namespace,
    environ: Mapping[str, str],
    settings: Settings,
    models: ModelsRoot,
    manifest: Manifest,
    runs: Store,
    clock: Clock,
) -> Job:
    """What the run works with, its record begun."""
    record = RunRecord(
        runs,
        started=clock.now(),
        redact=redacted,
        live_data=live_data(runs),
        aside=at_once if isinstance(settings.runs_dir, Path) else in_a_thread,
    )
    record.begin(
        ModelResult(model.name, model.tournament) for model in manifest.models if model.enabled
    )
    record.announce()
    wishes = Wishes(
        only=frozenset(args.only), force=args.force, submit_late=settings.late == "submit"
    )
    return Job(
        settings=settings,
        manifest=manifest,
        models=models,
        numerai=connect(settings, clock),
        runs=runs,
        record=record,
        clock=clock,
        environ=environ,
        wishes=wishes,
        wait=settings.wait if args.wait is None else parse_duration(args.wait),
        dry_run=args.dry_run,
    )


def _run_with_log(job: Job, lines: RunLog, *, as_json: bool) -> Exit:
    """The same with a copy of what the run says beside its record, summary and error included."""
    name = job.record.name.removesuffix(SUFFIX) + LOG_SUFFIX
    writer = LogWriter(lines, job.runs, name)
    try:
        with writer.writing():
            return _run_to_its_end(job, as_json=as_json, told=lines.add)
    except JobError as error:
        lines.add(redacted("\n".join(["error: " + error.lines()[0], *error.lines()[1:]])))
        raise
    finally:
        writer.finish(in_time(job.clock, LOG_SECONDS))


def _run_to_its_end(
    job: Job, *, as_json: bool, told: Callable[[str], None] = lambda _: None
) -> Exit:
    """Runs, records and sums up.

    Args:
        told: gets the summary, too.
    """
    error: Exception | None = None
    try:
        code = supervise(lambda: run(job), clock=job.clock, timeout=job.settings.run_timeout)
    except JobError as raised:
        error, code = raised, raised.exit_code
    except Exception as raised:
        log.exception("unforeseen error")
        error, code = raised, Exit.UNFORESEEN
    recorded = _recorded(job, code, error)
    if not recorded and code in OUTRANKED_BY_THE_DISK:
        code = Exit.UNAVAILABLE
    text = _json(job.record) if as_json else _text(job, code)
    say(text)
    told(redacted(text))
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
    if job.clock.stopping is None:
        return _end_record(job, code, error)
    ended: list[bool] = []
    ending = threading.Thread(
        target=lambda: ended.append(_end_record(job, code, error)), name="record", daemon=True
    )
    ending.start()
    ending.join(in_time(job.clock, RECORD_SECONDS))
    if not ended:
        log.error("the run record could not be written in time")
    return ended == [True]


def _end_record(job: Job, code: Exit, error: Exception | None) -> bool:
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
        return False
    return True


def _say_held(why: str, *, as_json: bool) -> None:
    """Tells of a run that left everything to the one that goes on; it leaves no record."""
    log.warning("nothing was done: %s", why)
    if as_json:
        say(json.dumps({"schema": SCHEMA, "outcome": "locked", "exit_code": 0, "message": why}))


def _json(record: RunRecord) -> str:
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


def _flag_faults(args: Namespace, manifest: Manifest | None) -> Iterator[str]:
    yield from args.faults
    try:
        parse_duration("0" if args.wait is None else args.wait)
    except ValueError as error:
        yield f"--wait: {error}"
    names = {model.name for model in manifest.models} if manifest else set()
    for name in args.only if manifest else ():
        if name not in names:
            yield f"--only {name}: not in the manifest{perhaps(name, names)}"


def _leave_refusal(
    error: JobError, args: Namespace, environ: Mapping[str, str], clock: Clock
) -> None:
    """Leaves and shows the record of a run that was refused, where there is a place for it."""
    record = leave_refusal(error, environ, clock)
    if record is None:
        return
    if args.json:
        say(_json(record))
    if wants_exit_zero(environ):
        error.exit_code = Exit.OK
