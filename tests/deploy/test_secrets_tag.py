"""A tag that tells one set of secrets from another, and gives none away."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from deploy.secrets_tag import secrets_tag
from job.secret import Secret
from tests.deploy.samples import secrets_of, settings

FOUND = settings(secrets=["SIGNALS_KEY", "OTHER_KEY"])
SECRETS = secrets_of(FOUND)


def test_is_the_same_for_the_same_secrets() -> None:
    again = settings(secrets=["OTHER_KEY", "SIGNALS_KEY"], cpu=4)
    assert secrets_tag(FOUND, SECRETS) == secrets_tag(again, dict(reversed(SECRETS.items())))


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_is_another_one_when_any_secret_is(name: str) -> None:
    rotated = {**SECRETS, name: Secret("hush-hush-rotated")}
    assert secrets_tag(FOUND, rotated) != secrets_tag(FOUND, SECRETS)


def test_tells_apart_what_reads_the_same_in_a_row() -> None:
    one = {**SECRETS, "OTHER_KEY": Secret("ab"), "SIGNALS_KEY": Secret("c")}
    other = {**SECRETS, "OTHER_KEY": Secret("a"), "SIGNALS_KEY": Secret("bc")}
    assert secrets_tag(FOUND, one) != secrets_tag(FOUND, other)


def test_is_another_one_for_another_deployment() -> None:
    elsewhere = settings(secrets=["SIGNALS_KEY", "OTHER_KEY"], name="another")
    assert secrets_tag(elsewhere, SECRETS) != secrets_tag(FOUND, SECRETS)


def test_holds_no_secret_and_no_plain_hash_of_one() -> None:
    tag = secrets_tag(FOUND, SECRETS)
    for secret in SECRETS.values():
        text = secret.reveal().encode()
        plain = {hashlib.new(name, text).hexdigest() for name in ("md5", "sha1", "sha256")}
        keyed = hmac.new(text, text, hashlib.sha256).hexdigest()
        assert not any(one.startswith(tag) for one in (*plain, keyed))
        assert secret.reveal() not in tag


def test_needs_every_secret() -> None:
    with pytest.raises(KeyError):
        secrets_tag(FOUND, {})
