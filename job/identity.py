"""Who this process is to Azure: `DefaultAzureCredential`, narrowed to what can be meant here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential

from job.errors import JobError, TransientError, UnavailableError

T = TypeVar("T")

ENDPOINT_PATIENCE: Final = 90.0
"""Seconds: a container's identity endpoint comes up some time after the container itself."""
CONNECT_SECONDS: Final = 2
ANSWER_SECONDS: Final = 10
_CHOICE: Final = "AZURE_TOKEN_CREDENTIALS"
_ENDPOINTS: Final = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
_OTHER_THAN_MANAGED: Final = (
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TENANT_ID",
    "AZURE_USERNAME",
)
_PREFIXES: Final = ("AZURE_", "IDENTITY_", "IMDS_", "MSI_")


class Identity:
    """A credential for Azure's clients. Its errors are the job's own, and leave a client's
    pipeline as they are: `TransientError` where a managed identity may yet come up.
    """

    def __init__(self, inner: DefaultAzureCredential, *, managed: bool) -> None:
        self._inner = inner
        self._managed = managed

    def get_token(self, *scopes: str, **more: Any) -> AccessToken:
        """A token for these scopes, for clients of the older kind."""
        return self._translated(lambda: self._inner.get_token(*scopes, **more))

    def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """A token for these scopes."""
        return self._translated(lambda: self._inner.get_token_info(*scopes, options=options))

    def close(self) -> None:
        """Closes its connections."""
        self._inner.close()

    def _translated(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except ClientAuthenticationError as error:
            raise (_not_yet if self._managed else _no_identity)(error) from None


def credential(environ: Mapping[str, str]) -> Identity:
    """This process's identity, made once; nothing is asked for yet.

    With `AZURE_TOKEN_CREDENTIALS` (azure-identity's own variable) that decides. Else it is the
    managed identity where something speaks for one, and a service principal or whoever is signed
    in with the Azure tools where nothing does: asking for a managed identity where there is none
    takes seconds.

    Raises:
        UnavailableError: the variables contradict each other.
    """
    known = {name: text for name, text in environ.items() if name.startswith(_PREFIXES)}
    return _credential(frozenset(known.items()))


@lru_cache(maxsize=4)
def _credential(known: frozenset[tuple[str, str]]) -> Identity:
    for name in ("azure", "msal"):  # what they warn of, the job says itself
        logging.getLogger(name).setLevel(logging.ERROR)
    environ = dict(known)
    managed = is_managed(environ)
    options: dict[str, Any] = {}
    if not environ.get(_CHOICE):
        options |= _NARROWED[managed]
    if managed:
        # The job tries again itself: it hears a signal while it waits, and waits for longer.
        options |= {"retry_total": 0, "retry_status": 0}
        options |= {"connection_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS}
    try:
        return Identity(DefaultAzureCredential(**options), managed=managed)
    except ValueError as error:
        raise UnavailableError("there is no identity for Azure", str(error)) from None


def is_managed(environ: Mapping[str, str]) -> bool:
    """Whether these variables speak of a managed identity."""
    choice = environ.get(_CHOICE, "").strip().lower()
    if choice:
        return choice in {"managedidentitycredential", "prod"}
    if any(environ.get(name) for name in _ENDPOINTS):
        return True
    return bool(environ.get("AZURE_CLIENT_ID")) and not any(map(environ.get, _OTHER_THAN_MANAGED))


def _without(*names: str) -> dict[str, Any]:
    return {f"exclude_{name}_credential": True for name in names}


_NEVER: Final = ("broker", "shared_token_cache", "visual_studio_code", "interactive_browser")
_DEVELOPERS: Final = ("cli", "developer_cli", "powershell")
_NARROWED: Final = {
    True: _without("environment", "workload_identity", *_DEVELOPERS, *_NEVER),
    False: _without("managed_identity", *_NEVER),
}


def _not_yet(error: ClientAuthenticationError) -> JobError:
    return TransientError(
        "the managed identity gave no token",
        *_attempts(error),
        hint=(
            "has the container group this identity, and is AZURE_CLIENT_ID its client id? "
            "`python -m deploy apply` sets both"
        ),
        patience=ENDPOINT_PATIENCE,
    )


def _no_identity(error: ClientAuthenticationError) -> JobError:
    return UnavailableError(
        "nobody is signed in to Azure here",
        *_attempts(error),
        hint=(
            "`az login`, or set AZURE_CLIENT_ID to use a managed identity; for storage alone "
            "AZURE_STORAGE_CONNECTION_STRING or a SAS in the URL will do"
        ),
    )


def _attempts(error: ClientAuthenticationError) -> list[str]:
    """What each credential of the chain said, a line each, shortened."""
    said = str(error.message).splitlines()
    lines = [line.strip() for line in said if line.startswith("\t")] or said[:1]
    return [line if len(line) <= 200 else f"{line[:199]}…" for line in lines]
