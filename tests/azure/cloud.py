"""The stand-in as one thing: its endpoints, its state, and what a person would look at.

`directory.py` knows who there is, `access.py` what they may do, `state.py` what exists;
`plane.py` answers for resources by way of `resources.py` and one provider for each kind;
`deployments.py` carries out templates; `container_groups.py` runs processes; `workflows.py` fires;
`gate.py` stands before Azurite; `identity_endpoint.py` gives tokens.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import urllib3

from tests.azure.access import Access
from tests.azure.authorization import RoleAssignments, RoleDefinitions
from tests.azure.blobs import AzuriteBlobs
from tests.azure.certificates import Authority
from tests.azure.container_group import GroupRun
from tests.azure.container_groups import ContainerGroups, Image, Platform
from tests.azure.deployments import Deployments
from tests.azure.directory import MANAGEMENT, Directory, Principal
from tests.azure.errors import Json
from tests.azure.faults import Faults
from tests.azure.firing import Firing, Runner
from tests.azure.gate import Gate, Passed
from tests.azure.identity_endpoint import IdentityEndpoint
from tests.azure.ids import ResourceId, parse_id
from tests.azure.operations import Operations, Style
from tests.azure.plane import Asked, Plane
from tests.azure.providers import Identities, Registries
from tests.azure.resources import Desk
from tests.azure.roles import OWNER
from tests.azure.schedule import next_firings
from tests.azure.specs import Specs
from tests.azure.state import State
from tests.azure.storage import BlobContainers, BlobServices, StorageAccounts
from tests.azure.wire import Server
from tests.azure.workflows import Workflows

SUBSCRIPTION = "00000000-1111-4222-8333-444455556666"
_ASSIGNMENT = "/providers/Microsoft.Authorization/roleAssignments/"


def utc_now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


class Cloud:
    """A subscription on loopback.

        with Cloud() as cloud:
            subprocess.run([sys.executable, "-m", "deploy", "apply"], env=cloud.environ | {...})

    Args:
        folder: where disks of containers and certificates are; None for a temporary one.
        image: what every container image is.
        seed: other seeds give other ids, and other long-running operations.
        styles: the styles of long-running operations that are varied.
        propagation: time after which a new role assignment reaches the data plane.
        retry_after: seconds that clients are told to wait between polls.
        late: seconds for which the identity endpoint refuses connections.
        pull: seconds that pulling an image takes.
        grace: seconds between SIGTERM and SIGKILL of a container.
        now: the cloud's clock; Azurite and azure-identity go by this machine's.
        subscription: the id of the one subscription.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        image: Image | None = None,
        seed: int = 0,
        styles: tuple[Style, ...] = tuple(Style),
        propagation: timedelta = timedelta(0),
        retry_after: int = 0,
        late: float = 0.0,
        pull: float = 0.0,
        grace: float = 10.0,
        now: Callable[[], datetime] = utc_now,
        subscription: str = SUBSCRIPTION,
    ) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="cloud-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stopping = threading.Event()
        self.subscription = subscription
        self.faults = Faults()
        self._state = State(subscription=subscription, now=now)
        self._directory = Directory(now=now, seed=seed)
        self.access = Access(self._state, now=now, propagation=propagation)
        self._authority = Authority(self.folder)
        self._pool = urllib3.PoolManager(
            maxsize=32, ca_certs=str(self._authority.ca), timeout=urllib3.Timeout(60.0)
        )
        self._operations = Operations(
            subscription=subscription, now=now, seed=seed, retry_after=retry_after, styles=styles
        )
        self.identity_endpoint = IdentityEndpoint(
            self._directory, self.faults, late=late, wait=self._stopping.wait
        )
        self._platform = Platform(
            self.folder, image or Image(), self._container_environ, self._stopping.wait, pull, grace
        )
        self._blobs = AzuriteBlobs(self._authority, self._directory, self._pool)
        self._wire(now)
        self.deployer = self.add_principal("deployer", "User", role=OWNER)
        self._developer = self.identity_endpoint.add_caller("developer", self._signed_in)

    def _wire(self, now: Callable[[], datetime]) -> None:
        """Puts the parts together, in the order in which they need each other."""
        self._identities = Identities(self._state, self._directory)
        self._runner = Runner(self._directory, self._pool)
        self._groups = ContainerGroups(self._state, self._identities, self.access, self._platform)
        self._workflows = Workflows(
            self._state, self._directory, self._identities, self._runner, lambda: self.url
        )
        desk = Desk(
            self._state,
            self.access,
            Specs(),
            self._operations,
            self.faults,
            providers=(
                self._identities,
                Registries(self._state),
                StorageAccounts(self._state, self._blobs),
                BlobServices(self._state),
                BlobContainers(self._state, self._blobs),
                RoleAssignments(self._state, self._directory, self.access),
                RoleDefinitions(self._state),
                self._groups,
                self._workflows,
            ),
            wait=self._stopping.wait,
        )
        self._desk = desk
        self._plane = Plane(
            self._state,
            self._directory,
            self.access,
            self.faults,
            self._operations,
            desk=desk,
            deployments=Deployments(self._state, desk, self._operations, self._directory.new_id),
            groups=self._groups,
            workflows=self._workflows,
            wait=self._stopping.wait,
        )
        self._gate = Gate(
            self._state,
            self._directory,
            self.access,
            self.faults,
            upstream=self._blobs.upstream,
            pool=self._pool,
            wait=self._stopping.wait,
        )
        self._server = Server(
            self._plane.answer, name="management", context=self._authority.context()
        )
        self._gate_server = Server(
            self._gate.answer, name="blobs", context=self._authority.context()
        )
        self._blobs.url = self._gate_server.url
        self._operations.url = self._runner.management_url = self.url
        self._directory.audiences[self.url] = MANAGEMENT

    def __enter__(self) -> Cloud:
        self.identity_endpoint.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process, connection and thread, Azurite's too. Twice does no harm."""
        self._stopping.set()
        self._groups.close()
        self._operations.wait()
        self._groups.close()  # what an operation has started meanwhile
        self.identity_endpoint.stop()
        self._server.stop()
        self._gate_server.stop()
        self._pool.clear()
        self._blobs.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def url(self) -> str:
        """The management endpoint, without a slash at the end."""
        return self._server.url

    @property
    def ca_bundle(self) -> Path:
        """The certificate that every server here is trusted by."""
        return self._authority.ca

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables by which a `deploy` of the signed-in person finds all this."""
        return {
            "AZURE_RESOURCE_MANAGER_URL": self.url,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "AZURE_CLIENT_ID": self.deployer.client_id,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self._developer,
            "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
            "SSL_CERT_FILE": str(self.ca_bundle),
        }

    @property
    def requests(self) -> list[Asked]:
        """Every request for the management of resources, in the order of their answers."""
        return list(self._plane.asked)

    @property
    def blob_requests(self) -> list[Passed]:
        """Every request for blobs, refused ones included."""
        return list(self._gate.passed)

    @property
    def styles(self) -> list[Style]:
        """The styles of all long-running operations so far."""
        return self._operations.styles

    @property
    def firings(self) -> list[Firing]:
        """Every run of a workflow so far."""
        return list(self._workflows.firings)

    @property
    def ids(self) -> list[str]:
        """The ids of all that exists, oldest first; not those that the cloud began with."""
        return [one.id.text for one in self._state.all() if one.id.group]

    def add_principal(
        self, name: str, kind: str = "ServicePrincipal", *, role: str = "", scope: str = ""
    ) -> Principal:
        """Someone new, with a role at a scope (the subscription) if one is given."""
        principal = self._directory.add(name, kind)
        if role:
            self.assign(principal, role, scope)
        return principal

    def assign(self, principal: Principal, role: str, scope: str = "") -> None:
        """Gives a role, by its GUID, at a scope: the subscription unless told otherwise."""
        scope = scope or f"/subscriptions/{self.subscription}"
        id_ = parse_id(f"{scope}{_ASSIGNMENT}{self._directory.new_id()}")
        given = {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal.object_id,
            "principalType": principal.kind,
        }
        self._state.put(id_, {"properties": given})

    def sign_in(self, principal: Principal) -> Mapping[str, str]:
        """`environ` for someone else than the deployer."""
        caller = self.identity_endpoint.add_caller(principal.object_id, lambda: [principal])
        more = {
            "AZURE_CLIENT_ID": principal.client_id,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": caller,
        }
        return {**self.environ, **more}

    def token(self, principal: Principal, audience: str = MANAGEMENT, **more: timedelta) -> str:
        """A token for the principal, as the identity endpoint would give it."""
        return self._directory.token(principal, audience, **more)

    def add_group(self, name: str, location: str = "eastus") -> str:
        """A resource group that is there already; gives its id."""
        self._state.put_group(name, location, {})
        return self._state.group_id(name)

    def add(self, id_text: str, body: Json) -> Json:
        """A resource that is there already, e.g. a registry; gives what a GET of it answers."""
        id_ = parse_id(id_text)
        provider = self._desk.provider(id_, self._version(id_))
        self._desk.check_form(id_, self._version(id_), body)
        return self._desk.show(provider.put(id_, body))

    def show(self, id_text: str) -> Json:
        """What a GET of a resource answers.

        Raises:
            Refusal: there is none.
        """
        return self._desk.show(self._state.get(parse_id(id_text)))

    def run_of(self, id_text: str) -> GroupRun:
        """What runs, or ran last, in a container group.

        Raises:
            LookupError: nothing ever did.
        """
        run = self._groups.run(parse_id(id_text))
        if run is None:
            raise LookupError(f"nothing was ever run in {id_text}")
        return run

    def wait_for_group(self, id_text: str, seconds: float = 60.0) -> str:
        """Waits until nothing runs in a container group, and gives its state."""
        run = self.run_of(id_text)
        for container in run.containers:
            if container.process is not None and not container.process.wait(seconds):
                raise TimeoutError(f"{id_text} still runs after {seconds} s")
        return run.state

    def wait_for_operations(self) -> None:
        """Waits until every long-running operation that is not stuck has done its work."""
        self._operations.wait()

    def fire(self, workflow_id: str, trigger: str | None = None) -> Firing:
        """Runs a workflow's actions now, as if a trigger (or its only one) had fired."""
        return self._workflows.fire(self._state.get(parse_id(workflow_id)), trigger)

    def next_firings(self, workflow_id: str, after: datetime, count: int = 1) -> list[datetime]:
        """When the Recurrence triggers of a workflow fire next, aware UTC."""
        body = self._state.get(parse_id(workflow_id)).body
        triggers = body["properties"]["definition"]["triggers"].values()
        times = [
            at
            for one in triggers
            if one["type"] == "Recurrence"
            for at in next_firings(one["recurrence"], after, count)
        ]
        return sorted(times)[:count]

    def _signed_in(self) -> list[Principal]:
        return [self.deployer]

    def _version(self, id_: ResourceId) -> str:
        provider = self._desk.kind(id_)
        return provider.api_versions[-1]

    def _container_environ(self, id_: ResourceId) -> Mapping[str, str]:
        """What a container finds on its platform: the identities of its group, and our CA."""

        def attached() -> list[Principal]:
            found = self._state.find(id_)
            return self._identities.attached(found.body) if found else []

        return {
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.identity_endpoint.add_caller(
                id_.names[-1], attached
            ),
            "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
            "SSL_CERT_FILE": str(self.ca_bundle),
        }
