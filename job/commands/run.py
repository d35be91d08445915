"""`run`: the job, with its lock, its record, its summary and its end."""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import prepare
from job.connect import connect
from job.errors import Exit, JobError, UnavailableError, UsageError
from job.logs import redacted
from job.manifest import Manifest
from job.notices.receivers import Receivers
from job.notices.reporter import AT_MOST_SECONDS, Reporter
from job.outcomes import unfinished
from job.output import say
from job.past_records import live_data
from job.plan import Wishes
from job.record import SCHEMA, ModelResult, Outcome, RunRecord
from job.report import WORDS, headline, outcome_word, summary
from job.run import Job, run
from job.settings import Settings, runs_dir_of, wants_exit_zero
from job.shield import shield
from job.store import Folder
from job.supervise import supervise
from job.units import parse_duration, perhaps

log = logging.getLogger("job.commands.run")

OUTRANKED_BY_THE_DISK = (Exit.OK, Exit.MODELS_FAILED, Exit.MISSED, Exit.NO_ROUND)


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Runs the job; raises the `JobError` that ended it, once the record holds it."""
    clock = Clock()
    try:
        settings, manifest = prepare(environ, lambda known: _flag_faults(args, known))
    except UsageError as error:
        _leave_refusal(error, args, environ, clock)
        raise
    shield()
    runs = Folder(settings.runs_dir)
    reporter = _reporter(Receivers.of(settings), args, clock, settings.run_timeout)
    since = clock.now().isoformat(timespec="seconds")
    with reporter.telling(), runs.lock(since) as holder:
        if holder is not None:
            _say_held(f"{holder.text} holds the lock of {settings.runs_dir}", as_json=args.json)
            return Exit.OK
        reporter.look_back(runs)
        job = _job(args, environ, settings, manifest, runs, clock)
        reporter.begin(runs, job.record)
        return _run_to_its_end(job, reporter, as_json=args.json)


def _reporter(receivers: Receivers, args: Namespace, clock: Clock, ends_within: float) -> Reporter:
    concerned = receivers.for_run(dry_run=args.dry_run, partly=bool(args.only))
    return Reporter(concerned, clock, ends_within=ends_within)


def _job(
    args: Namespace,
    environ: Mapping[str, str],
    settings: Settings,
    manifest: Manifest,
    runs: Folder,
    clock: Clock,
) -> Job:
    """What the run works with, its record begun."""
    record = RunRecord(runs, started=clock.now(), redact=redacted, live_data=live_data(runs))
    record.begin(
        ModelResult(model.name, model.tournament) for model in manifest.models if model.enabled
    )
    wishes = Wishes(
        only=frozenset(args.only), force=args.force, submit_late=settings.late == "submit"
    )
    return Job(
        settings=settings,
        manifest=manifest,
        numerai=connect(settings, clock),
        runs=runs,
        record=record,
        clock=clock,
        environ=environ,
        wishes=wishes,
        wait=settings.wait if args.wait is None else parse_duration(args.wait),
        dry_run=args.dry_run,
    )


def _run_to_its_end(job: Job, reporter: Reporter, *, as_json: bool) -> Exit:
    error: Exception | None = None
    try:
        code = supervise(
            lambda: run(job),
            clock=job.clock,
            timeout=job.settings.run_timeout,
            afterwards=reporter.afterwards,
        )
    except JobError as raised:
        error, code = raised, raised.exit_code
    except Exception as raised:
        log.exception("unforeseen error")
        error, code = raised, Exit.UNFORESEEN
    recorded = _end_record(job, code, error)
    if not recorded and code in OUTRANKED_BY_THE_DISK:
        code = Exit.UNAVAILABLE
    text = _text(job, code)
    say("" if as_json else text)
    reporter.end(code, error, record=job.record, manifest=job.manifest, text=text)
    say(_json(job.record) if as_json else "")
    if job.settings.exit_zero and recorded:
        code = Exit.OK
    if isinstance(error, JobError):
        error.exit_code = code
        raise error
    return code


def _end_record(job: Job, code: Exit, error: Exception | None) -> bool:
    """Closes the record; False when it could not be written."""
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
    except UnavailableError as problem:
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
    error: UsageError, args: Namespace, environ: Mapping[str, str], clock: Clock
) -> None:
    """Leaves and shows the record of a run that was refused, where there is a place for it."""
    reporter = _reporter(Receivers.of_refused(environ), args, clock, AT_MOST_SECONDS)
    runs_dir = runs_dir_of(environ)
    record = None if runs_dir is None else _refused(runs_dir, error, clock, reporter)
    reporter.end(error.exit_code, error, record=record)
    if record is None:
        return
    if args.json:
        say(_json(record))
    if wants_exit_zero(environ):
        error.exit_code = Exit.OK


def _refused(
    runs_dir: Path, error: UsageError, clock: Clock, reporter: Reporter
) -> RunRecord | None:
    runs = Folder(runs_dir)
    reporter.look_back(runs)
    record = RunRecord(runs, started=clock.now(), redact=redacted, live_data=live_data(runs))
    try:
        record.end(
            outcome=WORDS[error.exit_code],
            exit_code=error.exit_code,
            message=str(error),
            now=clock.now(),
        )
    except UnavailableError as problem:
        log.debug("no run record: %s", problem)
        return None
    return record
