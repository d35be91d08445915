"""A tag that tells one set of secrets from another, and is no help in guessing one."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import scrypt, sha256
from typing import Final

from deploy.names import Names
from deploy.settings import TOKEN, DeploySettings
from job.secret import Secret

DIGITS: Final = 32
_COST: Final = 2**14  # with blocks of 8: 16 MiB and some 50 ms for each guess


def secrets_tag(settings: DeploySettings, secrets: Mapping[str, Secret]) -> str:
    """An HMAC of the deployment's secrets: another one whenever any of them is.

    Its key is a slow hash of the secret half of the API token, which is long and random, salted
    with the container group's id: whoever reads the tag cannot try guesses of a weaker secret
    without that half, and not even cheaply with it.

    Args:
        secrets: by variable; all of `settings.all_secrets`.

    Raises:
        KeyError: a secret is not given.
    """
    salt = Names(settings).group.lower().encode()
    password = secrets[TOKEN[-1]].reveal().encode()
    key = scrypt(password, salt=salt, n=_COST, r=8, p=1, dklen=32)
    digest = hmac.new(key, digestmod=sha256)
    for name in sorted(settings.all_secrets):
        for text in (name, secrets[name].reveal()):
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:DIGITS]
