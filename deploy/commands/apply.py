"""`apply`: the steps of the plan, carried out. Cut short, it goes on the next time."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from deploy.commands.plan import offline_template
from deploy.cost import cost_of
from deploy.pieces import Kind
from deploy.plan import Action, Step, nothing_to_change, to_delete, to_deploy
from deploy.plan_text import plan_text
from deploy.secrets import Secrets, all_secrets
from deploy.session import Session, begin, start, tell
from deploy.survey import Survey, survey
from deploy.template import parameters
from deploy.template.part import API_VERSIONS
from deploy.webhook import TOURNAMENTS, clear_hook, numerai_of, set_hook
from deploy.words import counted, listed
from job.errors import Exit, TokenError, UnavailableError, UsageError
from job.secret import Secret

ASKING: Final = 15.0
"""Seconds for which Numerai is asked again whether it knows the token."""
HINT: Final = "give the token that https://numer.ai/account shows, and `apply` again"
UNREGISTERED = "MissingSubscriptionRegistration"
MADE = {
    Action.CREATE: "made",
    Action.CHANGE: "changed",
    Action.REPLACE: "made anew",
    Action.DELETE: "deleted",
}


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Shows the plan, carries it out, and says what there is now."""
    session = begin(args, environ)
    offline_template(session)
    secrets = all_secrets(session.settings, environ)
    start(secrets.values(), environ)
    session.azure.deployments.wait_for_former(tell)
    seen = survey(session, secrets)
    steps = seen.steps
    former = _former_hooks(session)
    if nothing_to_change(steps):
        hooked = _hook(session, secrets, former)
        tell(hooked or f"{session.settings.name}: nothing to change")
        return Exit.OK
    tell(plan_text(session.settings, steps, cost=cost_of(session.settings)))
    tell("")
    _check_token(session, secrets)
    _carry_out(session, secrets, seen, steps)
    if hooked := _hook(session, secrets, former):
        tell(hooked)
    tell(_made(session, steps))
    return Exit.OK


def _check_token(session: Session, secrets: Secrets) -> None:
    """Asks Numerai for the account before anything is changed: a token that it refuses must not
    take the place of one that works. A Numerai that cannot be asked is no reason to stop.
    """
    patience = min(session.patience, ASKING)
    numerai = numerai_of(
        session.settings, secrets, session.clock, session.environ, patience=patience
    )
    try:
        numerai.account_state(TOURNAMENTS)
    except TokenError as error:
        raise TokenError(f"{error.what}; nothing was changed", *error.why, hint=HINT) from error
    except UnavailableError as error:
        tell(f"warning: the API token could not be tried: {error}")


def _carry_out(session: Session, secrets: Secrets, seen: Survey, steps: tuple[Step, ...]) -> None:
    azure, names = session.azure, session.names
    if azure.ensure_group(names.scope, session.settings.location):
        tell(f"made the resource group {session.settings.resource_group}")
    template = seen.template.only(to_deploy(steps)).document
    given = parameters(
        session.settings,
        deployer=seen.deployer.object_id,
        deployer_type=seen.deployer.type,
        secrets=secrets,
        secrets_tag=seen.tag or "",
    )
    if template["resources"]:
        # Before anything is deleted: what Azure refuses must leave what is there as it is.
        _validate(session, template, given)
    for step in to_delete(steps):
        if azure.delete(step.id, step.api_version):
            tell(f"deleted {step.kind} {step.name}")
    if template["resources"]:
        tell(f"deploying {counted(len(template['resources']), 'resource')}")
        labels = {step.id.lower(): f"{step.kind} {step.name}" for step in steps}
        azure.deployments.deploy(
            template, given, tell=lambda one: tell(f"  done: {labels.get(one.lower(), one)}")
        )


def _validate(session: Session, template: dict[str, Any], given: dict[str, Any]) -> None:
    """Has Azure check the deployment; a subscription that never had the like is told of it."""
    deployments = session.azure.deployments
    try:
        deployments.validate(template, given)
    except UsageError as error:
        if UNREGISTERED not in str(error):
            raise
        tell("telling the subscription of the kinds of resources that are new to it")
        session.azure.register(session.names.subscription_id)
        deployments.validate(template, given)


def _former_hooks(session: Session) -> list[Secret]:
    """The webhook's address as it is before anything is changed, if there is one."""
    body = session.azure.arm.get(session.names.webhook, API_VERSIONS[Kind.WORKFLOW])
    return [] if body is None else [_address(session)]


def _address(session: Session) -> Secret:
    names, version = session.names, API_VERSIONS[Kind.WORKFLOW]
    return session.azure.callback_url(names.webhook_trigger, version)


def _hook(session: Session, secrets: Secrets, former: list[Secret]) -> str:
    """Sets or clears Numerai's webhook; says what changed, nothing where nothing did."""
    if not session.settings.webhook and not former:
        return ""
    numerai = numerai_of(session.settings, secrets, session.clock, session.environ)
    if not session.settings.webhook:
        cleared = clear_hook(numerai, former)
        return "".join(f"Numerai does not call any more for {name}" for name in cleared[:1])
    hook = set_hook(numerai, _address(session), former=former)
    return f"Numerai calls when a round opens for {hook.model}" if hook.changed else ""


def _made(session: Session, steps: tuple[Step, ...]) -> str:
    counts = Counter(MADE[step.action] for step in steps if step.action in MADE)
    told = listed([f"{count} {word}" for word, count in counts.items()])
    first = any(step.kind is Kind.STORAGE and step.action is Action.CREATE for step in steps)
    push = "`python -m deploy push` sends the models; " if first else ""
    return (
        f"{session.settings.name} is as deploy.yaml says: {told}\n"
        f"next: {push}`python -m deploy status` shows how it goes"
    )
