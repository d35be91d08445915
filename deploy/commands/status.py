"""`status`: the last run, the next one, how each model fared, and how often rounds were met."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tabulate import tabulate

from deploy.instance import Instance
from deploy.names import RUNS
from deploy.on_time import OnTime, on_time_record
from deploy.records import Record, last_results, newest_records
from deploy.secrets import secrets_in
from deploy.session import Session, begin, start, tell
from deploy.triggers import next_start
from deploy.words import duration
from job.errors import Exit, JobError
from job.history import share_text
from job.history.table import newest_rounds
from job.report import headline
from job.secret import Secret

ROUNDS = 10
HURRY = 60.0
"""Seconds spent on asking for the records; the rest of the status needs none."""
LINES = 5
"""Of the end of a log."""
WIDTH = 60


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints what Azure and the run records say."""
    session = begin(args, environ)
    secrets = secrets_in(session.settings, environ)
    start(secrets.values(), environ)
    instance = session.azure.groups.instance()
    tell(f"{session.settings.name} in {session.settings.resource_group}")
    if instance is None:
        tell("  container group  none; `python -m deploy apply` makes it")
        return Exit.OK
    records, found, why = _witnesses(session, secrets)
    lost = _left_nothing(instance, records) and not (why and not records)
    now = session.clock.now()
    for label, text in (
        ("container group", f"{instance.group or 'unknown'}; container {instance}"),
        ("last run", _last(records, why)),
        ("last start", "left no record" if lost else ""),
        ("next start", _next(session, now)),
        ("next check", _next_check(session, now)),
        ("rounds", _shares(found, why)),
    ):
        if text:
            tell(f"  {label:<16} {text}")
    for line in _end_of_log(session, instance) if lost else _problem(instance, records):
        tell(line)
    for table in (_models(records), _rounds(found)):
        if table:
            tell(f"\n{table}")
    return Exit.OK


def _witnesses(
    session: Session, secrets: Mapping[str, Secret]
) -> tuple[list[Record], OnTime | None, str]:
    """The newest records and what became of past rounds, or why they are not to be had."""
    records: list[Record] = []
    try:
        with session.hurried(HURRY) as hurried:
            records = newest_records(hurried.store(RUNS))
            return records, on_time_record(hurried, secrets, records, last=ROUNDS), ""
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        return records, None, str(error)


def _last(records: Sequence[Record], why: str) -> str:
    if not records:
        return f"unknown: {why}" if why else "none has left a record yet"
    last = records[0]
    at = f"{last.started:%a %Y-%m-%d %H:%M} UTC"
    if last.ended is None:
        return f"{at}, still going on or killed"
    took = duration(max(1, round((last.minutes or 0.0) * 60)))
    what = f"{last.outcome.replace('_', ' ')}, exit code {last.exit_code}"
    return f"{at}, {took}, {what}: {headline(last.results)}"


def _next(session: Session, now: datetime) -> str:
    settings = session.settings
    at = next_start(settings.triggers, now)
    parts = [] if at is None else [f"{at:%a %Y-%m-%d %H:%M} UTC"]
    parts += ["when Numerai calls"] if settings.webhook else []
    what = " or ".join(parts) or "none but by `run`"
    return f"{what}, as deploy.yaml says"


def _next_check(session: Session, now: datetime) -> str:
    """When everything is checked next, beside the runs; empty where nothing ever is."""
    at = next_start(session.settings.checks, now)
    return "" if at is None else f"{at:%a %Y-%m-%d %H:%M} UTC"


def _left_nothing(instance: Instance, records: Sequence[Record]) -> bool:
    """Whether the container has ended since, and wrote no record; all are of older runs."""
    return (
        instance.over
        and instance.started is not None
        and not any(instance.may_have_begun(record.started) for record in records[:5])
    )


def _end_of_log(session: Session, instance: Instance) -> Iterator[str]:
    """The last lines that the container wrote, else what Azure has noted of it."""
    try:
        text = session.azure.groups.glance_at_logs() or ""
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        text = ""
    lines = text.split("\n") if text.strip() else list(instance.events[-3:])
    yield from (f"    {line}".rstrip() for line in [one for one in lines if one.strip()][-LINES:])


def _problem(instance: Instance, records: Sequence[Record]) -> Iterator[str]:
    """What is to be looked at."""
    if records and records[0].exit_code:
        yield f"  {records[0].message}" if records[0].message else ""
    if instance.over and instance.exit_code:
        yield from (f"  {event}" for event in instance.events[-3:])


def _models(records: Sequence[Record]) -> str:
    rows = [
        (
            result.model,
            result.tournament,
            record.rounds.get(result.tournament, ""),
            result.outcome.replace("_", " "),
            f"{record.started:%Y-%m-%d %H:%M}",
            (result.reason or result.submission_id or "").partition("\n")[0][:WIDTH],
        )
        for record, result in last_results(records)
    ]
    headers = ("model", "tournament", "round", "last outcome", "run of (UTC)", "")
    return tabulate(rows, headers=headers) if rows else ""


def _shares(found: OnTime | None, why: str) -> str:
    """How many rounds were met, and who says so."""
    if found is None:
        return f"unknown: {why}"
    lines = [share_text(share) for share in found.history.shares]
    if found.unasked:
        lines.append(f"from the run records alone: {found.unasked}")
    if found.history.records_passed_over:
        lines.append(f"{found.history.records_passed_over} run records could not be understood")
    return f"\n{'':<19}".join(lines)


def _rounds(found: OnTime | None) -> str:
    width = shutil.get_terminal_size((100, 24)).columns
    return newest_rounds(found.history, width=width) if found else ""
