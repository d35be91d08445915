"""`run`: the job, with its lock, its record, its summary and its end."""

from __future__ import annotations

import json
import logging
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import manifest_of, start_logging
from job.connect import connect
from job.errors import Exit, JobError, UnavailableError, UsageError
from job.manifest import Manifest
from job.outcomes import unfinished
from job.plan import Wishes
from job.record import Outcome, RunRecord
from job.report import WORDS, headline, outcome_word, summary
from job.run import Job, run
from job.settings import Settings, runs_dir_of
from job.shield import shield
from job.store import Folder
from job.supervise import supervise
from job.units import perhaps

log = logging.getLogger("job.commands.run")


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Runs the job; raises the `JobError` that ended it, once the record holds it."""
    clock = Clock()
    try:
        settings = Settings.from_env(environ)
        redact = start_logging(settings)
        manifest = _manifest(settings, args.only)
    except UsageError as error:
        _leave_record(runs_dir_of(environ), error, clock)
        raise
    shield()
    runs = Folder(settings.runs_dir)
    with runs.lock(clock.now().isoformat(timespec="seconds")) as holder:
        if holder is not None:
            log.warning("nothing was done: %s holds the lock of %s", holder.text, settings.runs_dir)
            return Exit.OK
        record = RunRecord(runs, started=clock.now(), redact=redact)
        record.save()
        job = Job(
            settings=settings,
            manifest=manifest,
            numerai=connect(settings, clock),
            runs=runs,
            record=record,
            clock=clock,
            environ=environ,
            wishes=Wishes(
                only=frozenset(args.only),
                force=args.force,
                submit_late=settings.late == "submit",
            ),
            wait=settings.wait if args.wait is None else args.wait,
            dry_run=args.dry_run,
        )
        return _run_to_its_end(job, as_json=args.json)


def _run_to_its_end(job: Job, *, as_json: bool) -> Exit:
    error: Exception | None = None
    try:
        code = supervise(lambda: run(job), clock=job.clock, timeout=job.settings.run_timeout)
    except JobError as raised:
        error, code = raised, raised.exit_code
    except Exception as raised:
        log.exception("unforeseen error")
        error, code = raised, Exit.UNFORESEEN
    recorded = _end_record(job, code, error)
    if not recorded and code is Exit.OK:
        code = Exit.UNAVAILABLE
    _show(job, code, as_json=as_json)
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


def _show(job: Job, code: Exit, *, as_json: bool) -> None:
    results = job.record.results
    if as_json:
        sys.stdout.write(json.dumps(job.record.as_dict()) + "\n")
        return
    rounds = ", ".join(f"{name} round {r.number}" for name, r in job.record.rounds.items())
    if outcome_word(code, results) == "nothing_to_do":
        sys.stdout.write(f"{rounds or 'no round is open'}: nothing to do ({headline(results)})\n")
        return
    if results:
        sys.stdout.write(f"{summary(results)}\n\n{rounds or 'no round'}: {headline(results)}\n")
    sys.stdout.flush()


def _manifest(settings: Settings, only: list[str]) -> Manifest:
    manifest = manifest_of(settings)
    names = {model.name for model in manifest.models}
    unknown = [name for name in only if name not in names]
    faults = [f"--only {name}: not in {manifest.path}{perhaps(name, names)}" for name in unknown]
    if faults:
        raise UsageError("there is no such model", faults)
    return manifest


def _leave_record(runs_dir: Path | None, error: UsageError, clock: Clock) -> None:
    """Leaves a record of a run that was refused, where there is a place for it."""
    if runs_dir is None:
        return
    record = RunRecord(Folder(runs_dir), started=clock.now())
    try:
        record.end(
            outcome=WORDS[error.exit_code],
            exit_code=error.exit_code,
            message=str(error),
            now=clock.now(),
        )
    except UnavailableError as problem:
        log.debug("no run record: %s", problem)
