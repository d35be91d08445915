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
from job.tournament import Slot, Tournament
from tests.clock import FakeClock
from tests.fakes import FakeNumerai, unreadable

LIVE = "v5.3/live.parquet"
BAD_CSV = b"id,prediction\nn1,2.0\n"


class World(Protocol):
    """A Numerai, what it is asked through, and what can be done to it behind the job's back."""

    clock: FakeClock
    numerai: Tournament

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None: ...
    def turn(self) -> int: ...
    def close(self) -> None: ...
    def settle_after(self, seconds: float) -> None: ...
    def lose_reply(self, *, done: bool) -> None: ...
    def hide_state(self) -> None: ...
    def refuse_token(self) -> None: ...
    def refuse_put(self) -> None: ...
    def refuse_create(self) -> None: ...
    def content(self) -> bytes: ...
    def withhold(self) -> None: ...
    def good_csv(self) -> bytes: ...
    def made(self) -> list[tuple[str, int]]: ...

    def slot(self, name: str) -> Slot:
        found = self.numerai.account_state(["classic"]).slot(tournament="classic", name=name)
        assert found is not None
        return found


class FakeWorld(World):
    """`FakeNumerai`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.fake = FakeNumerai(clock)
        self.fake.refuses = lambda csv: "values must be between 0 and 1" if csv == BAD_CSV else None
        self.fake.open_round(1400)
        self.fake.files["classic", 1400, LIVE] = b"0123456789"
        self.numerai = self.fake

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None:
        self.fake.add_model(name, archived=archived, hosted="a.pkl" if hosted else None)

    def turn(self) -> int:
        return self.fake.open_round(self.fake.rounds["classic"][-1].number + 1).number

    def close(self) -> None:
        self.turn()
        self.fake.rounds["classic"].pop()

    def settle_after(self, seconds: float) -> None:
        self.fake.settle_after = seconds

    def lose_reply(self, *, done: bool) -> None:
        self.fake.fail("create", ReplyLostError("no answer"), done=done)

    def hide_state(self) -> None:
        self.fake.fail("account_state", unreadable())

    def refuse_token(self) -> None:
        for where in ("account_state", "token_info", "upload_ticket"):
            self.fake.fail(where, TokenError("Numerai refuses the API token"))

    def refuse_put(self) -> None:
        self.fake.fail("put", UnavailableError("the store answered 403 to the upload"))

    def refuse_create(self) -> None:
        self.fake.fail("create", RefusedError("Numerai answered: you are too late"))

    def content(self) -> bytes:
        return self.fake.files["classic", 1400, LIVE]

    def withhold(self) -> None:
        del self.fake.files["classic", 1400, LIVE]

    def good_csv(self) -> bytes:
        return b"id,prediction\nn1,0.5\n"

    def made(self) -> list[tuple[str, int]]:
        return [(made.model, made.round_number) for made in self.fake.submissions]


class BoxWorld(World):
    """The adapter, over HTTP, on the sandbox."""

    def __init__(self, clock: FakeClock, box: Sandbox, transport: Transport) -> None:
        self.clock = clock
        self.box = box
        self.numerai = self._signed_in(transport, box.secret_key)
        self._transport = transport

    def _signed_in(self, transport: Transport, secret: str) -> Numerai:
        return Numerai(
            url=self.box.api_url,
            token=(self.box.public_id, secret),
            transport=transport,
            retry=Retry(self.clock, patience=5.0),
        )

    def add_model(self, name: str, *, hosted: bool = False, archived: bool = False) -> None:
        self.box.add_model(name, hosted=hosted, archived=archived)

    def turn(self) -> int:
        return self.box.rounds.turn().number

    def close(self) -> None:
        self.box.rounds.close()

    def settle_after(self, seconds: float) -> None:
        self.box.settle_after = seconds

    def lose_reply(self, *, done: bool) -> None:
        kind = "lost_reply" if done else "reset"
        self.box.faults.add(where="createSubmission", kind=kind)

    def hide_state(self) -> None:
        # Every try of the one question: the adapter's patience is five seconds.
        self.box.faults.add(where="account", kind="status", retry_after="6")

    def refuse_token(self) -> None:
        self.numerai = self._signed_in(self._transport, "wrong")

    def refuse_put(self) -> None:
        self.box.faults.add(where="put", kind="expired")

    def refuse_create(self) -> None:
        self.box.faults.add(
            where="createSubmission", kind="graphql_error", message="you are too late"
        )

    def content(self) -> bytes:
        return self.box.objects.content(LIVE)

    def withhold(self) -> None:
        self.box.objects.withhold(LIVE)

    def good_csv(self) -> bytes:
        ids = live_keys(self.box.objects.source(8, self.box.rounds.latest_opened(8).number))
        rows = (f"{key},{(place + 1) / (len(ids) + 1)}" for place, key in enumerate(ids))
        return "\n".join(["id,prediction", *rows, ""]).encode()

    def made(self) -> list[tuple[str, int]]:
        return [(made.model, made.round) for made in self.box.submissions]


def written(folder: Path, content: bytes) -> Path:
    """A file with this content."""
    path = folder / "upload.csv"
    path.write_bytes(content)
    return path
