"""Churn and rank correlation are the numbers that numerai-tools and scipy give."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numerai_tools import signals
from scipy.stats import spearmanr

from job.churn import INCOMPARABLE, churn, rank_correlation
from job.errors import ModelError

TICKERS = [f"T{place:02d} US" for place in range(12)]
VALUES = st.one_of(
    st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.just(float("nan"))
)
SUBMISSIONS = st.dictionaries(st.sampled_from(TICKERS), VALUES, max_size=len(TICKERS))


def theirs(new: dict[str, float], old: dict[str, float]) -> float | None:
    """What numerai-tools says, None where it finds nothing to compare."""
    series = [pd.Series(values, dtype=float) for values in (new, old)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's, of constant input
        try:
            found = float(signals.churn(*series))
        except (AssertionError, ZeroDivisionError):
            return None
    return None if math.isnan(found) else found


@given(SUBMISSIONS, SUBMISSIONS)
def test_churn_is_that_of_numerai_tools(new: dict[str, float], old: dict[str, float]) -> None:
    expected = theirs(new, old)
    assert churn(new, old) == pytest.approx(INCOMPARABLE if expected is None else expected)


@given(st.data())
def test_churn_of_the_same_tickers_is_that_of_numerai_tools(data: st.DataObject) -> None:
    values = st.lists(VALUES, min_size=len(TICKERS), max_size=len(TICKERS))
    new, old = (dict(zip(TICKERS, data.draw(values), strict=True)) for _ in range(2))
    expected = theirs(new, old)
    assert churn(new, old) == pytest.approx(INCOMPARABLE if expected is None else expected)


@given(st.permutations(TICKERS))
def test_the_order_of_the_rows_says_nothing(names: list[str]) -> None:
    new = {name: place / 12 for place, name in enumerate(TICKERS)}
    assert churn({name: new[name] for name in names}, new) == pytest.approx(0.0, abs=1e-12)


def test_the_reverse_order_is_two() -> None:
    new = {name: place / 12 for place, name in enumerate(TICKERS)}
    assert churn(new, {name: 1 - value for name, value in new.items()}) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param({"A": 0.1, "B": 0.2}, {"C": 0.1, "D": 0.2}, id="nothing in common"),
        pytest.param({"A": 0.1, "B": 0.2}, {}, id="nothing at all"),
        pytest.param({}, {}, id="both empty"),
        pytest.param({"A": 0.1}, {"A": 0.2}, id="one row"),
        pytest.param({"A": 0.1, "B": 0.2}, {"A": 0.5, "B": 0.5}, id="constant"),
        pytest.param(dict(zip("ABCDE", range(5), strict=True)), {"A": 1, "B": 2}, id="a part"),
    ],
)
def test_what_cannot_be_compared_counts_as_it_does_at_numerai(
    new: dict[str, float], old: dict[str, float]
) -> None:
    assert theirs(new, old) is None
    assert churn(new, old) == INCOMPARABLE == 1.0


def test_four_fifths_in_common_are_enough() -> None:
    new = dict(zip("ABCDE", [0.1, 0.2, 0.3, 0.4, 0.5], strict=True))
    old = dict(zip("ABCDX", [0.1, 0.2, 0.3, 0.4, 0.5], strict=True))
    assert churn(new, old) == pytest.approx(0.0, abs=1e-12)


@given(
    st.dictionaries(st.sampled_from(TICKERS), st.floats(0, 1), min_size=2),
    st.dictionaries(st.sampled_from(TICKERS), st.floats(0, 1), min_size=2),
)
def test_rank_correlation_is_that_of_scipy(new: dict[str, float], old: dict[str, float]) -> None:
    common = sorted(set(new) & set(old))
    values = [[side[name] for name in common] for side in (new, old)]
    assume(all(len(set(side)) > 1 for side in values))
    assert rank_correlation(new, old) == pytest.approx(float(spearmanr(*values).statistic))


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ({"X": 0.1, "Y": 0.2}, "of 2 rows the reference names 0"),
        ({"A": 0.1, "Y": 0.2}, "of 2 rows the reference names 1"),
        ({"A": 0.5, "B": 0.5}, "of 2 rows the reference names 2, and one of the two is constant"),
    ],
)
def test_no_correlation_is_told_and_is_never_a_number(
    reference: dict[str, float], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        rank_correlation({"A": 0.1, "B": 0.2}, reference)


def test_churn_imports_no_heavy_library_even_at_work() -> None:
    code = (
        "import sys; from job.churn import churn;"
        "churn({'a': 0.1, 'b': 0.2}, {'a': 0.1, 'b': 0.2});"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "scipy", "sklearn", "numerai_tools"} & set(done.stdout.split())
