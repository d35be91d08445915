"""What is made of a proof: submitted, failed, unproven, or to be sent again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from job.clock import Clock, monotonic_at
from job.errors import Exit, RoundTurnedError
from job.outcomes import iso
from job.plan import UPLOAD_SECONDS, Submit
from job.prove import (
    LOOK_FOR_SECONDS,
    Absent,
    Look,
    Proven,
    Refused,
    Unreadable,
    Verdict,
    read_back,
)
from job.record import Outcome, RunRecord
from job.tournament import Tournament
from job.upload import Sent

log = logging.getLogger(__name__)

SENDS = 3
"""How often one model is sent at most in a run."""
NEAR_DEADLINE_SECONDS = 120.0
"""Time before the deadline from which an upload that stays unproven is sent again."""
LOOK_NEAR_DEADLINE_SECONDS = 10.0
"""How long it is looked for even then: Numerai may take a moment to show what it has."""


@dataclass(slots=True)
class Settler:
    """Reads uploads back and writes down what became of them."""

    numerai: Tournament
    record: RunRecord
    clock: Clock

    def registered(self, sent: Sent) -> None:
        """Writes down that Numerai gave a receipt, or that its answer was lost."""
        known = sent.receipt is not None
        self._note(
            sent.step,
            outcome=Outcome.UNPROVEN,
            exit_code=int(Exit.UNAVAILABLE),
            reason="registered, not read back yet" if known else "the answer was lost",
            submission_id=sent.receipt.submission_id if sent.receipt else None,
            upload_filename=sent.filename,
        )

    def settle(self, uploads: Sequence[Sent], *, may_resend: bool) -> list[Sent]:
        """Settles what can be settled; returns the uploads that are to be sent again.

        Looking ends when the deadline nears: Numerai keeps the latest valid submission of a round,
        so that sending twice on time costs nothing, and a missed round costs money.

        Raises `RoundTurnedError` when Numerai took an upload for another round than it was made
        for.
        """
        end, near = self._ends(uploads)
        verdicts = read_back(
            self.numerai.giving_up_at(near),
            [Look(sent.step.key, sent.filename) for sent in uploads],
            clock=self.clock,
            until=end,
        )
        again = []
        for sent in uploads:
            verdict = verdicts[sent.step.key]
            _same_round(sent.step, verdict)
            if may_resend and should_resend(sent, verdict, now=self.clock.now()):
                again.append(sent)
            else:
                self._write(sent, verdict)
        return again

    def _ends(self, uploads: Sequence[Sent]) -> tuple[float, float | None]:
        """Until when uploads are looked for, and a question is asked again, because a deadline is
        near.
        """
        now = self.clock.monotonic()
        deadlines = [near_deadline(sent.step) for sent in uploads]
        nears = [monotonic_at(self.clock, moment) for moment in deadlines if moment is not None]
        if not nears:
            return now + LOOK_FOR_SECONDS, None
        last = min(nears) + NEAR_DEADLINE_SECONDS - UPLOAD_SECONDS - 1.0
        near = max(min(nears), min(now + LOOK_NEAR_DEADLINE_SECONDS, last))
        return min(now + LOOK_FOR_SECONDS, near), near

    def _write(self, sent: Sent, verdict: Verdict) -> None:
        changes = _changes(sent, verdict)
        self._note(sent.step, **changes)
        level = logging.INFO if changes["exit_code"] == 0 else logging.ERROR
        log.log(level, "%s: %s%s", sent.step.model.name, changes["outcome"], _because(changes))

    def _note(self, step: Submit, **changes: Any) -> None:
        self.record.update(step.key, now=self.clock.now(), **changes)


def _same_round(step: Submit, verdict: Verdict) -> None:
    if isinstance(verdict, Proven) and verdict.submission.round_number not in {
        None,
        step.round.number,
    }:
        raise RoundTurnedError(
            f"the upload of {step.model.name} for round {step.round.number} was taken for round "
            f"{verdict.submission.round_number}"
        )


def should_resend(sent: Sent, verdict: Verdict, *, now: datetime) -> bool:
    """Whether to send an upload again: it is certainly not there, or the deadline leaves no time
    to ask on.
    """
    deadline = sent.step.deadline
    if deadline is not None and deadline - now < timedelta(seconds=UPLOAD_SECONDS):
        return False
    nearing = is_near_deadline(sent.step, now)
    match verdict:
        case Absent():
            return sent.receipt is None or nearing
        case Unreadable():
            return nearing
        case _:
            return False


def _changes(sent: Sent, verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Proven(submission, late):
            return {
                **_taken(sent.step, late=late),
                "submission_id": submission.id,
                "submitted_at": iso(submission.timestamp),
            }
        case Refused(submission):
            return {
                "outcome": Outcome.FAILED,
                "reason": f"Numerai refused the file: {submission.error or submission.status}",
                "exit_code": int(Exit.MODELS_FAILED),
                "submission_id": submission.id,
            }
        case Absent():
            reason = f"Numerai does not show the upload {sent.filename}; run again"
        case Unreadable(why):
            reason = f"could not ask Numerai whether it has the upload {sent.filename}: {why}"
    return {
        "outcome": Outcome.UNPROVEN,
        "reason": reason,
        "exit_code": int(Exit.UNAVAILABLE),
    }


def _taken(step: Submit, *, late: bool) -> dict[str, Any]:
    if step.late:
        return {"outcome": Outcome.SUBMITTED_LATE, "reason": "", "exit_code": 0}
    if late:
        return {
            "outcome": Outcome.SUBMITTED_LATE,
            "reason": "Numerai registered it after the on-time deadline",
            "exit_code": int(Exit.MISSED),
        }
    return {"outcome": Outcome.SUBMITTED, "reason": "", "exit_code": 0}


def near_deadline(step: Submit) -> datetime | None:
    """From when on proving yields to sending again; None for late work, where it never does."""
    if step.late or step.deadline is None:
        return None
    return step.deadline - timedelta(seconds=NEAR_DEADLINE_SECONDS)


def is_near_deadline(step: Submit, now: datetime) -> bool:
    """Whether looking for an upload has to yield to sending it again."""
    near = near_deadline(step)
    return near is not None and now >= near


def _because(changes: dict[str, Any]) -> str:
    return f": {changes['reason']}" if changes["reason"] else f" ({changes['submission_id']})"
