"""Pure: a history's values in few words, for people."""

from __future__ import annotations

from datetime import datetime

from job.history.judging import Cell, State
from job.history.rounds import PastRound
from job.history.share import Share

WORDS = {
    State.ON_TIME: "on time",
    State.LATE: "late",
    State.HELD_BACK: "held back",
    State.MISSED: "missed",
    State.UNKNOWN: "unknown",
    State.OPEN: "open",
    State.NOT_DUE: "none due",
}


def span(minutes: float) -> str:
    """A span of time, whatever its sign, in at most four characters: `47m`, `26h`, `3d`."""
    minutes = abs(minutes)
    if minutes < 1:
        return "<1m"
    if minutes < 100:
        return f"{int(minutes)}m"
    return f"{int(minutes / 60)}h" if minutes < 100 * 60 else f"{int(minutes / 1440)}d"


def percent(share: float | None) -> str:
    """`97.5 %`; never 100 where one is lacking, nor 0 where there is one."""
    if share is None:
        return "-"
    shown = min(99.9, round(share * 100, 1)) if share < 1 else 100.0
    return f"{max(0.1, shown) if share else 0.0:.4g} %"


def counts(share: Share) -> str:
    """`78 of 80; 1 late, 1 missed; 2 unknown`."""
    kinds = (("late", share.late), ("held back", share.held_back), ("missed", share.missed))
    bad = ", ".join(f"{count:,} {word}" for word, count in kinds if count)
    unknown = f"{share.unknown:,} unknown" if share.unknown else ""
    return "; ".join(
        part for part in (f"{share.on_time:,} of {share.counted:,}", bad, unknown) if part
    )


def share_text(share: Share) -> str:
    """`last 4 weeks: 97.5 % on time (78 of 80; 1 late, 1 missed)`."""
    if not share.counted:
        unknown = f" ({share.unknown} unknown)" if share.unknown else ""
        return f"last {share.weeks} weeks: no round is known to have ended{unknown}"
    return f"last {share.weeks} weeks: {percent(share.share)} on time ({counts(share)})"


def cell_text(cell: Cell) -> str:
    """A cell of the terminal's table, seven characters at most."""
    minutes = cell.minutes_before
    match cell.state:
        case State.ON_TIME:
            return "on time" if minutes is None else span(minutes)
        case State.LATE:
            return "late" if minutes is None else f"late {span(minutes)}"[:8]
        case State.HELD_BACK:
            return "held"
        case State.MISSED:
            return "MISSED"
        case State.UNKNOWN:
            return "?"
        case State.OPEN:
            return "open"
        case State.NOT_DUE:
            return "-"


def deadline_text(round_: PastRound) -> str:
    """`Tue 03 Nov 13:00`, as far as it is known."""
    if round_.deadline is not None:
        return f"{round_.deadline:%a %d %b %H:%M}"
    return "" if round_.day is None else f"{round_.day:%a %d %b}"


def moment_text(moment: datetime) -> str:
    """`2026-11-03 12:10`."""
    return f"{moment:%Y-%m-%d %H:%M}"
