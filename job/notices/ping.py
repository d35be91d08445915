"""A dead man's switch, in the protocol of healthchecks.io: a ping at the start and one at the end.

What it is for: nothing inside can report a container that never started. Who watches from outside
notices that the ping did not come. Source: https://healthchecks.io/docs/http_api/
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from job.clock import Clock
from job.errors import Exit, StoppedError, TransientError, UnavailableError
from job.numerai.transport import Answer, Transport, host_of, retry_after
from job.retry import Retry
from job.secret import Secret

SECONDS = 10.0
PATIENCE = 3.0
MOST_BYTES = 100_000
"""So much of a body is kept at healthchecks.io; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping: what stands behind the URL, and the text that goes with it."""

    suffix: str
    text: str = ""


START = Ping("/start")


def last_ping(code: Exit, error: Exception | None, text: str) -> Ping:
    """How a run's end is told: success for 0; `/<exit code>` where the job itself came to that;
    `/fail` where it was cut off, by a signal, by its time-out or by a fault of its own.
    """
    if code is Exit.OK:
        return Ping("", text)
    cut_off = isinstance(error, StoppedError) or code is Exit.UNFORESEEN
    return Ping("/fail" if cut_off else f"/{int(code)}", text)


class Switch:
    """The switch at a URL.

    Args:
        retry: how long what waiting can mend is tried again.
    """

    shown = "ping"

    def __init__(
        self, url: Secret, *, transport: Transport | None = None, retry: Retry | None = None
    ) -> None:
        self._url = url
        self._transport = transport or Transport(stall=SECONDS, answer=SECONDS)
        # A clock of its own: the run's no longer lets anyone sleep once the run is to stop.
        self._retry = retry or Retry(Clock(), PATIENCE)

    def deliver(self, item: Ping) -> None:
        """Sends a ping; raises `UnavailableError` when it was not taken."""
        url = urlsplit(self._url.reveal())
        address = urlunsplit(url._replace(path=url.path.rstrip("/") + item.suffix))
        body = item.text.encode()[:MOST_BYTES]
        self._retry(
            lambda: _check(self._transport.post_text(address, body)), what="the ping was not taken"
        )


def _check(answer: Answer) -> None:
    """Raises where the switch has not taken note; it may answer 200 all the same."""
    host, status = host_of(answer.url), answer.status
    if status in {408, 429} or status >= 500:
        raise TransientError(f"{host} answered {status}", retry_after=retry_after(answer.headers))
    said = answer.body[:40].decode(errors="replace").strip()
    if status // 100 != 2 or said.startswith("OK ("):  # e.g. OK (not found)
        verdict = said if status == 200 else "is NUMERAI_PING_URL right?"
        raise UnavailableError(f"{host} answered {status}", verdict)
