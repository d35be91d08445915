"""All parts put together: the ARM template of a resource group, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from deploy.names import Names
from deploy.pieces import CONFIG_TAG, NAME_TAG, SECRETS_TAG, TAGGED, Kind, Piece
from deploy.settings import DeploySettings
from deploy.template import expressions
from deploy.template.group import group_parts
from deploy.template.parameters import declared
from deploy.template.part import Frame, Part
from deploy.template.rights import identity_parts, right_parts
from deploy.template.storage import storage_parts
from deploy.template.workflows import workflow_parts
from deploy.triggers import Check, Schedule, Webhook

SCHEMA: Final = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
MANAGEMENT_URL: Final = "https://management.azure.com"
HASH_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An ARM template for one resource group.

    Attributes:
        declared: the template's parameters.
        unused: what the same deployment would have beside with other triggers: what may be left
            from before.
        resources: by id, in the order of the pieces, without `dependsOn`.
        needs: for each id, the ids that must be there before.
    """

    pieces: tuple[Piece, ...]
    unused: tuple[Piece, ...]
    declared: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]
    needs: Mapping[str, tuple[str, ...]]

    @property
    def document(self) -> dict[str, Any]:
        """What `az deployment group create --template-file` takes."""
        return {
            "$schema": SCHEMA,
            "contentVersion": "1.0.0.0",
            "parameters": dict(self.declared),
            "resources": [
                {**resource, **self._depends_on(resource_id)}
                for resource_id, resource in self.resources.items()
            ],
        }

    @property
    def text(self) -> str:
        """The document as JSON with a line end."""
        return json.dumps(self.document, indent=2) + "\n"

    def only(self, ids: Collection[str]) -> Template:
        """The same with these resources alone, for the others are there and as they should be.

        To send an unchanged container group again would start it.
        """
        wanted = {resource_id.lower() for resource_id in ids}
        return Template(
            pieces=tuple(piece for piece in self.pieces if piece.id.lower() in wanted),
            unused=self.unused,
            declared=self.declared,
            resources={
                i: resource for i, resource in self.resources.items() if i.lower() in wanted
            },
            needs=self.needs,
        )

    def with_metadata(self, metadata: Mapping[str, Mapping[str, str]]) -> Template:
        """The same with these metadata, by id, beside those that it gives: to send what is there
        without them would take them away.
        """
        resources = {
            resource_id: _with_metadata(resource, metadata.get(resource_id, {}))
            for resource_id, resource in self.resources.items()
        }
        return replace(self, resources=resources)

    def _depends_on(self, resource_id: str) -> dict[str, list[str]]:
        needed = [need for need in self.needs[resource_id] if need in self.resources]
        return {"dependsOn": needed} if needed else {}


def render(
    settings: DeploySettings,
    *,
    management_url: str = MANAGEMENT_URL,
    audience: str | None = None,
    deployer: str | None = None,
    secrets_tag: str | None = None,
) -> Template:
    """The template that `settings` ask for. No secret is in it.

    Args:
        management_url: where the workflows reach Azure's management, without a slash at its end.
        audience: what their token is for; None: `management_url` with a slash.
        deployer: object id of whoever deploys, which names two pieces; None: a template for
            anyone, who then gives it as a parameter.
        secrets_tag: what the group's tag is to be; None: not known.
    """
    frame = Frame(
        settings=settings,
        names=Names(settings),
        management_url=management_url.rstrip("/"),
        audience=audience or f"{management_url.rstrip('/')}/",
        deployer=deployer,
    )
    parts = list(_parts(frame))
    name = settings.name
    return Template(
        pieces=tuple(_piece(part, name, secrets_tag) for part in parts),
        unused=tuple(_piece(part, name, None) for part in _unused(frame, parts)),
        declared=declared(settings),
        resources={part.id: _resource(part, settings) for part in parts},
        needs={part.id: part.needs for part in parts},
    )


def _parts(frame: Frame) -> Iterator[Part]:
    identities, storage = list(identity_parts(frame)), list(storage_parts(frame))
    rights = list(right_parts(frame))
    job = tuple(part.id for part in rights if part.principal == frame.names.identity)
    groups = list(group_parts(frame, (*(part.id for part in storage), *job)))
    # A workflow waits for its own group and for no other: a check's waits for the webhook's.
    starting = {
        group.id: (
            group.id,
            *(part.id for part in rights if group.id in part.needs),
        )
        for group in groups
    }
    yield from (*identities, *storage, *groups, *rights)
    yield from workflow_parts(frame, starting)


def _unused(frame: Frame, parts: Collection[Part]) -> Iterator[Part]:
    every_kind = replace(frame.settings, triggers=(Webhook(), Check(Schedule((), ()))))
    ids = {part.id for part in parts}
    for part in _parts(replace(frame, settings=every_kind, names=Names(every_kind))):
        if part.id not in ids:
            yield part


def _piece(part: Part, owner: str, secrets_tag: str | None) -> Piece:
    return Piece(
        kind=part.kind,
        name=part.name,
        id=part.id,
        api_version=part.api_version,
        words=part.words,
        config=_hash(part) if part.kind in TAGGED else None,
        secrets=secrets_tag if part.secret else None,
        facts=part.facts,
        principal=part.principal,
        owner=owner if part.kind in TAGGED or part.kind is Kind.CONTAINER else None,
        starts=part.starts,
    )


def _resource(part: Part, settings: DeploySettings) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "type": part.type,
        "apiVersion": part.api_version,
        "name": part.arm_name,
        **part.body,
    }
    if part.kind in TAGGED:
        resource["tags"] = {NAME_TAG: settings.name, CONFIG_TAG: _hash(part)}
    if part.secret:
        resource["tags"][SECRETS_TAG] = expressions.parameter(expressions.SECRETS_TAG)
    return resource


def _with_metadata(resource: Mapping[str, Any], more: Mapping[str, str]) -> Mapping[str, Any]:
    if not more:
        return resource
    properties = resource["properties"]
    metadata = {**more, **properties["metadata"]}
    return {**resource, "properties": {**properties, "metadata": metadata}}


def _hash(part: Part) -> str:
    form = json.dumps([part.type, part.api_version, part.arm_name, part.body], sort_keys=True)
    return sha256(form.encode()).hexdigest()[:HASH_DIGITS]
