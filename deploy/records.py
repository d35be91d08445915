"""What the runs left in their container, as `run`, `status` and `cost` tell it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from statistics import median
from typing import Any, Final

from deploy.push.parallel import for_each
from job.record import SUFFIX, ModelResult, Outcome
from job.store import Store

LOOK_BACK: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run.

    Attributes:
        name: without its ending.
        ended: None while it goes on, or if it was killed.
        exit_code: None likewise.
        rounds: the number of each tournament's round.
    """

    name: str
    started: datetime
    ended: datetime | None
    outcome: str
    exit_code: int | None
    message: str
    rounds: Mapping[str, int]
    results: tuple[ModelResult, ...]

    @property
    def minutes(self) -> float | None:
        """How long it took."""
        return None if self.ended is None else (self.ended - self.started).total_seconds() / 60


def newest_records(runs: Store, *, most: int = LOOK_BACK) -> list[Record]:
    """The newest ones that can be understood, the newest first."""
    names = runs.names(SUFFIX)[-most:]
    found = map(_record, for_each(runs.read, reversed(names)))
    return [record for record in found if record is not None]


def _record(data: bytes | None) -> Record | None:
    try:
        row = json.loads(data or b"")
        return Record(
            name=row["run"],
            started=datetime.fromisoformat(row["started_at"]),
            ended=_moment(row["ended_at"]),
            outcome=row["outcome"],
            exit_code=row["exit_code"],
            message=row["message"],
            rounds={name: int(one["number"]) for name, one in row["rounds"].items()},
            results=tuple(map(_result, row["models"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _result(row: Mapping[str, Any]) -> ModelResult:
    """A model's part, with what another version of the job may have put there left out."""
    known = {one.name for one in fields(ModelResult)}
    given = {name: value for name, value in row.items() if name in known}
    return ModelResult(**{**given, "outcome": Outcome(given["outcome"])})


def last_results(records: Sequence[Record]) -> list[tuple[Record, ModelResult]]:
    """What the newest run that knew a model says of it, for each model of the newest runs."""
    found: dict[tuple[str, str], tuple[Record, ModelResult]] = {}
    for record in records:
        for result in record.results:
            found.setdefault(result.key, (record, result))
    return [found[key] for key in sorted(found)]


def usual_minutes(records: Iterable[Record], *, acted: bool) -> float | None:
    """The median length of runs that submitted, or of those that had nothing to do."""
    lengths = [
        record.minutes
        for record in records
        if record.minutes is not None
        and (record.outcome != "nothing_to_do") is acted
        and (not acted or any(r.outcome is Outcome.SUBMITTED for r in record.results))
    ]
    return median(lengths) if lengths else None
