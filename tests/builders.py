"""Values of the seam, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from job.model_spec import ModelSpec
from job.outcomes import planned
from job.past_records import PastRecords, live_data
from job.plan import Submit
from job.record import Aside, RunRecord, at_once
from job.store import Folder
from job.tournament import AccountState, Round, Slot, Submission
from tests.clock import NOON

MALLARD = ("classic", "mallard")
OPENED = NOON - timedelta(minutes=10)


def a_round(number: int = 1400, **more: Any) -> Round:
    """Opened ten minutes ago, on time for an hour, open for a day."""
    given = {
        "tournament": "classic",
        "open_time": OPENED,
        "close_staking_time": OPENED + timedelta(hours=1),
        "close_time": OPENED + timedelta(days=1),
        **more,
    }
    return Round(number=number, **given)


def a_row(
    number: int = 1400, status: str = "on-time", *, at: datetime | None = NOON, **more: Any
) -> Submission:
    """A row of `latestSubmissions`."""
    given = {"id": f"s-{number}", "filename": f"predictions-{number}.csv", **more}
    return Submission(round_number=number, status=status, timestamp=at, **given)


def no_row(number: int = 1400) -> Submission:
    """A row that says that nothing was submitted."""
    return Submission(None, None, number, "none")


def a_slot(*recent: Submission, name: str = "mallard", **more: Any) -> Slot:
    """A model of the account."""
    given = {
        "id": f"id-{name}",
        "tournament": "classic",
        "archived": False,
        "hosted": None,
        "webhook": None,
        "latest": None,
        **more,
    }
    return Slot(name=name, recent=recent, **given)


def a_state(*slots: Slot, rounds: tuple[Round, ...] | None = None) -> AccountState:
    """An account in which round 1400 is open."""
    return AccountState("drake", slots, {"classic": (a_round(),) if rounds is None else rounds})


def a_model(name: str = "mallard", **more: Any) -> ModelSpec:
    """A model of the manifest."""
    given = {"artifact": PurePosixPath(f"{name}.pkl"), "format": "pickle", **more}
    return ModelSpec(name=name, **given)


def a_step(name: str = "mallard", *, late: bool = False, round_: Round | None = None) -> Submit:
    """A model that is to be submitted."""
    round_ = round_ or a_round()
    deadline = round_.close_time if late else round_.close_staking_time
    return Submit(a_model(name), a_slot(name=name), round_, deadline, "no submission yet")


def begun(
    store: Folder,
    *,
    number: int = 1400,
    minutes: float = 0.0,
    aside: Aside = at_once,
    **changes: Any,
) -> RunRecord:
    """A record of a run for a round, with one model changed as told."""
    started = NOON + timedelta(minutes=minutes)
    record = RunRecord(store, started=started, live_data=live_data(PastRecords(store)), aside=aside)
    record.enter(a_round(number))
    record.begin([planned(a_step())])
    for name, digest in changes.get("datasets", {}).items():
        if "/live" in name:
            record.note_live(a_round(number), name, digest)
    record.update(MALLARD, now=NOON, save=True, **changes)
    return record
