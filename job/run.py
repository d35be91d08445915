"""The job. It reads as it goes:

    settings -> manifest -> round state -> plan -> artifacts -> data -> predict -> validate ->
    figures -> upload -> proof -> report

One query asks Numerai for every model and every open round; what it answers is the truth about
submissions, and no local file is. When nothing is lacking, the run ends there: nothing was
fetched, nothing heavy imported. Else the models that lack a fresh submission go through the lanes
(`lanes`, `predict`), their CSVs go up as they come (`upload`), and one query for all of a round
proves what Numerai made of them (`prove`, `settle`).

The trade-offs: a model's failure is a value in the record and never an exception here, so that it
cannot stop the others. An answer that cannot be read is unknown, not absent. Each tournament goes
its own way in a thread of its own, for its rounds, its data and its errors are nobody else's; what
they share are the model processes (`crew`). If a round turns under the work, that tournament's work
is begun again for the new round, because data, deadline and ids are the round's. A run may be
killed at any instant: what it leaves are whole files and a record whose intents tell the next run
which uploads to look for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from job.clock import Clock
from job.errors import (
    ApiChangedError,
    Exit,
    JobError,
    NoRoundError,
    RoundTurnedError,
    StoppedError,
    TokenError,
    UnavailableError,
)
from job.manifest import Manifest
from job.missed import with_missed
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot
from job.outcomes import planned, unfinished
from job.plan import NO_ROUND, Skip, Step, Submit, Wishes, make_plan, slot_fault
from job.record import Outcome, RunRecord
from job.report import exit_code, gravest
from job.round_state import current_round
from job.settings import Settings
from job.store import Store
from job.tournament import AccountState, Round, Tournament

if TYPE_CHECKING:
    from job.crew import Crew

log = logging.getLogger(__name__)

TURNS = 3
"""How often a tournament's work begins again because the round has turned."""
TURN_SECONDS = 5.0
"""What Numerai gets to agree with itself about which round is open."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a run works with."""

    settings: Settings
    manifest: Manifest
    models: ModelsRoot
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
        """The tournaments of the models that this run is about."""
        only = self.wishes.only
        models = [model for model in self.manifest.models if model.enabled]
        return sorted({model.tournament for model in models if not only or model.name in only})


def run(job: Job) -> Exit:
    """Submits every model that lacks a fresh submission; gives the exit code.

    Raises `JobError` for what stops the whole run; the record holds what was done until then.
    """
    until = job.clock.monotonic() + job.wait
    state = _first_state(job)
    with ExitStack() as shared:
        crew = _Lazily(job, shared)
        everywhere = sorted({model.tournament for model in job.manifest.models})
        errors = _at_once([partial(_part, job, name, state, until, crew) for name in everywhere])
    code = exit_code(job.record.results)
    vain = [error for error in errors if isinstance(error, NoRoundError)]
    if others := [error for error in errors if error not in vain]:
        raise _gravest(others, code)
    if vain and (code is Exit.OK or len(vain) == len(job.tournaments)):
        raise vain[0]
    return code


def _first_state(job: Job) -> AccountState | None:
    """What Numerai answers about all tournaments at once; None where it does not, but may about
    some of them.
    """
    try:
        return job.numerai.account_state(job.tournaments)
    except (TokenError, ApiChangedError):
        raise
    except UnavailableError as error:
        if len(job.tournaments) < 2:
            raise
        log.warning("%s; asking about one tournament at a time", error)
        return None


class _Lazily:
    """The crew that all tournaments share, put together when the first of them has work for it."""

    def __init__(self, job: Job, shared: ExitStack) -> None:
        self._job = job
        self._shared = shared
        self._guard = threading.Lock()
        self._crew: Crew | None = None

    def get(self) -> Crew:
        from job.crew import model_processes  # brings in psutil and the workers

        with self._guard:
            if self._crew is None:
                self._crew = self._shared.enter_context(model_processes(self._job))
            return self._crew


def _at_once(works: Sequence[Callable[[], None]]) -> list[Exception]:
    """Carries out all of them, whatever becomes of the others; gives what they raised."""
    if len(works) == 1:
        return [error for error in map(_error_of, works) if error is not None]
    with ThreadPoolExecutor(max(1, len(works)), thread_name_prefix="tournament") as pool:
        return [error for error in pool.map(_error_of, works) if error is not None]


