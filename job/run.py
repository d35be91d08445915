"""The job. It reads as it goes:

    settings -> manifest -> round state -> plan -> artifacts -> data -> predict -> validate ->
    upload -> proof -> report

One query asks Numerai for every model and every open round; what it answers is the truth about
submissions, and no local file is. When nothing is lacking, the run ends there: nothing was
fetched, nothing heavy imported. Else the models that lack a fresh submission go through the lanes
(`lanes`, `predict`), their CSVs go up as they come (`upload`), and one query for all of them proves
what Numerai made of them (`prove`, `settle`).

The trade-offs: a model's failure is a value in the record and never an exception here, so that it
cannot stop the others. An answer that cannot be read is unknown, not absent. If the round turns
under the work, all of it is begun again for the new round, because data, deadline and ids are the
round's. A run may be killed at any instant: what it leaves are whole files and a record whose
intents tell the next run which uploads to look for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from job.clock import Clock
from job.errors import Exit, NoRoundError, RoundTurnedError
from job.manifest import Manifest
from job.outcomes import planned
from job.plan import Submit, Wishes, make_plan
from job.record import RunRecord
from job.report import exit_code
from job.round_state import current_round
from job.settings import Settings
from job.store import Store
from job.tournament import AccountState, Round, Tournament

log = logging.getLogger(__name__)

TURNS = 3
"""How often a run begins again because the round has turned."""
TURN_SECONDS = 5.0
"""What Numerai gets to agree with itself about which round is open."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a run works with."""

    settings: Settings
    manifest: Manifest
    numerai: Tournament
    runs: Store
    record: RunRecord
    clock: Clock
    environ: Mapping[str, str]
    wishes: Wishes
    wait: float
    dry_run: bool

    @property
    def tournaments(self) -> list[str]:
        """The tournaments that enabled models are in."""
        return sorted({model.tournament for model in self.manifest.models if model.enabled})


def run(job: Job) -> Exit:
    """Submits every model that lacks a fresh submission; gives the exit code.

    Raises `JobError` for what stops the whole run; the record holds what was done until then.
    """
    wait_until = job.clock.monotonic() + job.wait
    for _ in range(TURNS):
        state = wait_for_round(job, wait_until)
        try:
            return _work(job, state, wait_until)
        except RoundTurnedError as error:
            log.warning("%s; beginning again for the round that is open now", error)
            job.clock.sleep(TURN_SECONDS)
    raise RoundTurnedError(f"the round turned {TURNS} times during the run", hint="run again")


def wait_for_round(job: Job, until: float) -> AccountState:
    """The state of the account, as soon as a round is open for on-time submission or the wait is
    over.

    Raises `NoRoundError` when a wait was asked for and none has opened, unless late work is wanted.
    """
    while True:
        state = job.numerai.account_state(job.tournaments)
        rounds = _current(job, state)
        if job.wait <= 0 or any(round_.is_on_time(job.clock.now()) for round_ in rounds.values()):
            return state
        left = until - job.clock.monotonic()
        if left <= 0:
            if job.wishes.submit_late and rounds:
                return state
            raise NoRoundError(f"no round opened for on-time submission within {job.wait:.0f} s")
        log.info("no round is open for on-time submission; asking again, %.0f s left", left)
        job.clock.sleep(min(left, max(1.0, min(30.0, job.wait / 20))))


def _work(job: Job, state: AccountState, wait_until: float) -> Exit:
    job.record.rounds = _current(job, state)
    plan = make_plan(job.manifest.models, state, now=job.clock.now(), wishes=job.wishes)
    job.record.begin(planned(step) for step in plan)
    for result in job.record.results:
        if result.exit_code:  # the summary has room for the first line of a reason only
            log.error("%s: %s: %s", result.model, result.outcome, result.reason)
    steps = [step for step in plan if isinstance(step, Submit)]
    if steps:
        from job.crew import work_through  # brings in pyarrow, psutil and the workers

        work_through(job, steps, wait_until=wait_until)
    return exit_code(job.record.results)


def _current(job: Job, state: AccountState) -> dict[str, Round]:
    now = job.clock.now()
    current = {name: current_round(rounds, now) for name, rounds in state.rounds.items()}
    return {name: round_ for name, round_ in current.items() if round_ is not None}
