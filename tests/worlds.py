"""Two Numerais that the contract suite asks the same: the fake, and the adapter on the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from job.errors import RefusedError, ReplyLostError, TokenError, UnavailableError
from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.retry import Retry
from job.sandbox import Sandbox
from job.sandbox.synthetic import live_keys
from job.tournament import NUMBERS, Slot, Tournament
from job.universe import KEYS, VALUE_COLUMNS
from tests.clock import FakeClock
from tests.fakes import FakeNumerai, unreadable

LIVE = "v5.3/live.parquet"
LIVE_OF = {
    "classic": LIVE,
    "signals": "signals/v3.1/live.parquet",
    "crypto": "crypto/v2.0/live_universe.parquet",
}
FIRST_ROUND = {"classic": 1400, "signals": 1399, "crypto": 1398}
"""The open rounds of a new sandbox."""
BAD_CSV = b"id,prediction\nn1,2.0\n"


class World(Protocol):
    """A Numerai, what it is asked through, and what can be done to it behind the job's back.

    All of it concerns one tournament.
    """

    clock: FakeClock
    numerai: Tournament
    tournament: str

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None: ...
    def turn(self) -> int: ...
    def close(self) -> None: ...
    def settle_after(self, seconds: float) -> None: ...
    def lose_reply(self, *, done: bool) -> None: ...
    def hide_state(self) -> None: ...
    def refuse_token(self) -> None: ...
    def refuse_put(self) -> None: ...
    def refuse_create(self) -> None: ...
    def forbid_reading(self) -> None: ...
    def content(self) -> bytes: ...
    def withhold(self) -> None: ...
    def good_csv(self) -> bytes: ...
    def made(self) -> list[tuple[str, int]]: ...
    def datestamps(self) -> list[int | None]: ...

    def slot(self, name: str) -> Slot:
        state = self.numerai.account_state([self.tournament])
        found = state.slot(tournament=self.tournament, name=name)
        assert found is not None
        return found

    @property
    def first_round(self) -> int:
        """The number of the round that is open at the start."""
        return FIRST_ROUND[self.tournament]

    @property
    def live(self) -> str:
        """The name of the live data."""
        return LIVE_OF[self.tournament]


class FakeWorld(World):
    """`FakeNumerai`."""

    def __init__(self, clock: FakeClock, tournament: str = "classic") -> None:
        self.clock = clock
        self.tournament = tournament
        self.fake = FakeNumerai(clock)
        self.fake.refuses = lambda csv: "values must be between 0 and 1" if csv == BAD_CSV else None
        for name, number in FIRST_ROUND.items():
            self.fake.open_round(number, tournament=name)
        self.fake.files[self._file] = b"0123456789"
        self.numerai = self.fake

    @property
    def _file(self) -> tuple[str, int, str]:
        return self.tournament, self.first_round, self.live

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None:
        pickle = "a.pkl" if hosted else None
        self.fake.add_model(name, tournament=self.tournament, archived=archived, hosted=pickle)

    def turn(self) -> int:
        number = self.fake.rounds[self.tournament][-1].number + 1
        return self.fake.open_round(number, tournament=self.tournament).number

    def close(self) -> None:
        self.turn()
        self.fake.rounds[self.tournament].pop()

    def settle_after(self, seconds: float) -> None:
        self.fake.settle_after = seconds

    def lose_reply(self, *, done: bool) -> None:
        self.fake.fail("create", ReplyLostError("no answer"), done=done)

    def hide_state(self) -> None:
        self.fake.fail("account_state", unreadable())

    def refuse_token(self) -> None:
        for where in ("account_state", "token_info", "upload_ticket", "submitted_csv"):
            self.fake.fail(where, TokenError("Numerai refuses the API token"))

    def refuse_put(self) -> None:
        self.fake.fail("put", UnavailableError("the store answered 403 to the upload"))

    def refuse_create(self) -> None:
        self.fake.fail("create", RefusedError("Numerai answered: you are too late"))

    def forbid_reading(self) -> None:
        self.fake.scopes = ("upload_submission", "read_user_info")

    def content(self) -> bytes:
        return self.fake.files[self._file]

    def withhold(self) -> None:
        del self.fake.files[self._file]

    def good_csv(self) -> bytes:
        header = f"{KEYS[self.tournament]},{VALUE_COLUMNS[self.tournament]}"
        return f"{header}\nn1,0.5\n".encode()

    def made(self) -> list[tuple[str, int]]:
        return [(made.model, made.round_number) for made in self.fake.submissions]

    def datestamps(self) -> list[int | None]:
        return [made.data_datestamp for made in self.fake.submissions]


class BoxWorld(World):
    """The adapter, over HTTP, on the sandbox."""

    def __init__(
        self, clock: FakeClock, box: Sandbox, transport: Transport, tournament: str = "classic"
    ) -> None:
        self.clock = clock
        self.tournament = tournament
        self.box = box
        self.numerai = self._signed_in(transport, box.secret_key)
        self._transport = transport

    @property
    def _number(self) -> int:
        return NUMBERS[self.tournament]

    @property
    def _create(self) -> str:
        signals = self.tournament == "signals"
        return "createSignalsSubmission" if signals else "createSubmission"

    def _signed_in(self, transport: Transport, secret: str) -> Numerai:
        return Numerai(
            url=self.box.api_url,
            token=(self.box.public_id, secret),
            transport=transport,
            retry=Retry(self.clock, patience=5.0),
        )

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None:
        self.box.add_model(name, tournament=self._number, hosted=hosted, archived=archived)

    def turn(self) -> int:
        return self.box.rounds.turn(tournament=self._number).number

    def close(self) -> None:
        self.box.rounds.close(tournament=self._number)

    def settle_after(self, seconds: float) -> None:
        self.box.settle_after = seconds

    def lose_reply(self, *, done: bool) -> None:
        kind = "lost_reply" if done else "reset"
        self.box.faults.add(where=self._create, kind=kind)

    def hide_state(self) -> None:
        # Every try of the one question: the adapter's patience is five seconds.
        self.box.faults.add(where="account", kind="status", retry_after="6")

    def refuse_token(self) -> None:
        self.numerai = self._signed_in(self._transport, "wrong")

    def refuse_put(self) -> None:
        self.box.faults.add(where="put", kind="expired")

    def refuse_create(self) -> None:
        self.box.faults.add(where=self._create, kind="graphql_error", message="you are too late")

    def forbid_reading(self) -> None:
        self.box.scopes = ["upload_submission", "read_user_info"]

    def content(self) -> bytes:
        return self.box.objects.content(self.live, tournament=self._number)

    def withhold(self) -> None:
        self.box.objects.withhold(self.live, tournament=self._number)

    def good_csv(self) -> bytes:
        opened = self.box.rounds.latest_opened(self._number)
        assert opened is not None
        ids = live_keys(self.box.objects.source(self._number, opened.number))
        rows = (f"{key},{(place + 1) / (len(ids) + 1)}" for place, key in enumerate(ids))
        header = f"{KEYS[self.tournament]},{VALUE_COLUMNS[self.tournament]}"
        return "\n".join([header, *rows, ""]).encode()

    def made(self) -> list[tuple[str, int]]:
        return [(made.model, made.round) for made in self.box.submissions]

    def datestamps(self) -> list[int | None]:
        return [made.data_datestamp for made in self.box.submissions]


def written(folder: Path, content: bytes) -> Path:
    """A file with this content."""
    path = folder / "upload.csv"
    path.write_bytes(content)
    return path
