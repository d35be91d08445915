"""Two hundred rounds of the real job against the sandbox, with everything that can go wrong going
wrong at random: in the end the history is what the sandbox knows.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from job.errors import Exit, JobError, ModelError, StoppedError, UnavailableError
from job.handed_on import MISSED, HandedOn, parts_of
from job.history import Entry, History, State, history_of
from job.history.page import as_page
from job.history.table import as_table
from job.model_spec import Limits
from job.notices.predecessors import look_back
from job.past_records import PastRecords, live_data
from job.plan import Wishes
from job.record import Outcome, RunRecord
from job.run import run
from job.sandbox import CLASSIC, SIGNALS
from job.sandbox.rounds import Round
from job.store import Folder
from job.tournament import NUMBERS
from tests.home import Home, Model, home

__all__ = ["home"]

ROUNDS = 200
MODELS = {"mallard": "classic", "teal": "classic", "pochard": "signals"}
WEEKENDS = frozenset({6, 0})
KILLED_AT = (
    ("account", "after"),
    ("get", "before"),
    ("put", "before"),
    ("put", "after"),
    ("createSubmission", "before"),
    ("createSubmission", "after"),
    ("createSignalsSubmission", "after"),
)
FAULTS = (
    ("account", "status"),
    ("account", "html"),
    ("account", "reset"),
    ("account", "truncate"),
    ("dataset", "graphql_error"),
    ("get", "status"),
    ("get", "truncate"),
    ("get", "wrong_bytes"),
    ("put", "status"),
    ("put", "expired"),
    ("submissionUploadAuth", "graphql_error"),
    ("createSubmission", "reset"),
    ("createSubmission", "lost_reply"),
    ("createSubmission", "status"),
    ("createSubmission", "graphql_error"),
    ("createSignalsSubmission", "lost_reply"),
)
KINDS = {
    "good": 40,
    "no run": 10,
    "failing": 12,
    "held back": 12,
    "late": 8,
    "killed": 14,
    "faults": 20,
}

Key = tuple[str, int]


class Mortal(Folder):
    """A folder to which nothing is written any more once the process that writes is dead."""

    dead = False

    def write(self, name: str, data: bytes) -> None:
        if self.dead:
            raise UnavailableError("this process is dead")
        super().write(name, data)


@dataclass
class Marathon:
    """The runs, and what the one who starts them sees of them."""

    home: Home
    dice: random.Random
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    held_back: set[Key] = field(default_factory=set)
    victim: Mortal | None = None
    where: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        for where, when in KILLED_AT:
            self.home.box.on(where, lambda _, at=(where, when): self._kill_at(at), when=when)

    def _kill_at(self, at: tuple[str, str]) -> None:
        if self.victim is not None and self.where == at:
            self.victim.dead = True
            self.home.clock.stop(StoppedError("killed", Exit.TERMINATED))

    def run(self, *, killed: bool = False, late: bool = False, force: bool = False) -> None:
        """One run, to its end or until it is killed."""
        clock = self.home.clock
        wishes = Wishes(submit_late=late, force=force)
        job = self.home.job(wishes=wishes, wait=0.0, dry_run=False, env={})
        store = Mortal(self.home.folder / "data" / "runs")
        past = PastRecords(store)
        record = RunRecord(
            store,
            started=clock.now(),
            live_data=live_data(past),
            handed_on=look_back(past, for_the_dead=False).handed_on,
        )
        job = replace(job, runs=store, record=record)
        self.victim, self.where = (store, self.dice.choice(KILLED_AT)) if killed else (None, None)
        record.save()
        code = Exit.OK
        try:
            code = run(job)
        except JobError as error:
            code = error.exit_code
        self.victim = None
        clock._stopped.clear()
        with suppress(UnavailableError):
            record.end(outcome="", exit_code=code, message="", now=clock.now())
        if store.dead:
            return
        self.outcomes.update(result.outcome for result in record.results)
        for result in record.results:
            if result.outcome is Outcome.HELD_BACK:
                self.held_back.add((result.model, record.rounds[result.tournament].number))

    def round(self, *, kind: str) -> None:
        """One round from its opening on; the clock stands somewhere within its day afterwards."""
        self.kinds[kind] += 1
        opened = self.home.clock.now()
        if kind == "no run":
            return
        self.wait(opened, self.dice.uniform(1, 50))
        if kind == "late":
            self.wait(opened, self.dice.uniform(61, 600))
            self.run(late=self.dice.random() < 0.7)
        elif kind == "killed":
            self.run(killed=True)
        elif kind == "failing":
            name = self.dice.choice(sorted(MODELS))
            with self.behaving(name, Model(first=_fail)):
                self.run()
        elif kind == "held back":
            with self.behaving("pochard", Model(rows=120)):
                self.run()
                if self.dice.random() < 0.3:
                    self.run(force=True)
        else:
            if kind == "faults":
                self.spoil()
            self.run()
        if kind != "good" and self.dice.random() < 0.4:
            self.wait(opened, self.dice.uniform(20, 90))
            self.run()
        self.home.box.faults.clear()

    def wait(self, opened: datetime, minutes: float) -> None:
        """Lets time pass until so long after the opening, if that is still to come."""
        moment = opened + timedelta(minutes=minutes)
        if moment > self.home.clock.now():
            self.home.clock.move_to(moment)

    def spoil(self) -> None:
        for _ in range(self.dice.randint(1, 3)):
            where, kind = self.dice.choice(FAULTS)
            times = self.dice.choice((1, 1, 2, None))
            self.home.box.faults.add(where=where, kind=kind, times=times)

    def behaving(self, name: str, model: Model) -> Behaving:
        return Behaving(self.home.models, name, model)

    def next_opening(self) -> None:
        """Noon of the next day on which a round opens; on days without, runs find none."""
        clock = self.home.clock
        while True:
            noon = (clock.now() + timedelta(days=1)).replace(hour=12, minute=0, second=0)
            clock.move_to(noon.replace(microsecond=0))
            if clock.now().weekday() not in WEEKENDS:
                break
            if self.dice.random() < 0.5:
                self.run()
        for tournament in (CLASSIC, SIGNALS):
            self.home.box.rounds.turn(tournament=tournament)

    def truth(self) -> dict[Key, State]:
        """What the sandbox knows of each model and round; without a submission of its own, whether
        a run said that it held one back.
        """
        return {
            (name, round_.number): self._state(name, round_)
            for name, tournament in MODELS.items()
            for round_ in self.rounds(tournament)
        }

    def rounds(self, tournament: str) -> Iterator[Round]:
        """The rounds since the first run."""
        first = {"classic": 1400, "signals": 1399}[tournament]
        for round_ in self.home.box.rounds.all(NUMBERS[tournament]):
            if round_.number >= first:
                yield round_

    def _state(self, name: str, round_: Round) -> State:
        own = [
            made
            for made in self.home.box.submissions
            if (made.model, made.round, made.data_round) == (name, round_.number, round_.number)
            and made.status == "validated"
        ]
        if own:
            return State.ON_TIME if own[-1].timestamp <= round_.close_staking_time else State.LATE
        held = (name, round_.number) in self.held_back
        return State.HELD_BACK if held else State.MISSED


@dataclass
class Behaving:
    """Exchanges a model for a while."""

    models: dict[str, Model]
    name: str
    model: Model

    def __enter__(self) -> None:
        self.model, self.models[self.name] = self.models[self.name], self.model

    def __exit__(self, *_: object) -> None:
        self.models[self.name] = self.model


def _fail() -> None:
    raise ModelError("the model raised KeyError: 'feature_x'")


def cells(history: History) -> dict[Key, State]:
    return {
        (row.name, cell.round): cell.state
        for grid in history.grids
        for row in grid.rows
        for cell in row.cells
    }


@pytest.fixture
def marathon(home: Home) -> Marathon:
    """All rounds, run."""
    home.add("pochard", tournament="signals", limits=Limits(min_coverage=0.7))
    dice = random.Random(20261103)
    made = Marathon(home, dice)
    made.round(kind="good")
    for kind in dice.choices(list(KINDS), weights=list(KINDS.values()), k=ROUNDS - 1):
        made.next_opening()
        made.round(kind=kind)
    home.clock.move_to(home.clock.now() + timedelta(hours=30))
    return made


@pytest.mark.slow
def test_after_200_rounds_the_history_is_what_the_sandbox_knows(marathon: Marathon) -> None:
    home, now = marathon.home, marathon.home.clock.now()
    truth = marathon.truth()
    assert len(truth) == 3 * ROUNDS
    _has_everything(marathon, truth)

    store = Folder(home.folder / "data" / "runs")
    numerai = home.job(wishes=Wishes(), wait=0.0, dry_run=False, env={}).numerai
    asked = numerai.api_requests
    answer = numerai.account_history(["classic", "signals"], last=ROUNDS)
    assert numerai.api_requests - asked == 1
    models = [Entry(tournament, name) for name, tournament in MODELS.items()]
    history = history_of(store, now=now, models=models, answer=answer, last=ROUNDS)
    found = cells(history)
    assert {key: (found[key], state) for key, state in truth.items() if found[key] != state} == {}
    _has_the_minutes(marathon, history)
    _has_the_shares(marathon, history, truth)
    assert "mallard" in as_table(history, width=80)
    assert as_page(history).count("<td class=") >= 3 * ROUNDS

    _has_told_of_the_missed(marathon, store, truth)
    alone = cells(history_of(store, now=now, models=models, last=ROUNDS))
    wrong = {
        key: (state, truth[key])
        for key, state in alone.items()
        if state not in {truth[key], State.UNKNOWN}
    }
    assert wrong == {}
    unknown = sum(state is State.UNKNOWN for state in alone.values())
    assert unknown < 0.25 * len(truth)


def _has_told_of_the_missed(marathon: Marathon, store: Folder, truth: Mapping[Key, State]) -> None:
    """Nobody was to be told, so that all that a run found missed is handed on to this day."""
    found = HandedOn.of(next(iter(PastRecords(store))))
    missed, unseen = set(), set()
    for fault in found.untold:
        subject, when, what = parts_of(fault)
        first, _, last = when.partition("-")
        keys = {(subject.partition("/")[2], n) for n in range(int(first), int(last or first) + 1)}
        (missed if what == MISSED else unseen).update(keys)
    lacking = {State.MISSED, State.HELD_BACK}
    assert {key for key in missed if truth[key] not in lacking} == set(), "false alarms"
    for name, tournament in MODELS.items():
        last_settled = found.settled[tournament][name]
        assert last_settled >= max(n for model, n in truth if model == name) - 5
        due = {(m, n) for (m, n), state in truth.items() if m == name and n <= last_settled}
        assert {key for key in due if truth[key] in lacking} <= missed | unseen
    assert len(missed) > 30
    assert len(unseen) < len(missed) / 3


def _has_everything(marathon: Marathon, truth: Mapping[Key, State]) -> None:
    """The test would be worth little if the dice had left something out."""
    assert set(marathon.kinds) == set(KINDS)
    counts = Counter(truth.values())
    for state in (State.ON_TIME, State.LATE, State.MISSED, State.HELD_BACK):
        assert counts[state] >= 5, counts
    for outcome in (Outcome.FAILED, Outcome.HELD_BACK, Outcome.MISSED, Outcome.ALREADY_SUBMITTED):
        assert marathon.outcomes[outcome], marathon.outcomes


def _has_the_minutes(marathon: Marathon, history: History) -> None:
    for grid in history.grids:
        ends = {r.number: r.close_staking_time for r in marathon.rounds(grid.tournament)}
        for row in grid.rows:
            for cell in row.cells:
                if cell.state in {State.ON_TIME, State.LATE}:
                    assert cell.submitted_at is not None
                    span = (ends[cell.round] - cell.submitted_at).total_seconds() / 60
                    assert cell.minutes_before == pytest.approx(span, abs=0.01)
                    assert (span >= 0) == (cell.state is State.ON_TIME)


def _has_the_shares(marathon: Marathon, history: History, truth: Mapping[Key, State]) -> None:
    now = marathon.home.clock.now()
    for share in history.shares:
        inside = Counter(
            truth[name, round_.number]
            for name, tournament in MODELS.items()
            for round_ in marathon.rounds(tournament)
            if now - timedelta(weeks=share.weeks) < round_.close_staking_time <= now
        )
        counted = (share.on_time, share.late, share.held_back, share.missed, share.unknown)
        states = (State.ON_TIME, State.LATE, State.HELD_BACK, State.MISSED, State.UNKNOWN)
        assert counted == tuple(inside[state] for state in states)
