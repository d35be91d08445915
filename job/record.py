"""The run record: a JSON file that says what a run did, written as it does it. Schema 1."""

from __future__ import annotations

import json
import logging
import platform
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any

from job import __version__
from job.errors import Exit, UnavailableError
from job.store import Store
from job.tournament import Round

log = logging.getLogger(__name__)

SCHEMA = 1
SUFFIX = ".run.json"
SAVE_EVERY_SECONDS = 1.0
LOOK_BACK = 200
"""Records read at most: more than are written from one round to the next."""
INTENTS_LOOK_BACK = 5
PACKAGES = ("numerapi", "numpy", "pandas", "pyarrow", "joblib", "lightgbm", "scikit-learn")


class Outcome(StrEnum):
    """What became of one model in a run."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    SUBMITTED_LATE = "submitted_late"
    ALREADY_SUBMITTED = "already_submitted"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNPROVEN = "unproven"
    MISSED = "missed"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model's part of the record; `seconds` holds fetch, load, predict and upload.

    `exit_code` is what this model alone would make the run exit with. `intent_at` is when the
    upload `upload_filename` was about to be registered: what a killed run leaves for the next one
    to look for.
    """

    model: str
    tournament: str
    outcome: Outcome = Outcome.PENDING
    reason: str = ""
    exit_code: int = 0
    submission_id: str | None = None
    upload_filename: str | None = None
    intent_at: str | None = None
    csv: str | None = None
    artifact_sha256: str | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Tournament and name: what tells models apart."""
        return self.tournament, self.model


class RunRecord:
    """The record of the run that is going on. Safe to use from many threads.

    Args:
        store: where it is written.
        redact: takes secrets out of the text that is written.
    """

    def __init__(
        self,
        store: Store,
        *,
        started: datetime,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.started = started
        self.name = f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self.rounds: dict[str, Round] = {}
        self.api_requests = 0
        self.bytes_downloaded = 0
        self._store = store
        self._redact = redact
        self._results: dict[tuple[str, str], ModelResult] = {}
        self._guard = threading.RLock()
        self._ended: tuple[str, str, int, str] | None = None
        self._saved_at = started

    @property
    def results(self) -> list[ModelResult]:
        """Every model's part, in the plan's order."""
        with self._guard:
            return list(self._results.values())

    def begin(self, results: Iterable[ModelResult]) -> None:
        """Sets what the plan says of every model, and saves."""
        with self._guard:
            self._results = {result.key: result for result in results}
        self.save()

    def update(
        self, key: tuple[str, str], *, now: datetime, save: bool = False, **changes: Any
    ) -> None:
        """Changes one model's part; saved at once where asked, else about once a second.

        Only a save that was asked for raises `UnavailableError`; the others are for people who
        watch.
        """
        if "reason" in changes:
            changes["reason"] = self._redact(changes["reason"])
        with self._guard:
            self._results[key] = replace(self._results[key], **changes)
            if save:
                self.save()
            elif (now - self._saved_at).total_seconds() >= SAVE_EVERY_SECONDS:
                self._saved_at = now
                with suppress(UnavailableError):
                    self.save()

    def end(self, *, outcome: str, exit_code: Exit, message: str, now: datetime) -> None:
        """Closes the record and saves it."""
        with self._guard:
            self._ended = (_text(now), outcome, int(exit_code), self._redact(message))
        self.save()

    def save(self) -> None:
        """Writes the record whole; raises `UnavailableError` when it cannot be written."""
        with self._guard:
            self._store.write(self.name, json.dumps(self.as_dict(), indent=1).encode())

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        with self._guard:
            ended, outcome, exit_code, message = self._ended or (None, "running", None, "")
            numbers = [round_.number for round_ in self.rounds.values()]
            return {
                "schema": SCHEMA,
                "run": self.name.removesuffix(SUFFIX),
                "round": numbers[0] if numbers else None,
                "rounds": {name: _round(round_) for name, round_ in self.rounds.items()},
                "started_at": _text(self.started),
                "ended_at": ended,
                "outcome": outcome,
                "exit_code": exit_code,
                "message": message,
                "versions": versions(),
                "api_requests": self.api_requests,
                "bytes_downloaded": self.bytes_downloaded,
                "models": [asdict(result) for result in self._results.values()],
            }


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
        for record in islice(_newest_first(store), INTENTS_LOOK_BACK)
        for row in record["models"]
        if _number(record, row["tournament"]) == _current(rounds, row["tournament"])
        and (intent := _intent(row)) is not None
    ]


def stale_digests(store: Store, round_: Round) -> dict[str, str]:
    """SHA-256 by filename of the live data that the newest record of an earlier round names."""
    for record in _newest_first(store):
        number = _number(record, round_.tournament)
        rows = [row for row in record["models"] if row["tournament"] == round_.tournament]
        digests = {name: digest for row in rows for name, digest in row["datasets"].items()}
        if digests and number is not None and number < round_.number:
            return {name: digest for name, digest in digests.items() if "/live" in name}
    return {}


def _newest_first(store: Store) -> Iterator[dict[str, Any]]:
    for name in reversed(store.names(SUFFIX)[-LOOK_BACK:]):
        try:
            record = json.loads(store.read(name) or b"")
        except ValueError:
            log.warning("run record %s is not readable and is passed over", name)
            continue
        if _is_whole(record):
            yield record


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


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _round(round_: Round) -> dict[str, Any]:
    close = round_.close_time
    return {
        "number": round_.number,
        "open_time": round_.open_time.isoformat(),
        "close_staking_time": round_.close_staking_time.isoformat(),
        "close_time": None if close is None else close.isoformat(),
    }


def versions() -> dict[str, str]:
    """The versions that a prediction may depend on."""
    found = {"job": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
