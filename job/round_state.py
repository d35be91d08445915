"""Pure: what Numerai answered -> which round is current, and which models have a fresh submission
in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from job.tournament import Round, Slot, Submission

FAILED = frozenset({"failed", "error", "errored", "invalid", "rejected"})
UNDECIDED = frozenset({"pending", "processing", "queued", "uploaded", "validating"})


@dataclass(frozen=True, slots=True)
class Fresh:
    """The model has a submission made in this round, from this round's data."""

    submission: Submission

    @property
    def late(self) -> bool:
        """Whether it came after the on-time deadline."""
        return self.submission.status == "late"


@dataclass(frozen=True, slots=True)
class Lacking:
    """The model has no submission that counts as this round's own, and why."""

    reason: str


def current_round(rounds: Iterable[Round], now: datetime) -> Round | None:
    """The newest round that has opened and not closed; late or on time is for the caller to ask."""
    opened = (
        round_
        for round_ in rounds
        if round_.open_time <= now and (round_.close_time is None or now < round_.close_time)
    )
    return max(opened, key=lambda round_: round_.number, default=None)


def freshness(slot: Slot, round_: Round) -> Fresh | Lacking:
    """Whether the model has a fresh submission.

    A late submission shows again as `queued` in the next round with its old timestamp, although it
    was made from old data; an upload that met the turn of the round was made from old data too, and
    only its name tells; and Numerai may have refused a file after taking it.
    """
    row = _row_of(slot, round_.number)
    if row is None or row.timestamp is None:
        return Lacking("no submission in this round yet")
    if row.timestamp < round_.open_time:
        return Lacking("only a late submission of the round before, carried over")
    made_for = round_in_name(row.filename or "", model=slot.name)
    if made_for is not None and made_for < round_.number:
        return Lacking(f"its submission was made from the data of round {made_for}")
    if slot.latest is not None and slot.latest.id == row.id and is_failed(slot.latest):
        return Lacking(
            f"Numerai marked its submission as failed: {slot.latest.error or 'no reason'}"
        )
    return Fresh(row)


def upload_name(model: str, round_number: int) -> str:
    """What an upload is called, so that it tells for ever which round's data it was made from.

    Numerai puts letters of its own between the stem and the suffix, and keeps the rest.
    """
    return f"{model}_{round_number}.csv"


def round_in_name(filename: str, *, model: str) -> int | None:
    """The round that `upload_name` put into a filename; None where it is not one of ours."""
    found = re.match(rf"{re.escape(model)}_([0-9]+)[-.]", filename, re.IGNORECASE)
    return None if found is None else int(found[1])


def find_upload(slot: Slot, filename: str) -> Submission | None:
    """The submission that an upload under this filename became, None while Numerai shows none.

    Its status is Numerai's verdict on the file where there is one, its round the one that it was
    made in and not the one that it is carried over to.
    """
    rows = [row for row in slot.recent if row.id and row.filename == filename]
    row = min(rows, key=lambda row: row.round_number or 0, default=None)
    latest = slot.latest
    if latest is None or latest.filename != filename:
        return row
    return latest if row is None else replace(latest, timestamp=row.timestamp)


def is_late(slot: Slot, submission: Submission) -> bool:
    """Whether Numerai counts a submission as made after the on-time deadline."""
    return any(row.id == submission.id and row.status == "late" for row in slot.recent)


def is_failed(submission: Submission) -> bool:
    """Whether Numerai refused the file after taking it."""
    return (submission.status or "").lower() in FAILED or bool(submission.error)


def is_undecided(submission: Submission) -> bool:
    """Whether Numerai has yet to look at the file."""
    return (submission.status or "").lower() in UNDECIDED


def _row_of(slot: Slot, number: int) -> Submission | None:
    rows = (row for row in slot.recent if row.round_number == number and row.id)
    return max(rows, key=lambda row: (row.timestamp is not None, row.timestamp), default=None)
