"""What each root field of the schema answers."""

from __future__ import annotations

import secrets
import string
from collections.abc import Set
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from job.sandbox.account import Account, Model, Roster
from job.sandbox.answers import Answers
from job.sandbox.graph import Refused, Resolver
from job.sandbox.judging import judge
from job.sandbox.objects import Objects
from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS, Between, Clock, Round, Rounds
from job.sandbox.submissions import Ledger
from job.sandbox.synthetic import live_universe

OTHERS = frozenset({CLASSIC, CRYPTO})
"""What is not uploaded through the calls of Signals."""
NOT_SIGNED_IN = "Your session is invalid or has expired."
NOT_OPEN = "Current round not open for submissions"
NO_FILE = "submission file not found, was it uploaded correctly?"


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the root fields read and change."""

    now: Clock
    rounds: Rounds
    roster: Roster
    ledger: Ledger
    objects: Objects
    answers: Answers

    def resolvers(self) -> dict[str, Resolver]:
        """Root field -> `f(account or None, arguments)`."""
        return {
            "account": self.account,
            "apiTokenInfo": self.token_info,
            "rounds": self.list_rounds,
            "listDatasets": self.list_datasets,
            "dataset": self.dataset,
            "model": self.model,
            "submissions": self.submissions,
            "submissionUploadAuth": partial(self.upload_auth, OTHERS),
            "submissionUploadSignalsAuth": partial(self.upload_auth, {SIGNALS}),
            "submissionDownloadAuth": self.download_auth,
            "createSubmission": partial(self.create_submission, OTHERS),
            "createSignalsSubmission": partial(self.create_submission, {SIGNALS}),
            "setSubmissionWebhook": self.set_webhook,
        }

    def account(self, who: Account | None, _: dict[str, Any]) -> object:
        account = self._allowed(who, "read_user_info")
        token = {"name": "sandbox", "publicId": account.public_id, "scopes": self.roster.scopes}
        return {
            "id": account.id,
            "username": account.username,
            "email": f"{account.username}@example.invalid",
            "status": "VERIFIED",
            "availableNmr": "10.5",
            "walletAddress": None,
            "mfaEnabled": True,
            "insertedAt": "2020-01-01T00:00:00Z",
            "models": [self.answers.model(model) for model in self.roster.models_of(account)],
            "apiTokens": [token],
        }

    def token_info(self, who: Account | None, _: dict[str, Any]) -> object:
        account = self._allowed(who)
        return {
            "accountUsername": account.username,
            "name": "sandbox",
            "publicId": account.public_id,
            "scopes": self.roster.scopes,
        }

    def list_rounds(self, _: Account | None, given: dict[str, Any]) -> object:
        tournament, number = given.get("tournament"), given.get("number")
        found = self.rounds.all(tournament)
        if number == 0:
            current = self.rounds.current(tournament or CLASSIC)
            if current is None and self.rounds.between is Between.ERROR:
                raise Refused(NOT_OPEN)
            return [current and self.answers.round(current)]
        if number is not None:
            found = [r for r in found if r.number == number]
        if given.get("status"):
            found = [r for r in found if r.status(self.now()) == given["status"]]
        return [self.answers.round(r) for r in found[: given.get("limit")]]

    def list_datasets(self, _: Account | None, given: dict[str, Any]) -> object:
        round_ = self._data_round(given)
        return self.objects.names(round_.tournament, round_.number)

    def dataset(self, _: Account | None, given: dict[str, Any]) -> object:
        round_ = self._data_round(given)
        try:
            return self.objects.dataset_url(given["filename"], round_.tournament, round_.number)
        except LookupError as error:
            raise Refused(str(error.args[0])) from error

    def model(self, who: Account | None, given: dict[str, Any]) -> object:
        account = self._allowed(who, "read_submission_info")
        return self.answers.model(self._own(account, given.get("modelId")))

    def submissions(self, who: Account | None, given: dict[str, Any]) -> object:
        account = self._allowed(who, "read_submission_info")
        owned = self.roster.models_of(account)
        if given.get("modelId") is not None:
            owned = [self._own(account, given["modelId"])]
        made = [submission for model in owned for submission in self.ledger.of(model)]
        wanted = given.get("id")
        return [self.answers.submission(s) for s in made if wanted in (None, s.id)]

    def upload_auth(self, serves: Set[int], who: Account | None, given: dict[str, Any]) -> object:
        account = self._allowed(who, "upload_submission")
        self._uploadable(account, given, serves)
        letters = string.ascii_letters + string.digits
        token = "".join(secrets.choice(letters) for _ in range(12))
        name = PurePosixPath(given["filename"])
        filename = f"{name.stem}-{token}{name.suffix}"
        return _file_auth(filename, self.objects.upload_url(filename))

    def download_auth(self, who: Account | None, given: dict[str, Any]) -> object:
        account = self._allowed(who, "read_submission_info")
        for model in self.roster.models_of(account):
            for made in self.ledger.of(model):
                if made.id == given["id"]:
                    return _file_auth(made.filename, self.objects.download_url(made.filename))
        raise Refused("Submission not found")

    def create_submission(
        self, serves: Set[int], who: Account | None, given: dict[str, Any]
    ) -> object:
        account = self._allowed(who, "upload_submission")
        model = self._uploadable(account, given, serves)
        round_ = self.rounds.current(model.tournament)
        if round_ is None:
            raise Refused(NOT_OPEN)
        csv = self.objects.uploads.get(given["filename"])
        if csv is None:
            raise Refused(NO_FILE)
        made = self.ledger.add(
            model=model,
            round_=round_,
            filename=given["filename"],
            csv=csv,
            verdict=judge(csv, model.tournament, self._universes(round_)),
            trigger_id=given.get("triggerId"),
            data_datestamp=given.get("dataDatestamp"),
        )
        return self.answers.submission(made)

    def set_webhook(self, who: Account | None, given: dict[str, Any]) -> object:
        account = self._allowed(who, "upload_submission")
        model = self._own(account, given.get("modelId"))
        self.roster.change_model(model.id, webhook=given.get("newSubmissionWebhook"))
        return "true"

    def _allowed(self, who: Account | None, scope: str | None = None) -> Account:
        if who is None:
            raise Refused(NOT_SIGNED_IN)
        if scope is not None and scope not in self.roster.scopes:
            raise Refused(f"API token does not have the required scope: {scope}")
        return who

    def _own(self, account: Account, model_id: object) -> Model:
        owned = self.roster.models_of(account)
        if model_id is None and len(owned) == 1:
            return owned[0]
        model = next((m for m in owned if m.id == model_id), None)
        if model is None:
            raise Refused("Model not found")
        return model

    def _uploadable(self, account: Account, given: dict[str, Any], serves: Set[int]) -> Model:
        """The model, unless the service would take no upload for it by this call."""
        model = self._own(account, given.get("modelId"))
        if model.tournament != given.get("tournament") or model.tournament not in serves:
            raise Refused(f"Model {model.name} does not belong to this tournament")
        if model.archived:
            raise Refused(f"Model {model.name} is archived")
        if model.hosted:
            raise Refused(f"Model {model.name} has a model upload, submissions are not accepted")
        return model

    def _data_round(self, given: dict[str, Any]) -> Round:
        tournament = given.get("tournament") or CLASSIC
        number = given.get("round")
        if number is None:
            round_ = self.rounds.latest_opened(tournament)
        else:
            round_ = self.rounds.get(tournament, number)
        if round_ is None or round_.open_time > self.now():
            raise Refused("Round not found")
        return round_

    def _universes(self, round_: Round) -> list[tuple[int, frozenset[str]]]:
        rounds = [r for r in (round_, self.rounds.before(round_)) if r]
        sources = [(r.number, self.objects.source(r.tournament, r.number)) for r in rounds]
        return [(number, live_universe(source)) for number, source in sources]


def _file_auth(filename: str, url: str) -> dict[str, object]:
    return {"filename": filename, "url": url, "accelerated": False, "countryCode": "US"}
