"""One GraphQL answer: its JSON, or the error that its status, shape or `errors` mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from job.errors import (
    ApiChangedError,
    JobError,
    RefusedError,
    TokenError,
    TransientError,
    UnavailableError,
)
from job.numerai.transport import Answer, host_of, retry_after

Json = Any

LATER = re.compile(
    r"rate.?limit|too many requests|internal server error|something went wrong|time.?out|try again"
    r"|temporarily|unavailable",
    re.IGNORECASE,
)
NOT_DONE = re.compile(r"rate.?limit|too many requests", re.IGNORECASE)
# "You do not have permission to submit for this model" is that model's matter alone.
TOKEN = re.compile(
    r"authenticat|unauthori[sz]ed|not authori[sz]ed|session is invalid"
    r"|invalid (api )?(token|key)|(token|api key) is (invalid|expired)|\bscopes?\b",
    re.IGNORECASE,
)
# What a validator says of a query that it does not understand, as far as it names a place: the
# wording of Absinthe, which Numerai runs, and of graphql-js and its descendants, with either quote.
Q = "['\"]"
NOT_UNDERSTOOD = tuple(
    (re.compile(pattern.replace("`", Q)), words)
    for pattern, words in (
        (r"Cannot query field `(\w+)` on type `(\w+)`", "field {0} of {1}"),
        (r"Unknown argument `(\w+)` on field `(?:\w+\.)?(\w+)`", "argument {0} of field {1}"),
        (r"Field `(\w+)` argument `(\w+)` of type .* is required", "argument {1} of field {0}"),
        (r"In argument `(\w+)`: Expected type", "argument {0}"),
        (r"Argument `(\w+)` has invalid value", "argument {0}"),
        (r"Field `(\w+)` .*must (?:not )?have (?:a selection|sub)", "field {0}"),
        (r"Variable `\$?(\w+)` of type", "argument {0}"),
        (r"Variable `\$?(\w+)`: Expected", "argument {0}"),
        (r"Unknown type `(\w+)`", "type {0}"),
        (r"(?i:syntax error)", "its language"),
    )
)


def api_change(errors: Json) -> ApiChangedError | None:
    """The error that says which parts of a query were not understood; None where all were."""
    rows = errors if isinstance(errors, list) else [errors]
    said = [str(row.get("message") or "")[:500] for row in rows if isinstance(row, Mapping)]
    places = {place: text for text in said if (place := _not_understood(text))}
    if not places:
        return None
    return ApiChangedError(", ".join(places), f"Numerai answered: {next(iter(places.values()))}")


def _not_understood(message: str) -> str:
    """The place in a query that a validator's message names; empty where it names none."""
    for pattern, words in NOT_UNDERSTOOD:
        if found := pattern.match(message):
            return words.format(*found.groups())
    return ""


def graphql_error(errors: Json) -> JobError:
    """The error that a GraphQL `errors` list means: a query that is not understood any more,
    transient, the token, or a definite no.
    """
    if (changed := api_change(errors)) is not None:
        return changed
    first = errors[0] if isinstance(errors, list) and errors else errors
    entry = first if isinstance(first, Mapping) else {}
    message = str(entry.get("message") or entry.get("detail") or first)[:500]
    said = f"{entry.get('code', '')} {message}"
    if LATER.search(said):
        return TransientError(
            f"Numerai answered: {message}", maybe_done=NOT_DONE.search(said) is None
        )
    if TOKEN.search(said):
        return TokenError(
            f"Numerai refuses the API token: {message}",
            hint="check NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY; the token needs the scopes "
            "upload_submission, read_submission_info and read_user_info",
        )
    return RefusedError(f"Numerai answered: {message}")


def read_graphql(answer: Answer) -> dict[str, Any]:
    """The JSON of a GraphQL answer; raises what its status, shape or `errors` mean."""
    host, status = host_of(answer.url), answer.status
    if status in {408, 429} or status >= 500:
        raise TransientError(
            f"{host} answered {status}",
            retry_after=retry_after(answer.headers),
            maybe_done=status != 429,
        )
    body = _json(answer.body)
    if isinstance(body, dict) and body.get("errors"):
        raise graphql_error(body["errors"])
    if status in {401, 403}:
        raise TokenError(f"{host} answered {status}", hint="check the API token")
    if status != 200:
        raise UnavailableError(f"{host} answered {status}", hint="is NUMERAI_API_URL right?")
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        raise TransientError(f"{host} answered something other than JSON data", maybe_done=True)
    return body


def _json(body: bytes) -> Json:
    """What the body says; None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
