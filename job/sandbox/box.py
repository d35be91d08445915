"""The sandbox as one thing: Numerai's API and object store on a port of their own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType

from job.sandbox.account import Account, Model, Roster
from job.sandbox.answers import Answers
from job.sandbox.desk import Desk
from job.sandbox.faults import Faults, Hook
from job.sandbox.link import Link
from job.sandbox.objects import Objects
from job.sandbox.presign import Signer
from job.sandbox.resolvers import Service
from job.sandbox.rounds import CLASSIC, Clock, Rounds, utc_now
from job.sandbox.server import Server
from job.sandbox.submissions import Ledger, Submission
from job.sandbox.synthetic import TINY, Shape
from job.sandbox.traffic import Request, Traffic


class Sandbox:
    """A stand-in for Numerai.

        with Sandbox(shape=TINY) as box:
            numerapi.base_api.API_TOURNAMENT_URL = box.api_url
            api = numerapi.NumerAPI(box.public_id, box.secret_key)

    Args:
        shape: size of the synthetic data.
        now: the service's clock, aware UTC; rounds, timestamps and URLs go by it.
        models: names of the account's Classic models; None for those of the demo.
        latency: seconds added to every request.
        bandwidth: bytes a second for the object bodies of all connections together; 0 for no limit.
        settle_after: seconds until a submission shows in the account.
        validate_after: seconds for which a submission is `pending`.
        url_expires: seconds for which a presigned URL is good.
        seed: other seeds give other live data.
        versions: the data versions that are served, with the same ids.
    """

    def __init__(
        self,
        *,
        shape: Shape = TINY,
        now: Clock = utc_now,
        models: Sequence[str] | None = None,
        latency: float = 0.0,
        bandwidth: float = 0.0,
        settle_after: float = 0.0,
        validate_after: float = 0.0,
        url_expires: float = 3600.0,
        seed: int = 0,
        versions: Sequence[str] = ("v5.3",),
    ) -> None:
        self.shape, self.now, self.seed = shape, now, seed
        self.rounds = Rounds(now)
        self.roster = Roster(models)
        self.faults = Faults()
        self.traffic = Traffic(now)
        self.signer = Signer(b"sandbox", now, url_expires)
        self.objects = Objects(
            rounds=self.rounds, shape=shape, seed=seed, versions=tuple(versions), signer=self.signer
        )
        self.ledger = Ledger(now=now, rounds=self.rounds)
        self.ledger.settle_after, self.ledger.validate_after = settle_after, validate_after
        self._stopping = threading.Event()
        self.link = Link(latency=latency, bandwidth=bandwidth, stopping=self._stopping)
        answers = Answers(now, self.rounds, self.ledger)
        service = Service(now, self.rounds, self.roster, self.ledger, self.objects, answers)
        self._desk = Desk(
            resolvers=service.resolvers(),
            roster=self.roster,
            objects=self.objects,
            faults=self.faults,
        )
        self._server: Server | None = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Sandbox:
        """Opens a port and serves in threads of its own."""
        self._stopping.clear()
        self._server = Server(
            answer=self._desk.answer, link=self.link, traffic=self.traffic, now=self.now
        )
        self.objects.base = self.api_url
        self._server.start()
        return self

    def stop(self) -> None:
        """Ends every connection and every thread. Calling twice does no harm."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def api_url(self) -> str:
        """Where GraphQL is, without a slash at the end.

        Raises:
            RuntimeError: the sandbox has not been started.
        """
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def public_id(self) -> str:
        """The first account's token, first half."""
        return self.roster.accounts[0].public_id

    @property
    def secret_key(self) -> str:
        """The first account's token, second half."""
        return self.roster.accounts[0].secret_key

    @property
    def accounts(self) -> list[Account]:
        """Every account; `add_account` adds one."""
        return self.roster.accounts

    @property
    def models(self) -> list[Model]:
        """Every model of every account."""
        return list(self.roster.models)

    def model(self, name: str, *, tournament: int = CLASSIC) -> Model:
        """The model of this name.

        Raises:
            LookupError: there is none.
        """
        for model in self.models:
            if (model.name, model.tournament) == (name, tournament):
                return model
        raise LookupError(f"no model {name!r} in tournament {tournament}")

    def add_model(
        self,
        name: str,
        *,
        tournament: int = CLASSIC,
        hosted: bool = False,
        archived: bool = False,
        webhook: str | None = None,
        account: Account | None = None,
    ) -> str:
        """Adds a model, to the first account unless told otherwise, and returns its id."""
        return self.roster.add_model(
            name,
            tournament=tournament,
            hosted=hosted,
            archived=archived,
            webhook=webhook,
            account=account,
        )

    def add_account(self, username: str) -> Account:
        """Adds an account with a token of its own."""
        return self.roster.add_account(username)

    @property
    def scopes(self) -> list[str]:
        """What the tokens may do."""
        return self.roster.scopes

    @scopes.setter
    def scopes(self, scopes: Sequence[str]) -> None:
        self.roster.scopes = list(scopes)

    @property
    def settle_after(self) -> float:
        """Seconds until a submission shows in the account."""
        return self.ledger.settle_after

    @settle_after.setter
    def settle_after(self, seconds: float) -> None:
        self.ledger.settle_after = seconds

    @property
    def validate_after(self) -> float:
        """Seconds for which a submission is `pending`."""
        return self.ledger.validate_after

    @validate_after.setter
    def validate_after(self, seconds: float) -> None:
        self.ledger.validate_after = seconds

    @property
    def submissions(self) -> list[Submission]:
        """Every submission in the order in which they came, with the bytes of its file."""
        return self.ledger.all()

    @property
    def requests(self) -> list[Request]:
        """Every request in the order in which they came."""
        return self.traffic.requests()

    def peak(self, kind: str = "all") -> int:
        """The most requests of a kind (graphql, get, put, all) under way at the same time."""
        return self.traffic.peak(kind)

    def on(self, where: str, callback: Hook, *, when: str = "before", match: str = "") -> None:
        """Calls back at each operation `where` (as in `faults.add`), in the thread that serves it.

        Args:
            when: `before` it is carried out, `after` it but before the reply leaves, or `during`:
                when half of an object's body has left.
            match: only where this stands in an argument, the model's name, or the path.
        """
        self.faults.listen(where, callback, when=when, match=match)
