"""What was submitted, how the service judges it, and how it shows in the account."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from job.sandbox.account import Model, stable_id
from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS, Clock, Round, Rounds, whole_second

PENDING, VALIDATED, FAILED = "pending", "validated", "failed"
KEY_HEADERS = {
    CLASSIC: ("id",),
    SIGNALS: ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker"),
    CRYPTO: ("symbol",),
}
VALUE_HEADERS = {
    CLASSIC: ("prediction", "probability"),
    SIGNALS: ("prediction", "signal"),
    CRYPTO: ("prediction", "signal"),
}
LEAST_OF_UNIVERSE = 100


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission. `data_round` is the round whose ids the file carries: not always `round`,
    because the service maps a delayed file's ids to the current round and says nothing."""

    id: str
    model: str
    model_id: str
    tournament: int
    round: int
    filename: str
    timestamp: datetime
    csv: bytes
    status: str
    error_info: str | None = None
    data_round: int | None = None
    rows: int = 0
    trigger_id: str | None = None
    data_datestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of `latestSubmissions`: one round, and what counts in it for a model."""

    round: Round
    status: str
    submission: Submission | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation found: no error means the file is valid."""

    error: str | None
    data_round: int | None = None
    rows: int = 0


def judge(csv: bytes, tournament: int, universes: Sequence[tuple[int, Sequence[str]]]) -> Verdict:
    """Numerai's rules for a file (numerai_tools.submissions), read as rules, not as code.

    Args:
        csv: the uploaded bytes.
        tournament: 8, 11 or 12.
        universes: round number and live ids, the current round first; ids of any of them are taken.
    """
    try:
        frame = pd.read_csv(io.BytesIO(csv), dtype=str)
    except (ValueError, pd.errors.ParserError) as unreadable:
        return Verdict(f"invalid_submission_file: {unreadable}")
    fault = _header_fault(list(frame.columns), tournament) or _value_fault(frame.iloc[:, 1])
    if fault:
        return Verdict(fault, rows=len(frame))
    keys = frame.iloc[:, 0]
    for number, universe in universes:
        matching = keys[keys.isin(set(universe))]
        least = len(universe) if tournament == CLASSIC else min(LEAST_OF_UNIVERSE, len(universe))
        if matching.nunique() >= least:
            error = "invalid_submission_ids: duplicates" if matching.duplicated().any() else None
            return Verdict(error, number, len(frame))
    return Verdict("invalid_submission_ids: not all live ids are there", rows=len(frame))


def _header_fault(columns: list[str], tournament: int) -> str | None:
    keys, values = KEY_HEADERS[tournament], VALUE_HEADERS[tournament]
    if len(columns) == 2 and columns[0] in keys and columns[1] in values:
        return None
    return f"invalid_submission_headers: headers must be {keys} and {values}, not {columns}"


def _value_fault(raw: pd.Series) -> str | None:
    if raw.isna().any():
        return "invalid_submission_values: values must not be NaN"
    values = pd.to_numeric(raw, errors="coerce")
    if values.isna().any():
        return "invalid_submission_values: values must be numbers"
    if not values.between(0, 1).all():
        return "invalid_submission_values: values must be between 0 and 1"
    if len(values) < 2 or values.std() == 0:
        return "invalid_submission_values: standard deviation must not be 0"
    return None


class Ledger:
    """Every submission ever made. Thread-safe."""

    def __init__(self, *, now: Clock, rounds: Rounds) -> None:
        self.settle_after = 0.0
        self.validate_after = 0.0
        self.extra_rows = 1
        self._now, self._rounds = now, rounds
        self._lock = threading.Lock()
        self._made: list[tuple[datetime, Submission]] = []
        rounds.on_turn(self._keep_before)

    def add(
        self,
        *,
        model: Model,
        round_: Round,
        filename: str,
        csv: bytes,
        verdict: Verdict,
        trigger_id: str | None = None,
        data_datestamp: int | None = None,
    ) -> Submission:
        """Records a submission and answers it as it shows now."""
        now = self._now()
        with self._lock:
            made = Submission(
                id=stable_id("submission", len(self._made), model.id),
                model=model.name,
                model_id=model.id,
                tournament=model.tournament,
                round=round_.number,
                filename=filename,
                timestamp=whole_second(now),
                csv=csv,
                status=FAILED if verdict.error else VALIDATED,
                error_info=verdict.error,
                data_round=verdict.data_round,
                rows=verdict.rows,
                trigger_id=trigger_id,
                data_datestamp=data_datestamp,
            )
            self._made.append((now, made))
        return self._as_of(now, now, made)

    def all(self) -> list[Submission]:
        """Every submission in the order in which they came, shown in the account or not yet."""
        now = self._now()
        with self._lock:
            return [self._as_of(now, created, made) for created, made in self._made]

    def of(self, model: Model) -> list[Submission]:
        """The model's submissions that show in the account by now, newest first."""
        now = self._now()
        settled = now - timedelta(seconds=self.settle_after)
        with self._lock:
            return [
                self._as_of(now, created, made)
                for created, made in reversed(self._made)
                if made.model_id == model.id and created <= settled
            ]

    def rows(self, model: Model, count: int | None) -> list[Row]:
        """One row per round, newest first; up to `extra_rows` more than asked for.

        A round that has not opened has a row only when something is queued for it.
        """
        now = self._now()
        valid = [s for s in self.of(model) if s.status != FAILED]
        rows = [self._row(round_, valid) for round_ in self._rounds.all(model.tournament)]
        shown = [row for row in rows if row.round.open_time <= now or row.status == "queued"]
        return shown if count is None else shown[: count + self.extra_rows]

    def _row(self, round_: Round, valid: list[Submission]) -> Row:
        own = next((s for s in valid if s.round == round_.number), None)
        if own:
            return Row(round_, _timeliness(own, round_), own)
        before = self._rounds.before(round_)
        last = next((s for s in valid if before and s.round == before.number), None)
        if before and last and _timeliness(last, before) == "late":
            return Row(round_, "queued", last)
        return Row(round_, "none", None)

    def _as_of(self, now: datetime, created: datetime, made: Submission) -> Submission:
        if now < created + timedelta(seconds=self.validate_after):
            return replace(made, status=PENDING, error_info=None)
        return made

    def _keep_before(self, opening: Round) -> None:
        """Times have whole seconds: what was made in the second in which a round opens, but before
        it opened, must not look as if made for it."""
        latest = opening.open_time - timedelta(seconds=1)
        with self._lock:
            self._made = [
                (created, replace(made, timestamp=min(made.timestamp, latest)))
                if made.tournament == opening.tournament
                else (created, made)
                for created, made in self._made
            ]


def _timeliness(submission: Submission, round_: Round) -> str:
    return "on-time" if submission.timestamp <= round_.close_staking_time else "late"
