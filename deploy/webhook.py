"""The address that Numerai calls when a round opens, set on one model of the account. Whoever has
it may start the job, so it is a secret.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from deploy.settings import TOKEN, DeploySettings
from job.clock import Clock
from job.connect import connect
from job.errors import UsageError
from job.numerai.adapter import Numerai
from job.secret import Secret
from job.settings import Settings
from job.tournament import Slot

API_URL: Final = "NUMERAI_API_URL"
TOURNAMENTS: Final = ("classic", "signals", "crypto")
"""Those of whose models the first is taken."""


def numerai_of(
    settings: DeploySettings,
    secrets: Mapping[str, Secret],
    clock: Clock,
    environ: Mapping[str, str],
    *,
    patience: float | None = None,
) -> Numerai:
    """Numerai as the container asks it; nothing is sent yet.

    Args:
        patience: seconds for which a request is tried again, None: as long as the job's.
    """
    env = {name: secrets[name].reveal() for name in (*TOKEN, API_URL) if name in secrets}
    url = dict(settings.job).get(API_URL) or env.get(API_URL) or environ.get(API_URL, "")
    job = Settings.from_env({**env, API_URL: url})
    return connect(job if patience is None else replace(job, retry_patience=patience), clock)


@dataclass(frozen=True, slots=True)
class Hook:
    """What became of the webhook: the model that has it, and whether that is new."""

    model: str
    changed: bool


def set_hook(numerai: Numerai, url: Secret, *, former: Collection[Secret] = ()) -> Hook:
    """Has Numerai call `url`, and takes away what an earlier deployment has set.

    Args:
        former: addresses that were this job's own before.

    Raises `UsageError` where every model has another one's webhook.
    """
    own, free = _own_and_free(_slots(numerai), (url, *former))
    chosen = next((slot for slot in own if slot.webhook == url.reveal()), (own or free)[0])
    changed = chosen.webhook != url.reveal()
    if changed:
        numerai.set_webhook(chosen, url)
    for slot in own:
        if slot is not chosen:
            numerai.set_webhook(slot, None)
    return Hook(chosen.name, changed)


def check_account(numerai: Numerai, *, hook: bool, own: Collection[Secret]) -> None:
    """Asks for the account, which a refused token raises `TokenError` for.

    Args:
        hook: whether a webhook is to be set; `UsageError` where every model has another one's.
        own: the addresses that are this job's own.
    """
    slots = _slots(numerai)
    if hook:
        _own_and_free(slots, own)


def clear_hook(numerai: Numerai, former: Collection[Secret]) -> list[str]:
    """Takes this job's webhooks away; gives the names of the models that had one."""
    own = [s for s in _slots(numerai) if s.webhook and _is_ours(s.webhook, former)]
    for slot in own:
        numerai.set_webhook(slot, None)
    return [slot.name for slot in own]


def _slots(numerai: Numerai) -> list[Slot]:
    """The account's models, those of the first tournament first."""
    found = [slot for slot in numerai.account_state(TOURNAMENTS).slots if not slot.archived]
    return sorted(found, key=lambda slot: TOURNAMENTS.index(slot.tournament))


def _own_and_free(slots: list[Slot], own: Collection[Secret]) -> tuple[list[Slot], list[Slot]]:
    """The models with this job's webhook, and those that may have it; raises `UsageError` where
    there is none of the latter.
    """
    ours = [slot for slot in slots if slot.webhook and _is_ours(slot.webhook, own)]
    free = [slot for slot in slots if slot in ours or slot.webhook is None]
    if not free:
        raise UsageError(
            "Numerai's webhook is not set",
            [f"{slot.name} has another one already" for slot in slots] or ["there is no model"],
            hint="take one away at https://numer.ai/models, or the trigger out of deploy.yaml",
        )
    return ours, free


def _is_ours(webhook: str, own: Collection[Secret]) -> bool:
    """Whether a webhook leads to one of these workflows, with whatever signature."""
    return _place(webhook) in {_place(url.reveal()) for url in own}


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path
