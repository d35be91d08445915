"""Where Azure's management is asked, as the environment says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from job.errors import UsageError

URL: Final = "AZURE_RESOURCE_MANAGER_URL"
SCOPE: Final = "AZURE_RESOURCE_MANAGER_SCOPE"
POLL: Final = "AZURE_RESOURCE_MANAGER_POLL"
PUBLIC: Final = "https://management.azure.com"
CA_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "AZURE_CA_BUNDLE", "SSL_CERT_FILE")
POLL_SECONDS: Final = 5.0
LONGEST_POLL: Final = 60.0


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
        poll = env.get(POLL) or str(POLL_SECONDS)
        ca = next((env[name] for name in CA_BUNDLES if env.get(name)), None)
        if faults := [*_url_faults(url), *_poll_faults(poll)]:
            raise UsageError("the settings are wrong; nothing was tried", faults)
        return cls(
            url=url,
            scope=env.get(SCOPE) or f"{url}/.default",
            ca=None if ca is None else Path(ca),
            poll_seconds=float(poll),
        )


def _url_faults(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        yield f"{URL}: give a URL such as {PUBLIC}; tokens are sent over https only"


def _poll_faults(text: str) -> Iterator[str]:
    try:
        good = 0 < float(text) <= LONGEST_POLL
    except ValueError:
        good = False
    if not good:
        yield f"{POLL}: {text!r} is not a number of seconds up to {LONGEST_POLL:.0f}"
