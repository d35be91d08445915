"""Pure: an error or a plan's step -> what the record says of the model."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from job.errors import Exit, JobError, ModelError, RoundTurnedError, StoppedError
from job.plan import Fail, Miss, Skip, Step, Submit
from job.record import ModelResult, Outcome
from job.round_state import Fresh


def iso(moment: datetime | None) -> str | None:
    """A moment as the record holds it."""
    return None if moment is None else moment.isoformat()


def failure(error: Exception) -> dict[str, Any]:
    """The changes to a model's result that an error means."""
    if isinstance(error, (StoppedError, RoundTurnedError)):
        return {"outcome": Outcome.PENDING, "reason": error.what}
    if not isinstance(error, JobError):
        return {
            "outcome": Outcome.FAILED,
            "reason": f"unforeseen {type(error).__name__}: {error}",
            "exit_code": int(Exit.UNFORESEEN),
        }
    missed = error.exit_code is Exit.MISSED
    return {
        "outcome": Outcome.MISSED if missed else Outcome.FAILED,
        "reason": "\n".join(error.lines()),
        "exit_code": int(error.exit_code),
    }


def held(reason: str) -> dict[str, Any]:
    """The changes to a model's result that a figure outside its limits means."""
    return {
        "outcome": Outcome.HELD_BACK,
        "reason": reason,
        "exit_code": int(Exit.MODELS_FAILED),
    }


def unfinished(result: ModelResult, error: Exception | None) -> dict[str, Any]:
    """The changes to a model's result that the end of the run means for what it had not done."""
    why = f"{error or 'the run ended before its turn'}"
    if result.intent_at is None:
        return {"outcome": Outcome.SKIPPED, "reason": f"not done: {why}"}
    return {
        "outcome": Outcome.UNPROVEN,
        "reason": f"its upload was being registered: {why}",
        "exit_code": int(Exit.UNAVAILABLE),
    }


def is_fault(error: Exception) -> bool:
    """Whether an error is one that the job does not know: its own fault."""
    return not isinstance(error, JobError)


def planned(step: Step) -> ModelResult:
    """What the record says of a model before anything is done for it."""
    model = step.model
    result = ModelResult(model=model.name, tournament=model.tournament)
    match step:
        case Submit():
            changes: dict[str, Any] = {"reason": step.reason}
        case Skip(fresh=Fresh() as fresh):
            changes = {
                "outcome": Outcome.ALREADY_SUBMITTED,
                "reason": "late" if fresh.late else "",
                "submission_id": fresh.submission.id,
                "upload_filename": fresh.submission.filename,
                "submitted_at": iso(fresh.submission.timestamp),
            }
        case Skip():
            changes = {"outcome": Outcome.SKIPPED, "reason": step.reason}
        case Fail():
            changes = failure(ModelError(step.reason, hint=step.hint))
        case Miss():
            changes = {
                "outcome": Outcome.MISSED,
                "reason": step.reason,
                "exit_code": int(Exit.MISSED),
            }
    return replace(result, **changes)