def _error_of(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the other tournaments go on
        return error
    return None


def _gravest(errors: Sequence[Exception], code: Exit) -> Exception:
    """What a run ends with: the order to stop, else the job's own fault, else the first error;
    never with less than what became of the models means.
    """
    error = min(errors, key=_rank)
    if isinstance(error, JobError) and not isinstance(error, StoppedError):
        error.exit_code = gravest({error.exit_code, code})
    return error


def _rank(error: Exception) -> int:
    if isinstance(error, StoppedError):
        return 0
    return 2 if isinstance(error, JobError) else 1


def _part(
    job: Job, tournament: str, state: AccountState | None, until: float, crew: _Lazily
) -> None:
    """One tournament's part of the run; an error ends it, and its models' rows say so."""
    try:
        _submit_rounds(job, tournament, state, until, crew)
    except Exception as error:
        if not isinstance(error, JobError):
            log.exception("%s: unforeseen error", tournament)
        for result in job.record.results:
            if result.tournament == tournament and result.outcome is Outcome.PENDING:
                job.record.update(result.key, now=job.clock.now(), **unfinished(result, error))
        raise


def _submit_rounds(
    job: Job, tournament: str, state: AccountState | None, until: float, crew: _Lazily
) -> None:
    """Submits to the tournament's round; begun again when it turns."""
    if tournament not in job.tournaments:
        _plan(job, tournament, state or AccountState("", (), {}))
        return None
    now = state
    for _ in range(TURNS):
        now = wait_for_round(job, tournament, now, until)
        try:
            return _submit_round(job, tournament, now, until, crew)
        except RoundTurnedError as error:
            log.warning("%s; beginning again for the round that is open now", error)
            job.clock.sleep(TURN_SECONDS)
            now = None
    raise RoundTurnedError(f"the round turned {TURNS} times during the run", hint="run again")


def wait_for_round(
    job: Job, tournament: str, state: AccountState | None, until: float
) -> AccountState:
    """The state of the account, as soon as a round is open for on-time submission or the wait is
    over.

    Args:
        state: what Numerai has answered just now, None to ask it.

    Raises `NoRoundError` when a wait was asked for and none has opened, unless late work is wanted.
    """
    while True:
        state = state or job.numerai.account_state([tournament])
        round_ = current_round(state.rounds.get(tournament, ()), job.clock.now())
        is_due = round_ is not None and round_.is_on_time(job.clock.now())
        if job.wait <= 0 or is_due:
            return state
        left = until - job.clock.monotonic()
        if left <= 0:
            if job.wishes.submit_late and round_ is not None:
                return state
            raise _no_round(job, tournament, state)
        log.info("no %s round is open for on-time submission; %.0f s left", tournament, left)
        job.clock.sleep(min(left, max(1.0, min(30.0, job.wait / 20))))
        state = None


def _no_round(job: Job, tournament: str, state: AccountState) -> NoRoundError:
    """The end of a wait in vain; what else is wrong with the models is told all the same."""
    why = f"no {tournament} round opened for on-time submission within {job.wait:.0f} s"
    for step in _plan(job, tournament, state):
        if isinstance(step, Skip) and step.reason == NO_ROUND:
            job.record.update(step.model.key, now=job.clock.now(), reason=why)
    return NoRoundError(why)


def _plan(job: Job, tournament: str, state: AccountState) -> Sequence[Step]:
    """What to do for each of the tournament's models, put into the record."""
    now = job.clock.now()
    round_ = current_round(state.rounds.get(tournament, ()), now)
    models = [model for model in job.manifest.models if model.tournament == tournament]
    if round_ is not None:
        job.record.enter(round_)
        _note_missed(job, round_, models, state)
    plan = make_plan(models, state, now=now, wishes=job.wishes)
    job.record.begin(planned(step) for step in plan)
    for result in map(planned, plan):
        if result.exit_code:  # the summary has room for the first line of a reason only
            log.error("%s: %s: %s", result.model, result.outcome, result.reason)
    return plan


def _note_missed(job: Job, round_: Round, models: Sequence[ModelSpec], state: AccountState) -> None:
    """Hands on which rounds before this one were missed without a run that said so."""
    found = {
        model.name: slot
        for model in models
        if model.enabled
        and (slot := state.slot(tournament=model.tournament, name=model.name)) is not None
        and slot_fault(model, slot, state.username) is None
    }
    new = set() if job.dry_run else {name for name in found if name in (job.wishes.only or found)}
    job.record.hand_on(lambda known: with_missed(known, round_, found, new=new))


def _submit_round(
    job: Job, tournament: str, state: AccountState, until: float, crew: _Lazily
) -> None:
    steps = [step for step in _plan(job, tournament, state) if isinstance(step, Submit)]
    if steps:
        from job.assembly import submit  # brings in pyarrow

        submit(job, steps, crew.get(), wait_until=until)
