"""Numerai's rules for a submission's file, written down with pandas."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from job.sandbox.rounds import CLASSIC, CRYPTO, SIGNALS

KEY_HEADERS = {
    CLASSIC: ("id",),
    SIGNALS: ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker"),
    CRYPTO: ("symbol",),
}
VALUE_HEADERS = {
    CLASSIC: ("prediction", "probability"),
    SIGNALS: ("prediction", "signal"),
    CRYPTO: ("prediction", "signal"),
}
DATE_HEADERS = ("friday_date", "date")
LEAST_OF_UNIVERSE = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What validation found: no error means the file is valid."""

    error: str | None
    data_round: int | None = None
    rows: int = 0


def judge(csv: bytes, tournament: int, universes: Sequence[tuple[int, frozenset[str]]]) -> Verdict:
    """Numerai's rules for a file (numerai_tools.submissions), read as rules, not as code.

    Args:
        csv: the uploaded bytes.
        tournament: 8, 11 or 12.
        universes: round number and live ids, the current round first; ids of any of them are taken.
    """
    try:
        frame = pd.read_csv(io.BytesIO(csv), dtype=str)
    except (ValueError, pd.errors.ParserError) as unreadable:
        return Verdict(f"invalid_submission_file: {unreadable}")
    if tournament == SIGNALS:
        frame = _without_extras(frame)
    fault = _header_fault(list(frame.columns), tournament) or _text_fault(frame)
    if fault:
        return Verdict(fault, rows=len(frame))
    keys = frame.iloc[:, 0].tolist()
    for number, universe in universes:
        live = [place for place, key in enumerate(keys) if key in universe]
        distinct = len({keys[place] for place in live})
        if distinct >= (len(universe) if tournament == CLASSIC else LEAST_OF_UNIVERSE):
            repeated = "invalid_submission_ids: duplicates" if len(live) > distinct else None
            # Other ids are dropped first, so it does not matter what was predicted for them.
            error = repeated or _value_fault(frame.iloc[live, 1])
            return Verdict(error, number, len(frame))
    return Verdict("invalid_submission_ids: not all live ids are there", rows=len(frame))


def _without_extras(frame: pd.DataFrame) -> pd.DataFrame:
    """Signals passes over an old column of it, and over one of dates."""
    dates = [name for name in frame.columns if name in DATE_HEADERS][:1]
    return frame.drop(columns=["data_type", *dates], errors="ignore")


def _header_fault(columns: list[str], tournament: int) -> str | None:
    keys, values = KEY_HEADERS[tournament], VALUE_HEADERS[tournament]
    if len(columns) == 2 and columns[0] in keys and columns[1] in values:
        return None
    return f"invalid_submission_headers: headers must be {keys} and {values}, not {columns}"


def _text_fault(frame: pd.DataFrame) -> str | None:
    """What no row may hold, be its id of the universe or not: a word makes the column text."""
    keys, values = frame.iloc[:, 0], frame.iloc[:, 1].dropna()
    if keys.isna().any():
        return "invalid_submission_ids: ids must not be NaN"
    if pd.to_numeric(values, errors="coerce").isna().any():
        return "invalid_submission_values: values must be numbers"
    return None


def _value_fault(raw: pd.Series) -> str | None:
    if raw.isna().any():
        return "invalid_submission_values: values must not be NaN"
    values = pd.to_numeric(raw)
    inside = values.between(0, 1) | np.isclose(values, 0) | np.isclose(values, 1)
    if not inside.all():
        return "invalid_submission_values: values must be between 0 and 1"
    if len(values) < 2 or np.isclose(0, values.std()):
        return "invalid_submission_values: standard deviation must not be 0"
    return None
