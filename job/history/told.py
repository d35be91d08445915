"""Pure: what run records say of models in rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from job.history.rounds import PastRound
from job.plan import DISABLED

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What one run's record says of one model in one round.

    Attributes:
        key: tournament and name.
        reason: the first line of it.
        at: when Numerai had the submission; where that is not known, when it was about to be
            registered.
        registering: an upload was about to be registered, for all that this record knows.
    """

    key: Key
    round: int
    outcome: str
    reason: str
    at: datetime | None
    registering: bool

    @property
    def disabled(self) -> bool:
        """Whether the manifest had the model disabled."""
        return self.reason == DISABLED


@dataclass(frozen=True, slots=True)
class Records:
    """What the run records say, oldest first.

    Attributes:
        rounds: by tournament and number, as the newest record has them.
        models: those of the newest record that has any, True where enabled.
        read: how many could be understood.
        passed_over: how many could not.
    """

    told: Sequence[Told] = ()
    rounds: Mapping[str, Mapping[int, PastRound]] = field(default_factory=dict)
    models: Mapping[Key, bool] = field(default_factory=dict)
    read: int = 0
    passed_over: int = 0
