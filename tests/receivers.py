"""Who is told of a run, on this machine: a mail server, and an HTTP server that can misbehave."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

ANSWER, HANG, HALF, DRIP = "answer", "hang", "half", "drip"
"""What a receiver does: answers; says nothing; says half of an answer; never ends its answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: path with query, and the text that came with it."""

    path: str
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body that Apprise's json:// sends."""
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass
class Receiver:
    """An HTTP server on loopback. `behaviour` and `status` may be changed at any time."""

    status: int = 200
    behaviour: str = ANSWER
    body: bytes = b"OK"
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def notify_url(self) -> str:
        """What Apprise calls it; user, password and path are secrets of this test."""
        return f"json://drake:{PASSWORD}@127.0.0.1:{self.port}/{TOKEN}"

    @property
    def ping_url(self) -> str:
        """The address of a dead man's switch here."""
        return f"http://127.0.0.1:{self.port}/{SWITCH}"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages that Apprise has brought, in order."""
        return [call.json for call in list(self.calls) if TOKEN in call.path]

    @property
    def titles(self) -> list[str]:
        """Their titles."""
        return [message["title"] for message in self.messages]

    @property
    def pings(self) -> list[str]:
        """The pings that have come, in order: what stood behind the address."""
        paths = [call.path for call in list(self.calls) if SWITCH in call.path]
        return [path.partition(SWITCH)[2] for path in paths]

    @property
    def ping_texts(self) -> list[str]:
        """What came with them."""
        return [call.text for call in list(self.calls) if SWITCH in call.path]


PASSWORD = "pa55-of-the-drake"
TOKEN = "T0kenInAPath"
SWITCH = "3f7c1a52-0b6e-4c7d-9e64-2f1f6f0f5a11"
SECRETS = (PASSWORD, TOKEN, SWITCH)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast("_Server", self.server).receiver
        length = int(self.headers.get("Content-Length") or 0)
        receiver.calls.append(Call(self.path, self.rfile.read(length).decode()))
        if receiver.behaviour == HANG:
            receiver.released.wait(30)
            return
        self.send_response(receiver.status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        if receiver.behaviour == HALF:
            self.send_header("Content-Length", "1000")
        elif receiver.behaviour == ANSWER:
            self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        self.wfile.write(receiver.body)
        self.wfile.flush()
        if receiver.behaviour in {HALF, DRIP}:
            self._go_on(receiver)

    do_GET = do_POST  # noqa: N815 - the base class looks for this name

    def _go_on(self, receiver: Receiver) -> None:
        while not receiver.released.wait(0.2):
            if receiver.behaviour == DRIP:
                try:
                    self.wfile.write(b".")
                except OSError:
                    return

    def log_message(self, *_: object) -> None:
        """Stays quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A receiver that takes everything, until it is told otherwise."""
    receiver = Receiver()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.receiver = receiver
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """A port at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Mailbox:
    """A mail server on loopback and what it has taken; `login` is the one that it lets in."""

    login: tuple[str, str] = ("drake", PASSWORD)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    verdict: str = "250 taken"
    port: int = 0

    @property
    def notify_url(self) -> str:
        """What Apprise calls it."""
        user, password = self.login
        where = f"127.0.0.1:{self.port}?smtp=127.0.0.1&mode=insecure"
        return f"mailto://{user}:{password}@{where}&from=job@example.org&to=drake@example.org"

    async def handle_DATA(self, _: object, __: object, envelope: Any) -> str:  # noqa: N802
        """What aiosmtpd calls with each mail."""
        if self.verdict.startswith("250"):
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
            read = message_from_bytes(envelope.content, policy=policy.default)
            self.mails.append(cast("EmailMessage", read))
        return self.verdict

    def authenticate(self, *args: Any) -> AuthResult:
        """What aiosmtpd calls with each login."""
        given = args[-1]
        assert isinstance(given, LoginPassword)
        right = (given.login.decode(), given.password.decode()) == self.login
        return AuthResult(success=right, handled=False)


class _OnAnyPort(Controller):
    """Listens at a port that the system gives."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        mailbox.port = self._socket.getsockname()[1]
        super().__init__(
            mailbox,
            hostname="127.0.0.1",
            port=mailbox.port,
            authenticator=mailbox.authenticate,
            auth_require_tls=False,
        )

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket)


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server that lets one user in."""
    mailbox = Mailbox()
    controller = _OnAnyPort(mailbox)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
