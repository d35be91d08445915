"""How long a model may take: its own limit, cut by the time left to upload in."""

from __future__ import annotations

from job.clock import Clock
from job.errors import DeadlineError, ModelError
from job.plan import UPLOAD_SECONDS, Submit


def seconds_for(step: Submit, *, limit: float, clock: Clock) -> float:
    """Seconds that the model may still take; raises `DeadlineError` when there are none left."""
    if step.deadline is None:
        return limit
    left = (step.deadline - clock.now()).total_seconds() - UPLOAD_SECONDS
    if left <= 0:
        raise DeadlineError(f"no time left before the deadline {step.deadline:%a %H:%M} UTC")
    return min(limit, left)


def missed_or_failed(step: Submit, error: ModelError, *, clock: Clock) -> ModelError:
    """A model that the deadline cut short is missed, not faulty; its own reason is kept."""
    try:
        seconds_for(step, limit=1.0, clock=clock)
    except DeadlineError as missed:
        return DeadlineError(missed.what, *error.lines())
    return error
