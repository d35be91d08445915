"""Accounts, their API token, and their models."""

from __future__ import annotations

import hmac
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS

_NAMES = uuid.NAMESPACE_DNS
ALL_SCOPES = ("upload_submission", "read_submission_info", "read_user_info")

SAMPLE_MODELS = (
    "anas_platyrhynchos",
    "aythya_fuligula",
    "mergus_merganser",
    "bucephala_clangula",
)
OTHER_TOURNAMENTS = {SIGNALS: "somateria_mollissima", CRYPTO: "clangula_hyemalis"}


def stable_id(*parts: object) -> str:
    """The same UUID for the same parts, in every run."""
    return str(uuid.uuid5(_NAMES, "/".join(map(str, parts))))


def zoo_names(count: int) -> list[str]:
    """The zoo's model names, for `Sandbox(models=zoo_names(count))`."""
    return [f"duck_{place:03d}" for place in range(count)]


@dataclass(frozen=True, slots=True)
class Account:
    """A user with one API token."""

    username: str
    public_id: str
    secret_key: str

    @property
    def id(self) -> str:
        """UUID, the same in every run."""
        return stable_id("account", self.username)


@dataclass(frozen=True, slots=True)
class Model:
    """A model slot. `hosted` ones have a computePickleUpload: Numerai runs them itself."""

    id: str
    name: str
    tournament: int
    username: str
    hosted: bool = False
    archived: bool = False
    webhook: str | None = None


def demo_account(username: str = "sandbox") -> Account:
    """An account whose token is derived from its name, so that examples can be typed again."""
    public_id = stable_id("public", username).replace("-", "").upper()[:32]
    secret_key = stable_id("secret", username).replace("-", "").upper() * 2
    return Account(username, public_id, secret_key)


class Roster:
    """Which accounts and models exist, and what the tokens may do."""

    def __init__(self, models: Sequence[str] | None = None) -> None:
        self._lock = threading.Lock()
        self.accounts = [demo_account()]
        self.scopes = list(ALL_SCOPES)
        self.models: list[Model] = []
        for name in SAMPLE_MODELS if models is None else models:
            self.add_model(name)
        if models is None:
            for tournament, name in OTHER_TOURNAMENTS.items():
                self.add_model(name, tournament=tournament)

    def add_account(self, username: str) -> Account:
        """A further account, with a token of its own."""
        account = demo_account(username)
        with self._lock:
            self.accounts.append(account)
        return account

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
        """Adds a model to `account` (by default the first) and returns its id.

        Raises:
            ValueError: the tournament has a model of this name.
        """
        owner = account or self.accounts[0]
        model = Model(
            stable_id(tournament, name), name, tournament, owner.username, hosted, archived, webhook
        )
        with self._lock:
            if any(m.id == model.id for m in self.models):
                raise ValueError(f"tournament {tournament} has a model {name!r} already")
            self.models.append(model)
        return model.id

    def change_model(self, model_id: str, **changes: object) -> Model:
        """Replaces fields of a model, e.g. `archived=True`.

        Raises:
            LookupError: there is no such model.
        """
        with self._lock:
            for place, model in enumerate(self.models):
                if model.id == model_id:
                    self.models[place] = replace(model, **changes)  # type: ignore[arg-type]
                    return self.models[place]
        raise LookupError(f"no model {model_id}")

    def find(self, model_id: object) -> Model | None:
        """The model with this id."""
        return next((m for m in self.models if m.id == model_id), None)

    def models_of(self, account: Account) -> list[Model]:
        """The account's models, in the order in which they were added."""
        return [m for m in self.models if m.username == account.username]

    def authenticate(self, authorization: str) -> Account | None:
        """The account behind `Token PUBLIC$SECRET`; None when the token is wrong or missing."""
        for account in self.accounts:
            expected = f"Token {account.public_id}${account.secret_key}"
            if hmac.compare_digest(expected.encode(), authorization.encode()):
                return account
        return None
