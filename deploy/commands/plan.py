"""`plan`: what exists, what would be done, what starts at once, what it costs. Changes nothing."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cost import cost_of
from deploy.names import Names
from deploy.plan import Step, decide, to_deploy
from deploy.plan_text import plan_text
from deploy.secrets import Secrets, secrets_in
from deploy.session import Session, begin, start, tell
from deploy.settings import TOKEN
from deploy.template import Template, parameters, render
from deploy.validation import template_faults
from deploy.webhook import numerai_of
from deploy.windows import documented_windows, latest_openings, recent_windows, window_warnings
from job.errors import Exit, JobError, StoppedError, UnavailableError, UsageError
from job.files import write_whole
from job.secret import Secret

if TYPE_CHECKING:
    from deploy.survey import Survey

RECENT_ROUNDS = 10
STDOUT = "-"


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the plan; writes the template where asked."""
    session = begin(args, environ)
    secrets = secrets_in(session.settings, environ)
    start(secrets.values(), environ)
    template = offline_template(session)
    if args.template == STDOUT:
        sys.stdout.write(template.text)
        return Exit.OK
    notes = []
    if args.template:
        write_whole(Path(args.template), template.text.encode())
        notes.append(f"The template is in {args.template}.")
    complete = set(secrets) == set(session.settings.all_secrets)
    unseen = ""
    seen, why = _survey(session, secrets if complete else None)
    if seen is None:
        steps = decide(template.pieces, {})
        unseen, note = why
        notes.append(note)
    else:
        steps = seen.steps
        notes += beside(session, seen, steps)
        if not complete:
            notes.append(
                "The secrets are not all given, so that those of the container were not compared."
            )
    if session.settings.webhook:
        notes.append("`apply` sets Numerai's webhook on one model of the account at its end.")
    warnings, more = schedule_words(session, secrets)
    tell(
        plan_text(
            session.settings,
            steps,
            cost=cost_of(session.settings),
            warnings=warnings,
            notes=[*more, *notes],
            looked=seen is not None,
            unseen=unseen,
        )
    )
    return Exit.OK


def offline_template(session: Session) -> Template:
    """The template as it is known without anyone being signed in; raises `UsageError` for what
    Azure would refuse.
    """
    template = render(
        session.settings,
        management_url=session.endpoint.url,
        audience=session.endpoint.audience,
    )
    faults = template_faults(template.document, scope=Names(session.settings).scope)
    if faults:
        raise UsageError("Azure would refuse the template; nothing was tried", faults)
    return template


def _survey(session: Session, secrets: Secrets | None) -> tuple[Survey | None, tuple[str, str]]:
    """What Azure has, or why that is not known: in short, and in a note."""
    try:
        session.azure.principal()
    except (UnavailableError, UsageError) as error:
        return None, ("Nobody is signed in to Azure", f"Azure was not asked: {error}")
    from deploy.survey import survey

    try:
        return survey(session, secrets), ("", "")
    except UnavailableError as error:
        return None, (
            "Azure does not show what there is",
            f"Azure does not show what there is: {error}",
        )


def beside(session: Session, seen: Survey, steps: Sequence[Step]) -> list[str]:
    """What no step says: the resource group, a webhook that goes, and what Azure itself foresees,
    which it only does for a resource group that is there.
    """
    from deploy.arm import LISTING

    notes = []
    group = session.settings.resource_group
    is_there = bool(seen.found) or session.azure.arm.get(session.names.scope, LISTING) is not None
    if not is_there:
        notes += [
            f"`apply` makes the resource group {group}, which is not there yet.",
            "Azure was not asked what it foresees: it foresees nothing without the resource group.",
        ]
    hook = session.names.webhook.lower()
    if not session.settings.webhook and any(step.id.lower() == hook for step in steps):
        notes.append("`apply` takes Numerai's webhook away before its workflow.")
    return [*notes, *(foreseen(session, seen, steps) if is_there else [])]


def schedule_words(session: Session, secrets: Secrets) -> tuple[Sequence[str], list[str]]:
    """Warnings of windows that no start meets, and until when late openings are met."""
    settings, now = session.settings, session.clock.now()
    windows, where = documented_windows(now), "as Numerai documents them"
    if all(name in secrets for name in TOKEN):
        try:
            numerai = numerai_of(settings, secrets, session.clock, session.environ)
            rounds = numerai.recent_rounds("classic", limit=RECENT_ROUNDS)
            windows, where = recent_windows(rounds, now) or windows, "the last ones at Numerai"
        except StoppedError:
            raise
        except JobError as error:
            where += f", for Numerai could not be asked ({error})"
    met = latest_openings(settings, windows)
    notes = [f"The schedule was held against the rounds' windows, {where}."]
    return window_warnings(settings, windows), [*notes, *([f"With it {met}."] if met else [])]


def foreseen(session: Session, seen: Survey, steps: Sequence[Step]) -> list[str]:
    """What Azure itself says of what would be deployed."""
    ids = to_deploy(steps)
    if not ids:
        return []
    nobody = dict.fromkeys(session.settings.all_secrets, Secret("not given"))
    given = parameters(
        session.settings,
        deployer=seen.deployer.object_id,
        deployer_type=seen.deployer.type,
        secrets=nobody,
        secrets_tag=seen.tag or "",
    )
    try:
        found = session.azure.deployments.what_if(seen.template.only(ids).document, given)
    except StoppedError:
        raise
    except JobError as error:
        return [f"Azure could not foresee the deployment: {error}"]
    labels = {step.id.lower(): f"{step.kind} {step.name}" for step in steps}
    changes = [one for one in found if one.change not in {"NoChange", "Ignore"}]
    lines = [f"  {one.change.lower()} {labels.get(one.id.lower(), one.id)}" for one in changes]
    return ["Azure itself foresees:", *lines] if lines else ["Azure itself foresees no change."]
