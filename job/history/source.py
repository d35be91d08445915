"""Where a history comes from: a store of run records, and Numerai's answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from job.history.grid import Entry, History, build_history
from job.history.reading import read_records
from job.history.share import WEEKS
from job.store import Store
from job.tournament import AccountState

ROUNDS_SHOWN = 20
ROUNDS_ASKED = 7 * max(WEEKS) + 1
"""Rounds that Numerai is asked for at least: there is at most one a day, and one may be open."""
DAYS_A_ROUND = 1.5
"""Rounds open on five days of the week, but for holidays."""
MARGIN = timedelta(days=14)


def history_of(
    store: Store,
    *,
    now: datetime,
    models: Sequence[Entry] | None = None,
    answer: AccountState | None = None,
    last: int = ROUNDS_SHOWN,
) -> History:
    """The history that the run records in `store` tell, with Numerai's answer where there is one.

    Args:
        now: aware, UTC.
        models: those of the manifest; None: those of the newest record.
        answer: of `Tournament.account_history(..., last=max(last, ROUNDS_ASKED))`.
        last: how many rounds of each tournament are shown; the shares are over their own weeks.

    Raises `UnavailableError` where the store cannot be read.
    """
    back = max(timedelta(weeks=max(WEEKS)), timedelta(days=DAYS_A_ROUND * last)) + MARGIN
    records = read_records(store, since=now - back)
    if models is None:
        models = [Entry(*key, enabled=enabled) for key, enabled in records.models.items()]
    return build_history(models, records, answer, now=now, last=last)
