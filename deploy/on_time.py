"""How often rounds were met: what `python -m job history` shows, of a job on Azure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy.names import MODELS, RUNS
from deploy.records import Record
from deploy.session import Session
from deploy.settings import TOKEN
from deploy.webhook import numerai_of
from job.errors import Exit, JobError
from job.history import ROUNDS_ASKED, Entry, History, history_of
from job.manifest import load_manifest
from job.secret import Secret
from job.supervise import done_in_time
from job.tournament import AccountState

ASKING = 20.0
"""Seconds that Numerai gets for its answer: the run records tell most of it."""
UNSIGNED = "the API token is not in the environment"
NO_ANSWER = "Numerai did not answer in time"


@dataclass(frozen=True, slots=True)
class OnTime:
    """A history, and why Numerai's answer is no part of it; empty where it is."""

    history: History
    unasked: str


def on_time_record(
    session: Session,
    secrets: Mapping[str, Secret],
    records: Iterable[Record],
    *,
    last: int,
) -> OnTime:
    """What became of past rounds, from the run records and, if it may be asked, from Numerai.

    Args:
        secrets: Numerai is asked, once, if the token is among them.
        records: the newest; they name the tournaments where the manifest cannot be read.
        last: how many rounds of each tournament are shown.

    Raises `JobError` where the run records cannot be read.
    """
    models = _models(session)
    if models is None:
        tournaments = {result.tournament for record in records for result in record.results}
    else:
        tournaments = {model.tournament for model in models}
    answer, unasked = _ask(session, secrets, sorted(tournaments), last)
    history = history_of(
        session.store(RUNS), now=session.clock.now(), models=models, answer=answer, last=last
    )
    return OnTime(history, unasked)


def _models(session: Session) -> list[Entry] | None:
    """Those of the manifest that is pushed; None where there is none to be read."""
    name = session.settings.manifest
    try:
        data = session.store(MODELS).read(name)
        found = load_manifest(data, source=name, empty=True).models if data else None
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        return None
    if found is None:
        return None
    return [Entry(one.tournament, one.name, one.enabled) for one in found]


def _ask(
    session: Session, secrets: Mapping[str, Secret], tournaments: list[str], last: int
) -> tuple[AccountState | None, str]:
    """Numerai's answer, or why there is none."""
    if not tournaments:
        return None, ""
    if not secrets.keys() >= set(TOKEN):
        return None, UNSIGNED
    found: list[AccountState | JobError] = []

    def ask() -> None:
        try:
            numerai = numerai_of(session.settings, secrets, hurried.clock, session.environ)
            found.append(numerai.account_history(tournaments, last=max(last, ROUNDS_ASKED)))
        except JobError as error:
            found.append(error)

    with session.hurried(ASKING) as hurried:
        done_in_time(ask, clock=session.clock, seconds=ASKING)
    answer = found[0] if found else None
    if isinstance(answer, AccountState):
        return answer, ""
    return None, NO_ANSWER if answer is None else str(answer)
