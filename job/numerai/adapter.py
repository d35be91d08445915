"""The adapter to Numerai: the only module that speaks GraphQL and presigned URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from job.errors import (
    NotReadyError,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    TokenError,
    TransientError,
    UnavailableError,
)
from job.numerai import answers, queries
from job.numerai.client import Client
from job.numerai.presigned import DatasetSource, check_stored, read_whole
from job.numerai.transport import host_of
from job.secret import Secret
from job.tournament import (
    NUMBERS,
    AccountState,
    Receipt,
    Round,
    Slot,
    Source,
    Ticket,
    TokenInfo,
)

SUBMISSION_BYTES = 32 * 2**20
"""What a submission may hold that is read again."""


class Numerai(Client):
    """Numerai's service, over HTTP. Obeys `job.tournament.Tournament`."""

    def account_state(self, tournaments: Sequence[str]) -> AccountState:
        """All models and the open rounds of `tournaments`, in one request."""
        aliases = {f"rounds_{name}": name for name in tournaments}
        wanted = "\n".join(
            f"{alias}: rounds(tournament: {NUMBERS[name]}, status: OPEN) {queries.ROUND}"
            for alias, name in aliases.items()
        )
        data = self._ask_account(queries.MODELS, wanted)
        return answers.account_state(data, aliases)

    def account_history(self, tournaments: Sequence[str], *, last: int) -> AccountState:
        """All models with what became of each in the last rounds, and those rounds, in one request.

        Numerai lists rounds newest first; should it ever not, their times are what is missing.
        """
        aliases = {f"rounds_{name}": name for name in tournaments}
        wanted = "\n".join(
            f"{alias}: rounds(tournament: {NUMBERS[name]}, limit: {last + 1}) {queries.ROUND}"
            for alias, name in aliases.items()
        )
        return answers.account_history(self._ask_account(queries.history(last), wanted), aliases)

    def _ask_account(self, fields: str, wanted: str) -> dict[str, Any]:
        """The answer to one question about the account; raises `TokenError` where there is none."""
        data = self.ask(f"query {{ account {{ {fields} }} {wanted} }}")
        if "account" in data and data["account"] is None:
            raise TokenError(
                "Numerai answered without an account: it does not know the API token",
                hint="check NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY",
            )
        return data

    def open_rounds(self, tournament: str) -> tuple[Round, ...]:
        """The rounds that take submissions now, late ones included."""
        data = self.ask(
            f"query {{ rounds(tournament: {NUMBERS[tournament]}, status: OPEN) {queries.ROUND} }}"
        )
        return answers.rounds(data.get("rounds"), tournament)

    def recent_rounds(self, tournament: str, *, limit: int) -> tuple[Round, ...]:
        """The newest rounds, at most `limit`, whatever their state; newest first."""
        data = self.ask(
            f"query {{ rounds(tournament: {NUMBERS[tournament]}, limit: {limit}) {queries.ROUND} }}"
        )
        found = answers.rounds(data.get("rounds"), tournament)
        return tuple(sorted(found, key=lambda round_: round_.number, reverse=True)[:limit])

    def token_info(self) -> TokenInfo:
        """What the token may do."""
        data = self.ask("query { apiTokenInfo { accountUsername name scopes } }")
        return answers.token_info(data.get("apiTokenInfo"))

    def datasets(self, tournament: str, round_number: int | None) -> tuple[str, ...]:
        """Names of the files published for a round."""
        data = self.ask(queries.DATASETS, round=round_number, tournament=NUMBERS[tournament])
        return tuple(name for name in data.get("listDatasets") or () if name)

    def dataset(self, tournament: str, round_number: int, filename: str) -> Source:
        """A file published for a round; its URL is asked for when it is first read, and when it
        has expired.
        """
        return DatasetSource(
            filename,
            transport=self._transport,
            fresh_url=lambda: self._dataset_url(tournament, round_number, filename),
        )

    def _dataset_url(self, tournament: str, round_number: int, filename: str) -> str:
        """A fresh presigned URL; raises `NotReadyError` when the file is not published yet."""
        try:
            data = self.request(
                queries.DATASET,
                filename=filename,
                round=round_number,
                tournament=NUMBERS[tournament],
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
        with _round_may_turn():
            data = self.request(
                queries.ticket(slot.tournament),
                filename=filename,
                tournament=NUMBERS[slot.tournament],
                modelId=slot.id,
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

    def create(self, ticket: Ticket, *, data_datestamp: int | None = None) -> Receipt:
        """Registers the stored file, one try: whether it was carried out matters to the caller."""
        slot = ticket.slot
        variables = {
            "filename": ticket.filename,
            "tournament": NUMBERS[slot.tournament],
            "modelId": slot.id,
            "dataDatestamp": data_datestamp,
        }
        query = queries.create(slot.tournament)
        try:
            with _round_may_turn():
                data = self.send(query, variables, authorization=True, check=self.check_time)[
                    "data"
                ]
        except TransientError as error:
            if error.maybe_done:
                raise ReplyLostError(
                    f"no answer to the submission of {slot.name}", *error.lines()
                ) from error
            raise
        row = data.get("made")
        if not row or not row.get("id"):
            raise ReplyLostError(f"Numerai gave no id for the submission of {slot.name}")
        number = (row.get("round") or {}).get("number")
        return Receipt(
            submission_id=str(row["id"]), round_number=None if number is None else int(number)
        )

    def submitted_csv(self, submission_id: str) -> bytes:
        """The file of a submission, whole. numerapi takes a truncated one, and keeps an old one."""
        source = DatasetSource(
            f"the file of submission {submission_id}",
            transport=self._transport,
            fresh_url=lambda: self._download_url(submission_id),
        )
        return self._retry(
            lambda: read_whole(source, most=SUBMISSION_BYTES),
            what=f"{source.name} could not be downloaded",
        )

    def _download_url(self, submission_id: str) -> str:
        """A fresh presigned URL; raises `RefusedError` where Numerai gives none."""
        try:
            data = self.request(queries.DOWNLOAD, id=submission_id)
        except TokenError as error:
            if "scope" not in error.what:
                raise
            raise RefusedError(
                error.what, hint="reading submissions needs the scope read_submission_info"
            ) from error
        found = data.get("submissionDownloadAuth") or {}
        if not found.get("url"):
            raise RefusedError(f"Numerai has no file of submission {submission_id}")
        return str(found["url"])

    def set_webhook(self, slot: Slot, url: Secret | None) -> None:
        """Has Numerai call an address whenever a round opens for a model; None: none any more.

        Raises `RefusedError` where Numerai says no.
        """
        self.request(queries.WEBHOOK, modelId=slot.id, url=None if url is None else url.reveal())


@contextmanager
def _round_may_turn() -> Iterator[None]:
    """Tells "Current round not open for submissions" from what Numerai refuses a model."""
    try:
        yield
    except RefusedError as error:
        if "not open" in error.what.lower():
            raise RoundTurnedError(error.what) from error
        raise
