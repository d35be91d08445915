"""`destroy`: what `apply` made is removed, the storage with models and records only if asked."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from deploy.pieces import TAGGED, Found, Kind
from deploy.secrets import all_secrets
from deploy.session import Session, begin, start, tell
from deploy.survey import Survey, survey
from deploy.template.part import API_VERSIONS
from deploy.webhook import API_URL, clear_hook, numerai_of
from job.errors import Exit, JobError, StoppedError, UnavailableError, UsageError
from job.numerai.adapter import Numerai

ORDER: Final = (Kind.WORKFLOW, Kind.GROUP, Kind.ASSIGNMENT, Kind.ROLE, Kind.IDENTITY)
"""What starts the job first, then the job, then rights: a role that is assigned cannot be
deleted, and the assignments of an identity that is gone stay behind.
"""
BY_HAND: Final = "take it away at https://numer.ai/models"


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Says what is to go, asks, and removes it."""
    session = begin(args, environ)
    seen = survey(session, None)
    there = list(_own(session, seen))
    doomed = sorted(
        (thing for thing in there if thing.kind in ORDER),
        key=lambda thing: (ORDER.index(thing.kind), thing.name),
    )
    doomed += _data(session, seen, there) if args.with_data else []
    if not doomed:
        tell(f"{session.settings.name}: there is nothing to remove")
        return Exit.OK
    _tell_what_goes(session, seen, doomed)
    numerai = None
    if _has_hook(session, doomed) and not args.leave_webhook:
        numerai = _numerai(session, environ)
    if not args.yes and not _agreed(session):
        tell("nothing was removed")
        return Exit.OK
    unhooked = None if numerai is None else _unhook(session, numerai)
    for thing in doomed:
        if session.azure.delete(thing.id, thing.api_version):
            tell(f"removed {seen.label(thing)}")
    if unhooked is not None:
        raise UnavailableError(
            "all is removed but Numerai's webhook, which leads nowhere now",
            unhooked,
            hint=BY_HAND,
        )
    if _has_hook(session, doomed) and args.leave_webhook:
        tell(f"Numerai's webhook stays, and leads nowhere now; {BY_HAND}")
    return Exit.OK


def _own(session: Session, seen: Survey) -> Iterator[Found]:
    """What there is, but for what says to be others': they may have taken our names. Of whoever
    deploys, the rights on another deployment's containers may be that one's.
    """
    others = {one.id.lower() for one in _others_containers(session, seen)}
    deployer = seen.deployer.object_id.lower()
    # What is there under another id than the piece's was given by others.
    ours = [thing for one, thing in seen.found.items() if thing.id.lower() == one.lower()]
    for thing in (*ours, *seen.former):
        scope = thing.id.lower().rpartition("/providers/")[0]
        if thing.kind is Kind.ASSIGNMENT and scope in others:
            if (thing.principal_id or "").lower() != deployer:
                yield thing
        elif thing.kind not in TAGGED or thing.owner == session.settings.name:
            yield thing
        else:
            tell(f"  {seen.label(thing)} was not made by this deployment and stays")


def _tell_what_goes(session: Session, seen: Survey, doomed: Sequence[Found]) -> None:
    for thing in doomed:
        running = "; a run is under way and is broken off" if thing.running else ""
        tell(f"  - {seen.label(thing)}{running}")
    if not {Kind.STORAGE, Kind.CONTAINER} & {thing.kind for thing in doomed}:
        account = session.settings.storage.account
        tell(f"storage account {account} stays, with models and run records")


def _others_containers(session: Session, seen: Survey) -> list[Found]:
    containers = [thing for thing in seen.found.values() if thing.kind is Kind.CONTAINER]
    return [one for one in containers if one.owner not in {None, session.settings.name}]


def _data(session: Session, seen: Survey, there: list[Found]) -> list[Found]:
    """Where the data are: the account if it was made here, else the two containers in it, if they
    were; never what another deployment has its data in.
    """
    others = _others_containers(session, seen)
    for one in others:
        tell(f"  {seen.label(one)} belongs to the deployment {one.owner} and stays")
    if session.settings.storage.create:
        return [thing for thing in there if thing.kind is Kind.STORAGE and not others]
    containers = [one for one in there if one.kind is Kind.CONTAINER and one not in others]
    for one in containers:
        if one.before or one.owner is None:
            tell(f"  {seen.label(one)} was there before this deployment and stays")
    return [one for one in containers if not one.before and one.owner is not None]


def _agreed(session: Session) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "nothing was removed", ["there is no terminal to ask on"], hint="say --yes"
        )
    sys.stdout.write(f"Remove all that? Type {session.settings.name} to agree: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip() == session.settings.name


def _has_hook(session: Session, doomed: Sequence[Found]) -> bool:
    hook = session.names.webhook.lower()
    return any(thing.id.lower() == hook for thing in doomed)


def _numerai(session: Session, environ: Mapping[str, str]) -> Numerai:
    """The account whose webhook is to go; it is not asked yet.

    Raises `UsageError` where the API token is not given: once the workflow is gone, nobody knows
    which webhook was its own.
    """
    needed = tuple(name for name in session.settings.secrets if name == API_URL)
    settings = replace(session.settings, secrets=needed)
    try:
        secrets = all_secrets(settings, environ)
        start(secrets.values(), environ)
        return numerai_of(settings, secrets, session.clock, environ)
    except UsageError as error:
        raise UsageError(
            "nothing was removed, for Numerai's webhook has to go first, with the API token",
            error.faults,
            hint="set them, or NAME_FILE with a path to read each from; or say --leave-webhook, "
            f"and {BY_HAND}",
        ) from None


def _unhook(session: Session, numerai: Numerai) -> str | None:
    """Takes Numerai's webhook away while its address can still be asked for; says why it could
    not. That is no reason to leave what costs money.
    """
    try:
        trigger, version = session.names.webhook_trigger, API_VERSIONS[Kind.WORKFLOW]
        url = session.azure.callback_url(trigger, version)
        for name in clear_hook(numerai, [url]):
            tell(f"removed Numerai's webhook from {name}")
    except StoppedError:
        raise
    except JobError as error:
        return str(error)
    return None
