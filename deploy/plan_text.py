"""The plan in words: what exists, what would be done, what starts at once, what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from deploy.cost import Cost, cost_text
from deploy.plan import Action, Step
from deploy.settings import DeploySettings
from deploy.words import listed

SIGNS: Final = {
    Action.CREATE: "+",
    Action.CHANGE: "~",
    Action.REPLACE: "!",
    Action.DELETE: "-",
    Action.KEEP: "=",
}
PASSIVE: Final = {
    Action.CREATE: "to create",
    Action.CHANGE: "to change",
    Action.REPLACE: "to delete and create",
    Action.DELETE: "to delete",
    Action.KEEP: "as it is to be",
}


def plan_text(
    settings: DeploySettings,
    steps: Sequence[Step],
    *,
    cost: Cost,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
    looked: bool = True,
    unseen: str = "Nobody is signed in to Azure",
) -> str:
    """The plan as people read it, without a line end behind it.

    Args:
        warnings: sentences beside those of the settings.
        notes: further sentences, such as what could not be asked.
        looked: False if nobody could say what exists.
        unseen: then, why.
    """
    warned = (*settings.warnings, *warnings)
    return "\n".join(_lines(settings, steps, cost, warned, notes, "" if looked else unseen))


def _lines(
    settings: DeploySettings,
    steps: Sequence[Step],
    cost: Cost,
    warnings: Sequence[str],
    notes: Sequence[str],
    unseen: str,
) -> Iterator[str]:
    yield f"{settings.name} in resource group {settings.resource_group}, {settings.location}"
    yield f"  subscription {settings.subscription}"
    yield ""
    if unseen:
        yield f"{unseen}, so this takes it that nothing exists yet."
    yield from (f"  {SIGNS[step.action]} {step.sentence}" for step in steps)
    yield summary(steps)
    yield starting(steps)
    yield ""
    yield "Costs:"
    yield from (f"  {line}" for line in cost_text(cost).splitlines())
    if warnings:
        yield ""
        yield "Warnings:"
        yield from (f"  - {warning}" for warning in warnings)
    if notes:
        yield ""
        yield from notes


def summary(steps: Sequence[Step]) -> str:
    """`12 to create, 1 to delete`, or that there is nothing to change."""
    counts = Counter(step.action for step in steps)
    if set(counts) <= {Action.KEEP}:
        return f"Nothing to change: all {counts[Action.KEEP]} resources are as they are to be."
    told = [f"{counts[action]} {PASSIVE[action]}" for action in SIGNS if counts[action]]
    return f"{listed(told)}."


def starting(steps: Sequence[Step]) -> str:
    """What starts at once."""
    started = [f"{s.piece.starts} ({s.kind} {s.name})" for s in steps if s.starts and s.piece]
    if not started:
        return "Nothing starts at once."
    return f"Starts at once: {listed(started)}, for Azure starts what it creates or changes."
