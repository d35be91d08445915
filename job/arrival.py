"""Whether a prediction file that another program writes for each round has come, and is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from job.artifacts import Artifact
from job.clock import Clock
from job.errors import AwaitedError, ModelError
from job.model_spec import ModelSpec
from job.plan import Submit

WRITTEN_SECONDS = 2.0
"""How long a file must have been left alone to count as written."""


def check_arrived(artifact: Artifact, step: Submit, *, clock: Clock) -> None:
    """Returns once the file is of the round and has been left alone; at once for other models.

    Raises `AwaitedError` for one from before the round's opening, `ModelError` for one that is
    still being written.
    """
    if step.model.format != "predictions":
        return
    written, opened = artifact.modified, step.round.open_time
    if artifact.noted_here:
        written = clock.corrected(written)
    if written < opened:
        raise AwaitedError(
            f"{step.model.artifact} is from {written:%a %d %b %H:%M:%S}, before round "
            f"{step.round.number} opened ({opened:%a %d %b %H:%M:%S} UTC)",
            hint="have it written anew for every round, or let the job wait with --wait",
        )
    age = (clock.now() - written).total_seconds()
    if 0 <= age < WRITTEN_SECONDS:
        clock.sleep(WRITTEN_SECONDS - age)
        artifact.check_unchanged()


@contextmanager
def awaited(model: ModelSpec) -> Iterator[None]:
    """Has a prediction file that is absent, not whole, or not of this round's ids count as not come
    yet: another may take its place.

    Raises `AwaitedError` for that; the faults of other models stay what they are.
    """
    try:
        yield
    except ModelError as error:
        if model.format != "predictions":
            raise
        raise AwaitedError(error.what, *error.why, hint=error.hint) from error
