"""Container groups: what Container Instances accepts, shows and does."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.azure.access import Access
from tests.azure.container_group import Container, GroupRun
from tests.azure.errors import Json, Refusal, not_found
from tests.azure.ids import ResourceId
from tests.azure.messages import Reply, Request, json_reply
from tests.azure.processes import Process
from tests.azure.providers import Identities, Provider
from tests.azure.state import Resource, State

REGISTRY = "Microsoft.ContainerRegistry/registries"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Image:
    """What every image is here: the job from this tree, and the variables that its image sets."""

    command: Sequence[str] = (sys.executable, "-m", "job")
    environment: Mapping[str, str] = field(default_factory=lambda: {"PYTHONPATH": str(ROOT)})
    cwd: Path | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """What containers run on.

    Args:
        folder: where their disks are.
        environment: variables that every container gets, for the identities of its group.
        pause: waits so many seconds; true when all is over.
        pull: seconds that pulling an image takes.
        grace: seconds between SIGTERM and SIGKILL.
    """

    folder: Path
    image: Image
    environment: Callable[[ResourceId], Mapping[str, str]]
    pause: Callable[[float], bool]
    pull: float
    grace: float


class ContainerGroups(Provider):
    """Groups and what they run."""

    type = "Microsoft.ContainerInstance/containerGroups"
    api_versions = ("2021-10-01", "2022-09-01", "2023-05-01", "2025-09-01")
    slow = frozenset({"put", "delete", "start"})

    def __init__(
        self, state: State, identities: Identities, access: Access, platform: Platform
    ) -> None:
        super().__init__(state)
        self._identities, self._access, self._platform = identities, access, platform
        self._runs: dict[str, GroupRun] = {}

    def run(self, id_: ResourceId) -> GroupRun | None:
        """What runs in the group, or ran last."""
        return self._runs.get(id_.key)

    def check(self, id_: ResourceId, body: Json, former: Resource | None) -> None:
        """What the service refuses at once."""
        self._identities.check_attached(body)
        names = [one["name"] for one in body["properties"]["containers"]]
        if len(set(names)) < len(names):
            raise Refusal(400, "DuplicateContainerName", f"Names occur twice: {names}.")
        for one in body["properties"]["containers"]:
            _check_container(one)
        if former is None:
            return
        self._check_settled(former)
        if _fixed(former.body) != _fixed(body):
            raise Refusal(
                400,
                "InvalidContainerGroupUpdate",
                f"The updates on container group '{id_.names[-1]}' are invalid. If you are going "
                "to update the os type, restart policy, network profile, CPU, memory or GPU "
                "resources for a container group, you must delete it first and then create a new "
                "one.",
            )

    def put(self, id_: ResourceId, body: Json) -> Resource:
        """Makes the group and starts it; what it ran before is ended."""
        self.state.put(id_, body, provisioning="Creating")
        try:
            self._pull(id_, body)
            self._restart(id_, body)
        except Refusal:
            self.state.put(id_, body, provisioning="Failed")
            raise
        return self.state.put(id_, body)

    def delete(self, resource: Resource) -> None:
        """Ends what runs; its logs go with it."""
        run = self._runs.pop(resource.id.key, None)
        if run is not None:
            run.close()

    def show(self, resource: Resource) -> Json:
        """Without what is secret, with how it goes."""
        shown = super().show(resource)
        if "identity" in shown:
            shown["identity"] = self._identities.shown(resource.body)
        run = self._runs.get(resource.id.key)
        for one in shown["properties"]["containers"]:
            for variable in one["properties"].get("environmentVariables", ()):
                variable.pop("secureValue", None)
            container = run.container(one["name"]) if run else None
            if container is not None:
                one["properties"]["instanceView"] = container.view()
        for credential in shown["properties"].get("imageRegistryCredentials", ()):
            credential.pop("password", None)
        shown["properties"]["instanceView"] = {
            "events": [],
            "state": run.state if run else "Pending",
        }
        return shown

    def act(self, resource: Resource, verb: str, rest: tuple[str, ...], request: Request) -> Reply:
        """start, stop, restart, logs."""
        if verb == "logs" and len(rest) == 3:
            return self._logs(resource, rest[1], request.query)
        run = self._runs.get(resource.id.key)
        if verb in ("start", "stop", "restart") and request.method == "POST":
            self._check_settled(resource)
        if verb == "start":
            return self._start(resource)
        if verb == "stop" and run is not None:
            run.stop(self._platform.grace)
            return Reply(204)
        if verb == "restart" and run is not None:
            self._restart(resource.id, resource.body)
            return Reply(204)
        return super().act(resource, verb, rest, request)

    def settle(self, resource: Resource, verb: str) -> None:
        """What goes on after a start was accepted."""
        try:
            self._pull(resource.id, resource.body)
            self._restart(resource.id, resource.body)
        finally:
            self._runs[resource.id.key].moving = False

    def close(self) -> None:
        """Ends all that runs."""
        for run in list(self._runs.values()):
            run.close()

    def _start(self, resource: Resource) -> Reply:
        run = self._runs[resource.id.key]
        if run.is_running:
            return Reply(204)
        run.moving = True
        return Reply(202)

    def _restart(self, id_: ResourceId, body: Json) -> None:
        former = self._runs.get(id_.key)
        if former is not None:
            former.close()
        run = GroupRun(
            body["properties"],
            lambda spec, ended: self._launch(id_, spec, ended),
            now=self.state.now,
            pause=lambda: self._platform.pause(0.05),
        )
        self._runs[id_.key] = run
        run.start()

    def _launch(self, id_: ResourceId, spec: Json, ended: Callable[[Process], None]) -> Process:
        given = {
            one["name"]: one.get("secureValue", one.get("value", ""))
            for one in spec["properties"].get("environmentVariables", ())
        }
        image = self._platform.image
        paths = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
        return Process(
            spec["properties"].get("command") or image.command,
            {
                "PATH": os.pathsep.join(paths),
                "LANG": "C.UTF-8",
                **image.environment,
                **self._platform.environment(id_),
                **given,
            },
            folder=self._platform.folder,
            cwd=image.cwd,
            now=self.state.now,
            ended=ended,
        )

    def _pull(self, id_: ResourceId, body: Json) -> None:
        """Only images of a registry of ours can be out of reach."""
        if self._platform.pause(self._platform.pull):
            raise Refusal(503, "ServiceUnavailable", "The stand-in is being closed.")
        for one in body["properties"]["containers"]:
            image = one["properties"]["image"]
            host = image.partition("/")[0]
            if host.endswith(".azurecr.io") and not self._may_pull(host, body):
                raise Refusal(
                    400,
                    "InaccessibleImage",
                    f"The image '{image}' in container group '{id_.names[-1]}' is not accessible. "
                    "Please check the image and registry credential.",
                )

    def _may_pull(self, host: str, body: Json) -> bool:
        given = body["properties"].get("imageRegistryCredentials") or []
        names = [one.get("identity", "") for one in given if one["server"].lower() == host.lower()]
        pull = "Microsoft.ContainerRegistry/registries/pull/read"
        return any(
            self._access.allows(principal, pull, registry.id.text)
            for registry in self.state.of_type(REGISTRY)
            for name in names
            if host.lower() == f"{registry.id.names[-1].lower()}.azurecr.io"
            and (principal := self._identities.principal(name)) in self._identities.attached(body)
            and principal is not None
        )

    def _logs(self, resource: Resource, name: str, query: Mapping[str, str]) -> Reply:
        container = self._container(resource, name)
        if container is None:
            raise not_found(f"{self.type}/{resource.id.name}/containers/{name}", resource.id.group)
        if container.process is None:
            raise _transitioning(resource)
        lines = container.process.output().splitlines(keepends=True)
        tail = query.get("tail")
        return json_reply(200, {"content": "".join(lines if tail is None else lines[-int(tail) :])})

    def _container(self, resource: Resource, name: str) -> Container | None:
        run = self._runs.get(resource.id.key)
        if run is None:
            raise _transitioning(resource)
        return run.container(name)

    def _check_settled(self, resource: Resource) -> None:
        run = self._runs.get(resource.id.key)
        if resource.provisioning == "Creating" or (run is not None and run.moving):
            raise _transitioning(resource)


def _transitioning(resource: Resource) -> Refusal:
    return Refusal(
        409,
        "ContainerGroupTransitioning",
        f"The container group '{resource.id.names[-1]}' is still transitioning, please retry "
        "later.",
    )


def _check_container(container: Json) -> None:
    for one in container["properties"].get("environmentVariables", ()):
        if "value" in one and "secureValue" in one:
            raise Refusal(
                400,
                "InvalidEnvironmentVariable",
                f"The environment variable '{one['name']}' in container '{container['name']}' has "
                "both a value and a secure value.",
            )


def _fixed(body: Json) -> Any:
    """What an update must leave as it is."""
    properties = body["properties"]
    resources = [copy.deepcopy(one["properties"]["resources"]) for one in properties["containers"]]
    return properties["osType"], properties.get("restartPolicy", "Always"), resources
