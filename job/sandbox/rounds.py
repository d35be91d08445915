"""Rounds of the three tournaments, and the clock they are read by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

Clock = Callable[[], datetime]

CLASSIC, SIGNALS, CRYPTO = 8, 11, 12
# Different numbers, so that a mix-up of tournaments shows.
FIRST_CURRENT = {CLASSIC: 1400, SIGNALS: 1399, CRYPTO: 1398}
ON_TIME = timedelta(hours=1)
WHOLE_ROUND = timedelta(days=1)
SINCE_OPENING = timedelta(minutes=10)
UNTIL_RESOLVED = timedelta(days=31)


class Between(StrEnum):
    """How `rounds(number: 0)` answers while no round is open; the service does both."""

    NULL = "null"
    ERROR = "error"


def utc_now() -> datetime:
    """The real time, aware, UTC."""
    return datetime.now(UTC)


def whole_second(time: datetime) -> datetime:
    """The service's timestamps have no fraction of a second."""
    return time.replace(microsecond=0)


def stamp(time: datetime) -> str:
    """`2025-09-23T14:36:06Z`, the way the service writes a Time."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Round:
    """One round: on time in `open_time`..`close_staking_time`, late until `close_time`."""

    tournament: int
    number: int
    open_time: datetime
    close_staking_time: datetime
    close_time: datetime

    @property
    def data_day(self) -> date:
        """The day that the round's data are of: the one before it opens, in UTC."""
        return self.open_time.astimezone(UTC).date() - timedelta(days=1)

    def is_open(self, now: datetime) -> bool:
        """Whether a submission is taken at `now`, be it late."""
        return self.open_time <= now < self.close_time

    def status(self, now: datetime) -> str:
        """One of the schema's `RoundStatus`."""
        if now < self.open_time:
            return "UPCOMING"
        if now < self.close_time:
            return "OPEN"
        return "RESOLVING" if now < self.close_time + UNTIL_RESOLVED else "RESOLVED"


def fresh_round(tournament: int, number: int, open_time: datetime) -> Round:
    """A round of the usual length: an hour on time, then late for the rest of a day."""
    opened = whole_second(open_time)
    return Round(tournament, number, opened, opened + ON_TIME, opened + WHOLE_ROUND)


class Rounds:
    """Every round there is. Thread-safe; times are read from the clock at each question."""

    def __init__(self, now: Clock) -> None:
        self.between = Between.NULL
        self._now = now
        self._lock = threading.RLock()
        self._rounds: dict[tuple[int, int], Round] = {}
        self._turned: list[Callable[[Round], None]] = []
        opened = whole_second(now() - SINCE_OPENING)
        for tournament, number in FIRST_CURRENT.items():
            self._keep(fresh_round(tournament, number, opened))
            self._keep(self._before(tournament, number, opened))

    def set(
        self,
        *,
        tournament: int = CLASSIC,
        number: int | None = None,
        open_time: datetime | None = None,
        close_staking_time: datetime | None = None,
        close_time: datetime | None = None,
    ) -> Round:
        """Changes the round with this number (without one: the newest); what is not given stays.

        A number that is not known yet makes a new round, the newest: rounds with higher numbers are
        forgotten, and the one before it ends when it opens, if it has not ended earlier.
        """
        with self._lock:
            number = self.newest(tournament).number if number is None else number
            known = self._rounds.get((tournament, number))
            opened = open_time or self._now() - SINCE_OPENING
            base = known or fresh_round(tournament, number, opened)
            round_ = replace(
                base,
                open_time=open_time or base.open_time,
                close_staking_time=close_staking_time or base.close_staking_time,
                close_time=close_time or base.close_time,
            )
            if known is None:
                self._make_way(round_)
            self._keep(round_)
            return round_

    def turn(self, *, tournament: int = CLASSIC) -> Round:
        """Ends the open round and opens the next, in which late submissions show as queued."""
        with self._lock:
            opened = whole_second(self._now())
            ended = self.latest_opened(tournament)
            number = ended.number + 1 if ended else self.newest(tournament).number
            opening = fresh_round(tournament, number, opened)
            if ended:
                self._keep(_cut(ended, opened))
            self._keep(opening)
            for listener in self._turned:
                listener(opening)
            return opening

    def close(self, *, tournament: int = CLASSIC) -> None:
        """Ends every open round now; until `turn` the tournament is between rounds."""
        with self._lock:
            now = whole_second(self._now())
            for round_ in self.all(tournament):
                if round_.is_open(self._now()):
                    self._keep(_cut(round_, now))

    def on_turn(self, listener: Callable[[Round], None]) -> None:
        """Calls `listener` with each round that `turn` opens."""
        self._turned.append(listener)

    def all(self, tournament: int | None = None) -> list[Round]:
        """Rounds, newest first; of every tournament when none is given."""
        with self._lock:
            found = [r for r in self._rounds.values() if tournament in (None, r.tournament)]
        return sorted(found, key=lambda r: (r.number, r.open_time), reverse=True)

    def get(self, tournament: int, number: int) -> Round | None:
        """The round with this number."""
        return self._rounds.get((tournament, number))

    def newest(self, tournament: int) -> Round:
        """The round with the highest number, open or not.

        Raises:
            LookupError: the tournament has no rounds.
        """
        found = self.all(tournament)
        if not found:
            raise LookupError(f"tournament {tournament} has no rounds")
        return found[0]

    def current(self, tournament: int) -> Round | None:
        """The open round; None between rounds."""
        now = self._now()
        return next((r for r in self.all(tournament) if r.is_open(now)), None)

    def latest_opened(self, tournament: int) -> Round | None:
        """The newest round that has opened, even when it has closed since."""
        now = self._now()
        return next((r for r in self.all(tournament) if r.open_time <= now), None)

    def before(self, round_: Round) -> Round | None:
        """The round before this one."""
        return next((r for r in self.all(round_.tournament) if r.number < round_.number), None)

    def _make_way(self, opening: Round) -> None:
        """Fits a new round into the calendar."""
        tournament, number = opening.tournament, opening.number
        for key in [k for k in self._rounds if k[0] == tournament and k[1] > number]:
            del self._rounds[key]
        ended = self.before(opening)
        self._keep(
            _cut(ended, opening.open_time)
            if ended
            else self._before(tournament, number, opening.open_time)
        )

    def _keep(self, round_: Round) -> None:
        self._rounds[round_.tournament, round_.number] = round_

    def _before(self, tournament: int, number: int, open_time: datetime) -> Round:
        return replace(
            fresh_round(tournament, number - 1, open_time - WHOLE_ROUND), close_time=open_time
        )


def _cut(round_: Round, end: datetime) -> Round:
    """The round with no time after `end`."""
    return replace(
        round_,
        close_staking_time=min(round_.close_staking_time, end),
        close_time=min(round_.close_time, end),
    )
