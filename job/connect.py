"""The one place where the adapter to Numerai is made."""

from __future__ import annotations

from job.clock import Clock
from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.retry import Retry
from job.settings import Settings


def connect(settings: Settings, clock: Clock) -> Numerai:
    """Numerai as the settings name it; nothing is sent yet."""
    return Numerai(
        url=settings.api_url,
        token=(settings.public_id.reveal(), settings.secret_key.reveal()),
        transport=Transport(),
        retry=Retry(clock, settings.retry_patience),
    )
