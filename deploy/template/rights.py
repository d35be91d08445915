"""The two identities, the custom role, and who may do what: nothing more than each needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deploy.names import MODELS, RUNS, guid_of
from deploy.pieces import Kind
from deploy.template.expressions import (
    DEPLOYER_ID,
    DEPLOYER_TYPE,
    guid_with_parameter,
    parameter,
    reference,
)
from deploy.template.part import API_VERSIONS, Frame, Part

# Azure's built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BLOB_READER: Final = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
ACR_PULL: Final = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
START_ACTIONS: Final = (
    "Microsoft.ContainerInstance/containerGroups/read",
    "Microsoft.ContainerInstance/containerGroups/start/action",
)
KINDS_OF_SCOPE: Final = {
    "containers": Kind.CONTAINER,
    "registries": "container registry",
    "containerGroups": Kind.GROUP,
}
NOBODY_YET: Final = "unknown"
"""Stands for the deployer's object id while nobody is signed in."""


def identity_parts(frame: Frame) -> Iterator[Part]:
    """The job's identity and, if anything starts it, that of the workflows.

    The workflows share one: a system-assigned identity would be another one whenever a workflow
    is made again, and its role assignment would stay behind, in the way of the new one.
    """
    names = frame.names
    yield _identity(frame, names.identity_name, names.identity, "what the job signs in as")
    if frame.settings.triggers:
        words = "what the workflows sign in as"
        yield _identity(frame, names.starter_name, names.starter, words)


def _identity(frame: Frame, name: str, resource_id: str, words: str) -> Part:
    return Part(
        kind=Kind.IDENTITY,
        name=name,
        arm_name=name,
        type="Microsoft.ManagedIdentity/userAssignedIdentities",
        id=resource_id,
        words=words,
        body={"location": frame.settings.location},
        facts={"region": frame.settings.location},
    )


def right_parts(frame: Frame) -> Iterator[Part]:
    """The custom role and the role assignments."""
    names = frame.names
    models, runs = names.container(MODELS), names.container(RUNS)
    yield _for_identity(frame, names.identity, models, BLOB_READER, "the job reads models")
    yield _for_identity(frame, names.identity, runs, BLOB_CONTRIBUTOR, "the job writes runs")
    yield _for_deployer(frame, models, "whoever deploys pushes models")
    yield _for_deployer(frame, runs, "whoever deploys reads runs and clears them away")
    if names.registry is not None:
        words = "the job's image is pulled from the registry"
        yield _for_identity(frame, names.identity, names.registry, ACR_PULL, words)
    if frame.settings.triggers:
        yield _start_role(frame)
    guid = names.start_role.rpartition("/")[2]
    if frame.settings.starts:
        words = "the workflows start the job"
        yield _for_identity(frame, names.starter, names.group, guid, words)
    if frame.settings.checks:
        words = "the workflows start the checks"
        yield _for_identity(frame, names.starter, names.check_group, guid, words)


def _start_role(frame: Frame) -> Part:
    guid = frame.names.start_role.rpartition("/")[2]
    role_name = f"{frame.settings.name} starter ({guid[:8]})"
    properties: dict[str, Any] = {
        "roleName": role_name,
        "description": f"May start the container groups of {frame.settings.name} on which it is "
        "assigned and see whether they run, nothing else; made by numerai-job.",
        "type": "CustomRole",
        "permissions": [{"actions": list(START_ACTIONS), "notActions": []}],
        # A resource group is the narrowest scope that a role can be made for; it is assigned on
        # each container group that a workflow starts.
        "assignableScopes": [frame.names.scope],
    }
    return Part(
        kind=Kind.ROLE,
        name=role_name,
        arm_name=guid,
        type="Microsoft.Authorization/roleDefinitions",
        id=frame.names.start_role,
        words="may start a container group and nothing else",
        body={"properties": properties},
        facts={"actions": ", ".join(sorted(START_ACTIONS))},
    )


def _for_identity(frame: Frame, identity: str, scope: str, role: str, words: str) -> Part:
    principal = reference(identity, API_VERSIONS[Kind.IDENTITY], "principalId")
    guid = guid_of(scope, identity, role)
    properties = {"principalId": principal, "principalType": "ServicePrincipal"}
    custom = (frame.names.start_role,) if frame.names.start_role.endswith(role) else ()
    needs = (identity, scope, *custom)
    return _assignment(frame, scope, role, words, guid, guid, properties, needs, identity)


def _for_deployer(frame: Frame, scope: str, words: str) -> Part:
    properties = {
        "principalId": parameter(DEPLOYER_ID),
        "principalType": parameter(DEPLOYER_TYPE),
    }
    deployer = frame.deployer or NOBODY_YET
    guid = guid_of(scope, deployer, BLOB_CONTRIBUTOR)
    # For whoever it will be, if nobody is named; else what a plan was made with.
    name = (
        guid
        if frame.deployer
        else guid_with_parameter(scope.lower(), DEPLOYER_ID, BLOB_CONTRIBUTOR)
    )
    role = BLOB_CONTRIBUTOR
    return _assignment(frame, scope, role, words, name, guid, properties, (scope,), deployer)


def _assignment(
    frame: Frame,
    scope: str,
    role: str,
    words: str,
    arm_name: str,
    guid: str,
    properties: dict[str, str],
    needs: tuple[str, ...],
    principal: str,
) -> Part:
    definition = (
        f"{frame.names.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    properties = {"roleDefinitionId": definition, **properties}
    properties["description"] = f"numerai-job {frame.settings.name}: {words}"
    return Part(
        kind=Kind.ASSIGNMENT,
        name=words,
        arm_name=arm_name,
        type="Microsoft.Authorization/roleAssignments",
        id=frame.names.assignment(scope, guid=guid),
        words=f"on {KINDS_OF_SCOPE[scope.split('/')[-2]]} {scope.rpartition('/')[2]}",
        body={"scope": scope, "properties": properties},
        needs=needs,
        facts={"role": role},
        principal=principal,
    )
