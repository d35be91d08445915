"""Pure: how far two predictions of the same rows are from each other, as numerai-tools works it
out. Written out here because importing that library costs 1.1 s and 185 MB.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isnan, nan
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from job.errors import ModelError

LEAST_IN_COMMON: Final = 0.8
INCOMPARABLE: Final = 1.0
"""The churn that numerai-tools counts where it finds nothing to compare with
(`calculate_max_churn_and_turnover`).
"""

Values = npt.NDArray[np.float64]


def churn(new: Mapping[str, float], old: Mapping[str, float]) -> float:
    """How much a submission differs from an earlier one: 1 - Spearman's correlation of the tickers
    in both, from 0 (the same order) to 2 (the reverse one).

    1.0 where they cannot be compared: less than 80 % of either in common, or one of them constant
    there. Source: `churn` of numerai_tools/signals.py (0.7.2).
    """
    common = _common(new, old)
    if not common or len(common) / max(len(new), len(old)) < LEAST_IN_COMMON:
        return INCOMPARABLE
    correlation = _spearman(_values(new, common), _values(old, common))
    return INCOMPARABLE if correlation is None else 1.0 - correlation


def rank_correlation(new: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Spearman's correlation of the rows in both, from -1 to 1.

    Raises `ModelError` where there is none: fewer than two rows in common, or one of them constant
    there.
    """
    common = _common(new, reference)
    correlation = _spearman(_values(new, common), _values(reference, common))
    if correlation is None:
        raise ModelError(
            "it has no rank correlation with its reference",
            f"of {len(new):,} rows the reference names {len(common):,}"
            + (", and one of the two is constant there" if len(common) > 1 else ""),
        )
    return correlation


def _common(new: Mapping[str, float], old: Mapping[str, float]) -> list[str]:
    """The names that have a value in both."""
    return [
        name for name, value in new.items() if not isnan(value) and not isnan(old.get(name, nan))
    ]


def _values(values: Mapping[str, float], names: Collection[str]) -> Values:
    return np.fromiter((values[name] for name in names), dtype=np.float64, count=len(names))


def _spearman(first: Values, second: Values) -> float | None:
    """Pearson's correlation of the average ranks; None where a side has but one rank."""
    one, other = _centred_ranks(first), _centred_ranks(second)
    norm = float(np.sqrt((one @ one) * (other @ other)))
    return float(np.clip((one @ other) / norm, -1.0, 1.0)) if norm else None


def _centred_ranks(values: Values) -> Values:
    """Ranks with ties at their mean, less the mean of all ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last: Any = np.cumsum(count)
    ranks = (last - (count - 1) / 2)[place]
    return np.asarray(ranks - (len(values) + 1) / 2, dtype=np.float64)
