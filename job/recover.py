"""Uploads that a killed run was registering: looked for before anything is sent again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from job.clock import monotonic_at
from job.errors import Exit
from job.past_records import InFlight, in_flight
from job.plan import Submit
from job.prove import LOOK_FOR_SECONDS, Look, Proven, Unreadable, Verdict, read_back
from job.record import Outcome
from job.run import Job
from job.settle import is_near_deadline, near_deadline

log = logging.getLogger(__name__)


def recover(job: Job, steps: Sequence[Submit]) -> list[Submit]:
    """The steps that are still to be done once the uploads of former runs have been looked for.

    An upload that Numerai does not show within a minute of its registration was not made.
    """
    if job.dry_run:
        return list(steps)
    by_key = {step.key: step for step in steps}
    recent = [intent for intent in _recent(job) if intent.key in by_key]
    if not recent:
        return list(steps)
    log.info("looking for %d uploads that the run before may have made", len(recent))
    newest = min(max(intent.at for intent in recent), job.clock.now())  # clocks are set back, too
    looked_for = newest + timedelta(seconds=LOOK_FOR_SECONDS)
    near = min(filter(None, map(near_deadline, steps)), default=looked_for)
    verdicts = read_back(
        job.numerai.giving_up_at(monotonic_at(job.clock, near)),
        [Look(intent.key, intent.filename) for intent in recent],
        clock=job.clock,
        until=monotonic_at(job.clock, min(looked_for, near)),
    )
    return [step for step in steps if not _settled(job, step, verdicts.get(step.key))]


def _recent(job: Job) -> list[InFlight]:
    """The newest intent of each model that is young enough to be on its way still."""
    oldest = job.clock.now() - timedelta(seconds=LOOK_FOR_SECONDS)
    newest_last = reversed(in_flight(job.runs, job.record.rounds))
    return list({intent.key: intent for intent in newest_last if intent.at >= oldest}.values())


def _settled(job: Job, step: Submit, verdict: Verdict | None) -> bool:
    match verdict:
        case Proven(submission) if submission.round_number in {None, step.round.number}:
            changes: dict[str, Any] = {
                "outcome": Outcome.ALREADY_SUBMITTED,
                "reason": "found the upload of the run before",
                "submission_id": submission.id,
                "upload_filename": submission.filename,
            }
        case Unreadable(why) if not is_near_deadline(step, job.clock.now()):
            changes = {
                "outcome": Outcome.UNPROVEN,
                "reason": f"could not ask Numerai for the upload of the run before: {why}",
                "exit_code": int(Exit.UNAVAILABLE),
            }
        case _:
            return False
    job.record.update(step.key, now=job.clock.now(), **changes)
    log.info("%s: %s: %s", step.model.name, changes["outcome"], changes["reason"])
    return True
