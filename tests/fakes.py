"""Numerai in memory: it obeys `job.tournament.Tournament`, remembers what it was sent, and goes
wrong on demand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

from job.clock import Clock
from job.errors import (
    JobError,
    NotReadyError,
    RefusedError,
    RoundTurnedError,
    UnavailableError,
)
from job.tournament import (
    AccountState,
    Body,
    Receipt,
    Round,
    Slot,
    Source,
    Submission,
    Ticket,
    TokenInfo,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """One submission as it was made; `csv` are the bytes that were PUT."""

    id: str
    model: str
    round_number: int
    filename: str
    timestamp: datetime
    csv: bytes
    error: str | None = None
    tournament: str = "classic"
    data_datestamp: int | None = None


@dataclass(slots=True)
class Fault:
    """What is to go wrong: `error` is raised in place of the call, or (`done`) after its work."""

    where: str
    error: JobError
    times: int
    done: bool
    match: str


@dataclass(slots=True)
class FakeNumerai:
    """Models, rounds, files and submissions in memory.

    Attributes:
        files: (tournament, round, filename) -> bytes.
        refuses: told a file's bytes, says why Numerai refuses it, or None.
        settle_after: seconds until a submission shows in the account.
        calls: the name of every method called, in order.
    """

    clock: Clock
    username: str = "sandbox"
    scopes: tuple[str, ...] = ("upload_submission", "read_submission_info", "read_user_info")
    slots: dict[tuple[str, str], Slot] = field(default_factory=dict)
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    files: dict[tuple[str, int, str], bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    submissions: list[Made] = field(default_factory=list)
    settle_after: float = 0.0
    refuses: Callable[[bytes], str | None] = lambda _: None
    calls: list[str] = field(default_factory=list)
    api_requests: int = 0
    bytes_downloaded: int = 0
    faults: list[Fault] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    given_up_at: list[float | None] = field(default_factory=list)
    _guard: Any = field(default_factory=threading.RLock)

    # What a test arranges.

    def add_model(self, name: str, *, tournament: str = "classic", **more: Any) -> Slot:
        """Adds a model to the account."""
        slot = Slot(
            id=f"id-{tournament}-{name}",
            name=name,
            tournament=tournament,
            archived=False,
            hosted=None,
            webhook=None,
            recent=(),
            latest=None,
        )
        self.slots[tournament, name] = replace(slot, **more)
        return self.slots[tournament, name]

    def open_round(self, number: int, *, tournament: str = "classic") -> Round:
        """Closes the open round and opens another, an hour on time and a day in all."""
        now = self.clock.now().replace(microsecond=0)
        rounds = self.rounds.setdefault(tournament, [])
        rounds[:] = [replace(old, close_time=min(old.close_time or now, now)) for old in rounds]
        rounds.append(Round(tournament, number, now, now + HOUR, now + DAY))
        return rounds[-1]

    def fail(
        self, where: str, error: JobError, *, times: int = 1, done: bool = False, match: str = ""
    ) -> None:
        """Lets the next `times` calls of a method raise `error`.

        Args:
            done: the work is done all the same, as when only the answer is lost.
            match: only calls whose model's name or filename holds this.
        """
        self.faults.append(Fault(where, error, times, done, match))

    def before(self, where: str, hook: Callable[[], None]) -> None:
        """Calls back once, before the next call of a method."""
        self.hooks[where] = hook

    # What the job calls.

    def account_state(self, tournaments: Sequence[str]) -> AccountState:
        """All models and the open rounds, in one request."""
        with self._call("account_state"):
            return AccountState(
                username=self.username,
                slots=tuple(self._shown(slot) for slot in self.slots.values()),
                rounds={name: self._open(name) for name in tournaments},
            )

    def account_history(self, tournaments: Sequence[str], *, last: int) -> AccountState:
        """All models and all rounds, in one request."""
        with self._call("account_history"):
            slots = tuple(self._shown(slot) for slot in self.slots.values())
            rounds = {name: tuple(self.rounds.get(name, ())) for name in tournaments}
            return AccountState(self.username, slots, rounds)

    def open_rounds(self, tournament: str) -> tuple[Round, ...]:
        """The rounds that take submissions, late ones included."""
        with self._call("open_rounds"):
            return self._open(tournament)

    def token_info(self) -> TokenInfo:
        """What the token may do."""
        with self._call("token_info"):
            return TokenInfo(self.username, "fake", self.scopes)

    def datasets(self, tournament: str, round_number: int | None) -> tuple[str, ...]:
        """Names of the files published for a round."""
        with self._call("datasets"):
            number = self._current(tournament).number if round_number is None else round_number
            return tuple(sorted(k[2] for k in self.files if k[:2] == (tournament, number)))

    def dataset(self, tournament: str, round_number: int, filename: str) -> Source:
        """A file published for a round."""
        return FakeSource(self, (tournament, round_number, filename))

    def upload_ticket(self, slot: Slot, filename: str) -> Ticket:
        """Leave to upload a file for a model."""
        with self._call("upload_ticket", slot.name):
            self._check_uploadable(slot)
            stem = filename.removesuffix(".csv")
            given = f"{stem}-{self.calls.count('upload_ticket'):012d}.csv"
            url = f"https://store.invalid/{given}?signature=s3cret"
            return Ticket(slot, given, url, self._open(slot.tournament))

    def put(self, ticket: Ticket, csv: Path) -> None:
        """Stores the file."""
        with self._call("put", ticket.filename):
            self.uploads[ticket.filename] = csv.read_bytes()

    def create(self, ticket: Ticket, *, data_datestamp: int | None = None) -> Receipt:
        """Registers the stored file as the model's submission."""
        with self._call("create", ticket.slot.name):
            self._check_uploadable(ticket.slot)
            round_ = self._current(ticket.slot.tournament)
            if ticket.filename not in self.uploads:
                raise RefusedError("Numerai answered: submission file not found")
            csv = self.uploads[ticket.filename]
            made = Made(
                id=f"submission-{len(self.submissions)}",
                model=ticket.slot.name,
                round_number=round_.number,
                filename=ticket.filename,
                timestamp=self.clock.now().replace(microsecond=0),
                csv=csv,
                error=self.refuses(csv),
                tournament=ticket.slot.tournament,
                data_datestamp=data_datestamp,
            )
            self.submissions.append(made)
            return Receipt(made.id, made.round_number)

    def submitted_csv(self, submission_id: str) -> bytes:
        """The file of a submission."""
        with self._call("submitted_csv", submission_id):
            made = next((made for made in self.submissions if made.id == submission_id), None)
            if made is None or "read_submission_info" not in self.scopes:
                raise RefusedError(f"Numerai has no file of submission {submission_id}")
            self.bytes_downloaded += len(made.csv)
            return made.csv

    def giving_up_at(self, moment: float | None) -> FakeNumerai:
        """Notes the moment: nothing is retried here."""
        self.given_up_at.append(moment)
        return self

    # How it works.

    @contextmanager
    def _call(self, name: str, about: str = "") -> Iterator[None]:
        with self._guard:
            self.calls.append(name)
            self.api_requests += name != "put"
            if (hook := self.hooks.pop(name, None)) is not None:
                hook()
            fault = self._fault(name, about)
            if fault is not None and not fault.done:
                raise fault.error
            yield
            if fault is not None:
                raise fault.error

    def _fault(self, name: str, about: str) -> Fault | None:
        for fault in self.faults:
            if fault.where == name and fault.match in about and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _open(self, tournament: str) -> tuple[Round, ...]:
        now = self.clock.now()
        rounds = self.rounds.get(tournament, [])
        return tuple(r for r in rounds if r.close_time is None or now < r.close_time)

    def _current(self, tournament: str) -> Round:
        now = self.clock.now()
        opened = [r for r in self._open(tournament) if r.open_time <= now]
        if not opened:
            raise RoundTurnedError("Numerai answered: Current round not open for submissions")
        return opened[-1]

    def _check_uploadable(self, slot: Slot) -> None:
        known = self.slots[slot.tournament, slot.name]
        if known.archived or known.hosted:
            raise RefusedError(f"Numerai answered: Model {slot.name} takes no uploads")

    def _shown(self, slot: Slot) -> Slot:
        settled = self.clock.now() - timedelta(seconds=self.settle_after)
        key = slot.tournament, slot.name
        own = [made for made in self.submissions if (made.tournament, made.model) == key]
        mine = [made for made in own if made.timestamp <= settled]
        if not mine:
            return slot
        last = mine[-1]
        status = "failed" if last.error else "validated"
        latest = Submission(last.id, last.filename, last.round_number, status, error=last.error)
        return replace(slot, recent=tuple(self._rows(slot.tournament, mine)), latest=latest)

    def _rows(self, tournament: str, mine: Sequence[Made]) -> Iterator[Submission]:
        """One row per round, newest first; a late submission is queued in the round after."""
        rounds = self.rounds[tournament]
        valid = [made for made in mine if made.error is None]
        for before, round_ in reversed(list(zip([None, *rounds[:-1]], rounds, strict=True))):
            own = next((m for m in reversed(valid) if m.round_number == round_.number), None)
            last = next(
                (m for m in reversed(valid) if before and m.round_number == before.number), None
            )
            if own:
                late = own.timestamp > round_.close_staking_time
                yield _row(own, round_, "late" if late else "on-time")
            elif before and last and last.timestamp > before.close_staking_time:
                yield _row(last, round_, "queued")
            else:
                yield Submission(None, None, round_.number, "none")


def _row(made: Made, round_: Round, status: str) -> Submission:
    return Submission(made.id, made.filename, round_.number, status, made.timestamp)


@dataclass(slots=True)
class FakeSource:
    """A file of `FakeNumerai` that can be read from any offset."""

    numerai: FakeNumerai
    key: tuple[str, int, str]

    @property
    def name(self) -> str:
        """The filename."""
        return self.key[2]

    @contextmanager
    def open(self, *, offset: int, etag: str | None) -> Iterator[Body]:
        """Starts a read; a changed object comes whole."""
        with self.numerai._call("dataset", self.name):
            content = self.numerai.files.get(self.key)
        if content is None:
            raise NotReadyError(f"{self.name} of round {self.key[1]} is not there yet")
        tag = md5(content, usedforsecurity=False).hexdigest()
        start = offset if etag in {None, tag} else 0
        self.numerai.bytes_downloaded += len(content) - start
        yield Body(start, len(content), tag, iter([content[start:]]))


def unreadable() -> UnavailableError:
    """What a question that finds no answer raises."""
    return UnavailableError("no usable answer from numerai.invalid", "it answered 503")


def utc(text: str) -> datetime:
    """`2026-11-03 12:00` as an aware moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
