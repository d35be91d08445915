"""The container group: one container that runs once, ends, and is not started again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.names import MODELS, RUNS
from deploy.pieces import Kind
from deploy.settings import DeploySettings
from deploy.template.expressions import literal, parameter, reference, reference_and
from deploy.template.part import API_VERSIONS, Frame, Part
from deploy.words import duration

CONTAINER = "job"
"""The name of the one container in the group."""


def group_part(frame: Frame, needs: tuple[str, ...]) -> Part:
    """The container group.

    Args:
        needs: what must be there before it is made, for making it starts it.
    """
    settings, names = frame.settings, frame.names
    container = {
        "image": settings.image,
        "resources": {"requests": _requests(settings)},
        "environmentVariables": list(_environment(frame)),
    }
    properties: dict[str, Any] = {
        "osType": "Linux",
        "restartPolicy": "Never",
        "containers": [{"name": CONTAINER, "properties": container}],
    }
    if settings.acr is not None:
        server = f"{settings.acr.lower()}.azurecr.io"
        properties["imageRegistryCredentials"] = [{"server": server, "identity": names.identity}]
    return Part(
        kind=Kind.GROUP,
        name=settings.name,
        arm_name=settings.name,
        type="Microsoft.ContainerInstance/containerGroups",
        id=names.group,
        words=f"the job: {settings.cpu:g} vCPU, {settings.memory:g} GB, {settings.image}",
        body={
            "location": settings.location,
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {names.identity: {}}},
            "properties": properties,
        },
        needs=(names.identity, *needs),
        facts={
            "region": settings.location,
            "OS": "Linux",
            "restart policy": "Never",
            "vCPU": f"{settings.cpu:g}",
            "memory in GB": f"{settings.memory:g}",
            "identity": names.identity.lower(),
        },
        secret=True,
    )


def _requests(settings: DeploySettings) -> dict[str, float]:
    """2 rather than 2.0, as people write them and Azure shows them."""
    given = {"cpu": settings.cpu, "memoryInGB": settings.memory}
    return {name: int(n) if float(n).is_integer() else n for name, n in given.items()}


def _environment(frame: Frame) -> Iterator[dict[str, str]]:
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
    for name in sorted(given):
        yield {"name": name, "value": given[name]}
    for name in settings.all_secrets:
        yield {"name": name, "secureValue": parameter(name)}


def _container_url(frame: Frame, name: str) -> str:
    version = API_VERSIONS[Kind.STORAGE]
    return reference_and(frame.names.storage, version, "primaryEndpoints.blob", name)
