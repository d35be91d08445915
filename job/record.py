"""The run record: a JSON file that says what a run did, written as it does it. Schema 1."""

from __future__ import annotations

import json
import logging
import platform
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from job import __version__
from job.errors import Exit, JobError, StoppedError, UnavailableError
from job.handed_on import HandedOn
from job.run_name import run_name
from job.store import Store
from job.tournament import Round

log = logging.getLogger(__name__)

SCHEMA = 1
SUFFIX = ".run.json"
LATEST = "latest.json"
"""A copy of the newest run's record: of the one that ended last, or has begun since."""
SAVE_EVERY_SECONDS = 1.0
ROUNDS_REMEMBERED = 2
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
    HELD_BACK = "held_back"
    MISSED = "missed"
    DRY_RUN = "dry_run"


WELL = frozenset({Outcome.SUBMITTED, Outcome.SUBMITTED_LATE, Outcome.ALREADY_SUBMITTED})


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model's part of the record; `seconds` holds fetch, load, predict and upload, `figures`
    what was worked out before the upload: coverage, churn, correlation.

    `exit_code` is what this model alone would make the run exit with. `intent_at` is when the
    upload `upload_filename` was about to be registered: what a killed run leaves for the next one
    to look for. `submitted_at` is when Numerai says that it had the submission.
    """

    model: str
    tournament: str
    outcome: Outcome = Outcome.PENDING
    reason: str = ""
    exit_code: int = 0
    submission_id: str | None = None
    upload_filename: str | None = None
    intent_at: str | None = None
    submitted_at: str | None = None
    csv: str | None = None
    artifact_sha256: str | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Tournament and name: what tells models apart."""
        return self.tournament, self.model


LiveData = Mapping[str, Mapping[str, dict[str, str]]]
Aside = Callable[[Callable[[], None]], None]
"""How something is done that nobody waits for."""


def at_once(work: Callable[[], None]) -> None:
    """Does it now: for a store that answers at once."""
    work()


def in_a_thread(work: Callable[[], None]) -> None:
    """Does it in a thread of its own: a store that cannot be reached is to hold nobody up."""
    threading.Thread(target=work, name="record", daemon=True).start()


