"""An answer made ready to be written: neutralized, then ranked, as the request says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .answers import Answer
from .faults import Fault
from .postprocess import Floats, neutralize, rank

NOTHING = 1e-6
"""Less than this part of the predictions' spread is what rounding leaves, and no prediction."""


def neutralized(answer: Answer, features: pd.DataFrame, proportion: float) -> Answer:
    """The answer less `proportion` of what features explain of it.

    Raises Fault for features that are not numbers, and where nothing but rounding would be left,
    which ranks would blow up to a prediction.

    Args:
        features: the features to neutralize against, of all live's rows.
    """
    spread, matrix = _spread(answer.values), _numbers(features)
    if not spread:  # which validation refuses, and says why
        return answer
    if not features.index.equals(answer.ids):
        matrix = matrix[features.index.get_indexer(answer.ids)]
    values = neutralize(answer.values, matrix, proportion)
    if _spread(values) <= NOTHING * spread:
        what = "nothing is left of the predictions once they are neutralized"
        why = f"{len(features.columns)} features and a constant explain all {len(values)} of them"
        raise Fault("postprocess", what, (why,), "name fewer features, or a lower proportion")
    return replace(answer, values=values)


def ranked(answer: Answer) -> Answer:
    """The answer's ranks in (0, 1)."""
    return replace(answer, values=rank(answer.values))


def _spread(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if len(finite) else 0.0


def _numbers(features: pd.DataFrame) -> npt.NDArray[Any]:
    """As they are where they are of one type, else float64."""
    is_numeric = pd.api.types.is_numeric_dtype
    others = [name for name, dtype in features.dtypes.items() if not is_numeric(dtype)]
    if others:
        what = f"{len(others)} of the columns to neutralize against are not numbers"
        raise Fault("postprocess", what, (f"for example `{others[0]}`",), "leave them out")
    types = set(features.dtypes)
    if len(types) == 1 and isinstance(types.pop(), np.dtype):
        return features.to_numpy()
    return features.to_numpy(dtype=np.float64, na_value=np.nan)
