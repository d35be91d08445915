"""Who is to hear of a run, and about what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from job.logs import Redactor, redacted
from job.notices.urls import secret_parts
from job.secret import Secret
from job.settings import Settings, notices_of

NOBODY = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Apprise's URLs, what is told to them, and the dead man's switch; empty where there is none.

    `redact` takes out of a text what nobody is to be told.
    """

    notify: Secret
    notify_on: str
    ping_url: Secret
    redact: Callable[[str], str] = field(default=redacted)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those that the settings name."""
        return cls(notify=settings.notify, notify_on=settings.notify_on, ping_url=settings.ping_url)

    @classmethod
    def of_refused(cls, environ: Mapping[str, str]) -> Self:
        """Those of a run whose settings or manifest are wrong, as far as they can be read."""
        notify, notify_on, ping_url = notices_of(environ)
        hidden = secret_parts(notify.reveal()) | secret_parts(ping_url.reveal())
        return cls(notify=notify, notify_on=notify_on, ping_url=ping_url, redact=Redactor(hidden))

    def for_run(self, *, dry_run: bool, partly: bool) -> Self:
        """Those whom a run of this kind concerns. Of a dry run nobody is told; a run that is about
        some models only says nothing about the others, and so does not ping.
        """
        return replace(
            self,
            notify=NOBODY if dry_run else self.notify,
            ping_url=NOBODY if dry_run or partly else self.ping_url,
        )
