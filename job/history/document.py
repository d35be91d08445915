"""Pure: a history as JSON values. Schema 1: fields may be added, none changes its meaning."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from job.history.grid import Grid, History, ModelRow
from job.history.judging import Cell
from job.history.rounds import PastRound
from job.history.share import Share

SCHEMA = 1


def as_document(history: History) -> dict[str, Any]:
    """The whole history; times are ISO 8601 in UTC, rounds newest first."""
    return {
        "schema": SCHEMA,
        "at": _text(history.at),
        "asked_numerai": history.asked,
        "records": {"read": history.records_read, "passed_over": history.records_passed_over},
        "on_time": [_share(share) for share in history.shares],
        "tournaments": {grid.tournament: _grid(grid) for grid in history.grids},
    }


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "rounds": [_round(round_) for round_ in grid.rounds],
        "models": [_model(row) for row in grid.rows],
    }


def _round(round_: PastRound) -> dict[str, Any]:
    day = round_.day
    return {
        "number": round_.number,
        "open_time": _text(round_.opened),
        "close_staking_time": _text(round_.deadline),
        "deadline_day": None if day is None else day.isoformat(),
    }


def _model(row: ModelRow) -> dict[str, Any]:
    return {
        "model": row.name,
        "enabled": row.enabled,
        "on_time": [_share(share) for share in row.shares],
        "rounds": [_cell(cell) for cell in row.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "round": cell.round,
        "state": cell.state.value,
        "submitted_at": _text(cell.submitted_at),
        "minutes_before": cell.minutes_before,
        "note": cell.note,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "weeks": share.weeks,
        "since": _text(share.since),
        "until": _text(share.until),
        "share": None if share.share is None else round(share.share, 4),
        "counted": share.counted,
        "on_time": share.on_time,
        "late": share.late,
        "held_back": share.held_back,
        "missed": share.missed,
        "unknown": share.unknown,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
