"""What Azure's SDK raises, in the job's words: who said what of which container, why, and the next
step. Never a URL's query: it may be a SAS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from xml.etree.ElementTree import ParseError

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from job.blob.account import CONNECTION_STRING, Place
from job.errors import JobError, TransientError, UnavailableError

ROLE_PATIENCE: Final = 300.0
"""Seconds: a fresh role assignment takes minutes until Blob Storage knows of it."""
BUSY: Final = {408, 429}
NEVER: Final = {501, 505}
MISSING: Final = {"BlobNotFound"}
CHANGED: Final = "ConditionNotMet"
TAKEN: Final = {"BlobAlreadyExists", CHANGED, "UnauthorizedBlobOverwrite"}
_STUMBLES: Final = (ValueError, ParseError, AttributeError, LookupError, TypeError)
"""What the SDK raises over an answer that lacks what it takes for granted."""
READER: Final = "Storage Blob Data Reader"
CONTRIBUTOR: Final = "Storage Blob Data Contributor"


def code_of(error: BaseException) -> str:
    """The service's code of an error, such as BlobNotFound; empty where it gave none."""
    code = getattr(error, "error_code", None)
    if code is None and isinstance(error, HttpResponseError) and error.response is not None:
        code = _headers(error).get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def status_of(error: BaseException) -> int:
    """The HTTP status of an error; 0 where no answer came."""
    answered = isinstance(error, HttpResponseError) and error.response is not None
    return int(getattr(error, "status_code", 0) or 0) if answered else 0


@contextmanager
def translated(what: str, place: Place, *, writes: bool = False) -> Iterator[None]:
    """Turns what the SDK raises, in the middle of a body too, into the job's errors.

    Args:
        what: what cannot be done, should it fail: one sentence.
        writes: whether it takes the right to write.
    """
    try:
        yield
    except JobError:  # of the identity, or of an order to stop
        raise
    except HttpResponseError as error:
        raise _answered(error, what, place, writes=writes) from None
    except AzureError as error:
        raise _unanswered(error, what, place) from None
    except _STUMBLES:
        raise TransientError(f"{place.host} answered what cannot be understood") from None
    except OSError:  # what the SDK lets through of a connection that breaks
        raise TransientError(f"the connection to {place.host} broke", maybe_done=True) from None


def _answered(error: HttpResponseError, what: str, place: Place, *, writes: bool) -> JobError:
    status, code = status_of(error), code_of(error)
    if not status:
        return TransientError(f"the answer of {place.host} broke off", maybe_done=True)
    said = f"{place.host} answered {status} {code}".rstrip()
    if status in BUSY or (status >= 500 and status not in NEVER):
        return TransientError(said, retry_after=_retry_after(_headers(error)), maybe_done=True)
    if status in {401, 403}:
        return _refused(said, what, place, code, writes=writes)
    return UnavailableError(what, said, hint=_next_step(code, place))


def _refused(said: str, what: str, place: Place, code: str, *, writes: bool) -> JobError:
    if place.by == "identity":
        role = CONTRIBUTOR if writes else READER
        return TransientError(
            said,
            "a role is missing, or too fresh to count yet: that takes minutes",
            hint=(
                f"whoever is signed in here (in Azure, the job's identity) needs the role {role} "
                f"on the container {place.url.container} of {place.host}; `python -m deploy apply` "
                "gives it to both. Firewall rules of the account refuse in the same way"
            ),
            patience=ROLE_PATIENCE,
        )
    if code == "KeyBasedAuthenticationNotPermitted":
        return UnavailableError(
            what, said, "the account takes no keys", hint=f"unset {CONNECTION_STRING}: use a role"
        )
    if place.by == "SAS":
        verb = "write" if writes else "read"
        why = f"the SAS has expired, is wrong, or does not let {verb} here"
        return UnavailableError(what, said, why, hint="make a new SAS")
    return UnavailableError(
        what, said, f"the key in {CONNECTION_STRING} is not (any longer) the account's"
    )


def _next_step(code: str, place: Place) -> str:
    if code in {"ContainerNotFound", "ContainerBeingDeleted"}:
        return (
            f"there is no container {place.url.container}: is its name right? "
            "`python -m deploy apply` makes those it deploys with"
        )
    if code == "ResourceNotFound":
        return f"is there an account at {place.url.account}?"
    return ""


def _unanswered(error: AzureError, what: str, place: Place) -> JobError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return UnavailableError(
            what,
            f"the TLS certificate of {place.host} could not be verified",
            hint="is a proxy in between? REQUESTS_CA_BUNDLE names the certificates to trust",
        )
    if isinstance(error, ServiceRequestTimeoutError):
        return TransientError(f"{place.host} took no connection in time")
    if isinstance(error, ServiceResponseTimeoutError):
        return TransientError(f"{place.host} sent nothing for too long", maybe_done=True)
    if isinstance(error, ServiceRequestError):
        return TransientError(
            f"{place.host} could not be reached", hint="is the name of the account right?"
        )
    if isinstance(error, ServiceResponseError):
        return TransientError(f"the connection to {place.host} broke", maybe_done=True)
    if type(error).__name__ == "AzureSigningError":
        return UnavailableError(what, f"the key in {CONNECTION_STRING} is no key")
    return TransientError(f"{place.host} answered what cannot be understood", maybe_done=True)


def _headers(error: HttpResponseError) -> Mapping[str, str]:
    return getattr(error.response, "headers", {})


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait; it gives them as a number."""
    value = str(headers.get("Retry-After", "")).strip()
    return float(value) if value.isascii() and value.isdigit() else None
