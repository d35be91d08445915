"""The adapter to Numerai: the only module that speaks GraphQL and presigned URLs.

It is numerapi with the paths replaced that are unsafe to automate; each replacement names the
defect.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from numerapi.base_api import Api

from job import numerai_answers as answers
from job.errors import (
    NotReadyError,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    TokenError,
    TransientError,
    UnavailableError,
)
from job.retry import Retry
from job.tournament import (
    NUMBERS,
    AccountState,
    Body,
    Receipt,
    Round,
    Slot,
    Source,
    Ticket,
    TokenInfo,
)
from job.transport import Transport, host_of, retry_after

DEFAULT_URL = "https://api-tournament.numer.ai"

ROUND = "{ number openTime closeTime closeStakingTime }"
MODELS = """
  username
  models {
    id name tournament archived submissionWebhook
    computePickleUpload { id filename }
    latestSubmissions(latestNRounds: 2) { id filename roundNumber status timestamp }
    latestSubmissionV2 { id filename status errorInfo round { number tournament } }
  }"""
TICKET = f"""
query($filename: String!, $tournament: Int!, $modelId: ID) {{
  ticket: submissionUploadAuth(filename: $filename, tournament: $tournament, modelId: $modelId) {{
    filename url
  }}
  rounds(tournament: $tournament, status: OPEN) {ROUND}
}}"""
CREATE = """
mutation($filename: String!, $tournament: Int!, $modelId: ID) {
  createSubmission(
    filename: $filename, tournament: $tournament, modelId: $modelId, source: "numerai-job"
  ) {
    id round { number }
  }
}"""
DATASET = """
query($filename: String!, $round: Int, $tournament: Int) {
  dataset(filename: $filename, round: $round, tournament: $tournament)
}"""
DATASETS = """
query($round: Int, $tournament: Int) { listDatasets(round: $round, tournament: $tournament) }"""


class Numerai(Api):
    """Numerai's service, over HTTP. Obeys `job.tournament.Tournament`.

    Args:
        url: the GraphQL endpoint.
        token: public id and secret key.
        retry: how long what waiting can mend is tried again.
    """

    def __init__(
        self, *, url: str, token: tuple[str, str], transport: Transport, retry: Retry
    ) -> None:
        # numerapi's constructor calls logging.basicConfig and reads the environment: not called.
        self.logger = logging.getLogger(__name__)
        self.token = token
        self.show_progress_bars = False
        self.tournament_id = NUMBERS["classic"]
        self.global_data_dir = "."
        self._url = url
        self._transport = transport
        self._retry = retry
        self._api_requests = 0

    @property
    def api_requests(self) -> int:
        """GraphQL requests sent so far, tries included."""
        return self._api_requests

    @property
    def bytes_downloaded(self) -> int:
        """Bytes of objects received so far."""
        return self._transport.bytes_downloaded

    @contextmanager
    def giving_up_at(self, moment: float | None) -> Iterator[None]:
        """Bounds retries inside the context by a monotonic moment; None leaves them to their
        patience.
        """
        before, self._retry = self._retry, replace(self._retry, until=moment)
        try:
            yield
        finally:
            self._retry = before

    def raw_query(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        authorization: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        """Sends a query, retried within the patience, and gives the answer with its `data`.

        numerapi turns 4xx, 429 and refused connections into `{}`, loses the server's message, and
        waits for an answer without end; here each is an error of its own.
        """
        return self._retry(
            lambda: self._send(query, variables, authorization=authorization),
            what=f"no usable answer from {host_of(self._url)}",
        )

    def download_dataset(self, *_: Any, **__: Any) -> str:
        """Not offered: numerapi keeps stale files and splices resumed ones. Use `dataset` with
        `job.fetch`.
        """
        raise NotImplementedError("use dataset() with job.fetch.fetch()")

    def upload_predictions(self, *_: Any, **__: Any) -> str:
        """Not offered: numerapi ignores the PUT's answer. Use `upload_ticket`, `put` and
        `create`.
        """
        raise NotImplementedError("use upload_ticket(), put() and create()")

    def account_state(self, tournaments: Sequence[str]) -> AccountState:
        """All models and the open rounds of `tournaments`, in one request."""
        aliases = {f"rounds_{name}": name for name in tournaments}
        wanted = "\n".join(
            f"{alias}: rounds(tournament: {NUMBERS[name]}, status: OPEN) {ROUND}"
            for alias, name in aliases.items()
        )
        data = self._ask(f"query {{ account {{ {MODELS} }} {wanted} }}")
        return answers.account_state(data, aliases)

    def open_rounds(self, tournament: str) -> tuple[Round, ...]:
        """The rounds that take submissions now, late ones included."""
        data = self._ask(
            f"query {{ rounds(tournament: {NUMBERS[tournament]}, status: OPEN) {ROUND} }}"
        )
        return answers.rounds(data.get("rounds"), tournament)

    def token_info(self) -> TokenInfo:
        """What the token may do."""
        data = self._ask("query { apiTokenInfo { accountUsername name scopes } }")
        return answers.token_info(data.get("apiTokenInfo"))

    def datasets(self, tournament: str, round_number: int | None) -> tuple[str, ...]:
        """Names of the files published for a round."""
        data = self._ask(DATASETS, round=round_number, tournament=NUMBERS[tournament])
        return tuple(name for name in data.get("listDatasets") or () if name)

    def dataset(self, tournament: str, round_number: int, filename: str) -> Source:
        """A file published for a round; its URL is asked for when it is first read, and when it
        has expired.
        """
        return DatasetSource(self, self._transport, tournament, round_number, filename)

    def dataset_url(self, tournament: str, round_number: int, filename: str) -> str:
        """A fresh presigned URL; raises `NotReadyError` when the file is not published yet."""
        try:
            data = self._ask(
                DATASET, filename=filename, round=round_number, tournament=NUMBERS[tournament]
            )
        except RefusedError as error:
            raise NotReadyError(
                f"{filename} of round {round_number} is not there yet", error.what
            ) from error
        if not data.get("dataset"):
            raise NotReadyError(f"{filename} of round {round_number} is not there yet")
        return str(data["dataset"])

    def upload_ticket(self, slot: Slot, filename: str) -> Ticket:
        """Leave to upload, together with the rounds that are open just then: one request."""
        data = self._ask(
            TICKET, filename=filename, tournament=NUMBERS[slot.tournament], modelId=slot.id
        )
        ticket = data.get("ticket") or {}
        if not ticket.get("url") or not ticket.get("filename"):
            raise UnavailableError(f"Numerai gave no address to upload {filename} to")
        return Ticket(
            slot=slot,
            filename=ticket["filename"],
            url=ticket["url"],
            rounds=answers.rounds(data.get("rounds"), slot.tournament),
        )

    def put(self, ticket: Ticket, csv: Path) -> None:
        """Stores the file. numerapi ignores this answer: a 403 or 503 still gave a submission
        id.
        """
        self._retry(
            lambda: check_stored(self._transport.put(ticket.url, csv)),
            what=f"{host_of(ticket.url)} did not take the upload",
        )

    def create(self, ticket: Ticket) -> Receipt:
        """Registers the stored file, one try: whether it was carried out matters to the caller."""
        slot = ticket.slot
        variables = {
            "filename": ticket.filename,
            "tournament": NUMBERS[slot.tournament],
            "modelId": slot.id,
        }
        try:
            row = self._send(CREATE, variables, authorization=True)["data"].get("createSubmission")
        except TransientError as error:
            if error.maybe_done:
                raise ReplyLostError(
                    f"no answer to the submission of {slot.name}", *error.lines()
                ) from error
            raise
        except RefusedError as error:
            if "not open" in error.what.lower():
                raise RoundTurnedError(error.what) from error
            raise
        if not row or not row.get("id"):
            raise ReplyLostError(f"Numerai gave no id for the submission of {slot.name}")
        number = (row.get("round") or {}).get("number")
        return Receipt(
            submission_id=str(row["id"]), round_number=None if number is None else int(number)
        )

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        data: dict[str, Any] = self.raw_query(query, variables, authorization=True)["data"]
        return data

    def _send(
        self, query: str, variables: Mapping[str, Any] | None, *, authorization: bool
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = "Token {}${}".format(*self.token)
        self._api_requests += 1
        body = {"query": query, "variables": dict(variables or {})}
        return read_graphql(self._transport.post_json(self._url, body, headers))


def read_graphql(answer: requests.Response) -> dict[str, Any]:
    """The JSON of a GraphQL answer; raises what its status, shape or `errors` mean."""
    host, status = host_of(answer.url), answer.status_code
    if status in {408, 429} or status >= 500:
        raise TransientError(
            f"{host} answered {status}", retry_after=retry_after(answer), maybe_done=status != 429
        )
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("errors"):
        raise answers.graphql_error(body["errors"])
    if status in {401, 403}:
        raise TokenError(f"{host} answered {status}", hint="check the API token")
    if status != 200:
        raise UnavailableError(f"{host} answered {status}", hint="is NUMERAI_API_URL right?")
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        raise TransientError(f"{host} answered something other than JSON data", maybe_done=True)
    return body


def check_stored(answer: requests.Response) -> None:
    """Raises unless the object store took the file."""
    host, status = host_of(answer.url), answer.status_code
    if status in {200, 201, 204}:
        return
    if status in {408, 429} or status >= 500:
        raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer))
    raise UnavailableError(
        f"{host} answered {status} to the upload", "the upload address may have expired"
    )


class DatasetSource:
    """A dataset that can be read from any offset, with a fresh URL whenever the last one has
    expired.
    """

    def __init__(
        self,
        numerai: Numerai,
        transport: Transport,
        tournament: str,
        round_number: int,
        filename: str,
    ) -> None:
        self.name = filename
        self._numerai = numerai
        self._transport = transport
        self._key = (tournament, round_number, filename)
        self._url: str | None = None

    @contextmanager
    def open(self, *, offset: int, etag: str | None) -> Iterator[Body]:
        """Starts a read at `offset` of the version `etag`; a changed object comes whole, from 0."""
        if self._url is None:
            self._url = self._numerai.dataset_url(*self._key)
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if etag:
                headers["If-Range"] = f'"{etag}"'
        with self._transport.get(self._url, headers) as answer:
            self._check(answer)
            yield _body(answer, self._transport.chunks(answer))

    def _check(self, answer: requests.Response) -> None:
        host, status = host_of(answer.url), answer.status_code
        if status in {200, 206}:
            return
        self._url = None  # expired, or moved: ask for a fresh one
        if status in {400, 401, 403, 404, 408, 410, 412, 416, 429} or status >= 500:
            raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer))
        raise UnavailableError(f"{host} answered {status} for {self.name}")


def _body(answer: requests.Response, chunks: Iterator[bytes]) -> Body:
    etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"') or None
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == 200:
        return Body(0, int(length) if length.isdigit() else None, etag, chunks)
    # Content-Range: bytes 100-199/200
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    if not start.isdigit():
        raise TransientError(f"{host_of(answer.url)} sent a part without saying which")
    return Body(int(start), int(total) if total.isdigit() else None, etag, chunks)
