"""Numerai's own rules, applied to the very bytes that would be uploaded.

The rules are those of numerai_tools/submissions.py (0.7.2), read as `pandas.read_csv` would read
the file: https://github.com/numerai/numerai-tools. They are written out here because that library
asserts (and so checks nothing under `python -O`) and costs 1.1 s and 185 MB to import.

Stricter than Numerai, on purpose, where nothing that this job writes could be meant:
- rows with more or fewer than two fields, Signals' optional date column among them;
- predictions that are not numbers (`True`), though pandas makes numbers of them;
- a single prediction, whose standard deviation is not defined, and live data without ids;
- more than 32 MiB.
Ids are compared as text, so that one of digits keeps its zeros in front.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pyarrow import ArrowInvalid, csv, float64, string

from job.errors import ModelError, UnavailableError

MAX_BYTES: Final = 32 * 2**20
NULLS: Final = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
SIGNALS_EXTRAS: Final = ("date", "friday_date", "data_type")
"""Columns of a Signals submission that Numerai passes over."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a tournament takes.

    Args:
        id_columns: names that the first column may have.
        value_columns: names that the second column may have.
        at_least: how many ids of the live universe have to be there; None: all.
    """

    id_columns: tuple[str, ...]
    value_columns: tuple[str, ...]
    at_least: int | None = None


CLASSIC: Final = Rules(("id",), ("prediction", "probability"))
RULES: Final = {
    "classic": CLASSIC,
    "signals": Rules(
        ("ticker", "sedol", "bloomberg_ticker", "composite_figi", "numerai_ticker"),
        ("prediction", "signal"),
        at_least=100,
    ),
    "crypto": Rules(("symbol",), ("prediction", "signal"), at_least=100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A submission that Numerai should take; the figures are of the rows that it keeps.

    Args:
        rows: with a live id.
        universe: live ids there are.
        foreign: rows with other ids, which Numerai drops.
        std: with n - 1 in the denominator, as Numerai has it.
    """

    rows: int
    universe: int
    foreign: int
    mean: float
    std: float
    min: float
    max: float

    @property
    def coverage(self) -> float:
        """The share of the universe that has a prediction, 0 to 1."""
        return self.rows / self.universe


def validate_submission(
    submission: Path | bytes, *, live_ids: Iterable[object], rules: Rules = CLASSIC
) -> Checked:
    """Find what Numerai would refuse before it is uploaded.

    Args:
        submission: the CSV file, or its bytes.
        live_ids: of the round's live data, in any order; for Signals and Crypto those of the
            column that the submission is keyed by.

    Raises:
        ModelError: Numerai would refuse it; the reason names figures.
        UnavailableError: the file cannot be read.
    """
    ids, values = _read(submission, rules)
    live = [str(name) for name in live_ids]
    kept = _kept(ids, live, rules)
    kept_ids, kept_values = [ids[row] for row in kept], values[kept]
    _check_range(kept_ids, kept_values)
    std = _check_spread(kept_values)
    return Checked(
        rows=len(kept),
        universe=len(live),
        foreign=len(ids) - len(kept),
        mean=float(kept_values.mean()),
        std=std,
        min=float(kept_values.min()),
        max=float(kept_values.max()),
    )


def read_predictions(submission: Path | bytes, rules: Rules = CLASSIC) -> dict[str, float]:
    """Predictions by id, of a file that was validated here or that Numerai took from elsewhere.

    Raises `ModelError` where it is none, `UnavailableError` where it cannot be read.
    """
    ids, values = _read(submission, rules, ignored=SIGNALS_EXTRAS)
    return {
        name: value for name, value in zip(ids, values.tolist(), strict=True) if name is not None
    }


