"""The webhook is set on one model, and nobody else's is touched."""

from __future__ import annotations

import pytest

from deploy.webhook import clear_hook, set_hook
from job.errors import UsageError
from job.numerai.adapter import Numerai
from job.sandbox import Sandbox
from job.secret import Secret

URL = Secret(
    "https://prod-1.logic.azure.com:443/workflows/ab12/triggers/numerai/paths/invoke?sig=x"
)
AGAIN = Secret(URL.reveal().replace("sig=x", "sig=y"))
ANEW = Secret(URL.reveal().replace("ab12", "cd34"))
THEIRS = "https://example.org/other?sig=z"


def hooks(box: Sandbox) -> dict[str, str]:
    """The models that have a webhook, and what it is."""
    return {model.name: model.webhook for model in box.models if model.webhook}


def test_it_is_set_on_one_model_and_then_left(box: Sandbox, numerai: Numerai) -> None:
    hook = set_hook(numerai, URL)
    assert hook.changed
    assert hooks(box) == {hook.model: URL.reveal()}
    assert not set_hook(numerai, URL).changed


@pytest.mark.parametrize("new", [AGAIN, ANEW])
def test_an_address_that_is_new_takes_the_place_of_the_old_one(
    box: Sandbox, numerai: Numerai, new: Secret
) -> None:
    first = set_hook(numerai, URL)
    second = set_hook(numerai, new, former=[URL])
    assert (second.model, second.changed) == (first.model, True)
    assert hooks(box) == {first.model: new.reveal()}


def test_anothers_webhook_is_left(box: Sandbox, numerai: Numerai) -> None:
    slots = numerai.account_state(["classic"]).slots
    numerai.set_webhook(slots[0], Secret(THEIRS))
    assert set_hook(numerai, URL).model == slots[1].name
    assert hooks(box)[slots[0].name] == THEIRS
    assert clear_hook(numerai, [URL]) == [slots[1].name]
    assert hooks(box) == {slots[0].name: THEIRS}


def test_where_every_model_has_anothers_it_is_said(box: Sandbox, numerai: Numerai) -> None:
    slots = numerai.account_state(["classic", "signals", "crypto"]).slots
    for slot in slots:
        numerai.set_webhook(slot, Secret(THEIRS))
    with pytest.raises(UsageError, match="not set") as caught:
        set_hook(numerai, URL)
    assert len(caught.value.faults) == len(slots)
    assert "sig" not in str(caught.value)
    assert set(hooks(box).values()) == {THEIRS}
