"""Azurite behind the gate: one for each storage account, started when the account is made."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import format_datetime

import urllib3

from tests.azure.certificates import Authority
from tests.azure.directory import STORAGE, Directory, Principal
from tests.azure.errors import Refusal
from tests.azurite.server import Azurite, is_installed


class AzuriteBlobs:
    """Starts and ends Azurite. `url` is where clients find the gate."""

    def __init__(
        self, authority: Authority, directory: Directory, pool: urllib3.PoolManager
    ) -> None:
        self._authority, self._directory, self._pool = authority, directory, pool
        self._platform: Principal = directory.add("the platform")
        self._lock = threading.Lock()
        self._running: dict[str, Azurite] = {}
        self.url = ""

    def endpoint(self, account: str) -> str:
        """Where clients find an account's blobs."""
        return f"{self.url}/{account}/"

    def upstream(self, account: str) -> str | None:
        """Where Azurite has the account."""
        running = self._running.get(account)
        return running.origin if running else None

    def make_account(self, account: str) -> None:
        """Starts an Azurite for the account.

        Raises:
            Refusal: there is no Azurite.
        """
        if not is_installed():
            raise Refusal(500, "AzuriteIsNotInstalled", "`make test` installs Azurite.")
        with self._lock:
            if account not in self._running:
                files = (self._authority.certificate, self._authority.key)
                azurite = Azurite(account, tls=files)
                azurite.start()
                self._running[account] = azurite

    def make_container(self, account: str, container: str) -> None:
        """Makes a container, unless it is there."""
        self._ask("PUT", account, container, expected=(201, 409))

    def drop_container(self, account: str, container: str) -> None:
        """Removes a container with all its blobs."""
        self._ask("DELETE", account, container, expected=(202, 404))

    def drop_account(self, account: str) -> None:
        """Ends the account's Azurite."""
        with self._lock:
            running = self._running.pop(account, None)
        if running is not None:
            running.stop()

    def close(self) -> None:
        """Ends every Azurite."""
        for account in list(self._running):
            self.drop_account(account)

    def _ask(self, method: str, account: str, container: str, *, expected: tuple[int, ...]) -> None:
        response = self._pool.request(
            method,
            f"{self.upstream(account)}/{account}/{container}?restype=container",
            headers={
                "Authorization": f"Bearer {self._directory.token(self._platform, STORAGE)}",
                "x-ms-version": "2021-12-02",
                "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True),
            },
            retries=False,
        )
        if response.status not in expected:
            raise Refusal(500, "InternalError", f"Azurite: {response.data.decode()[:500]}")
