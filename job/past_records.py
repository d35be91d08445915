"""What former runs left in their records for the next one: uploads in flight, live data's digests.

A record is a note to ourselves: one that cannot be understood is passed over, and nothing that
Numerai can be asked is believed from it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from job.errors import UnavailableError
from job.record import SCHEMA, SUFFIX, LiveData, Outcome
from job.store import Store
from job.tournament import Round

log = logging.getLogger(__name__)

LOOK_BACK = 200
"""Records read at most in search of one that knows of live data; any that saw a round does."""
INTENTS_LOOK_BACK = 5


@dataclass(frozen=True, slots=True)
class InFlight:
    """An upload that a former run was registering when it ended."""

    key: tuple[str, str]
    filename: str
    at: datetime


def in_flight(store: Store, rounds: Mapping[str, Round]) -> list[InFlight]:
    """Uploads of these rounds that former runs were registering when they ended, newest first."""
    return [
        intent
        for record in islice(PastRecords(store), INTENTS_LOOK_BACK)
        for row in record["models"]
        if _number(record, row["tournament"]) == _current(rounds, row["tournament"])
        and (intent := _intent(row)) is not None
    ]


def live_data(past: Iterable[Mapping[str, Any]]) -> LiveData:
    """What the newest record that knows of live data says of it; nothing where none is readable."""
    try:
        return next((found for record in past if (found := _live(record))), {})
    except UnavailableError as error:
        log.warning("no run record can be read: %s", error)
        return {}


def _live(record: Mapping[str, Any]) -> LiveData:
    """A record's live data; empty where it has none or something else."""
    try:
        return {
            tournament: {str(int(number)): dict(files) for number, files in by_round.items()}
            for tournament, by_round in record["live_data"].items()
            if by_round
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


class PastRecords:
    """The records that can be understood, the newest first; each is read when somebody gets to it,
    and only once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: list[str] | None = None
        self._read: dict[str, dict[str, Any] | None] = {}

    @property
    def newest(self) -> str:
        """The name of the newest record, understood or not, once they were listed; else empty."""
        return next(reversed(self._names or ()), "")

    def _all(self) -> list[str]:
        if self._names is None:
            self._names = self._store.names(SUFFIX)[-LOOK_BACK:]
        return self._names

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for name in reversed(self._all()):
            if name not in self._read:
                self._read[name] = _whole(self._store, name)
            record = self._read[name]
            if record is not None:
                yield record


def _whole(store: Store, name: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(store.read(name) or b"")
    except ValueError:
        log.warning("run record %s is not readable and is passed over", name)
        return None
    return record if _is_whole(record) else None


def _is_whole(record: Any) -> bool:
    """Whether a record is one of this schema, with all that the next run reads from it."""
    try:
        return record["schema"] == SCHEMA and all(
            isinstance(row["tournament"], str)
            and isinstance(row["model"], str)
            and isinstance(row["datasets"], dict)
            for row in record["models"]
        )
    except (KeyError, TypeError):
        return False


def _intent(row: Mapping[str, Any]) -> InFlight | None:
    """The upload that a model's row leaves open, None where it leaves none."""
    if row.get("outcome") not in (Outcome.PENDING, Outcome.UNPROVEN):
        return None
    try:
        at = datetime.fromisoformat(row["intent_at"])
    except (KeyError, TypeError, ValueError):
        return None
    if not isinstance(row.get("upload_filename"), str) or at.tzinfo is None:
        return None
    return InFlight((row["tournament"], row["model"]), row["upload_filename"], at)


def _number(record: Mapping[str, Any], tournament: str) -> int | None:
    try:
        number = record["rounds"][tournament]["number"]
    except (KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None


def _current(rounds: Mapping[str, Round], tournament: str) -> int | None:
    round_ = rounds.get(tournament)
    return None if round_ is None else round_.number
