"""Azurite behind the gate: one for each storage account, started when the account is made."""

from __future__ import annotations

import urllib3

from tests.azure.certificates import Authority
from tests.azure.directory import Directory


class AzuriteBlobs:
    """Starts and ends Azurite. `url` is where clients find the gate."""

    def __init__(
        self, authority: Authority, directory: Directory, pool: urllib3.PoolManager
    ) -> None:
        self._authority, self._directory, self._pool = authority, directory, pool
        self.url = ""

    def endpoint(self, account: str) -> str:
        """Where clients find an account's blobs."""
        return f"{self.url}/{account}/"

    def upstream(self, account: str) -> str | None:
        """Where Azurite has the account."""
        return None

    def make_account(self, account: str) -> None:
        """Starts an Azurite for the account."""

    def make_container(self, account: str, container: str) -> None:
        """Makes a container, unless it is there."""

    def drop_container(self, account: str, container: str) -> None:
        """Removes a container with all its blobs."""

    def drop_account(self, account: str) -> None:
        """Ends the account's Azurite."""

    def close(self) -> None:
        """Ends every Azurite."""
