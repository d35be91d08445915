"""The proof: one query for all uploads tells which of them Numerai shows, has refused, or does not
know.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from job.clock import Clock
from job.errors import UnavailableError
from job.round_state import find_upload, is_failed, is_late, is_undecided
from job.tournament import AccountState, Submission, Tournament

log = logging.getLogger(__name__)

LOOK_FOR_SECONDS = 60.0
"""How long an upload is looked for before it counts as not there."""
POLLS = (0.0, 1.0, 2.0, 3.0, 5.0)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """An upload to look for: the model, by tournament and name, and the filename Numerai gave."""

    key: Key
    filename: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Numerai shows the upload as a submission, on time or late."""

    submission: Submission
    late: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Numerai took the upload and then refused the file."""

    submission: Submission


@dataclass(frozen=True, slots=True)
class Absent:
    """Numerai was asked for as long as is fair, and shows no such upload."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Numerai could not be asked: the upload may or may not be there."""

    why: str


Verdict = Proven | Refused | Absent | Unreadable


def read_back(
    numerai: Tournament, looks: Sequence[Look], *, clock: Clock, until: float
) -> Mapping[Key, Verdict]:
    """A verdict for each upload. Looks at least once, and until the monotonic moment `until`.

    An upload that is shown, but that Numerai has not judged by then, counts as proven.
    """
    waiting = {look.key: look for look in looks}
    verdicts: dict[Key, Verdict] = {}
    delays = chain(POLLS, repeat(POLLS[-1]))
    while waiting:
        clock.sleep(next(delays))
        last = clock.monotonic() >= until
        try:
            state = numerai.account_state(sorted({tournament for tournament, _ in waiting}))
        except UnavailableError as error:
            return verdicts | dict.fromkeys(waiting, Unreadable(str(error)))
        found = {key: _verdict(look, state, last=last) for key, look in waiting.items()}
        verdicts |= {key: verdict for key, verdict in found.items() if verdict is not None}
        waiting = {key: look for key, look in waiting.items() if key not in verdicts}
    return verdicts


def _verdict(look: Look, state: AccountState, *, last: bool) -> Verdict | None:
    tournament, name = look.key
    slot = state.slot(tournament=tournament, name=name)
    submission = None if slot is None else find_upload(slot, look.filename)
    if slot is None or submission is None:
        return Absent() if last else None
    if is_failed(submission):
        return Refused(submission)
    if is_undecided(submission) and not last:
        return None
    return Proven(submission, is_late(slot, submission))