def _read(
    submission: Path | bytes, rules: Rules, *, ignored: Collection[str] = ()
) -> tuple[list[str | None], Values]:
    """Ids and predictions in file order; a missing prediction is NaN."""
    types: dict[str, Any] = dict.fromkeys(rules.id_columns, string())
    types |= dict.fromkeys(rules.value_columns, float64())
    data = io.BytesIO(_bytes(submission))
    reading = csv.ReadOptions(use_threads=False)  # whose errors tell the row
    options = csv.ConvertOptions(column_types=types, null_values=NULLS, strings_can_be_null=True)
    try:
        table = csv.read_csv(data, read_options=reading, convert_options=options)
    except ArrowInvalid as error:
        raise ModelError("the submission is not a CSV of ids and numbers", str(error)) from error
    table = table.select([at for at, name in enumerate(table.column_names) if name not in ignored])
    _check_header(table.column_names, rules)
    # Not to_numpy: pyarrow imports pandas for that, 0.2 s and 60 MB. None becomes NaN.
    return table.column(0).to_pylist(), np.array(table.column(1).to_pylist(), dtype=np.float64)


def _bytes(submission: Path | bytes) -> bytes:
    try:
        size = len(submission) if isinstance(submission, bytes) else submission.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"the submission is {size:,} bytes large", "32 MiB is plenty")
        return submission if isinstance(submission, bytes) else submission.read_bytes()
    except OSError as error:
        raise UnavailableError(f"cannot read {submission!s}", str(error)) from error


def _check_header(columns: list[str], rules: Rules) -> None:
    if len(columns) == 2:
        first, second = columns
        if first in rules.id_columns and second in rules.value_columns:
            return
    raise ModelError(
        f"the submission's columns are {', '.join(columns)[:200]}",
        f"Numerai takes two: {' or '.join(rules.id_columns)}, then "
        f"{' or '.join(rules.value_columns)}",
    )


def _kept(ids: list[str | None], live: Collection[str], rules: Rules) -> list[int]:
    """The rows that Numerai keeps: those with an id of the live data, each in one row only."""
    if missing := ids.count(None):
        raise ModelError(f"{missing:,} of {len(ids):,} rows have no id")
    universe = set(live)
    kept = [row for row, name in enumerate(ids) if name in universe]
    counts = Counter(ids[row] for row in kept)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise ModelError(
            f"{len(repeated):,} ids have more than one prediction, {repeated[0]} for one",
            hint="give one prediction for each row of the live data",
        )
    _check_complete(len(kept), live, universe.difference(counts), rules)
    return kept


def _check_complete(found: int, live: Collection[str], lacking: set[str], rules: Rules) -> None:
    needed = len(live) if rules.at_least is None else rules.at_least
    if live and found >= needed:
        return
    if not lacking:
        fault = "an id twice" if live else "no ids"
        raise ModelError(f"the live data hold {fault}", hint="fetch them again")
    raise ModelError(
        f"{needed - found:,} of the {needed:,} live ids that Numerai asks for have no prediction, "
        f"{min(lacking)} for one",
        hint="predict every row of the round's live data",
    )


def _check_range(ids: list[str | None], values: Values) -> None:
    gaps = np.flatnonzero(np.isnan(values))
    if gaps.size:
        raise ModelError(
            f"{gaps.size:,} of {values.size:,} predictions are NaN, at {ids[gaps[0]]} for one",
            hint="fill or drop missing inputs in the model",
        )
    lowest, highest = int(values.argmin()), int(values.argmax())
    if values[lowest] < 0 and not _close(values[lowest], 0):
        raise _outside(ids[lowest], values[lowest])
    if values[highest] > 1 and not _close(values[highest], 1):
        raise _outside(ids[highest], values[highest])


def _outside(name: str | None, value: float) -> ModelError:
    return ModelError(
        f"the prediction at {name} is {float(value)!r}, outside [0, 1]",
        hint="set postprocess: rank",
    )


def _check_spread(values: Values) -> float:
    std = float(values.std(ddof=1)) if values.size > 1 else 0.0
    if not _close(0.0, std):
        return std
    low, high = float(values.min()), float(values.max())
    raise ModelError(
        f"every prediction is {low!r} (standard deviation 0)"
        if low == high
        else f"the predictions hardly differ: {low!r} to {high!r}, standard deviation {std:.3g}",
        hint="see whether the model was given the features that it was trained on",
    )


def _close(value: float, target: float) -> bool:
    """As `np.isclose(value, target)` with the tolerances that numpy has had since 1.7."""
    return abs(value - target) <= 1e-8 + 1e-5 * abs(target)
