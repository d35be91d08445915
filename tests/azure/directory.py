"""Who there is: users and the identities of resources, and the tokens that speak for them."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from tests.azure.errors import Refusal

STORAGE = "https://storage.azure.com"
MANAGEMENT = "https://management.azure.com"
LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who can be given rights: `kind` is User or ServicePrincipal."""

    name: str
    object_id: str
    client_id: str
    kind: str


class Directory:
    """A tenant: its principals and its tokens. Ids follow from the seed."""

    def __init__(self, *, now: Callable[[], datetime], seed: int) -> None:
        self._now = now
        self._ids = random.Random(f"directory {seed}")
        self._lock = threading.Lock()
        self._principals: dict[str, Principal] = {}
        self._key = f"the key of a tenant that exists nowhere {seed}"
        self.tenant = self.new_id()
        self.audiences = {STORAGE: STORAGE, MANAGEMENT: MANAGEMENT}
        self.audiences["https://management.core.windows.net"] = MANAGEMENT

    def new_id(self) -> str:
        """A UUID that nothing has yet."""
        with self._lock:
            return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def add(self, name: str, kind: str = "ServicePrincipal") -> Principal:
        """A new principal."""
        principal = Principal(name, self.new_id(), self.new_id(), kind)
        with self._lock:
            self._principals[principal.object_id] = principal
        return principal

    def remove(self, object_id: str) -> None:
        """Forgets a principal; assignments to it stay, as they do."""
        with self._lock:
            self._principals.pop(object_id, None)

    def find(self, object_id: str) -> Principal | None:
        """The principal with this object id."""
        return self._principals.get(object_id)

    def by_client(self, client_id: str) -> Principal | None:
        """The principal with this client id."""
        with self._lock:
            return next(
                (one for one in self._principals.values() if one.client_id == client_id), None
            )

    def audience(self, resource: str) -> str | None:
        """Whom a token for this resource is meant for; None where no such resource is known."""
        return self.audiences.get(resource.rstrip("/"))

    def token(self, principal: Principal, audience: str, *, lifetime: timedelta = LIFETIME) -> str:
        """A token with which the principal speaks to an audience."""
        now = self._now()
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "tid": self.tenant,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "appid": principal.client_id,
            "idtyp": "user" if principal.kind == "User" else "app",
            "ver": "1.0",
            "iat": int(now.timestamp()) - 300,
            "nbf": int(now.timestamp()) - 300,
            "exp": int((now + lifetime).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def bearer(self, authorization: str, audience: str) -> Principal:
        """Who speaks by an Authorization header.

        Raises:
            Refusal: 401, with the code that says what the token lacks.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError:
            raise _invalid() from None
        self._check_claims(claims, audience)
        principal = self.find(claims["oid"])
        if principal is None:
            raise _invalid()
        return principal

    def _check_claims(self, claims: dict[str, Any], audience: str) -> None:
        now = self._now()
        if claims["exp"] <= now.timestamp():
            raise expired(datetime.fromtimestamp(claims["exp"], now.tzinfo), now)
        if self.audience(claims["aud"]) != audience:
            raise _unauthorized(
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'. It should exactly match with one of the allowed audiences "
                f"'{audience}/'.",
            )


def expired(at: datetime, now: datetime) -> Refusal:
    """A token past its time."""
    return _unauthorized(
        "ExpiredAuthenticationToken",
        f"The access token expiry UTC time '{at:%m/%d/%Y %I:%M:%S %p}' is earlier than current "
        f"UTC time '{now:%m/%d/%Y %I:%M:%S %p}'.",
    )


def _invalid() -> Refusal:
    return _unauthorized("InvalidAuthenticationToken", "The access token is invalid.")


def _unauthorized(code: str, message: str) -> Refusal:
    challenge = (
        'Bearer authorization_uri="https://login.windows.net/common", error="invalid_token", '
        f'error_description="{message}"'
    )
    return Refusal(401, code, message, headers={"WWW-Authenticate": challenge})
