"""A piece of the template against what there is under its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from deploy.pieces import Found, Kind, Piece

NOBODYS: Final = "was not made by this tool"
MADE_ANEW: Final = {
    Kind.GROUP: frozenset({"region", "OS", "restart policy", "vCPU", "memory in GB", "identity"}),
    Kind.WORKFLOW: frozenset({"region"}),
}
"""Facts that Azure does not change in place, of what holds nothing of its own: it is deleted and
created.
"""


def conflicts(pieces: Iterable[Piece], there: Mapping[str, Found]) -> Iterator[str]:
    """What is there under a piece's name and can be neither kept nor changed, as sentences.

    Args:
        there: what there is, by id in lower case.
    """
    taken = ""
    for piece in pieces:
        thing = there.get(piece.id.lower())
        if thing is None or piece.owner is None:
            continue
        if piece.kind is Kind.STORAGE and thing.owner != piece.owner:
            taken = f"{piece.id.lower()}/"
        elif taken and piece.id.lower().startswith(taken):
            continue  # the account says it already
        label = label_of(piece)
        # A container that is nobody's is taken as it is; what it is used for can be seen in it.
        usable = piece.kind is Kind.CONTAINER and thing.owner is None
        if thing.owner != piece.owner and not usable:
            yield f"{label}: {_whose(piece, thing)}"
        elif piece.kind not in MADE_ANEW and "region" in differences(piece, thing):
            region = thing.facts["region"]
            yield f"{label}: is in {region} and cannot be moved; set `location: {region}`"


def _whose(piece: Piece, thing: Found) -> str:
    """Whose a thing is that has a piece's name, and what to do about it."""
    if piece.kind is Kind.CONTAINER:
        return (
            f"belongs to the deployment {thing.owner}, whose models and records would be mixed "
            "with this one's; take another account, or `destroy` that deployment, if this one is "
            "to take its place"
        )
    if piece.kind is not Kind.STORAGE:
        whose = f"belongs to the deployment {thing.owner}" if thing.owner else NOBODYS
        return f"{whose}; take another `name`"
    if thing.owner is None:
        return (
            f"{NOBODYS}; set `storage: {{create: false}}` to use it as it is, or take another name"
        )
    return (
        f"belongs to the deployment {thing.owner}, which has its models and records in it; take "
        "another account, or `destroy` that deployment and set `storage: {create: false}`, if this "
        "one is to take its place"
    )


def differences(piece: Piece, thing: Found) -> dict[str, tuple[str, str]]:
    """The facts that are not as they are to be: what they are and what they should be, by name."""
    return {
        name: (thing.facts.get(name, "nothing"), wanted)
        for name, wanted in piece.facts.items()
        if thing.facts.get(name, "nothing").lower() != wanted.lower()
    }


def other_reasons(piece: Piece, thing: Found) -> Iterator[str]:
    """Why a thing is to be sent again although its facts are right."""
    if thing.failed:
        yield "Azure could not bring it about the last time"
    if piece.kind is Kind.CONTAINER and thing.owner is None:
        if thing.before:
            yield "it was there before: it is marked as this deployment's, and `destroy` leaves it"
        else:
            yield "it does not say whose it is"
    if piece.config != thing.config:
        yield "it was made from another configuration"
    if piece.secrets is not None and piece.secrets != thing.secrets:
        yield "the secrets are others"


def label_of(piece: Piece) -> str:
    """A piece as the plan names it."""
    colon = ":" if piece.kind is Kind.ASSIGNMENT else ""
    return f"{piece.kind}{colon} {piece.name}"
