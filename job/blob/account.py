"""How a container is reached: who asks, with what time-outs, over which connections."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from azure.core.credentials import AzureSasCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ContainerClient

from job.blob_url import BlobUrl
from job.errors import UsageError

log = logging.getLogger(__name__)

CONNECTION_STRING: Final = "AZURE_STORAGE_CONNECTION_STRING"
CONNECT_SECONDS: Final = 10
STALL_SECONDS: Final = 60
CONNECTIONS: Final = 32
SOCKET_BYTES: Final = 256 * 1024

By = Literal["identity", "key", "SAS"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in Blob Storage and how it is opened; what messages may say of it."""

    url: BlobUrl
    by: By

    def __str__(self) -> str:
        return str(self.url)

    @property
    def host(self) -> str:
        """The account as it is shown: host, port, and what else of its URL names it."""
        return self.url.account.partition("://")[2]


def open_container(
    url: BlobUrl, environ: Mapping[str, str], *, stall: float = STALL_SECONDS
) -> tuple[ContainerClient, Place]:
    """A client for the URL's container: by the SAS of the URL, else by a connection string that
    names its account, else by this process's identity. Nothing is sent yet.

    Args:
        stall: seconds without a byte after which a request counts as dead.

    Raises:
        UsageError: the connection string is wrong, or a token would go over plain http.
    """
    # What the SDK warns of is raised as well, and told in the job's words.
    logging.getLogger("azure").setLevel(logging.ERROR)
    by, endpoint, credential = _credential(url, environ)
    client = ContainerClient(
        endpoint,
        url.container,
        credential=credential,
        transport=_transport(stall),
        retry_total=0,  # it would sleep through a signal, and knows neither reasons nor patience
    )
    return client, Place(url, by)


def _credential(url: BlobUrl, environ: Mapping[str, str]) -> tuple[By, str, Any]:
    """How to authenticate, the account's URL for it, and with what."""
    if url.sas:
        return "SAS", url.account, AzureSasCredential(url.sas.reveal())
    if text := environ.get(CONNECTION_STRING, "").strip():
        named = _named_by(text)
        if _plain(named.url) == _plain(url.account):
            # Without a key there is a SAS in it, and with that SAS the SDK gives the URL.
            by: By = "key" if named.credential else "SAS"
            return by, named.url, named.credential
        log.warning("%s names another account than %s and is left alone", CONNECTION_STRING, url)
    if url.account.startswith("http:"):
        raise UsageError(
            f"{url} cannot be opened",
            ["an identity's token is not sent over plain http"],
            hint=f"set {CONNECTION_STRING} to that account's, or give a URL with a SAS",
        )
    from job.identity import credential  # a key or a SAS needs none of it

    return "identity", url.account, credential(environ)


def _named_by(text: str) -> BlobServiceClient:
    try:
        return BlobServiceClient.from_connection_string(text)
    except ValueError:
        raise UsageError(
            f"{CONNECTION_STRING} is wrong",
            ["it is no connection string of a storage account"],
            hint="the portal shows it among the account's access keys; or unset it",
        ) from None


def _plain(account: str) -> str:
    """An account's URL in one form."""
    bare = account.partition("?")[0].rstrip("/").lower()
    return bare.replace("://localhost", "://127.0.0.1")


def _transport(stall: float) -> RequestsTransport:
    transport = RequestsTransport(
        connection_timeout=min(CONNECT_SECONDS, stall),
        read_timeout=stall,
        connection_data_block_size=SOCKET_BYTES,
    )
    transport.open()
    session: Any = transport.session
    # Without it a line in ~/.netrc would replace the Authorization header.
    session.auth = _unchanged
    for adapter in session.adapters.values():
        adapter.init_poolmanager(CONNECTIONS, CONNECTIONS)
    return transport


def _unchanged(request: Any) -> Any:
    return request