class RunRecord:
    """The record of the run that is going on. Safe to use from many threads.

    Args:
        store: where it is written.
        redact: takes secrets out of the text that is written.
        live_data: what the record before says of live data, carried on so that the next run need
            read only one record: SHA-256 by filename, by round, by tournament.
        handed_on: what else it hands on; in the first save already, or a run that is killed would
            forget it.
        after: the name of the newest record that there is.
        aside: how it is saved for people who watch.
    """

    def __init__(
        self,
        store: Store,
        *,
        started: datetime,
        redact: Callable[[str], str] = str,
        live_data: LiveData | None = None,
        handed_on: HandedOn | None = None,
        after: str = "",
        aside: Aside = at_once,
    ) -> None:
        self.started = started
        self.name = f"{run_name(started, after=after)}{SUFFIX}"
        self._rounds: dict[str, Round] = {}
        self.api_requests = 0
        self.bytes_downloaded = 0
        self.handed_on = handed_on or HandedOn()
        self.looked_back = False
        """Whether the run told of those before it that were killed; if not, a later one does."""
        self.notices: Sequence[Mapping[str, object]] = ()
        self._store = store
        self._redact = redact
        self._live_data = {
            tournament: {number: dict(files) for number, files in by_round.items()}
            for tournament, by_round in (live_data or {}).items()
        }
        self._results: dict[tuple[str, str], ModelResult] = {}
        self._guard = threading.RLock()
        self._writing = threading.RLock()
        self._aside = aside
        self._ended: tuple[str, str, int, str] | None = None
        self._saved_at = started
        self.is_closed = False
        """Whether the store has it with its end."""

    @property
    def results(self) -> list[ModelResult]:
        """Every model's part: tournament by tournament, in the plan's order."""
        with self._guard:
            return sorted(self._results.values(), key=lambda result: result.tournament)

    @property
    def rounds(self) -> dict[str, Round]:
        """The round of each tournament, by its name, as far as one is open."""
        with self._guard:
            return dict(sorted(self._rounds.items()))

    def enter(self, round_: Round) -> None:
        """Sets the round that its tournament's models are submitted to."""
        with self._guard:
            self._rounds[round_.tournament] = round_

    def begin(self, results: Iterable[ModelResult]) -> None:
        """Sets what the plan says of some models, in its order, and saves."""
        with self._guard:
            planned = {result.key: result for result in results}
            others = {key: row for key, row in self._results.items() if key not in planned}
            self._results = others | planned
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
            is_due = abs((now - self._saved_at).total_seconds()) >= SAVE_EVERY_SECONDS
            if is_due:
                self._saved_at = now
        if save:
            self.save()
        elif is_due:
            self._aside(self._save_unless_saving)

    def end(self, *, outcome: str, exit_code: Exit, message: str, now: datetime) -> None:
        """Closes the record and saves it."""
        with self._guard:
            well = [result.key for result in self._results.values() if result.outcome in WELL]
            for name, round_ in self._rounds.items():
                models = [key for key in well if key[0] == name]
                self.handed_on = self.handed_on.settle(models, round_.number, new=True)
            self._ended = (_text(now), outcome, int(exit_code), self._redact(message))
        self.save()
        self.is_closed = True
        self._write_latest()

    def hand_on(self, change: Callable[[HandedOn], HandedOn]) -> None:
        """Changes what the next run is to know; the next save has it."""
        with self._guard:
            self.handed_on = change(self.handed_on)

    def note_notices(
        self, notices: Sequence[Mapping[str, object]], handed_on: HandedOn, *, looked_back: bool
    ) -> None:
        """Sets whom was told what, and what the next run is to know of it, and saves; quietly, for
        the record has been closed by then.
        """
        with self._guard:
            self.notices, self.handed_on = notices, handed_on
            self.looked_back = looked_back
        self._save_quietly()
        self._write_latest()

    def save(self) -> None:
        """Writes the record whole; raises `UnavailableError` when it cannot be written."""
        with self._writing:  # and not the other guard: a slow store must not hold the work up
            self._store.write(self.name, self._as_bytes())

    def announce(self) -> None:
        """Has the record found as the newest one already."""
        self._aside(self._write_latest)

    def _write_latest(self) -> None:
        try:
            self._store.check_lock()  # or it is another run's by now, and so is that name
            with self._writing:
                self._store.write(LATEST, self._as_bytes())
        except JobError as error:
            log.warning("%s could not be written: %s", LATEST, error)

    def _save_unless_saving(self) -> None:
        """For people who watch: what is being written now is nearly as new."""
        if not self._writing.acquire(blocking=False):
            return
        try:
            self._save_quietly()
        finally:
            self._writing.release()

    def _save_quietly(self) -> None:
        with suppress(UnavailableError, StoppedError):
            self.save()

    def _as_bytes(self) -> bytes:
        return json.dumps(self.as_dict(), indent=1).encode()

    def note_live(self, round_: Round, filename: str, sha256: str) -> None:
        """Sets what a live file of a round is, and saves: it must be known in the next round
        whatever becomes of the models.
        """
        with self._guard:
            by_round = self._live_data.setdefault(round_.tournament, {})
            by_round.setdefault(str(round_.number), {})[filename] = sha256
            for old in sorted(by_round, key=int)[:-ROUNDS_REMEMBERED]:
                del by_round[old]
        self._aside(self._save_quietly)

    def stale_digests(self, round_: Round) -> Mapping[str, str]:
        """SHA-256 by filename of the live data of the newest round before this one."""
        with self._guard:
            by_round = self._live_data.get(round_.tournament, {})
            before = [number for number in by_round if int(number) < round_.number]
            return dict(by_round[max(before, key=int)]) if before else {}

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
                "live_data": self._live_data,
                **self.handed_on.as_dict(),
                "looked_back": self.looked_back,
                "notices": list(self.notices),
                "models": [asdict(result) for result in self.results],
            }


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
