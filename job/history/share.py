"""Pure: the share of rounds that were submitted on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from job.history.judging import COUNTED, Cell, State

WEEKS = (4, 13)


@dataclass(frozen=True, slots=True)
class Share:
    """Models and rounds whose on-time deadline lay in `since` < deadline <= `until`, counted.

    What is unknown counts neither for nor against; a model that was disabled, or had not been seen
    by then, is not counted at all.
    """

    weeks: int
    since: datetime
    until: datetime
    on_time: int = 0
    late: int = 0
    held_back: int = 0
    missed: int = 0
    unknown: int = 0

    @property
    def counted(self) -> int:
        """Of how many it is a share."""
        return self.on_time + self.late + self.held_back + self.missed

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nothing is counted."""
        return self.on_time / self.counted if self.counted else None


def count_share(
    cells: Iterable[tuple[datetime | None, Cell]], *, weeks: int, now: datetime
) -> Share:
    """The share over some weeks until now."""
    since = now - timedelta(weeks=weeks)
    counts = Counter(
        cell.state for deadline, cell in cells if deadline is not None and since < deadline <= now
    )
    figures = {state.value: counts[state] for state in (*COUNTED, State.UNKNOWN)}
    return Share(weeks, since, now, **figures)
