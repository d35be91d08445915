"""Numerai's rules for a submission's file, written down with pandas."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

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
    fault = _header_fault(list(frame.columns), tournament) or _value_fault(frame.iloc[:, 1])
    if fault:
        return Verdict(fault, rows=len(frame))
    keys = frame.iloc[:, 0].tolist()
    for number, universe in universes:
        live = [key for key in keys if key in universe]
        distinct = len(set(live))
        least = len(universe) if tournament == CLASSIC else min(LEAST_OF_UNIVERSE, len(universe))
        if distinct >= least:
            error = "invalid_submission_ids: duplicates" if len(live) > distinct else None
            return Verdict(error, number, len(frame))
    return Verdict("invalid_submission_ids: not all live ids are there", rows=len(frame))


def _header_fault(columns: list[str], tournament: int) -> str | None:
    keys, values = KEY_HEADERS[tournament], VALUE_HEADERS[tournament]
    if len(columns) == 2 and columns[0] in keys and columns[1] in values:
        return None
    return f"invalid_submission_headers: headers must be {keys} and {values}, not {columns}"


def _value_fault(raw: pd.Series) -> str | None:
    if raw.isna().any():
        return "invalid_submission_values: values must not be NaN"
    values = pd.to_numeric(raw, errors="coerce")
    if values.isna().any():
        return "invalid_submission_values: values must be numbers"
    if not values.between(0, 1).all():
        return "invalid_submission_values: values must be between 0 and 1"
    if len(values) < 2 or values.std() == 0:
        return "invalid_submission_values: standard deviation must not be 0"
    return None
