"""`run`: the job started now, followed to its end; this ends as it did."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from deploy.following import Followed, follow
from deploy.instance import Instance
from deploy.names import RUNS
from deploy.records import Record, newest_records
from deploy.secrets import secrets_in
from deploy.session import Session, begin, start, tell
from job.errors import Exit, JobError, UnavailableError, UsageError
from job.record import SUFFIX
from job.report import headline, summary
from job.units import parse_duration
from job.variables import VARIABLES

HURRY = 10.0
"""Seconds spent on what was there before the start; the start needs none of it."""
ENDED = 60.0
"""Seconds spent on the record of the run that has ended."""


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Starts the job unless it runs; exits with the code that the run's record has."""
    session = begin(args, environ)
    start(secrets_in(session.settings, environ).values(), environ)
    groups = session.azure.groups
    before = groups.instance()
    if before is None:
        raise UsageError(
            f"there is no container group {session.settings.name} yet",
            [],
            hint="`python -m deploy apply` makes it",
        )
    known = _known(session) if before.over else frozenset()
    if before.over:
        groups.start()
        tell(f"started {session.settings.name}")
    else:
        tell("a run is under way already; following it")
    followed = follow(
        groups,
        before=before if before.over else None,
        longest=longest_run(session),
        clock=session.clock,
        poll=session.endpoint.poll_seconds,
        tell=tell,
    )
    return _told(followed, _record(session, followed.instance, known))


def longest_run(session: Session) -> float:
    """Seconds after which a run has hung, its stop included."""
    name = "NUMERAI_RUN_TIMEOUT"
    default = next(variable.default for variable in VARIABLES if variable.name == name)
    return parse_duration(dict(session.settings.job).get(name) or default or "2h") + 300.0


def _known(session: Session) -> frozenset[str]:
    """The records from before the start; none where they cannot be listed, for times tell too."""
    try:
        with session.hurried(HURRY) as hurried:
            return frozenset(hurried.store(RUNS).names(SUFFIX))
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        return frozenset()


def _record(session: Session, ended: Instance, known: frozenset[str]) -> Record | None:
    """The record of the run that has ended, None where it left none.

    Raises `UnavailableError` where that cannot be told.
    """
    try:
        with session.hurried(ENDED) as hurried:
            found = newest_records(hurried.store(RUNS), most=5)
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        raise UnavailableError(
            "the run has ended; what came of it is not known, for its record cannot be read",
            *(error.what, *error.why),
            f"its container: {ended}",
            hint="`python -m deploy status` asks again",
        ) from error
    for record in found:
        if f"{record.name}{SUFFIX}" not in known and ended.may_have_begun(record.started):
            return record
    return None


def _told(followed: Followed, record: Record | None) -> Exit:
    """Says how the run ended, as far as its own last lines did not come through."""
    ended = followed.instance
    if record is None:
        if ended.exit_code == 0:
            tell("the run left no record: another run held its lock, or it had none to leave")
            return Exit.OK
        raise UnavailableError(
            f"the run left no record; its container: {ended}",
            *ended.events[-3:],
            hint="`python -m deploy logs` shows what it wrote",
        )
    table = summary(record.results) if record.results else ""
    if not set(table.splitlines()) <= followed.lines:
        tell(f"\n{table}\n")
    rounds = ", ".join(f"{name} round {number}" for name, number in record.rounds.items())
    tell(f"{rounds or 'no round'}: {record.outcome.replace('_', ' ')} ({headline(record.results)})")
    if record.message and record.message.partition("; ")[0] not in _errors(followed):
        tell(record.message)
    if record.exit_code is None:
        raise UnavailableError(
            "the run's record has no end: it was killed",
            f"its container: {ended}",
            hint="run again: it continues where it was",
        )
    return Exit(record.exit_code)


def _errors(followed: Followed) -> set[str]:
    return {line.removeprefix("error: ") for line in followed.lines}
