"""The container groups: one container each, which runs once, ends, and is not started again by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from deploy.names import MODELS, RUNS
from deploy.pieces import Kind
from deploy.settings import CHECK_CPU, CHECK_MEMORY
from deploy.template.expressions import literal, parameter, reference, reference_and
from deploy.template.part import API_VERSIONS, Frame, Part
from deploy.words import duration

CONTAINER: Final = "job"
"""The name of the one container in a group."""
CHECK_COMMAND: Final = ("python", "-m", "job", "check", "--notify")
"""In place of the image's own, which begins the same way."""


@dataclass(frozen=True, slots=True)
class _Runs:
    """What a container runs, its command if it is not the image's own, and how large it is."""

    what: str
    command: tuple[str, ...] | None
    cpu: float
    memory: float

    @property
    def requests(self) -> dict[str, float]:
        """2 rather than 2.0, as people write them and Azure shows them."""
        given = {"cpu": self.cpu, "memoryInGB": self.memory}
        return {name: int(n) if float(n).is_integer() else n for name, n in given.items()}


CHECK: Final = _Runs("a check", CHECK_COMMAND, CHECK_CPU, CHECK_MEMORY)


def group_parts(frame: Frame, needs: tuple[str, ...]) -> Iterator[Part]:
    """The job's container group and, if a trigger asks for it, that of the checks.

    Args:
        needs: what must be there before they are made, for making them starts them.
    """
    settings, names = frame.settings, frame.names
    job = _Runs("the job", None, settings.cpu, settings.memory)
    yield _group(frame, job, needs, name=settings.name, resource_id=names.group)
    if settings.checks:
        check = names.check_group
        needs = (*needs, names.webhook) if settings.webhook else needs
        yield _group(frame, CHECK, needs, name=names.check_group_name, resource_id=check)


def _group(
    frame: Frame, runs: _Runs, needs: tuple[str, ...], *, name: str, resource_id: str
) -> Part:
    settings, identity = frame.settings, frame.names.identity
    return Part(
        kind=Kind.GROUP,
        name=name,
        arm_name=name,
        type="Microsoft.ContainerInstance/containerGroups",
        id=resource_id,
        words=f"{runs.what}: {runs.cpu:g} vCPU, {runs.memory:g} GB, {settings.image}",
        body={
            "location": settings.location,
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
            "properties": _properties(frame, runs),
        },
        needs=(identity, *needs),
        facts={
            "region": settings.location,
            "OS": "Linux",
            "restart policy": "Never",
            "vCPU": f"{runs.cpu:g}",
            "memory in GB": f"{runs.memory:g}",
            "identity": identity.lower(),
        },
        secret=True,
        starts=runs.what,
    )


def _properties(frame: Frame, runs: _Runs) -> dict[str, Any]:
    container: dict[str, Any] = {
        "image": frame.settings.image,
        "resources": {"requests": runs.requests},
        "environmentVariables": list(_environment(frame, runs)),
    }
    if runs.command is not None:
        container["command"] = list(runs.command)
    properties: dict[str, Any] = {
        "osType": "Linux",
        "restartPolicy": "Never",
        "containers": [{"name": CONTAINER, "properties": container}],
    }
    if frame.settings.acr is not None:
        server = f"{frame.settings.acr.lower()}.azurecr.io"
        credentials = {"server": server, "identity": frame.names.identity}
        properties["imageRegistryCredentials"] = [credentials]
    return properties


def _environment(frame: Frame, runs: _Runs) -> Iterator[dict[str, str]]:
    settings, names = frame.settings, frame.names
    client = reference(names.identity, API_VERSIONS[Kind.IDENTITY], "clientId")
    given = {
        "AZURE_CLIENT_ID": client,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "NUMERAI_MODELS_DIR": _container_url(frame, MODELS),
        "NUMERAI_RUNS_DIR": _container_url(frame, RUNS),
        # The platform may restart a container that ended with another code, whatever the policy.
        "NUMERAI_EXIT_ZERO": "true",
        "NUMERAI_WAIT": duration(settings.wait),
        **{name: literal(text) for name, text in settings.job},
    }
    if runs is CHECK and settings.webhook:
        # Of no use without the signature that a call of the workflow has behind it.
        version = API_VERSIONS[Kind.WORKFLOW]
        given["NUMERAI_OWN_WEBHOOK"] = reference(names.webhook, version, "accessEndpoint")
    for name in sorted(given):
        yield {"name": name, "value": given[name]}
    for name in settings.all_secrets:
        yield {"name": name, "secureValue": parameter(name)}


def _container_url(frame: Frame, name: str) -> str:
    version = API_VERSIONS[Kind.STORAGE]
    return reference_and(frame.names.storage, version, "primaryEndpoints.blob", name)
