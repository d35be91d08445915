"""Pure: a history as one HTML page that needs nothing but itself: no script, no other address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template

from job.history.grid import Grid, History, ModelRow
from job.history.judging import Cell, State
from job.history.rounds import PastRound
from job.history.share import Share
from job.history.words import WORDS, counts, deadline_text, moment_text, percent, span

LOOKS = {
    State.ON_TIME: ("on", "✓"),
    State.LATE: ("late", "◑"),
    State.HELD_BACK: ("held", "‖"),
    State.MISSED: ("missed", "✗"),
    State.UNKNOWN: ("unknown", "?"),
    State.OPEN: ("open", "…"),
    State.NOT_DUE: ("none", "·"),
}
"""Each state's class in the style sheet, and its sign."""
KEY = {
    State.ON_TIME: "on time, and how long before the deadline (m minutes, h hours, d days)",
    State.LATE: "late, and how long after the deadline",
    State.HELD_BACK: "held back by guard or limits",
    State.MISSED: "missed",
    State.UNKNOWN: "unknown: nothing tells",
    State.OPEN: "open: can still be on time",
    State.NOT_DUE: "no submission was due",
}
FAULTS = frozenset({State.LATE, State.HELD_BACK, State.MISSED, State.UNKNOWN})
BLOCK = 20
"""Rounds side by side."""
TALL = 25
"""A block of more models scrolls on its own, so that its headings stay in sight."""
Place = tuple[int, PastRound]


def as_page(history: History) -> str:
    """The page, whole; names and reasons are escaped."""
    here = files("job.history")
    return Template((here / "page.html").read_text("utf-8")).substitute(
        title=f"On-time record, {history.at:%d %b %Y}",
        style=(here / "page.css").read_text("utf-8").strip(),
        at=moment_text(history.at),
        at_iso=history.at.isoformat(timespec="seconds"),
        witnesses=_witnesses(history),
        shares="\n".join(map(_share, history.shares)),
        key="\n".join(_key(state, words) for state, words in KEY.items()),
        grids="\n".join(line for grid in history.grids for line in _section(grid)),
    )


def _witnesses(history: History) -> str:
    records = f"{history.records_read:,} run records"
    if history.records_passed_over:
        records += f" ({history.records_passed_over:,} more could not be understood)"
    if history.asked:
        return f"Numerai&#8217;s answer and {records}"
    return f"{records} alone: Numerai was not asked or did not answer"


def _share(share: Share) -> str:
    figure = percent(share.share) if share.counted else "no round yet"
    detail = counts(share) if share.counted or share.unknown else "nothing to count"
    parts = [
        ("on", share.on_time),
        ("late", share.late),
        ("held", share.held_back),
        ("missed", share.missed),
    ]
    bar = "".join(f'<i class="{name}" style="flex:{count}"></i>' for name, count in parts if count)
    return (
        f'<div class="share"><p>On time, last {share.weeks} weeks</p>'
        f'<p class="figure">{figure}</p>'
        f'<div class="bar" aria-hidden="true">{bar}</div><p>{detail}</p></div>'
    )


def _key(state: State, words: str) -> str:
    look, sign = LOOKS[state]
    return f'<div><dt class="{look}">{sign}</dt><dd>{words}</dd></div>'


def _section(grid: Grid) -> Iterator[str]:
    name = escape(grid.tournament)
    yield f'<section aria-labelledby="{name}"><h2 id="{name}">{name}</h2>'
    if not grid.rounds:
        yield "<p>No round is known.</p></section>"
        return
    for number, places in enumerate(_blocks(grid.rounds)):
        yield from _block(grid, places, label=f"{name}-{number}")
    yield from _models(grid)
    yield from _faults(grid)
    yield "</section>"


def _blocks(rounds: Sequence[PastRound]) -> Iterator[Sequence[Place]]:
    """Rounds with their places in the grid, in blocks that a screen and a sheet have room for."""
    places = list(enumerate(rounds))
    for start in range(0, len(places), BLOCK):
        yield places[start : start + BLOCK]


def _block(grid: Grid, places: Sequence[Place], *, label: str) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{_head(round_)}</th>' for _, round_ in places)
    tall = " tall" if len(grid.rows) > TALL else ""
    yield f'<div class="scroll grids{tall}" role="region" aria-labelledby="{label}" tabindex="0">'
    yield f'<table class="grid"><caption id="{label}">{_caption(places)}</caption>'
    yield f'<thead><tr><th scope="col">Model</th>{heads}</tr></thead><tbody>'
    for row in grid.rows:
        cells = "".join(_cell(row.cells[place]) for place, _ in places)
        yield f'<tr><th scope="row">{_name(row)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _caption(places: Sequence[Place]) -> str:
    """`Rounds 1400 to 1381 <small>3 Nov to 7 Oct 2026</small>`."""
    newest, oldest = places[0][1], places[-1][1]
    if newest == oldest:
        days = f"{newest.day:%d %b %Y}" if newest.day else ""
        return f"Round {newest.number} <small>{days}</small>"
    days = " to ".join(f"{round_.day:%d %b %Y}" for round_ in (newest, oldest) if round_.day)
    return f"Rounds {newest.number} to {oldest.number} <small>{days}</small>"


