"""Pure: what Numerai's API answers, read strictly into the seam's values.

An answer that lacks what it must hold raises `UnavailableError`: it is unknown, not absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from job.errors import ApiChangedError, TokenError, UnavailableError
from job.tournament import NUMBERS, AccountState, Round, Slot, Submission, TokenInfo

Json = Any
NAMES = {number: name for name, number in NUMBERS.items()}


def account_state(data: Mapping[str, Json], tournaments: Mapping[str, str]) -> AccountState:
    """The account query's `data`; `tournaments` maps each alias of `rounds` to its tournament."""
    with _understood("the account's models"):
        account = data["account"]
        slots = [_slot(model) for model in account["models"]]
        return AccountState(
            username=str(account.get("username") or ""),
            slots=tuple(slot for slot in slots if slot is not None),
            rounds={name: rounds(data[alias], name) for alias, name in tournaments.items()},
        )


def account_history(data: Mapping[str, Json], tournaments: Mapping[str, str]) -> AccountState:
    """The same for the history query, where a round without times is left out and not a fault."""
    with _understood("the past rounds"):
        known = {alias: [*filter(_has_times, data[alias] or ())] for alias in tournaments}
    return account_state({**data, **known}, tournaments)


def _has_times(row: Mapping[str, Json] | None) -> bool:
    times = () if row is None else (row.get("openTime"), row.get("closeStakingTime"))
    return bool(times) and None not in times


def rounds(rows: Json, tournament: str) -> tuple[Round, ...]:
    """The `rounds` field; between rounds it is empty, or holds a null.

    A field that is null itself says nothing: it must not pass for "no round is open".
    """
    with _understood("the open rounds"):
        return tuple(_round(row, tournament) for row in rows if row is not None)


def token_info(row: Json) -> TokenInfo:
    """The `apiTokenInfo` field; null means that the token is not known."""
    if row is None:
        raise TokenError(
            "Numerai does not know the API token", hint="create one at numer.ai/account"
        )
    with _understood("the API token"):
        return TokenInfo(
            account=str(row.get("accountUsername") or ""),
            name=str(row.get("name") or ""),
            scopes=tuple(row["scopes"] or ()),
        )


def _round(row: Mapping[str, Json], tournament: str) -> Round:
    close = row.get("closeTime")
    return Round(
        tournament=tournament,
        number=int(row["number"]),
        open_time=_time(row["openTime"]),
        close_staking_time=_time(row["closeStakingTime"]),
        close_time=None if close is None else _time(close),
    )


def _slot(row: Mapping[str, Json]) -> Slot | None:
    tournament = NAMES.get(row["tournament"])
    if tournament is None:
        return None
    hosted = row.get("computePickleUpload")
    latest = row.get("latestSubmissionV2")
    if tournament == "signals":
        latest = row.get("latestSignalsSubmissionV2") or latest
    return Slot(
        id=str(row["id"]),
        name=str(row["name"]),
        tournament=tournament,
        archived=bool(row.get("archived")),
        hosted=None if hosted is None else str(hosted.get("filename") or "a pickle"),
        webhook=row.get("submissionWebhook") or None,
        recent=tuple(
            _recent(entry) for entry in row["latestSubmissions"] or [] if entry is not None
        ),
        latest=None if latest is None else _latest(latest),
    )


def _recent(row: Mapping[str, Json]) -> Submission:
    stamp = row["timestamp"]
    return Submission(
        id=row["id"],
        filename=row["filename"],
        round_number=int(row["roundNumber"]),
        status=row["status"],
        timestamp=None if stamp is None else _time(stamp),
        opened_on=_day(row.get("roundOpen")),
        deadline_on=_day(row.get("roundCloseStaking")),
    )


def _latest(row: Mapping[str, Json]) -> Submission:
    number = (row.get("round") or {}).get("number")
    return Submission(
        id=row["id"],
        filename=row["filename"],
        round_number=None if number is None else int(number),
        status=row["status"],
        error=row.get("errorInfo") or None,
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text[:10])


@contextmanager
def _understood(what: str) -> Iterator[None]:
    """Turns a hole in an answer into one `UnavailableError` that names what could not be read."""
    try:
        yield
    except KeyError as error:
        raise ApiChangedError(f"field {error.args[0]} is missing in {what}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise UnavailableError(
            f"cannot understand what Numerai answered about {what}",
            f"{type(error).__name__}: {error}",
            hint="Numerai's API may have changed; is there a newer version of this job?",
        ) from error
