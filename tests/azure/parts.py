"""What a cloud is made of, put together in the order in which the parts need each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import urllib3

from tests.azure.access import Access
from tests.azure.authorization import RoleAssignments, RoleDefinitions
from tests.azure.blobs import AzuriteBlobs
from tests.azure.certificates import Authority
from tests.azure.container_groups import ContainerGroups, Image, Platform
from tests.azure.deployments import Deployments
from tests.azure.directory import MANAGEMENT, Directory, Principal
from tests.azure.faults import Faults
from tests.azure.firing import Runner
from tests.azure.gate import Gate
from tests.azure.identity_endpoint import IdentityEndpoint
from tests.azure.ids import ResourceId
from tests.azure.operations import Operations, Style
from tests.azure.plane import Plane
from tests.azure.providers import Identities, Registries
from tests.azure.resources import Desk
from tests.azure.routes import Router
from tests.azure.specs import Specs
from tests.azure.state import State
from tests.azure.storage import (
    BlobContainers,
    BlobServices,
    ManagementPolicies,
    StorageAccounts,
)
from tests.azure.wire import Server
from tests.azure.workflows import Workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a cloud is to be; `Cloud` says what each means."""

    folder: Path
    subscription: str
    image: Image
    seed: int
    styles: tuple[Style, ...]
    propagation: timedelta
    retry_after: int
    late: float
    pull: float
    grace: float
    now: Callable[[], datetime]


class Parts:
    """The parts; its servers listen from the beginning."""

    def __init__(self, settings: Settings) -> None:
        self._settings, now = settings, settings.now
        self._stopping = threading.Event()
        self.faults = Faults()
        self.state = State(subscription=settings.subscription, now=now)
        self.directory = Directory(now=now, seed=settings.seed)
        self.access = Access(self.state, now=now, propagation=settings.propagation)
        self.authority = Authority(settings.folder)
        self._pool = urllib3.PoolManager(
            maxsize=32, ca_certs=str(self.authority.ca), timeout=urllib3.Timeout(60.0)
        )
        self.operations = Operations(
            subscription=settings.subscription,
            now=now,
            seed=settings.seed,
            retry_after=settings.retry_after,
            styles=settings.styles,
        )
        self.identity_endpoint = IdentityEndpoint(
            self.directory, self.faults, wait=self._stopping.wait
        )
        self._blobs = AzuriteBlobs(self.authority, self.directory, self._pool)
        self._runner = Runner(self.directory, self._pool)
        self._add_providers(settings)
        self._add_servers()

    @property
    def url(self) -> str:
        """The management endpoint."""
        return self._server.url

    def close(self) -> None:
        """Ends every process, connection and thread, Azurite's too. Twice does no harm."""
        self._stopping.set()
        self.groups.close()
        self.operations.wait()
        self.groups.close()  # what an operation has started meanwhile
        self.identity_endpoint.stop()
        self._server.stop()
        self._gate_server.stop()
        self._pool.clear()
        self._blobs.close()

    def _add_providers(self, settings: Settings) -> None:
        platform = Platform(
            settings.folder,
            settings.image,
            self._container_environ,
            self._stopping.wait,
            settings.pull,
            settings.grace,
        )
        self._identities = Identities(self.state, self.directory)
        self.groups = ContainerGroups(self.state, self._identities, self.access, platform)
        self.workflows = Workflows(
            self.state, self.directory, self._identities, self._runner, lambda: self.url
        )
        self.desk = Desk(
            self.state,
            self.access,
            Specs(),
            self.operations,
            self.faults,
            providers=(
                self._identities,
                Registries(self.state),
                StorageAccounts(self.state, self._blobs),
                BlobServices(self.state),
                ManagementPolicies(self.state),
                BlobContainers(self.state, self._blobs),
                RoleAssignments(self.state, self.directory, self.access),
                RoleDefinitions(self.state),
                self.groups,
                self.workflows,
            ),
            wait=self._stopping.wait,
        )

    def _add_servers(self) -> None:
        router = Router(
            self.state,
            self.desk,
            self.operations,
            deployments=Deployments(self.state, self.desk, self.operations, self.directory.new_id),
            containers=self.groups,
        )
        self.plane = Plane(
            self.state,
            self.directory,
            self.access,
            self.faults,
            self.operations,
            router=router,
            workflows=self.workflows,
            wait=self._stopping.wait,
        )
        self.gate = Gate(
            self.state,
            self.directory,
            self.access,
            self.faults,
            upstream=self._blobs.upstream,
            pool=self._pool,
            wait=self._stopping.wait,
        )
        context = self.authority.context()
        self._server = Server(self.plane.answer, name="management", context=context)
        self._gate_server = Server(self.gate.answer, name="blobs", context=context)
        self._blobs.url = self._gate_server.url
        self.operations.url = self._runner.management_url = self.url
        self.directory.audiences[self.url] = MANAGEMENT

    def _container_environ(self, id_: ResourceId) -> Mapping[str, str]:
        """What a container finds on its platform: the identities of its group, and our CA."""

        def attached() -> list[Principal]:
            found = self.state.find(id_)
            return self._identities.attached(found.body) if found else []

        endpoint = self.identity_endpoint.add_caller(
            f"group-{id_.names[-1]}", attached, late=self._settings.late
        )
        return {
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": endpoint,
            "REQUESTS_CA_BUNDLE": str(self.authority.ca),
            "SSL_CERT_FILE": str(self.authority.ca),
        }