def _head(round_: PastRound) -> str:
    if round_.day is None:
        return f"{round_.number}<small>&nbsp;</small>"
    return f"{round_.number}<small>{round_.day:%a}<br>{round_.day:%d %b}</small>"


def _name(row: ModelRow) -> str:
    name = escape(row.name)
    return name if row.enabled else f'<span class="off">{name} (disabled)</span>'


def _cell(cell: Cell) -> str:
    look, sign = LOOKS[cell.state]
    if cell.state is State.LATE and cell.minutes_before is not None:
        sign = f"{sign}late"  # the word goes with the sign, for the minutes take its place
    title = "; ".join([*_submitted(cell.submitted_at), *([cell.note] if cell.note else [])])
    hint = f' title="{escape(title)}"' if title else ""
    return f'<td class="{look}"{hint}><i aria-hidden="true">{sign}</i>{_words(cell)}</td>'


def _submitted(at: datetime | None) -> list[str]:
    return [] if at is None else [f"submitted {moment_text(at)}"]


def _words(cell: Cell) -> str:
    """What stands below the sign; what only a screen reader says of it included."""
    minutes = None if cell.minutes_before is None else span(cell.minutes_before)
    match cell.state:
        case State.ON_TIME if minutes:
            return f'<span class="sr">on time, </span>{escape(minutes)}'
        case State.LATE if minutes:
            return f'<span class="sr">late by </span>{escape(minutes)}'
        case State.HELD_BACK:
            return 'held<span class="sr"> back</span>'
        case State.NOT_DUE:
            return '<span class="sr">none due</span>'
        case state:
            return WORDS[state]


def _models(grid: Grid) -> Iterator[str]:
    weeks = "".join(
        f'<th scope="col" class="number">Last {share.weeks} weeks</th>'
        for share in grid.rows[0].shares
    )
    yield '<h3>Models</h3><div class="scroll list" role="region" tabindex="0" '
    yield f'aria-label="Models of {escape(grid.tournament)}"><table>'
    yield f'<thead><tr><th scope="col">Model</th>{weeks}'
    yield '<th scope="col" class="number">Closest call</th></tr></thead><tbody>'
    for row in grid.rows:
        shares = "".join(f'<td class="number">{_figure(share)}</td>' for share in row.shares)
        yield f'<tr><th scope="row">{_name(row)}</th>{shares}'
        yield f'<td class="number">{_closest(row)}</td></tr>'
    yield "</tbody></table></div>"


def _figure(share: Share) -> str:
    if not share.counted:
        return "-"
    return f"{percent(share.share)} <small>({share.on_time} of {share.counted})</small>"


def _closest(row: ModelRow) -> str:
    """How near to the deadline an on-time submission came, and in which round."""
    known = [
        (cell.minutes_before, cell.round)
        for cell in row.cells
        if cell.state is State.ON_TIME and cell.minutes_before is not None
    ]
    if not known:
        return "-"
    minutes, number = min(known)
    return f"{escape(span(minutes))} before <small>(round {number})</small>"


def _faults(grid: Grid) -> Iterator[str]:
    rows = [
        _fault(round_, row, row.cells[place])
        for place, round_ in enumerate(grid.rounds)
        for row in grid.rows
        if row.cells[place].state in FAULTS
    ]
    if not rows:
        yield "<p>Every submission that was due in these rounds was on time.</p>"
        return
    yield '<h3>Not on time</h3><div class="scroll list" role="region" tabindex="0" '
    yield f'aria-label="Not on time in {escape(grid.tournament)}"><table><thead><tr>'
    for heading in ("Round", "Deadline", "Model", "What", "Why"):
        yield f'<th scope="col">{heading}</th>'
    yield "</tr></thead><tbody>"
    yield from rows
    yield "</tbody></table></div>"


def _fault(round_: PastRound, row: ModelRow, cell: Cell) -> str:
    look, sign = LOOKS[cell.state]
    after = "" if cell.minutes_before is None else f" by {escape(span(cell.minutes_before))}"
    return (
        f'<tr><th scope="row">{round_.number}</th><td>{deadline_text(round_)}</td>'
        f'<td>{_name(row)}</td><td><span class="tag {look}">'
        f'<span aria-hidden="true">{sign}</span> {WORDS[cell.state]}{after}</span></td>'
        f'<td class="why">{escape(cell.note)}</td></tr>'
    )
