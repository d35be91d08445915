"""Where Azure's management is asked, as the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from job.errors import UsageError

URL: Final = "AZURE_RESOURCE_MANAGER_URL"
SCOPE: Final = "AZURE_RESOURCE_MANAGER_SCOPE"
PUBLIC: Final = "https://management.azure.com"
CA_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "AZURE_CA_BUNDLE", "SSL_CERT_FILE")
POLL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Azure's management.

    Attributes:
        url: without a slash at its end.
        scope: what a token is asked for.
        ca: certificates to trust instead of the machine's own.
        poll_seconds: between two questions of how something goes.
    """

    url: str = PUBLIC
    scope: str = f"{PUBLIC}/.default"
    ca: Path | None = None
    poll_seconds: float = POLL_SECONDS

    @property
    def audience(self) -> str:
        """Whom its tokens are for."""
        return self.scope.removesuffix(".default")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Endpoint:
        """What `env` says, else Azure's public cloud. Raises `UsageError` for what is no URL."""
        url = (env.get(URL) or PUBLIC).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
            raise UsageError(
                "the settings are wrong; nothing was tried",
                [f"{URL}: give a URL such as {PUBLIC}; tokens are sent over https only"],
            )
        ca = next((env[name] for name in CA_BUNDLES if env.get(name)), None)
        return cls(
            url=url,
            scope=env.get(SCOPE) or f"{url}/.default",
            ca=None if ca is None else Path(ca),
        )
