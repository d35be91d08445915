"""What former runs left for the one that begins: what was told already, and who died without a
word.

A run that gets SIGKILL, or no more memory, tells nobody; its record stays at `running`. Who holds
the lock knows that no other run goes on, and so which records are those of the dead. That one was
told is written into its own record: `reported_at`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from job.errors import Exit, UnavailableError
from job.handed_on import HandedOn
from job.record import SUFFIX, Outcome
from job.store import Store
from job.tournament import Round

log = logging.getLogger(__name__)

LOOK_BACK = 30
"""Records read at most; mostly the newest one is enough."""
Records = Iterable[Mapping[str, Any]]
"""Newest first."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A run that ended without a word; `unfinished` are the models that it was to submit still."""

    record: Mapping[str, Any]
    began: datetime
    rounds: Mapping[str, Round]
    unfinished: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """What was before this run: what the newest record hands on, the dead of whom nobody heard, the
    oldest first, and the rounds that the newest record knew.
    """

    handed_on: HandedOn = field(default_factory=HandedOn)
    dead: tuple[Dead, ...] = ()
    rounds: Mapping[str, Round] = field(default_factory=dict)


def look_back(past: Records, *, for_the_dead: bool) -> Before:
    """What the records say; to be called with the lock held, before this run has a record.

    Args:
        for_the_dead: whether there is anybody to be told of them; else one record is enough.
    """
    handed_on: HandedOn | None = None
    rounds: Mapping[str, Round] = {}
    dead: list[Dead] = []
    try:
        for record in islice(past, LOOK_BACK if for_the_dead else 1):
            handed_on = handed_on or HandedOn.of(record)
            rounds = rounds or _rounds(record)
            if _died(record) and for_the_dead:
                dead += _dead(record)
            elif not _leaves_it_to_others(record):
                break
    except UnavailableError as error:
        log.warning("no run record can be read: %s", error)
    return Before(handed_on or HandedOn(), tuple(reversed(dead)), rounds)


def mark_reported(store: Store, dead: Dead, *, at: datetime) -> None:
    """Notes in a dead run's record that its user has been told: one that lost its lock, and was
    taken for dead, may have closed it meanwhile.
    """
    name = f"{dead.record['run']}{SUFFIX}"
    record = json.loads(store.read(name) or b"null") or dict(dead.record)
    record["reported_at"] = at.isoformat(timespec="seconds")
    store.write(name, json.dumps(record, indent=1).encode())


def _died(record: Mapping[str, Any]) -> bool:
    return record.get("outcome") == "running" and record.get("ended_at") is None


def _dead(record: Mapping[str, Any]) -> Iterator[Dead]:
    """The dead run, unless it has been told of or cannot be told of."""
    try:
        if record.get("reported_at") is None and isinstance(record["run"], str):
            began = datetime.fromisoformat(record["started_at"])
            yield Dead(record, began, _rounds(record), _unfinished(record))
    except (KeyError, TypeError, ValueError):
        log.debug("a record at `running` tells nothing")


def _leaves_it_to_others(record: Mapping[str, Any]) -> bool:
    """Whether a run may have told nobody of the dead before it: it had nobody to tell, it was
    refused and did not look, or its messages were not taken. Records of older versions say nothing
    of the first.
    """
    notices = record.get("notices")
    unsent = isinstance(notices, list) and any(
        isinstance(one, dict) and not one.get("sent") for one in notices
    )
    refused = record.get("exit_code") == int(Exit.USAGE)
    return record.get("looked_back") is False or refused or unsent


def _unfinished(record: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        str(row["model"]) for row in record["models"] if row.get("outcome") == Outcome.PENDING
    )


def _rounds(record: Mapping[str, Any]) -> dict[str, Round]:
    """The rounds that a record knows; those that cannot be understood are passed over."""
    found = {}
    given = record.get("rounds")
    for name, row in given.items() if isinstance(given, dict) else ():
        try:
            close = row["close_time"]
            found[name] = Round(
                tournament=name,
                number=int(row["number"]),
                open_time=datetime.fromisoformat(row["open_time"]),
                close_staking_time=datetime.fromisoformat(row["close_staking_time"]),
                close_time=None if close is None else datetime.fromisoformat(close),
            )
        except (KeyError, TypeError, ValueError):
            continue
    return found
