"""`status`: the last run, the next one, and how each model fared."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tabulate import tabulate

from deploy.instance import Instance
from deploy.names import RUNS
from deploy.records import Record, last_results, newest_records, rounds_of
from deploy.secrets import secrets_in
from deploy.session import Session, begin, start, tell
from deploy.triggers import next_start
from deploy.words import duration
from job.errors import Exit, JobError
from job.record import Outcome
from job.report import headline

ROUNDS = 10
HURRY = 60.0
"""Seconds spent on asking for the records; the rest of the status needs none."""
WIDTH = 60
WORDS = {
    Outcome.SUBMITTED: "on time",
    Outcome.SUBMITTED_LATE: "late",
    Outcome.ALREADY_SUBMITTED: "submitted",
}


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints what Azure and the run records say."""
    session = begin(args, environ)
    start(secrets_in(session.settings, environ).values(), environ)
    instance = session.azure.groups.instance()
    tell(f"{session.settings.name} in {session.settings.resource_group}")
    if instance is None:
        tell("  container group  none; `python -m deploy apply` makes it")
        return Exit.OK
    records, why = _records(session)
    now = session.clock.now()
    for label, text in (
        ("container group", f"{instance.group or 'unknown'}; container {instance}"),
        ("last run", _last(records, why)),
        ("next start", _next(session, now)),
        ("next check", _next_check(session, now)),
    ):
        if not text:
            continue
        tell(f"  {label:<16} {text}")
    for line in _problem(instance, records):
        tell(line)
    for table in (_models(records), _rounds(records)):
        tell(f"\n{table}" if table else "")
    return Exit.OK


def _records(session: Session) -> tuple[list[Record], str]:
    """The newest records, or why there are none to be had."""
    try:
        with session.hurried(HURRY) as hurried:
            return newest_records(hurried.store(RUNS)), ""
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        return [], str(error)


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
    return " or ".join(parts) or "none: nothing but `run` starts it"


def _next_check(session: Session, now: datetime) -> str:
    """When everything is checked next, beside the runs; empty where nothing ever is."""
    at = next_start(session.settings.checks, now)
    return "" if at is None else f"{at:%a %Y-%m-%d %H:%M} UTC"


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


def _rounds(records: Sequence[Record]) -> str:
    rows = []
    for tournament, number, models in rounds_of(records, most=ROUNDS):
        counts = Counter(
            WORDS.get(outcome, outcome.replace("_", " ")) for outcome in models.values()
        )
        told = ", ".join(f"{count} {word}" for word, count in counts.most_common())
        rows.append((tournament, number, told))
    return tabulate(rows, headers=("tournament", "round", "models")) if rows else ""
