"""The adapter to Azure's management: one job's deployment, its container group, and the things that
it consists of. Only this module and those that it is made of know the libraries of Azure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from azure.core.credentials import TokenCredential

from deploy.arm import LISTING, Arm, shown
from deploy.deployments import Deployments
from deploy.endpoint import Endpoint
from deploy.groups import Groups
from job.clock import Clock
from job.errors import UnavailableError
from job.secret import Secret

PATIENCE: Final = 120.0
"""Seconds for which a request is tried again."""
DELETING: Final = 10 * 60.0
REGISTERING: Final = 10 * 60.0
NAMESPACES: Final = (
    "Microsoft.ContainerInstance",
    "Microsoft.Logic",
    "Microsoft.ManagedIdentity",
    "Microsoft.Storage",
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who deploys: an object id, and `User` or `ServicePrincipal`."""

    object_id: str
    type: str


class Azure:
    """What one job has in one resource group. Every wait is bounded.

    Raises, wherever it asks: `UnavailableError` for a missing right or no usable answer,
    `UsageError` for what Azure understood and refuses.
    """

    def __init__(
        self,
        *,
        subscription: str,
        group: str,
        name: str,
        endpoint: Endpoint,
        credential: TokenCredential,
        clock: Clock,
        patience: float = PATIENCE,
    ) -> None:
        self.arm = Arm(endpoint=endpoint, credential=credential, clock=clock, patience=patience)
        whose: dict[str, Any] = {"subscription": subscription, "group": group, "name": name}
        self.deployments = Deployments(self.arm, credential, **whose)
        self.groups = Groups(self.arm, credential, **whose)
        self._credential = credential

    def principal(self) -> Principal:
        """Who deploys, as their own token says."""
        scope = self.arm.endpoint.scope

        what = "sign you in"
        claims = _claims(self.arm.tried(what, lambda: self._credential.get_token(scope).token))
        object_id = claims.get("oid")
        if not object_id:
            raise UnavailableError("Azure's token does not say whose it is", "it has no `oid`")
        kind = "ServicePrincipal" if claims.get("idtyp") == "app" else "User"
        return Principal(str(object_id), kind)

    def ensure_group(self, group_id: str, location: str) -> bool:
        """Makes the resource group if there is none; whether it did."""
        if self.arm.get(group_id, LISTING) is not None:
            return False
        self.arm.put(group_id, LISTING, {"location": location})
        return True

    def register(self, subscription_id: str) -> None:
        """Tells the subscription of the kinds of resources that a deployment has, and waits until
        it knows them. Raises `UnavailableError` when that takes longer than `REGISTERING` seconds.
        """
        waiting = [f"{subscription_id}/providers/{name}" for name in NAMESPACES]
        for provider in waiting:
            self.arm.post(f"{provider}/register", LISTING, what=f"register {shown(provider)}")
        end = self.arm.clock.monotonic() + REGISTERING
        while waiting := [one for one in waiting if not self._is_registered(one)]:
            if self.arm.clock.monotonic() >= end:
                raise UnavailableError(
                    f"{shown(waiting[0])} is not registered after {REGISTERING / 60:.0f} minutes",
                    hint="`az provider show -n NAME` shows how it goes; then `apply` again",
                )
            self.arm.clock.sleep(self.arm.endpoint.poll_seconds)

    def _is_registered(self, provider: str) -> bool:
        found = self.arm.get(provider, LISTING) or {}
        return found.get("registrationState") == "Registered"

    def callback_url(self, trigger_id: str, api_version: str) -> Secret:
        """The address that a workflow's trigger is called by: whoever has it may start the job."""
        answer = self.arm.post(
            f"{trigger_id}/listCallbackUrl", api_version, what="ask for the webhook's address"
        )
        url = (answer or {}).get("value")
        if not url:
            raise UnavailableError("Azure gave no address for the webhook", hint="`apply` again")
        return Secret(str(url))

    def delete(self, resource_id: str, api_version: str) -> bool:
        """Deletes a resource and waits until it is gone; False where there was none."""
        return self.arm.delete(resource_id, api_version, patience=DELETING)


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says; it was just given by Azure, so that it need not be verified."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        claims = None
    if not isinstance(claims, dict):
        raise UnavailableError("Azure's token does not say whose it is", "it is no JWT")
    return claims
