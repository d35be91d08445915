"""Pure: the manifest's models and the state of the rounds -> what to do with each, in order, said
in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from job.model_spec import ModelSpec
from job.round_state import Fresh, Lacking, current_round, freshness
from job.tournament import AccountState, Round, Slot
from job.universe import data_datestamp

DISABLED = "disabled in the manifest"
NO_ROUND = "no round is open"
UPLOAD_SECONDS = 15.0
"""What an upload takes at most when all is well: nothing is begun with less time left than this."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A model to predict and upload for `round` before `deadline`."""

    model: ModelSpec
    slot: Slot
    round: Round
    deadline: datetime | None
    reason: str

    @property
    def key(self) -> tuple[str, str]:
        """Tournament and name: what tells models apart."""
        return self.model.key

    @property
    def data_datestamp(self) -> int | None:
        """The day of a lagged model's data as Numerai writes it, None without a lag."""
        lag = self.model.data_lag
        return data_datestamp(self.round, lag=lag) if lag else None

    @property
    def late(self) -> bool:
        """Whether the on-time deadline has passed already."""
        return self.deadline != self.round.close_staking_time


@dataclass(frozen=True, slots=True)
class Skip:
    """A model this run leaves alone, and why."""

    model: ModelSpec
    reason: str
    fresh: Fresh | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """A model that cannot be submitted, why, and the way out."""

    model: ModelSpec
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A model whose on-time deadline has passed without a submission."""

    model: ModelSpec
    reason: str


Step = Submit | Skip | Fail | Miss


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of this run."""

    only: Collection[str] = ()
    force: bool = False
    submit_late: bool = False


def make_plan(
    models: Iterable[ModelSpec], state: AccountState, *, now: datetime, wishes: Wishes
) -> tuple[Step, ...]:
    """One step per model, higher priority first, then in manifest order."""
    rounds = {name: current_round(rounds, now) for name, rounds in state.rounds.items()}
    ordered = sorted(models, key=lambda model: -model.priority)
    return tuple(_step(model, state, rounds, now, wishes) for model in ordered)


def _step(
    model: ModelSpec,
    state: AccountState,
    rounds: Mapping[str, Round | None],
    now: datetime,
    wishes: Wishes,
) -> Step:
    if not model.enabled:
        return Skip(model, DISABLED)
    if wishes.only and model.name not in wishes.only:
        return Skip(model, "not asked for (--only)")
    slot = state.slot(tournament=model.tournament, name=model.name)
    fault = slot_fault(model, slot, state.username)
    if fault is not None or slot is None:
        return fault or Fail(model, "not in the account", "")
    round_ = rounds.get(model.tournament)
    if round_ is None:
        return Skip(model, NO_ROUND)
    return _in_round(model, slot, round_, now, wishes)


def slot_fault(model: ModelSpec, slot: Slot | None, username: str) -> Fail | None:
    """Why Numerai would take no upload for this model, and the way out; None where it would."""
    if slot is None:
        return Fail(
            model,
            f"account {username} has no {model.tournament} model of this name",
            "create it at numer.ai, correct the name, or set enabled: false",
        )
    if slot.archived:
        return Fail(
            model, "the model is archived at Numerai", "restore it there, or set enabled: false"
        )
    if slot.hosted is not None:
        return Fail(
            model,
            f"Numerai itself serves this model from an uploaded pickle ({slot.hosted}); "
            "it refuses other uploads",
            "remove that pickle at numer.ai, or set enabled: false",
        )
    return None


def _in_round(model: ModelSpec, slot: Slot, round_: Round, now: datetime, wishes: Wishes) -> Step:
    state = freshness(slot, round_)
    late = not round_.is_on_time(now + timedelta(seconds=UPLOAD_SECONDS))
    if isinstance(state, Fresh):
        if not wishes.force or late:
            return Skip(model, "already submitted", state)
        state = Lacking("already submitted, sent again (--force)")
    if late and not wishes.submit_late:
        return Miss(model, _too_late(round_, now))
    deadline = round_.close_time if late else round_.close_staking_time
    return Submit(model, slot, round_, deadline, state.reason)


def _too_late(round_: Round, now: datetime) -> str:
    deadline = f"the on-time deadline {round_.close_staking_time:%a %H:%M} UTC"
    if now < round_.close_staking_time:
        return f"{deadline} is less than {UPLOAD_SECONDS:.0f} s away, too near for an upload"
    return f"{deadline} has passed"
