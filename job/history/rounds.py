"""Pure: the rounds that a history is of, put together from all that tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from job.tournament import Round, Slot

MOST_ROUNDS = 1000
"""Numbers further back than this from the newest are no rounds of this history."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round, with what is known of its times: in full, as a day (UTC), or not at all."""

    number: int
    opened: datetime | None = None
    deadline: datetime | None = None
    opened_on: date | None = None
    deadline_on: date | None = None

    @property
    def day(self) -> date | None:
        """The day (UTC) on which its on-time deadline is."""
        return self.deadline.astimezone(UTC).date() if self.deadline else self.deadline_on

    @property
    def ends(self) -> datetime | None:
        """When being on time ends; the end of that day where only the day is known."""
        if self.deadline is not None or self.deadline_on is None:
            return self.deadline
        return datetime.combine(self.deadline_on, time(), UTC) + DAY

    @property
    def begins(self) -> datetime:
        """Before this, nothing can have been made for it; the start of time where unknown."""
        if self.opened is not None:
            return self.opened
        return datetime.combine(self.opened_on or date.min, time(), UTC)

    def as_round(self, tournament: str) -> Round:
        """The seam's value, with bounds for what is not known."""
        ends = self.ends or datetime.max.replace(tzinfo=UTC)
        return Round(tournament, self.number, self.begins, ends, None)


def past_round(round_: Round) -> PastRound:
    """One whose times are known in full."""
    return PastRound(round_.number, round_.open_time, round_.close_staking_time)


def rounds_of_rows(slots: Iterable[Slot]) -> dict[int, PastRound]:
    """The rounds that Numerai's rows about the models name, with their days."""
    return {
        row.round_number: PastRound(
            row.round_number, opened_on=row.opened_on, deadline_on=row.deadline_on
        )
        for slot in slots
        for row in slot.recent
        if row.round_number is not None
    }


def all_rounds(*known: Mapping[int, PastRound], now: datetime) -> tuple[PastRound, ...]:
    """Every round that has opened, oldest first, later mappings outranking earlier ones; a number
    that nothing tells of between two others is a round all the same.
    """
    merged = {number: round_ for rounds in known for number, round_ in rounds.items()}
    opened = {number: round_ for number, round_ in merged.items() if round_.begins <= now}
    if not opened:
        return ()
    newest = max(opened)
    oldest = max(min(opened), newest - MOST_ROUNDS + 1)
    return tuple(opened.get(number, PastRound(number)) for number in range(oldest, newest + 1))


def placed(rounds: Sequence[PastRound]) -> Iterator[tuple[PastRound, datetime | None]]:
    """Each round, newest first, with when being on time ended; where that is not known, as that of
    the round after it.
    """
    after: datetime | None = None
    for round_ in reversed(rounds):
        after = round_.ends or after
        yield round_, after


def is_over(round_: PastRound, newest: int, now: datetime) -> bool:
    """Whether its on-time deadline has passed; a round of unknown times is over once there is a
    newer one.
    """
    return round_.number < newest if round_.ends is None else round_.ends <= now
