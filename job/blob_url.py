"""Pure: the URL of a place in Blob Storage, taken apart; a SAS in it is a secret."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from job.secret import Secret

NO_SAS: Final = Secret("")


@dataclass(frozen=True, slots=True)
class BlobUrl:
    """A container of a storage account, or a folder in it.

    Attributes:
        account: the account's URL, without a slash at its end.
        prefix: of every name in it: empty, or a folder that ends in a slash.
        sas: the signature that the URL carried; empty where it carried none.
    """

    account: str
    container: str
    prefix: str = ""
    sas: Secret = NO_SAS

    def __str__(self) -> str:
        """The URL without its SAS, for logs and people."""
        return f"{self.account}/{self.container}/{self.prefix}".rstrip("/")

    def name(self, name: str) -> str:
        """The name in the container of what is called so here."""
        return self.prefix + name


Location = Path | BlobUrl
"""Where models or run records live: a folder of this machine, or a place in Blob Storage."""


def parse_blob_url(text: str) -> BlobUrl:
    """`https://<account>.blob.core.windows.net/<container>[/<prefix>][?<SAS>]`, or the form with
    the account in the path that Azurite has.

    Raises:
        ValueError: it is neither; the message does not quote the text, for it may hold a SAS.
    """
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError("not a URL") from None
    if url.scheme not in {"http", "https"} or not host or "@" in url.netloc or url.fragment:
        raise ValueError(_EXPECTED)
    local = _is_local(host)
    if url.scheme == "http" and not local:
        raise ValueError(f"http to {host} would send what is in it in clear; use https")
    parts = [unquote(part) for part in url.path.split("/") if part]
    account = f"{url.scheme}://{url.netloc}"
    if local:
        account, parts = f"{account}/{parts[0] if parts else ''}", parts[1:]
    if not parts or {".", ".."} & set(parts):
        raise ValueError(_EXPECTED)
    prefix = "".join(f"{part}/" for part in parts[1:])
    return BlobUrl(account, parts[0], prefix, Secret(url.query))


_EXPECTED = (
    "give https://<account>.blob.core.windows.net/<container> or a folder in it, with or without "
    "a SAS"
)


def _is_local(host: str) -> bool:
    """Whether the account stands in the path, as it does where it cannot in the host's name."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
