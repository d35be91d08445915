"""Reads run records for what each says of a model in a round."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from job.errors import UnavailableError
from job.history.rounds import PastRound
from job.history.told import Key, Records, Told
from job.plan import DISABLED
from job.record import SCHEMA, SUFFIX
from job.store import Store

MOST_RECORDS = 5000
"""Read at most, the newest of those asked for."""
READERS = 8
"""Records read at the same time: a remote store takes its time for each."""
REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class _Record:
    rounds: Mapping[str, PastRound]
    told: Sequence[Told]
    models: Mapping[Key, bool]


def read_records(store: Store, *, since: datetime) -> Records:
    """The records of the runs that began since then; broken ones are passed over and counted.

    Raises `UnavailableError` where the store cannot be read, or none of its records.
    """
    first = f"{since.astimezone(UTC):%Y%m%dT%H%M%S}"
    names = [name for name in store.names(SUFFIX) if name >= first][-MOST_RECORDS:]
    with ThreadPoolExecutor(READERS, thread_name_prefix="records") as pool:
        found = list(pool.map(lambda name: _read(store, name), names))
    records = [record for record in found if isinstance(record, _Record)]
    unread = [error for error in found if isinstance(error, UnavailableError)]
    if unread and len(unread) == len(found):
        raise unread[0]
    rounds: dict[str, dict[int, PastRound]] = {}
    for record in records:
        for tournament, round_ in record.rounds.items():
            rounds.setdefault(tournament, {})[round_.number] = round_
    return Records(
        told=[told for record in records for told in record.told],
        rounds=rounds,
        models=next((record.models for record in reversed(records) if record.models), {}),
        read=len(records),
        passed_over=len(found) - len(records),
    )


def _read(store: Store, name: str) -> _Record | UnavailableError | None:
    try:
        return _understood(store.read(name))
    except UnavailableError as error:
        return error


def _understood(text: bytes | None) -> _Record | None:
    """A record's text as values; None where it is no record of this schema, or gone."""
    try:
        record = json.loads(text or b"")
        if record["schema"] != SCHEMA:
            return None
        rounds = {name: _round(row) for name, row in record["rounds"].items()}
        keys = [(str(row["tournament"]), str(row["model"])) for row in record["models"]]
        rows = list(zip(keys, record["models"], strict=True))
        return _Record(
            rounds=rounds,
            told=[_told(key, rounds[key[0]].number, row) for key, row in rows if key[0] in rounds],
            models={key: row["reason"] != DISABLED for key, row in rows},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _round(row: Mapping[str, Any]) -> PastRound:
    number = row["number"]
    if not isinstance(number, int):
        raise TypeError(f"{number!r} is no round's number")
    return PastRound(number, _moment(row["open_time"]), _moment(row["close_staking_time"]))


def _told(key: Key, number: int, row: Mapping[str, Any]) -> Told:
    intent = row.get("intent_at")
    at = row.get("submitted_at") or intent
    reason = str(row["reason"]).partition("\n")[0]
    return Told(
        key=key,
        round=number,
        outcome=str(row["outcome"]),
        reason=reason[:REASON_CHARACTERS],
        at=None if at is None else _moment(at),
        registering=intent is not None,
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
