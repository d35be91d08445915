"""Between a client and Azurite: hands on every request, except where a test wants it otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import urllib3

from job.blob_url import BlobUrl
from tests.azure.certificates import Authority
from tests.azure.messages import CUT, Reply, Request
from tests.azure.wire import Handler, Server

Step = Callable[[Request], Reply | None]
"""What becomes of a request: a reply, or None to hand it on."""
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class _Plan:
    matches: Callable[[Request], bool]
    step: Step
    times: int


class Proxy:
    """Serves an Azurite under another port. `requests` are those that came, in order.

    Args:
        authority: of Azurite's certificate, and of this proxy's, where TLS is spoken.
    """

    def __init__(self, origin: str, authority: Authority | None = None) -> None:
        self._origin = origin
        self._pool = urllib3.PoolManager(ca_certs=str(authority.ca) if authority else None)
        context = authority.context() if authority else None
        self._server = Server(self._answer, name="proxy", context=context)
        self._server.RequestHandlerClass = _Ending
        self._guard = threading.Lock()
        self._plans: list[_Plan] = []
        self.requests: list[Request] = []
        self._server.listen()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._server.url

    def url(self, url: BlobUrl) -> BlobUrl:
        """A URL of Azurite, by way of this proxy."""
        return replace(url, account=url.account.replace(self._origin, self.origin))

    def environ(self, connection_string: str) -> dict[str, str]:
        """The environment with that connection string, by way of this proxy."""
        text = connection_string.replace(self._origin, self.origin)
        return {"AZURE_STORAGE_CONNECTION_STRING": text}

    def stop(self) -> None:
        """Ends it."""
        self._server.stop()
        self._pool.clear()

    def on(
        self, step: Step | Reply, *, method: str = "", times: int = 1_000_000, **query: str
    ) -> None:
        """From now on the first `times` requests with this method and these parameters (in upper
        and lower case as sent) go this way; what was said first comes first.
        """
        given = step
        chosen: Step = (lambda _: given) if isinstance(given, Reply) else given
        self._plans.append(_Plan(lambda request: _fits(request, method, query), chosen, times))

    def calm(self) -> None:
        """Hands everything on again."""
        with self._guard:
            self._plans.clear()

    def forward(self, request: Request) -> Reply:
        """What Azurite answers."""
        headers = {name: one for name, one in request.headers.items() if name not in _HOP}
        response = self._pool.request(
            request.method,
            f"{self._origin}{request.target}",
            body=request.body,
            headers={**headers, "content-length": str(len(request.body))},
            redirect=False,
            retries=False,
            decode_content=False,
        )
        kept = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in _HOP
            or (request.method == "HEAD" and name.lower() == "content-length")
        }
        return Reply(response.status, response.data, kept)

    def lose_reply(self, request: Request) -> Reply:
        """Hands the request on, and cuts the connection when the answer is there."""
        self.forward(request)
        return CUT

    def truncate(self, request: Request) -> Reply:
        """Sends half of the answer and hangs up."""
        reply = self.forward(request)
        headers = {**reply.headers, "Content-Length": str(len(reply.body)), "Connection": "close"}
        return Reply(reply.status, reply.body[: len(reply.body) // 2], headers)

    def stall(self, request: Request) -> Reply:
        """Sends half of the answer and no more."""
        reply = self.forward(request)
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        return Reply(reply.status, reply.body[: len(reply.body) // 2], headers)

    def _answer(self, request: Request) -> Reply:
        step = None
        with self._guard:
            self.requests.append(request)
            for plan in self._plans:
                if plan.times and plan.matches(request):
                    plan.times -= 1
                    step = plan.step
                    break
        reply = step(request) if step else None
        return self.forward(request) if reply is None else reply


class _Ending(Handler):
    """Hangs up after an answer that says so."""

    def _send(self, reply: Reply) -> None:
        super()._send(reply)
        if reply.headers.get("Connection") == "close":
            self.close_connection = True


def refusal(status: int, code: str, **headers: str) -> Reply:
    """An answer of the service that says no."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>ordered</Message></Error>"
    kind = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Reply(
        status, body.encode(), {**kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@contextmanager
def before(origin: str, authority: Authority | None = None) -> Iterator[Proxy]:
    """A proxy, for as long as it is needed."""
    proxy = Proxy(origin, authority)
    try:
        yield proxy
    finally:
        proxy.stop()


def _fits(request: Request, method: str, query: dict[str, str]) -> bool:
    return method in {"", request.method} and all(
        request.query.get(name) == value for name, value in query.items()
    )
