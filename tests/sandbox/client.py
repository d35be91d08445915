"""A plain client for the sandbox: what a browser would do, no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import requests

from job.sandbox import Sandbox
from job.sandbox.synthetic import key_column, live_keys

UPLOAD_AUTH = """query($filename: String!, $tournament: Int!, $modelId: ID) {
  submissionUploadAuth(filename: $filename, tournament: $tournament, modelId: $modelId) {
    filename url } }"""
SIGNALS_AUTH = UPLOAD_AUTH.replace("submissionUploadAuth", "submissionUploadSignalsAuth")
CREATE = """mutation($filename: String!, $tournament: Int!, $modelId: ID) {
  createSubmission(filename: $filename, tournament: $tournament, modelId: $modelId) {
    id status errorInfo insertedAt round { number tournament } } }"""
CREATE_SIGNALS = CREATE.replace("createSubmission", "createSignalsSubmission")
ROWS = """query($rounds: Int) { account { models { latestSubmissions(latestNRounds: $rounds) {
  id filename roundNumber roundOpen roundCloseStaking status timestamp } } } }"""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, time: datetime = datetime(2026, 11, 3, 13, 10, tzinfo=UTC)) -> None:
        self.time = time

    def __call__(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one sandbox as one user."""

    box: Sandbox
    session: requests.Session
    token: str

    def post(self, query: str, *, signed: bool = True, **variables: object) -> requests.Response:
        headers = {"Authorization": f"Token {self.token}"} if signed else {}
        body = {"query": query, "variables": variables}
        return self.session.post(self.box.api_url, json=body, headers=headers, timeout=10)

    def ask(self, query: str, **variables: object) -> Any:
        """The answer's data; any error fails the test."""
        answer = self.post(query, **variables).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def refusal(self, query: str, *, signed: bool = True, **variables: object) -> str:
        """The message of the answer's first error."""
        response = self.post(query, signed=signed, **variables)
        assert response.status_code == 200
        return str(response.json()["errors"][0]["message"])

    def url(self, filename: str, **where: object) -> str:
        query = """query($filename: String!, $round: Int, $tournament: Int) {
          dataset(filename: $filename, round: $round, tournament: $tournament) }"""
        return str(self.ask(query, filename=filename, **where)["dataset"])

    def get(self, filename: str = "v5.3/live.parquet", **headers: str) -> requests.Response:
        return self.session.get(self.url(filename), headers=headers, timeout=10)

    def put(self, csv: bytes, *, tournament: int = 8, **who: object) -> str:
        """Uploads a file for a model and returns the name the service gave it."""
        model = self.box.models[0].id
        given = {"filename": "p.csv", "tournament": tournament, "modelId": model, **who}
        (auth,) = self.ask(SIGNALS_AUTH if tournament == 11 else UPLOAD_AUTH, **given).values()
        assert self.session.put(auth["url"], data=csv, timeout=10).status_code == 200
        return str(auth["filename"])

    def submit(self, csv: bytes | None = None, *, tournament: int = 8, **who: object) -> Any:
        """Uploads and registers; by default a valid file for the newest round."""
        csv = predictions(self.box) if csv is None else csv
        filename = self.put(csv, tournament=tournament, **who)
        given = {"modelId": self.box.models[0].id, "tournament": tournament, **who}
        query = CREATE_SIGNALS if tournament == 11 else CREATE
        (made,) = self.ask(query, filename=filename, **given).values()
        return made

    def rows(self, model: int = 0, rounds: int = 8) -> list[dict[str, Any]]:
        """The model's `latestSubmissions`."""
        found = self.ask(ROWS, rounds=rounds)["account"]["models"][model]["latestSubmissions"]
        return list(found)


def predictions(box: Sandbox, *, round_: int | None = None, tournament: int = 8) -> bytes:
    """A valid CSV for a round (by default the newest that has opened)."""
    number = round_ or box.rounds.latest_opened(tournament).number
    keys = live_keys(box.objects.source(tournament, number))
    key, value = key_column(tournament), "prediction" if tournament == 8 else "signal"
    values = [place / (len(keys) - 1) for place in range(len(keys))]
    return pd.DataFrame({key: keys, value: values}).to_csv(index=False).encode()
