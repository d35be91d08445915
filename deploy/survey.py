"""What there is to be, what there is, and what is to be done about it: for `plan`, `apply` and
`destroy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deploy.azure import Principal
from deploy.found import found_of, kind_of
from deploy.pieces import BEFORE_METADATA, NAME_TAG, Found, Kind, Piece
from deploy.plan import Step, decide
from deploy.push.parallel import for_each
from deploy.secrets import Secrets
from deploy.secrets_tag import secrets_tag
from deploy.session import Session
from deploy.template import Template, render
from deploy.template.part import API_VERSIONS


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen.

    Attributes:
        found: what there is of the template's pieces, by their ids. A role assignment that others
            gave, under another id, counts as the piece that it makes needless.
        former: what there is beside, with this job's tag or its names.
    """

    deployer: Principal
    template: Template
    tag: str | None
    found: Mapping[str, Found]
    former: tuple[Found, ...]

    def label(self, thing: Found) -> str:
        """A thing as the plan names it."""
        pieces = (*self.template.pieces, *self.template.unused)
        names = (piece.name for piece in pieces if piece.id.lower() == thing.id.lower())
        return f"{thing.kind} {next(names, thing.name)}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is to be done; raises `UsageError` for what is in the way."""
        return decide(self.template.pieces, self.found, self.former)


def survey(session: Session, secrets: Secrets | None) -> Survey:
    """Asks Azure what there is.

    Args:
        secrets: all of the deployment's, or None: then what the container has is not compared.
    """
    deployer = session.azure.principal()
    tag = None if secrets is None else secrets_tag(session.settings, secrets)
    template = render(
        session.settings,
        management_url=session.endpoint.url,
        audience=session.endpoint.audience,
        deployer=deployer.object_id,
        secrets_tag=tag,
    )
    found = _found(session, ((piece.id, piece.api_version) for piece in template.pieces))
    found = {resource_id: _owned(session, thing) for resource_id, thing in found.items()}
    found |= _given_elsewhere(session, template.pieces, found)
    template = template.with_metadata({i: thing.metadata for i, thing in found.items()})
    former = _found(session, _others(session, template.pieces, template.unused))
    return Survey(deployer, template, tag, found, tuple(former.values()))


def _others(
    session: Session, pieces: Iterable[Piece], unused: Iterable[Piece]
) -> Iterable[tuple[str, str]]:
    """Ids and API versions of what may be there beside the pieces."""
    known = {piece.id.lower() for piece in pieces}
    ids = {piece.id.lower(): (piece.id, piece.api_version) for piece in unused}
    for one in session.azure.arm.tagged(session.names.scope, NAME_TAG, session.settings.name):
        kind = kind_of(one)
        if kind is not None:
            ids[one.lower()] = one, API_VERSIONS[kind]
    return [one for key, one in ids.items() if key not in known]


def _given_elsewhere(
    session: Session, pieces: Iterable[Piece], found: Mapping[str, Found]
) -> dict[str, Found]:
    """Role assignments that others made, by the ids of the pieces that are there thereby: Azure
    does not take the same right at the same scope again under another name.
    """
    there = {resource_id.lower(): thing for resource_id, thing in found.items()}
    names = {piece.id.lower() for piece in pieces}
    wanted = [
        piece
        for piece in pieces
        if piece.kind is Kind.ASSIGNMENT
        and piece.id.lower() not in there
        # What is yet to be made has no rights on it.
        and (piece.scope.lower() in there or piece.scope.lower() not in names)
    ]

    def look(piece: Piece) -> tuple[str, Found] | None:
        principal: str | None = piece.principal
        if principal is not None and principal.startswith("/"):
            identity = there.get(principal.lower())
            principal = identity.principal_id if identity is not None else None
        if principal is None:
            return None
        rows = session.azure.arm.assignments(piece.scope, principal, piece.api_version)
        given = (found_of(str(row["id"]), row) for row in rows)
        same = (one for one in given if _gives(one, piece))
        return next(((piece.id, one) for one in same), None)

    return dict(one for one in for_each(look, wanted) if one is not None)


def _gives(assignment: Found, piece: Piece) -> bool:
    scope = assignment.id.lower().rpartition("/providers/")[0]
    return scope == piece.scope.lower() and assignment.facts["role"] == piece.facts["role"].lower()


def _owned(session: Session, thing: Found) -> Found:
    """A container as it is to be taken: that of a deployment that is no more is nobody's, and in an
    account that was there, what is nobody's was there before.
    """
    if thing.kind is not Kind.CONTAINER or thing.owner == session.settings.name:
        return thing
    if thing.owner is not None and _lives(session, thing.owner):
        return thing
    before = {BEFORE_METADATA: "true"} if not session.settings.storage.create else {}
    return replace(thing, owner=None, metadata={**thing.metadata, **before})


def _lives(session: Session, name: str) -> bool:
    """Whether another deployment has more than its data: it is in the account's resource group."""
    tagged = session.azure.arm.tagged(session.names.scope, NAME_TAG, name)
    return any(kind_of(one) not in {None, Kind.STORAGE} for one in tagged)


def _found(session: Session, wanted: Iterable[tuple[str, str]]) -> dict[str, Found]:
    def look(one: tuple[str, str]) -> Found | None:
        body = session.azure.arm.get(*one)
        return None if body is None else found_of(one[0], body)

    return {found.id: found for found in for_each(look, list(wanted)) if found is not None}
