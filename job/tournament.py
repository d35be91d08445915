"""The seam to Numerai: the values that cross it, and the protocol that the adapter and a test's
fake obey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

NUMBERS: Mapping[str, int] = {"classic": 8, "signals": 11, "crypto": 12}
"""Numerai's number of each tournament."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round. On time is `open_time <= now < close_staking_time`; until `close_time` it is
    late.
    """

    tournament: str
    number: int
    open_time: datetime
    close_staking_time: datetime
    close_time: datetime | None

    def is_on_time(self, now: datetime) -> bool:
        """Whether a submission made at `now` would count with its stake."""
        return self.open_time <= now < self.close_staking_time


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission as Numerai tells of it; what an answer left out is None.

    `opened_on` and `deadline_on` are the days (UTC) of its round, which only an account's history
    tells.
    """

    id: str | None
    filename: str | None
    round_number: int | None
    status: str | None
    timestamp: datetime | None = None
    error: str | None = None
    opened_on: date | None = None
    deadline_on: date | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A model of the account: the place that a submission goes to.

    `recent` has one row per round, newest first (statuses on-time, late, queued, none); `latest`
    is the newest submission with Numerai's verdict on the file itself.
    """

    id: str
    name: str
    tournament: str
    archived: bool
    hosted: str | None
    webhook: str | None
    recent: tuple[Submission, ...]
    latest: Submission | None


@dataclass(frozen=True, slots=True)
class AccountState:
    """One answer of Numerai: the account's models, and the open rounds of each tournament asked
    for.
    """

    username: str
    slots: tuple[Slot, ...]
    rounds: Mapping[str, tuple[Round, ...]]

    def slot(self, *, tournament: str, name: str) -> Slot | None:
        """The model of that name (names are unique per tournament, compared without case)."""
        wanted = name.casefold()
        for slot in self.slots:
            if slot.tournament == tournament and slot.name.casefold() == wanted:
                return slot
        return None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What the API token may do."""

    account: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to upload one file: the name Numerai gave it, where to PUT it, and the rounds open
    just then.
    """

    slot: Slot
    filename: str
    url: str
    rounds: tuple[Round, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Numerai's answer to a registered submission."""

    submission_id: str
    round_number: int | None


@dataclass(frozen=True, slots=True)
class Body:
    """An object on its way: `chunks` are its bytes from `start` on.

    Attributes:
        start: offset of the first byte; 0 where the server ignored the Range asked for.
        total: length of the whole object in bytes, None where the server does not say.
        etag: the object's entity tag without quotes, None where the server gives none.
        md5: the whole object's MD5 in hex, None where the server does not tell it.
    """

    start: int
    total: int | None
    etag: str | None
    chunks: Iterator[bytes]
    md5: str | None = None


class Source(Protocol):
    """An object that can be read from an offset; `etag` pins the version that earlier bytes came
    from.
    """

    name: str

    def open(self, *, offset: int, etag: str | None) -> AbstractContextManager[Body]:
        """Starts a read. Raises `TransientError` for what another try may mend."""
        ...


class Tournament(Protocol):
    """Numerai as the job uses it. Every method raises `UnavailableError` when no clear answer
    came.
    """

    def account_state(self, tournaments: Sequence[str]) -> AccountState:
        """All models and the open rounds, in one request."""
        ...

    def account_history(self, tournaments: Sequence[str], *, last: int) -> AccountState:
        """All models with a row for each of the `last` rounds at least, and those rounds, as far as
        their times are told, in one request.
        """
        ...

    def open_rounds(self, tournament: str) -> tuple[Round, ...]:
        """The rounds that take submissions, late ones included."""
        ...

    def token_info(self) -> TokenInfo:
        """What the token may do; raises `TokenError` when it is refused."""
        ...

    def datasets(self, tournament: str, round_number: int | None) -> tuple[str, ...]:
        """Names of the files published for a round."""
        ...

    def dataset(self, tournament: str, round_number: int, filename: str) -> Source:
        """A file published for a round; its `open` raises `NotReadyError` while it is not there."""
        ...

    def upload_ticket(self, slot: Slot, filename: str) -> Ticket:
        """Leave to upload a file for a model.

        Raises `RefusedError` when Numerai says no, `RoundTurnedError` when no round takes it.
        """
        ...

    def put(self, ticket: Ticket, csv: Path) -> None:
        """Stores the file and checks the store's answer."""
        ...

    def create(self, ticket: Ticket, *, data_datestamp: int | None = None) -> Receipt:
        """Registers the stored file as the model's submission, one try.

        Args:
            data_datestamp: the day that lagged data are of, as `universe.data_datestamp` has it;
                None: the round's own.

        Raises `ReplyLostError` when it may or may not have been carried out, `TransientError` when
        it was not, `RefusedError` when Numerai says no, `RoundTurnedError` when no round takes it.
        """
        ...

    def submitted_csv(self, submission_id: str) -> bytes:
        """The file of a submission of this account; raises `RefusedError` where Numerai gives
        none.
        """
        ...

    def giving_up_at(self, moment: float | None) -> Tournament:
        """The same service, with retries that end at a monotonic moment; None leaves them to their
        patience.
        """
        ...

    @property
    def api_requests(self) -> int:
        """GraphQL requests sent so far."""
        ...

    @property
    def bytes_downloaded(self) -> int:
        """Bytes of objects received so far."""
        ...


Progress = Callable[[int, int | None], None]
"""Called with bytes received so far and the total, None where it is not known."""
