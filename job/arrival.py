"""Whether a prediction file that another program writes for each round has come."""

from __future__ import annotations

from job.artifacts import Artifact
from job.clock import Clock
from job.errors import AwaitedError
from job.plan import Submit

WRITTEN_SECONDS = 2.0
"""How long a file must have been left alone to count as written."""


def check_arrived(artifact: Artifact, step: Submit, *, clock: Clock) -> None:
    """Returns once the file is of the round and has been left alone.

    Raises `AwaitedError` for one from before the round's opening, `ModelError` for one that is
    still being written.
    """
    written, opened = clock.corrected(artifact.modified), step.round.open_time
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
