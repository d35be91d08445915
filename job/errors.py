"""The error tree. Every kind owns its exit code; only `job.entry` renders them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes that other programs rely on."""

    OK = 0
    UNFORESEEN = 1
    USAGE = 2
    MODELS_FAILED = 3
    UNAVAILABLE = 4
    MISSED = 5
    NO_ROUND = 6
    INTERRUPTED = 130
    TERMINATED = 143


class JobError(Exception):
    """What happened, the likely cause, and the next step, in that order.

    Args:
        what: one sentence, no full stop: what could not be done.
        why: further lines: the cause as far as it is known.
        hint: what to do next.
    """

    exit_code = Exit.UNFORESEEN

    def __init__(self, what: str, *why: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def lines(self) -> list[str]:
        """The message as lines, the first without indentation."""
        return [self.what, *(f"  {line}" for line in (*self.why, self.hint) if line)]

    def __str__(self) -> str:
        return "; ".join(part for part in (self.what, *self.why, self.hint) if part)


class UsageError(JobError):
    """Settings, flags or manifest are wrong; nothing was tried. Carries every fault at once."""

    exit_code = Exit.USAGE

    def __init__(self, what: str, faults: Sequence[str], hint: str = "") -> None:
        super().__init__(what, *faults, hint=hint)
        self.faults = tuple(faults)


class ModelError(JobError):
    """One model failed for a reason of its own; the others go on."""

    exit_code = Exit.MODELS_FAILED


class UnpublishedError(ModelError):
    """A dataset that a model wants is none of its tournament's; waiting cannot mend it."""


class RefusedError(ModelError):
    """Numerai understood a request and said no; waiting cannot mend it."""


class DeadlineError(ModelError):
    """There is no time left to submit this model on time."""

    exit_code = Exit.MISSED


class UnavailableError(JobError):
    """Numerai, the store or the disk could not be reached, read, written or understood."""

    exit_code = Exit.UNAVAILABLE


class TransientError(UnavailableError):
    """Another try may succeed.

    Args:
        hint: what to do next when no try has succeeded.
        retry_after: seconds the service asked to wait, None where it did not say.
        maybe_done: whether the request may have been carried out all the same.
        patience: seconds that this kind of trouble is given, None: what the caller gives any.
    """

    def __init__(
        self,
        what: str,
        *why: str,
        hint: str = "",
        retry_after: float | None = None,
        maybe_done: bool = False,
        patience: float | None = None,
    ) -> None:
        super().__init__(what, *why, hint=hint)
        self.retry_after = retry_after
        self.maybe_done = maybe_done
        self.patience = patience


class TokenError(UnavailableError):
    """Numerai refuses the API token."""


class ApiChangedError(UnavailableError):
    """Numerai no longer understands a query, or no longer answers it as it did.

    Args:
        what: the field or argument, such as `field latestSubmissions of Model`.
    """

    def __init__(self, what: str, *why: str) -> None:
        super().__init__(
            f"Numerai's API changed: {what}",
            *why,
            hint="look for a newer version of this job, and try it with `python -m job check`; "
            "until then upload at https://numer.ai by hand",
        )


class NotReadyError(UnavailableError):
    """The round is open, but its data are not there yet; `again_in` seconds they may be."""

    again_in = 0.0


class AwaitedError(NotReadyError):
    """A prediction file that another program is to put there has not come yet."""

    exit_code = Exit.MODELS_FAILED
    again_in = 10.0


class ReplyLostError(UnavailableError):
    """A request was sent and no answer came: it may or may not have been carried out."""


class RoundTurnedError(JobError):
    """The round that the work was for is no longer the current one."""

    exit_code = Exit.UNAVAILABLE


class NoRoundError(JobError):
    """The wait is over and no round has opened for on-time submission."""

    exit_code = Exit.NO_ROUND


class StoppedError(JobError):
    """SIGINT, SIGTERM or the run's time-out ended the work."""

    def __init__(self, what: str, exit_code: Exit) -> None:
        super().__init__(what)
        self.exit_code = exit_code
