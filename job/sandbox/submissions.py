"""What was submitted, and how it shows in the account."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from job.sandbox.account import Model, stable_id
from job.sandbox.judging import Verdict
from job.sandbox.rounds import Clock, Round, Rounds, whole_second

PENDING, VALIDATED, FAILED = "pending", "validated", "failed"


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
