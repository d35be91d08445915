"""Pure: a history as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import fill

from job.history.grid import Grid, History, ModelRow
from job.history.judging import Cell, State
from job.history.rounds import PastRound
from job.history.words import WORDS, cell_text, deadline_text, percent, share_text, span

Column = tuple[str, list[str]]
"""A heading, and a cell for each model."""

NARROWEST = 80
GAP = 2
PADDING = 2
"""What tabulate adds to a heading."""
FAULTS_SHOWN = 10
FAULTS = frozenset({State.LATE, State.HELD_BACK, State.MISSED, State.UNKNOWN})
LEGEND = (
    "47m: on time, so long before the deadline; late 2h: so long after it; held: held back by "
    "guard or limits; ?: nothing tells; open: can still be on time; -: no submission was due"
)


def as_table(history: History, *, width: int) -> str:
    """The grids, newest round first, each in as many parts as the width (in columns) asks for."""
    width = max(width, NARROWEST)
    parts = [fill(share_text(s), width, subsequent_indent="  ") for s in history.shares]
    for grid in history.grids:
        parts += ["", *_grid(grid, width)]
    faults = [line for grid in history.grids for line in _faults(grid)]
    if any(grid.rounds for grid in history.grids):
        parts += ["", fill(LEGEND, width)]
    if faults:
        parts += ["", *(_cut(line, width) for line in faults[:FAULTS_SHOWN])]
    if len(faults) > FAULTS_SHOWN:
        parts.append(f"... and {len(faults) - FAULTS_SHOWN} more: --json and --html have all")
    if history.records_passed_over:
        parts += ["", f"{history.records_passed_over} run records could not be understood"]
    return "\n".join(parts)


def newest_rounds(history: History, *, width: int) -> str:
    """Of each grid the newest rounds, as many as fit into one part."""
    width = max(width, NARROWEST)
    shown = [_cut_to(grid, width) for grid in history.grids]
    parts = ["\n".join(_grid(grid, width)) for grid in shown]
    if any(grid.rounds for grid in shown):
        parts.append(fill(LEGEND, width))
    return "\n\n".join(parts)


def _cut_to(grid: Grid, width: int) -> Grid:
    columns = _columns(grid)
    count = _fitting(columns, _room(_first(grid), width)) if columns else 0
    rows = tuple(replace(row, cells=row.cells[:count]) for row in grid.rows)
    return replace(grid, rounds=grid.rounds[:count], rows=rows)


def _grid(grid: Grid, width: int) -> Iterator[str]:
    if not grid.rounds:
        yield f"{grid.tournament}: no round is known"
        return
    yield f"{grid.tournament}, last {len(grid.rounds)} rounds, newest first (deadlines in UTC)"
    columns, first = _columns(grid), _first(grid)
    left = first
    while columns:
        fitting = _fitting(columns, _room(left, width))
        yield _text([*left, *columns[:fitting]], names=1)
        columns, left = columns[fitting:], first[:1]
        if columns:
            yield ""


def _first(grid: Grid) -> list[Column]:
    """The columns before those of the rounds."""
    first = [("model", [_name(row) for row in grid.rows])]
    for place, share in enumerate(grid.rows[0].shares):
        shown = [percent(row.shares[place].share) for row in grid.rows]
        first.append((f"{share.weeks} weeks", shown))
    return first


def _columns(grid: Grid) -> list[Column]:
    return [
        (_heading(round_), [cell_text(row.cells[place]) for row in grid.rows])
        for place, round_ in enumerate(grid.rounds)
    ]


def _room(left: Sequence[Column], width: int) -> int:
    """The columns of the terminal that are left for rounds."""
    return width - sum(_width(column) + GAP for column in left)


def _width(column: Column) -> int:
    heading, cells = column
    return max(*(len(line) + PADDING for line in heading.split("\n")), *map(len, cells))


def _fitting(columns: Sequence[Column], room: int) -> int:
    """How many of the columns fit; one at least."""
    count = 0
    for column in columns:
        room -= _width(column) + (GAP if count else 0)
        if room < 0:
            break
        count += 1
    return max(1, count)


def _text(columns: Sequence[Column], *, names: int) -> str:
    from tabulate import tabulate

    return tabulate(
        list(zip(*(cells for _, cells in columns), strict=True)),
        headers=[heading for heading, _ in columns],
        disable_numparse=True,
        colalign=["left"] * names + ["right"] * (len(columns) - names),
    )


def _name(row: ModelRow) -> str:
    return row.name if row.enabled else f"({row.name})"


def _heading(round_: PastRound) -> str:
    return f"{round_.number}\n{round_.day:%d %b}" if round_.day else f"{round_.number}\n"


def _faults(grid: Grid) -> Iterator[str]:
    """A line for each submission that was not on time, newest round first."""
    for place, round_ in enumerate(grid.rounds):
        for row in grid.rows:
            cell = row.cells[place]
            if cell.state in FAULTS:
                yield _fault(round_, row, cell)


def _fault(round_: PastRound, row: ModelRow, cell: Cell) -> str:
    why = f": {cell.note}" if cell.note else ""
    deadline = deadline_text(round_)
    when = f" ({deadline})" if deadline else ""
    after = "" if cell.minutes_before is None else f" by {span(cell.minutes_before)}"
    return f"{round_.number}{when} {row.name}: {WORDS[cell.state]}{after}{why}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
