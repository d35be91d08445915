"""`apply`: the steps of the plan, carried out. Cut short, it goes on the next time."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from deploy.commands.plan import offline_template
from deploy.cost import cost_of
from deploy.deployments import ActiveError
from deploy.pieces import Kind
from deploy.plan import Action, Step, nothing_to_change, to_delete, to_deploy
from deploy.plan_text import plan_text
from deploy.secrets import Secrets, all_secrets
from deploy.session import Session, begin, start, tell
from deploy.survey import Survey, survey
from deploy.template import parameters
from deploy.template.part import API_VERSIONS
from deploy.webhook import check_account, clear_hook, numerai_of, set_hook
from deploy.words import counted, listed
from job.errors import Exit, TokenError, UnavailableError, UsageError
from job.secret import Secret

TRIES: Final = 5
"""How often what there is is looked at, while others deploy in between."""
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
    for left in reversed(range(TRIES)):
        try:
            _apply(session, secrets)
            break
        except ActiveError:
            if not left:
                raise
            tell("another `apply` came in between: looking again at what there is")
    return Exit.OK


def _apply(session: Session, secrets: Secrets) -> None:
    session.azure.deployments.wait_for_former(tell)
    seen = survey(session, secrets)
    steps = seen.steps
    former = _former_hooks(session)
    if nothing_to_change(steps):
        tell(_hook(session, secrets, former) or f"{session.settings.name}: nothing to change")
        return
    tell(plan_text(session.settings, steps, cost=cost_of(session.settings)))
    tell("")
    _check_account(session, secrets, former)
    _carry_out(session, secrets, seen, former)
    if hooked := _hook(session, secrets, former):
        tell(hooked)
    tell(_made(session, steps))


def _check_account(session: Session, secrets: Secrets, former: list[Secret]) -> None:
    """Asks Numerai for the account before anything is changed: a token that it refuses must not
    take the place of one that works, and a model must be free for the webhook. A Numerai that
    cannot be asked is no reason to stop.
    """
    patience = min(session.patience, ASKING)
    numerai = numerai_of(
        session.settings, secrets, session.clock, session.environ, patience=patience
    )
    try:
        check_account(numerai, hook=session.settings.webhook, own=former)
    except UsageError as error:
        session.azure.deployments.check_alone()  # else it is our own, set meanwhile
        raise UsageError(
            "there is no model for Numerai's webhook; nothing was changed", error.faults, error.hint
        ) from error
    except TokenError as error:
        raise TokenError(f"{error.what}; nothing was changed", *error.why, hint=HINT) from error
    except UnavailableError as error:
        tell(f"warning: the API token could not be tried: {error}")


def _carry_out(session: Session, secrets: Secrets, seen: Survey, former: list[Secret]) -> None:
    azure, names, steps = session.azure, session.names, seen.steps
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
    azure.deployments.check_alone()
    if any(step.id.lower() == names.webhook.lower() for step in to_delete(steps)):
        # While the address is known: once the workflow is gone nobody can tell whose it was.
        _unhook(session, secrets, former)
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


def _unhook(session: Session, secrets: Secrets, former: list[Secret]) -> None:
    """Takes Numerai's webhook away."""
    numerai = numerai_of(session.settings, secrets, session.clock, session.environ)
    for name in clear_hook(numerai, former):
        tell(f"Numerai does not call any more for {name}")


def _hook(session: Session, secrets: Secrets, former: list[Secret]) -> str:
    """Sets Numerai's webhook; says what changed, nothing where nothing did."""
    if not session.settings.webhook:
        return ""
    numerai = numerai_of(session.settings, secrets, session.clock, session.environ)
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
