"""`logs`: what the job writes now, or what the last run has left."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from deploy.commands.run import longest_run
from deploy.following import follow
from deploy.instance import Instance
from deploy.names import RUNS
from deploy.records import newest_records
from deploy.secrets import secrets_in
from deploy.session import Session, begin, start, tell
from job.errors import Exit, UnavailableError, UsageError

LOG_SUFFIX = ".log"


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the log; with --follow until the run ends."""
    session = begin(args, environ)
    start(secrets_in(session.settings, environ).values(), environ)
    instance = session.azure.groups.instance()
    if instance is None:
        raise UsageError(
            f"there is no container group {session.settings.name} yet",
            [],
            hint="`python -m deploy apply` makes it",
        )
    if instance.over:
        _stored(session, instance)
    elif args.follow:
        _live(session)
    else:
        tell((session.azure.groups.logs() or "").rstrip("\n") or f"nothing yet: {instance}")
    return Exit.OK


def _live(session: Session) -> None:
    follow(
        session.azure.groups,
        before=None,
        longest=longest_run(session),
        clock=session.clock,
        poll=session.endpoint.poll_seconds,
        tell=tell,
    )


def _stored(session: Session, instance: Instance) -> None:
    """The whole log of the last run; where it has left none, what the platform still has."""
    runs = session.store(RUNS)
    newest = newest_records(runs, most=5)
    text = None
    if newest and instance.may_have_begun(newest[0].started):
        text = runs.read(newest[0].name + LOG_SUFFIX)
    if text is not None:
        tell(text.decode(errors="replace").rstrip("\n"))
        return
    kept = session.azure.groups.logs()
    if not kept:
        raise UnavailableError("there is no log", f"container {instance}", *instance.events[-3:])
    tell(kept.rstrip("\n"))
