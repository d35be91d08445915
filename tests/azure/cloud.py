"""The stand-in as one thing: its endpoints, its state, and what a person would look at.

`directory.py` knows who there is, `access.py` what they may do, `state.py` what exists;
`plane.py` answers for resources by way of `resources.py` and one provider for each kind;
`deployments.py` carries out templates; `container_groups.py` runs processes; `workflows.py` fires;
`gate.py` stands before Azurite; `identity_endpoint.py` gives tokens.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from tests.azure.container_group import GroupRun
from tests.azure.container_groups import Image
from tests.azure.directory import MANAGEMENT, Principal
from tests.azure.errors import Json
from tests.azure.firing import Firing
from tests.azure.gate import Passed
from tests.azure.ids import parse_id
from tests.azure.operations import Style
from tests.azure.parts import Parts, Settings
from tests.azure.plane import Asked
from tests.azure.roles import OWNER
from tests.azure.schedule import next_firings

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
        late: seconds after its start for which a container's identity endpoint refuses
            connections.
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
        self.subscription = subscription
        self._parts = Parts(
            Settings(
                folder=self.folder,
                subscription=subscription,
                image=image or Image(),
                seed=seed,
                styles=styles,
                propagation=propagation,
                retry_after=retry_after,
                late=late,
                pull=pull,
                grace=grace,
                now=now,
            )
        )
        parts = self._parts
        self.faults, self.access = parts.faults, parts.access
        self.identity_endpoint = parts.identity_endpoint
        self.deployer = self.add_principal("deployer", "User", role=OWNER)
        self._developer = self.identity_endpoint.add_caller("developer", lambda: [self.deployer])

    def __enter__(self) -> Cloud:
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
        self._parts.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def url(self) -> str:
        """The management endpoint, without a slash at the end."""
        return self._parts.url

    @property
    def ca_bundle(self) -> Path:
        """The certificate that every server here is trusted by."""
        return self._parts.authority.ca

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
        return list(self._parts.plane.asked)

    @property
    def blob_requests(self) -> list[Passed]:
        """Every request for blobs, refused ones included."""
        return list(self._parts.gate.passed)

    @property
    def styles(self) -> list[Style]:
        """The styles of all long-running operations so far."""
        return self._parts.operations.styles

    @property
    def firings(self) -> list[Firing]:
        """Every run of a workflow so far."""
        return list(self._parts.workflows.firings)

    @property
    def ids(self) -> list[str]:
        """The ids of all that exists, oldest first; not those that the cloud began with."""
        return [one.id.text for one in self._parts.state.all() if one.id.group]

    def add_principal(
        self, name: str, kind: str = "ServicePrincipal", *, role: str = "", scope: str = ""
    ) -> Principal:
        """Someone new, with a role at a scope (the subscription) if one is given."""
        principal = self._parts.directory.add(name, kind)
        if role:
            self.assign(principal, role, scope)
        return principal

    def assign(self, principal: Principal, role: str, scope: str = "") -> None:
        """Gives a role, by its GUID, at a scope: the subscription unless told otherwise."""
        scope = scope or f"/subscriptions/{self.subscription}"
        id_ = parse_id(f"{scope}{_ASSIGNMENT}{self._parts.directory.new_id()}")
        given = {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal.object_id,
            "principalType": principal.kind,
        }
        self._parts.state.put(id_, {"properties": given})

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
        return self._parts.directory.token(principal, audience, **more)

    def add_group(self, name: str, location: str = "eastus") -> str:
        """A resource group that is there already; gives its id."""
        self._parts.state.put_group(name, location, {})
        return self._parts.state.group_id(name)

    def add(self, id_text: str, body: Json) -> Json:
        """A resource that is there already, e.g. a registry; gives what a GET of it answers."""
        id_ = parse_id(id_text)
        provider = self._parts.desk.kind(id_)
        self._parts.desk.check_form(id_, provider.api_versions[-1], body)
        return self._parts.desk.show(provider.put(id_, body))

    def show(self, id_text: str) -> Json:
        """What a GET of a resource answers.

        Raises:
            Refusal: there is none.
        """
        return self._parts.desk.show(self._parts.state.get(parse_id(id_text)))

    def run_of(self, id_text: str) -> GroupRun:
        """What runs, or ran last, in a container group.

        Raises:
            LookupError: nothing ever did.
        """
        run = self._parts.groups.run(parse_id(id_text))
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
        self._parts.operations.wait()

    def fire(self, workflow_id: str, trigger: str | None = None) -> Firing:
        """Runs a workflow's actions now, as if a trigger (or its only one) had fired."""
        return self._parts.workflows.fire(self._parts.state.get(parse_id(workflow_id)), trigger)

    def next_firings(self, workflow_id: str, after: datetime, count: int = 1) -> list[datetime]:
        """When the Recurrence triggers of a workflow fire next, aware UTC."""
        body = self._parts.state.get(parse_id(workflow_id)).body
        triggers = body["properties"]["definition"]["triggers"].values()
        times = [
            at
            for one in triggers
            if one["type"] == "Recurrence"
            for at in next_firings(one["recurrence"], after, count)
        ]
        return sorted(times)[:count]
