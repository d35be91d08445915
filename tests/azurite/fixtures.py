"""Azurite once a session, a container once a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from job.blob_url import BlobUrl
from tests.azure.certificates import Authority
from tests.azurite.server import Azurite, is_installed


@dataclass(frozen=True, slots=True)
class Secured:
    """An Azurite that speaks TLS and takes bearer tokens, and the CA to trust, a PEM file."""

    azurite: Azurite
    authority: Authority

    @property
    def ca(self) -> Path:
        """What REQUESTS_CA_BUNDLE is to name."""
        return self.authority.ca


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a test's own: its URL, and a client that bypasses the code under test."""

    url: BlobUrl
    client: ContainerClient
    connection_string: str

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process that may use the account's key."""
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    def below(self, prefix: str) -> BlobUrl:
        """The URL of a folder in it."""
        return replace(self.url, prefix=prefix)


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """An Azurite that takes its account's key."""
    _need_azurite()
    with Azurite() as running:
        yield running


@pytest.fixture(scope="session")
def secured_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """An Azurite that takes bearer tokens."""
    _need_azurite()
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Azurite(tls=(authority.certificate, authority.key)) as running:
        yield Secured(running, authority)


@pytest.fixture
def container(azurite: Azurite) -> Iterator[Container]:
    """An empty container."""
    yield from _container(azurite, verify=True)


@pytest.fixture
def secured_container(secured_azurite: Secured) -> Iterator[Container]:
    """An empty container where bearer tokens are taken."""
    yield from _container(secured_azurite.azurite, verify=str(secured_azurite.ca))


def _need_azurite() -> None:
    if not is_installed():
        pytest.skip("Azurite is not installed: make test does that")


def _container(azurite: Azurite, *, verify: bool | str) -> Iterator[Container]:
    name = f"test-{uuid.uuid4().hex}"
    service = BlobServiceClient.from_connection_string(
        azurite.connection_string, connection_verify=verify
    )
    with service, service.create_container(name) as client:
        yield Container(BlobUrl(azurite.url, name), client, azurite.connection_string)
