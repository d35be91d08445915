"""`run`: the job, with its lock, its record, its summary and its end."""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from job.clock import Clock
from job.commands.ending import as_line, run_to_its_end, run_with_log
from job.commands.prepare import prepare
from job.commands.refusal import leave_refusal
from job.connect import connect, open_store
from job.errors import Exit, JobError, StoppedError, UnavailableError, UsageError
from job.handed_on import HandedOn
from job.logs import redacted
from job.manifest import Manifest
from job.models_root import ModelsRoot
from job.notices.receivers import Receivers
from job.notices.reporter import AT_MOST_SECONDS, Reporter
from job.output import say
from job.past_records import PastRecords, live_data
from job.plan import Wishes
from job.record import (
    SCHEMA,
    ModelResult,
    RunRecord,
    at_once,
    in_a_thread,
)
from job.run import Job
from job.run_log import RunLog
from job.settings import Settings, wants_exit_zero
from job.shield import shield
from job.store import Store, check_will_end
from job.supervise import Orders, obeyed
from job.units import parse_duration, perhaps

log = logging.getLogger("job.commands.run")


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Runs the job; raises the `JobError` that ended it, once the record holds it."""
    clock = Clock()
    with obeyed(clock) as orders:
        return _main(args, environ, clock, orders)


def _main(args: Namespace, environ: Mapping[str, str], clock: Clock, orders: Orders) -> Exit:
    lines, began = RunLog(), clock.monotonic()
    try:
        settings, models, manifest = prepare(
            environ, clock, lambda known: _flag_faults(args, known), also=[lines]
        )
    except (UsageError, UnavailableError) as error:
        _leave_refusal(error, args, environ, clock, orders)
        raise
    orders.end_within(settings.run_timeout, since=began)
    shield()
    patience = settings.retry_patience
    runs = open_store(settings.runs_dir, environ, clock=clock, patience=patience)
    ends_within = settings.run_timeout - (clock.monotonic() - began)
    reporter = _reporter(Receivers.of(settings), args, clock, ends_within)
    since = clock.now().isoformat(timespec="seconds")
    with reporter.telling(), orders.raised_in(), runs.lock(since) as holder:
        if holder is not None:
            limit = settings.run_timeout
            check_will_end(holder, shown=runs.shown, now=clock.now(), run_timeout=limit)
            _say_held(f"{holder.text} holds the lock of {runs.shown}", as_json=args.json)
            return Exit.OK
        past = PastRecords(runs)
        known = reporter.look_back(past)
        clock.check()  # an order to stop may have been swallowed on the way
        record = _record(settings, manifest, runs, past, known, clock)
        _begin(record, manifest, orders)
        job = _job(args, environ, settings, models, manifest, record, runs, clock)
        reporter.begin(runs)
        if isinstance(settings.runs_dir, Path):
            return run_to_its_end(job, reporter, since=began, as_json=args.json)
        return run_with_log(job, reporter, lines, since=began, as_json=args.json)


def _reporter(receivers: Receivers, args: Namespace, clock: Clock, ends_within: float) -> Reporter:
    concerned = receivers.for_run(dry_run=args.dry_run, partly=bool(args.only))
    return Reporter(concerned, clock, ends_within=ends_within)


def _record(
    settings: Settings,
    manifest: Manifest,
    runs: Store,
    past: PastRecords,
    known: HandedOn,
    clock: Clock,
) -> RunRecord:
    return RunRecord(
        runs,
        started=clock.now(),
        redact=redacted,
        live_data=live_data(past),
        handed_on=known.only(_enabled(manifest)),
        after=past.newest,
        aside=at_once if isinstance(settings.runs_dir, Path) else in_a_thread,
    )


def _begin(record: RunRecord, manifest: Manifest, orders: Orders) -> None:
    """Begins the record. From then on no order to stop is raised here: it ends the work, and the
    record tells of it.
    """
    with suppress(StoppedError):
        record.begin(ModelResult(name, tournament) for tournament, name in _enabled(manifest))
        record.announce()
        orders.raises = False
    orders.raises = False


def _enabled(manifest: Manifest) -> list[tuple[str, str]]:
    return [model.key for model in manifest.models if model.enabled]


def _job(
    args: Namespace,
    environ: Mapping[str, str],
    settings: Settings,
    models: ModelsRoot,
    manifest: Manifest,
    record: RunRecord,
    runs: Store,
    clock: Clock,
) -> Job:
    """What the run works with."""
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


def _say_held(why: str, *, as_json: bool) -> None:
    """Tells of a run that left everything to the one that goes on; it leaves no record."""
    log.warning("nothing was done: %s", why)
    if as_json:
        say(json.dumps({"schema": SCHEMA, "outcome": "locked", "exit_code": 0, "message": why}))


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
    error: JobError, args: Namespace, environ: Mapping[str, str], clock: Clock, orders: Orders
) -> None:
    """Leaves and shows the record of a run that was refused, where there is a place for it."""
    reporter = _reporter(Receivers.of_refused(environ), args, clock, AT_MOST_SECONDS)
    record = leave_refusal(error, environ, clock, look_back=reporter.look_back)
    orders.raises = False
    reporter.end(error.exit_code, error, record=record)
    if record is None:
        clock.check()
        return
    if args.json:
        say(as_line(record))
    if wants_exit_zero(environ):
        error.exit_code = Exit.OK
