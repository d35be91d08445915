"""The template's parameters: what they are, and their values for one deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deploy.settings import DeploySettings
from deploy.template.expressions import DEPLOYER_ID, DEPLOYER_TYPE, SECRETS_TAG
from job.secret import Secret

PRINCIPAL_TYPES: Final = ("User", "ServicePrincipal", "Group")


def declared(settings: DeploySettings) -> dict[str, Any]:
    """The template's `parameters`: a secret has the name of its variable."""
    own: dict[str, Any] = {
        DEPLOYER_ID: {
            "type": "string",
            "metadata": {"description": "object id of whoever is to push models and read runs"},
        },
        DEPLOYER_TYPE: {
            "type": "string",
            "defaultValue": "User",
            "allowedValues": list(PRINCIPAL_TYPES),
        },
        SECRETS_TAG: {
            "type": "string",
            "defaultValue": "",
            "metadata": {"description": "tells one set of secrets from another; may stay empty"},
        },
    }
    return {**own, **{name: {"type": "securestring"} for name in settings.all_secrets}}


def parameters(
    settings: DeploySettings,
    *,
    deployer: str,
    deployer_type: str,
    secrets: Mapping[str, Secret],
    secrets_tag: str,
) -> dict[str, dict[str, str]]:
    """What a deployment sends as `parameters`. It holds the secrets themselves: for the request
    and nothing else.

    Args:
        deployer: object id of whoever deploys.
        deployer_type: one of `PRINCIPAL_TYPES`.
        secrets: by variable; all of `settings.all_secrets`.
        secrets_tag: of these secrets, as `deploy.secrets_tag` makes it.

    Raises:
        KeyError: a secret is not given.
    """
    given = {DEPLOYER_ID: deployer, DEPLOYER_TYPE: deployer_type, SECRETS_TAG: secrets_tag}
    given |= {name: secrets[name].reveal() for name in settings.all_secrets}
    return {name: {"value": value} for name, value in given.items()}
