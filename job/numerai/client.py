"""numerapi's client with the paths replaced that are unsafe to automate; each replacement names the
defect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Self

from numerapi.base_api import Api

from job.errors import RefusedError, TransientError, UnavailableError
from job.numerai.graphql import read_graphql
from job.numerai.transport import Transport, host_of, server_time
from job.retry import Retry
from job.tournament import NUMBERS


class Client(Api):
    """Asks Numerai's GraphQL endpoint, and says what came of it.

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

    @property
    def api_requests(self) -> int:
        """GraphQL requests sent so far, tries included."""
        return self._transport.posts

    @property
    def bytes_downloaded(self) -> int:
        """Bytes of objects received so far."""
        return self._transport.bytes_downloaded

    def giving_up_at(self, moment: float | None) -> Self:
        """The same service, with retries that end at a monotonic moment; None leaves them to their
        patience.
        """
        view = copy(self)
        view._retry = replace(self._retry, until=moment)
        return view

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
            lambda: self.send(query, variables, authorization=authorization),
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

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to a question; one that is refused is no model's fault, and leaves it open."""
        try:
            return self.request(query, **variables)
        except RefusedError as error:
            raise UnavailableError(error.what, hint="nothing is known from that") from error

    def request(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to a question, or what Numerai made of an order; tried within the patience.

        Raises `RefusedError` for a clear no.
        """
        data: dict[str, Any] = self.raw_query(query, variables, authorization=True)["data"]
        return data

    def check_time(self) -> None:
        """Raises `TransientError` once retries have to end."""
        until, clock = self._retry.until, self._retry.clock
        if until is not None and clock.monotonic() >= until:
            raise TransientError(f"no time was left to ask {host_of(self._url)}")

    def send(
        self,
        query: str,
        variables: Mapping[str, Any] | None,
        *,
        authorization: bool,
        check: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        """One try; the answer with its `data`. Raises as `read_graphql` does, and as `check`, which
        is called when its turn has come: others may have been served first.
        """
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = "Token {}${}".format(*self.token)
        body = {"query": query, "variables": dict(variables or {})}
        answer = self._transport.post_json(self._url, body, headers, check=check)
        read = read_graphql(answer)
        shown = server_time(answer)
        if shown is not None:
            self._retry.clock.agree_with(shown)
        return read
