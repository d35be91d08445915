"""The adapter to Apprise: the only module that imports it."""

from __future__ import annotations

import logging
from collections import Counter
from contextvars import ContextVar

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.utils.parse import parse_urls

from job.clock import Clock
from job.errors import UnavailableError
from job.logs import Redactor
from job.notices.message import Message
from job.notices.urls import secret_parts
from job.units import nearest

TRIES = 2
PAUSE_SECONDS = 1.0
KINDS = {"failure": NotifyType.FAILURE, "success": NotifyType.SUCCESS}
KNOWN = ("mailto", "mailtos", "slack", "discord", "tgram", "ntfy", "ntfys", "json", "jsons")

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


class _Listener(logging.Handler):
    """Keeps what Apprise says about a delivery from the log, for its texts may hold secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        said = _said.get()
        if said is not None:
            said.append(record.getMessage())


_apprise_log = logging.getLogger("apprise")
_apprise_log.handlers[:] = [_Listener(logging.WARNING)]
_apprise_log.setLevel(logging.WARNING)
_apprise_log.propagate = False


class Service:
    """One receiver of messages."""

    def __init__(self, shown: str, url: str, apprise: Apprise, *, clock: Clock) -> None:
        self._shown = shown
        self._apprise = apprise
        self._redact = Redactor(secret_parts(url))
        self._clock = clock

    @property
    def shown(self) -> str:
        """The kind of service, such as mailto; which one where there are several."""
        return self._shown

    def deliver(self, item: Message) -> None:
        """Sends a message; a second try follows where it was not taken. Better twice than never."""
        said: list[str] = []
        _said.set(said)
        for last in (False, True):
            said.clear()
            if self._apprise.notify(
                title=item.title,
                body=item.body or item.title,  # without a body nothing is sent
                body_format=NotifyFormat.TEXT,
                notify_type=KINDS[item.kind],
            ):
                return
            if not last:
                self._clock.sleep(PAUSE_SECONDS)
        why = self._redact(" ".join(" ".join(said).split()))[:300]
        raise UnavailableError("the message was not taken", *([why] if why else []))


def open_services(text: str, *, clock: Clock | None = None) -> list[Service]:
    """The receivers that some Apprise URLs name; nothing is sent.

    Raises:
        ValueError: Apprise does not understand one of them; the message does not quote it.
    """
    urls: list[str] = parse_urls(text)  # type: ignore[no-untyped-call]
    schemes = [url.partition("://")[0].lower() for url in urls]
    asset = AppriseAsset(app_id="numerai-job", app_desc="numerai-job", app_url="")
    services, wrong = [], []
    for place, (url, scheme) in enumerate(zip(urls, schemes, strict=True), 1):
        apprise = Apprise(asset=asset)
        if not apprise.add(url):
            wrong.append(_fault(scheme, place=place, among=len(urls)))
        several = Counter(schemes)[scheme] > 1
        shown = f"{scheme} ({place})" if several else scheme
        services.append(Service(shown, url, apprise, clock=clock or Clock()))
    if wrong or not services:
        raise ValueError("; ".join(wrong) or "holds no URL")
    return services


def _fault(scheme: str, *, place: int, among: int) -> str:
    which = "the URL" if among == 1 else f"URL {place} of {among}"
    near = scheme if scheme in KNOWN else nearest(scheme, KNOWN, cutoff=0.7)
    of_kind = f" ({near}://?)" if near else ""
    return f"Apprise does not understand {which}{of_kind}; its form is at https://appriseit.com"
