"""Upload: stored, registered, and never blind: what Numerai made of it is read back before
anything is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from job.clock import Clock
from job.errors import DeadlineError, ReplyLostError, RoundTurnedError, UnavailableError
from job.plan import Submit
from job.retry import Retry
from job.round_state import current_round, upload_name
from job.tournament import Receipt, Round, Ticket, Tournament

log = logging.getLogger(__name__)

ROUND_TRUSTED_SECONDS = 5.0
"""How long an answer about the open rounds is believed before a submission is registered."""

NoteIntent = Callable[[Submit, str], None]
"""Writes down, before the submission is registered, under which filename to look for it."""
CheckLock = Callable[[], None]
"""Raises `StoppedError` where another run may be at work by now."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload on its way: registered with a receipt, or with its answer lost (`receipt` None)."""

    step: Submit
    csv: Path
    filename: str
    receipt: Receipt | None
    at: float


class Uploader:
    """Sends validated CSVs of one round. Safe to use from many threads."""

    def __init__(
        self,
        numerai: Tournament,
        *,
        clock: Clock,
        retry: Retry,
        note_intent: NoteIntent,
        check_lock: CheckLock,
    ) -> None:
        self._numerai = numerai
        self._clock = clock
        self._retry = retry
        self._note_intent = note_intent
        self._check_lock = check_lock

    def send(self, step: Submit, csv: Path) -> Sent:
        """Uploads and registers; a lost answer is a `Sent` without receipt.

        Raises `RoundTurnedError` when the round is no longer the one the CSV is for,
        `DeadlineError` when it is too late, `RefusedError` when Numerai says no.
        """
        ticket, asked = self._stored(step, csv)
        receipt = self._register(step, ticket, asked)
        if receipt is not None and receipt.round_number not in {None, step.round.number}:
            raise RoundTurnedError(
                f"round {step.round.number} turned into {receipt.round_number} during the upload"
            )
        return Sent(step, csv, ticket.filename, receipt, self._clock.monotonic())

    def _stored(self, step: Submit, csv: Path) -> tuple[Ticket, float]:
        for last in (False, True):
            self._in_time(step)
            asked = self._clock.monotonic()
            ticket = self._numerai.upload_ticket(
                step.slot, upload_name(step.model.name, step.round.number)
            )
            try:
                self._numerai.put(ticket, csv)
            except UnavailableError as error:
                if last:
                    raise
                log.warning("%s: %s; trying with a fresh address", step.model.name, error)
            else:
                return ticket, asked
        raise AssertionError("unreachable")

    def _cleared(self, step: Submit, ticket: Ticket, asked: float) -> float:
        """Raises unless it may be registered now; gives when Numerai last named the open rounds."""
        rounds: Sequence[Round] = ticket.rounds
        if self._clock.monotonic() - asked > ROUND_TRUSTED_SECONDS:
            asked = self._clock.monotonic()
            rounds = self._numerai.open_rounds(step.model.tournament)
        current = current_round(rounds, self._clock.now())
        if current is None or current.number != step.round.number:
            found = "none" if current is None else str(current.number)
            raise RoundTurnedError(f"the round has turned from {step.round.number} to {found}")
        self._in_time(step)
        self._check_lock()
        self._clock.check()
        return asked

    def _in_time(self, step: Submit) -> None:
        if step.deadline is not None and self._clock.now() >= step.deadline:
            raise DeadlineError(
                f"the deadline {_clock_time(step.deadline)} passed before the upload"
            )

    def _register(self, step: Submit, ticket: Ticket, asked: float) -> Receipt | None:
        try:
            return self._retry(
                lambda: self._create(step, ticket, asked),
                what=f"the submission of {ticket.slot.name} could not be registered",
            )
        except ReplyLostError as error:
            log.warning("%s; it will be looked for before anything is sent again", error)
            return None

    def _create(self, step: Submit, ticket: Ticket, asked: float) -> Receipt:
        """One try. It is cleared again once the intent is written: a store elsewhere may take its
        time, and none may meet another round or another run's lock.
        """
        asked = self._cleared(step, ticket, asked)
        self._note_intent(step, ticket.filename)
        self._cleared(step, ticket, asked)
        return self._numerai.create(ticket, data_datestamp=step.data_datestamp)


def _clock_time(moment: datetime) -> str:
    return f"{moment:%a %H:%M} UTC"
