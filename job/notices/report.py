"""`check --notify`: tells what a check has found, so that it is known hours before the round.

It does not ping: the dead man's switch waits for runs, and a check in the morning must not pass for
one. It leaves no record, so that `change` means the same as `failure` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from job.clock import Clock
from job.errors import Exit, JobError, StoppedError
from job.findings import Finding
from job.logs import redacted
from job.notices.message import Message
from job.notices.outbox import Outbox, wait_for_all
from job.notices.receivers import Receivers
from job.notices.reporter import AT_MOST_SECONDS, STOP_SECONDS
from job.notices.wording import check_message, run_message


@contextmanager
def report(environ: Mapping[str, str], findings: Sequence[Finding]) -> Iterator[None]:
    """Tells at the end of what is in `findings` by then, or of the error that ended the check."""
    receivers = Receivers.of_refused(environ)
    if not receivers.notify:
        yield
        return
    try:
        yield
    except Exception as error:
        seconds = STOP_SECONDS if isinstance(error, StoppedError) else AT_MOST_SECONDS
        _send(_ended_by(error), receivers, seconds)
        raise
    faults = [finding.text for finding in findings if finding.kind == "fault"]
    warnings = sum(finding.kind == "warning" for finding in findings)
    if receivers.notify_on == "always" or faults:
        _send(check_message(faults, warnings=warnings), receivers, AT_MOST_SECONDS)


def _ended_by(error: Exception) -> Message:
    code = error.exit_code if isinstance(error, JobError) else Exit.UNFORESEEN
    return run_message(
        code=code, error=error, results=(), rounds={}, now=Clock().now(), recovered=False
    )


def _send(message: Message, receivers: Receivers, seconds: float) -> None:
    from job.notices.services import open_services

    outbox = Outbox(open_services(receivers.notify.reveal()))
    # The log's own secrets are known only where the settings could be read.
    outbox.put(message.redacted(redacted).redacted(receivers.redact), about="check")
    clock = Clock()
    wait_for_all([outbox], until=clock.monotonic() + seconds, clock=clock)
