"""What Azure's libraries raise -> what this project raises: what was asked, what came of it, and
which right is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from job.errors import JobError, TransientError, UnavailableError, UsageError

SIGN_IN: Final = (
    "`az login`, or give a service principal in AZURE_CLIENT_ID, ..._TENANT_ID, ..._SECRET"
)
FINAL_CONFLICTS: Final = frozenset(
    {
        "MissingSubscriptionRegistration",
        "RoleAssignmentExists",
        "RoleDefinitionWithSameNameExists",
        "StorageAccountAlreadyTaken",
        "StorageAccountAlreadyExists",
    }
)
"""Conflicts that no waiting mends; the others come from something that is going on."""
ACTION: Final = re.compile(r"perform action '([^']+)'(?: (?:over|at) scope '([^']+)')?")
ROLES: Final = (
    ("microsoft.authorization/roledefinitions", "Owner or User Access Administrator"),
    (
        "microsoft.authorization/roleassignments",
        "Owner, User Access Administrator or Role Based Access Control Administrator",
    ),
    ("microsoft.resources/subscriptions", "Contributor on the subscription"),
    ("", "Contributor"),
)


class AbsentError(JobError):
    """What was asked for is not there."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Translates what goes wrong while Azure is asked to `what`, such as `start numerai`.

    Raises:
        AbsentError: there is no such thing.
        TransientError: waiting may mend it.
        UsageError: Azure understood and says no to what it was given.
        UnavailableError: no sign-in, no right, or no usable answer.
    """
    try:
        yield
    except ResourceNotFoundError as error:
        raise AbsentError(f"Azure could not {what}", *said(error)) from error
    except HttpResponseError as error:
        raise _refusal(what, error) from error
    except ServiceRequestError as error:
        raise TransientError(f"Azure could not be reached to {what}", _short(error)) from error
    except ServiceResponseError as error:
        raise TransientError(
            f"Azure did not answer when asked to {what}", _short(error), maybe_done=True
        ) from error
    except AzureError as error:
        raise UnavailableError(f"Azure could not {what}", _short(error)) from error


def _refusal(what: str, error: HttpResponseError) -> JobError:
    status = error.status_code if error.response is not None else None
    if status is None and isinstance(error, ClientAuthenticationError):
        return UnavailableError(f"cannot sign in to Azure to {what}", _short(error), hint=SIGN_IN)
    if status == 401:
        return UnavailableError(
            f"Azure refuses the sign-in that was to {what}", *said(error), hint=SIGN_IN
        )
    if status == 403:
        return _forbidden(what, error)
    if status in {408, 429} or (status is not None and status >= 500):
        wait = retry_after(getattr(error.response, "headers", {}))
        return TransientError(
            f"Azure answered {status} when asked to {what}", *said(error), retry_after=wait
        )
    if status == 409 and code_of(error) not in FINAL_CONFLICTS:
        return TransientError(f"Azure could not {what} now", *said(error))
    if status in {400, 409, 422}:
        return UsageError(f"Azure refuses to {what}", said(error))
    return UnavailableError(f"Azure could not {what}", *said(error))


def _forbidden(what: str, error: HttpResponseError) -> UnavailableError:
    lines = said(error)
    match = ACTION.search(" ".join(lines))
    if match is None:
        return UnavailableError(f"you may not {what}", *lines)
    action, scope = match[1], match[2] or "it"
    role = next(role for prefix, role in ROLES if action.lower().startswith(prefix))
    return UnavailableError(
        f"you may not {what}",
        f"the right to {action} on {scope} is missing",
        hint=f"have the role {role} given to you; a new role takes some minutes to count",
    )


def code_of(error: HttpResponseError) -> str:
    """Azure's own word for what went wrong, such as `AuthorizationFailed`; empty for none."""
    return str(getattr(error.error, "code", None) or "")


def said(error: HttpResponseError) -> list[str]:
    """What Azure says of it, with what lies below it, each on a line of its own."""
    found = error.error
    if found is None:
        return [_short(error)]
    return list(dict.fromkeys(_lines(found)))


def _lines(part: Any) -> Iterator[str]:
    """`Code: message` of an error and of its details, from values or from JSON."""
    code, message = (_of(part, name) for name in ("code", "message"))
    text = ": ".join(str(one) for one in (code, message) if one)
    if text:
        yield " ".join(text.split())
    for detail in _of(part, "details") or ():
        yield from _lines(detail)


def lines_of(part: object) -> list[str]:
    """The same of an error that stands in an answer."""
    return list(dict.fromkeys(_lines(part)))


def _of(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, Mapping) else getattr(part, name, None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait; None where it says nothing."""
    text = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _short(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
