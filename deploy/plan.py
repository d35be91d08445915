"""Pure: what there is to be, and what there is -> what is to be done, each step with a sentence.

`plan` prints these steps and `apply` carries out the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deploy.comparison import MADE_ANEW, conflicts, differences, label_of, other_reasons
from deploy.pieces import Found, Kind, Piece
from deploy.words import listed
from job.errors import UsageError

FORMER: Final = (Kind.WORKFLOW, Kind.ASSIGNMENT, Kind.GROUP, Kind.ROLE, Kind.IDENTITY)
"""What is deleted when nothing asks for it any more, in this order: what starts a container group
before it, its assignments while it is there, and a role that is assigned cannot be deleted.
"""


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, or to leave as it is.

    Attributes:
        sentence: what is done and why, without a full stop.
        starts: whether the job or a check, as the piece says, starts at once because of it.
        piece: what is to be there afterwards; None where nothing is.
    """

    action: Action
    kind: Kind
    name: str
    id: str
    api_version: str
    sentence: str
    starts: bool = False
    piece: Piece | None = None


def decide(
    pieces: Iterable[Piece], found: Mapping[str, Found], former: Iterable[Found] = ()
) -> tuple[Step, ...]:
    """A step for each piece, in their order, then those for what is there no longer needed.

    Args:
        found: what there is under the ids of the pieces, by id in any case of letters.
        former: what there is with this job's tag, or under the ids of `Template.unused`; what the
            pieces name as well is passed over.

    Raises:
        UsageError: what is there under a piece's name belongs to others, or cannot be moved to
            the region asked for; it names all such conflicts.
    """
    wanted = list(pieces)
    there = {resource_id.lower(): thing for resource_id, thing in found.items()}
    if in_the_way := list(conflicts(wanted, there)):
        raise UsageError("what is there is in the way; nothing was changed", in_the_way)
    ids = {piece.id.lower() for piece in wanted}
    left = {thing.id.lower(): thing for thing in former if thing.id.lower() not in ids}
    deleted = [thing for thing in left.values() if thing.kind in FORMER]
    deleted.sort(key=lambda thing: (FORMER.index(thing.kind), thing.name))
    steps = _with_consequences([_step(piece, there) for piece in wanted])
    return (*steps, *map(_delete, deleted))


def nothing_to_change(steps: Iterable[Step]) -> bool:
    """Whether everything is as it is to be."""
    return all(step.action is Action.KEEP for step in steps)


def to_delete(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps that begin with a deletion, in the order to delete in."""
    return tuple(step for step in steps if step.action in {Action.REPLACE, Action.DELETE})


def to_deploy(steps: Iterable[Step]) -> tuple[str, ...]:
    """The ids for `Template.only`."""
    deployed = {Action.CREATE, Action.CHANGE, Action.REPLACE}
    return tuple(step.id for step in steps if step.action in deployed)


def _step(piece: Piece, there: Mapping[str, Found]) -> Step:
    thing = there.get(piece.id.lower())
    if thing is None:
        return _of(piece, Action.CREATE, f"create {label_of(piece)} ({piece.words})")
    if piece.kind is Kind.ASSIGNMENT:
        return _assignment_step(piece, thing, there)
    changes = differences(piece, thing)
    spelt = listed([f"{name} {old} becomes {new}" for name, (old, new) in changes.items()])
    if set(changes) & MADE_ANEW.get(piece.kind, frozenset()):
        why = f"{spelt}: Azure cannot change that in place, so it is deleted and created"
        return _of(piece, Action.REPLACE, f"replace {label_of(piece)}: {why}", thing)
    reasons = [reason for reason in (spelt, *other_reasons(piece, thing)) if reason]
    if reasons:
        why = listed(reasons)
        return _of(piece, Action.CHANGE, f"change {label_of(piece)}: {why} ({piece.words})", thing)
    return _of(piece, Action.KEEP, f"keep {label_of(piece)} ({piece.words})")


def _with_consequences(steps: list[Step]) -> list[Step]:
    """The steps, with what follows for some from others: an identity that is made anew is another
    one, and role assignments go with the container group that they are on.
    """
    new = _made(steps)
    steps = [_with_identity(step, new) for step in steps]
    new = _made(steps)
    return [_with_scope(step, new) for step in steps]


def _made(steps: Iterable[Step]) -> set[str]:
    return {step.id.lower() for step in steps if step.action in {Action.CREATE, Action.REPLACE}}


def _with_identity(step: Step, new: set[str]) -> Step:
    piece = step.piece
    if piece is None or step.id.lower() in new or piece.facts.get("identity") not in new:
        return step
    action = Action.REPLACE if piece.kind is Kind.GROUP else Action.CHANGE
    return _of(piece, action, f"{action} {label_of(piece)}: its identity is made anew")


def _with_scope(step: Step, new: set[str]) -> Step:
    piece = step.piece
    kept = piece is not None and step.action is Action.KEEP and piece.kind is Kind.ASSIGNMENT
    if piece is None or not kept or piece.scope.lower() not in new:
        return step
    return _of(piece, Action.CREATE, f"create {label_of(piece)} ({piece.words})")


def _assignment_step(piece: Piece, thing: Found, there: Mapping[str, Found]) -> Step:
    """A role assignment cannot be changed, and one that an identity left behind is in the way of
    the next identity of that name.
    """
    identity = (piece.principal or "").lower()
    principal: str | None = identity
    if identity.startswith("/"):
        principal = there[identity].principal_id if identity in there else None
    if principal is None or (thing.principal_id or "").lower() != principal.lower():
        why = "it is for an identity that is there no longer"
        return _of(piece, Action.REPLACE, f"replace {label_of(piece)}: {why}")
    if differences(piece, thing):
        return _of(piece, Action.REPLACE, f"replace {label_of(piece)}: it gives another role")
    return _of(piece, Action.KEEP, f"keep {label_of(piece)} ({piece.words})")


def _delete(thing: Found) -> Step:
    return Step(
        action=Action.DELETE,
        kind=thing.kind,
        name=thing.name,
        id=thing.id,
        api_version=thing.api_version,
        sentence=f"delete {thing.kind} {thing.name}: deploy.yaml does not ask for it any more",
    )


def _of(piece: Piece, action: Action, sentence: str, thing: Found | None = None) -> Step:
    starts = bool(piece.starts) and action is not Action.KEEP
    if starts:
        sentence += f"; {piece.starts} starts at once"
    if starts and thing is not None and thing.running:
        sentence += ", and the run that is under way is broken off"
    return Step(
        action=action,
        kind=piece.kind,
        name=piece.name,
        id=piece.id,
        api_version=piece.api_version,
        sentence=sentence,
        starts=starts,
        piece=piece,
    )
