"""Neutralized and ranked predictions are the numbers of numerai-tools and scipy, in less memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numerai_tools import scoring
from scipy import stats

from job.worker.postprocess import ROWS, neutralize, rank

ROOT = Path(__file__).resolve().parents[2]

TOLERANCE = {"rtol": 0, "atol": 1e-9}
"""For predictions between 0 and 1: a ninth digit that Numerai does not look at."""

TIED = st.lists(st.integers(-5, 5).map(lambda tenths: tenths / 10), min_size=1, max_size=60)
NUMBERS = st.lists(st.floats(allow_nan=False), min_size=1, max_size=60)


def reference(values, matrix, proportion=1.0):
    predictions, features = pd.DataFrame({"prediction": values}), pd.DataFrame(matrix)
    return scoring.neutralize(predictions, features, proportion)["prediction"].to_numpy()


def predictions(rows, seed=1):
    return np.random.default_rng(seed).random(rows)


def features(rows, columns, seed=2):
    return np.random.default_rng(seed).integers(0, 5, (rows, columns), dtype=np.int8)


def correlations(values, matrix):
    """With every column that varies."""
    matrix = matrix[:, np.ptp(matrix, axis=0) > 0].astype(np.float64)
    centred = values - values.mean()
    products = (matrix - matrix.mean(axis=0)).T @ centred
    return products / (np.linalg.norm(centred) * np.linalg.norm(matrix, axis=0))


# Ranks


@given(NUMBERS | TIED)
def test_ranks_are_those_of_scipy_and_numerai_tools(numbers):
    values = np.array(numbers)
    expected = (stats.rankdata(values) - 0.5) / len(values)
    np.testing.assert_array_equal(rank(values), expected)
    np.testing.assert_allclose(rank(values), scoring.tie_kept_rank(pd.Series(values)), rtol=1e-15)


@given(NUMBERS | TIED)
def test_ranks_keep_order_ties_length_and_range(numbers):
    values = np.array(numbers)
    ranks = rank(values)
    assert len(ranks) == len(values)
    assert ((ranks > 0) & (ranks < 1)).all()
    order = np.argsort(values, kind="stable")
    first, second = order[:-1], order[1:]
    np.testing.assert_array_equal(values[first] < values[second], ranks[first] < ranks[second])
    np.testing.assert_array_equal(values[first] == values[second], ranks[first] == ranks[second])


@given(TIED)
def test_ranks_of_ranks_are_the_same(numbers):
    ranks = rank(np.array(numbers))
    np.testing.assert_allclose(rank(ranks), ranks, rtol=1e-15)


def test_missing_values_have_no_rank_and_take_none_away():
    values = np.array([np.nan, 0.5, np.nan, 0.1, 0.5])
    np.testing.assert_allclose(rank(values), [np.nan, 2 / 3, np.nan, 0.5 / 3, 2 / 3])
    np.testing.assert_allclose(rank(values), scoring.tie_kept_rank(pd.Series(values)))


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_ranks_of_nothing_are_nothing(values):
    np.testing.assert_array_equal(rank(np.array(values)), values)


def test_one_row_is_in_the_middle():
    assert rank(np.array([7.0])).tolist() == [0.5]


# Neutralization


@pytest.mark.parametrize("proportion", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("rows", [50, ROWS, 2 * ROWS + 1])
def test_neutralized_values_are_those_of_numerai_tools(rows, proportion):
    values, matrix = predictions(rows), features(rows, 30)
    expected = reference(values, matrix, proportion)
    np.testing.assert_allclose(neutralize(values, matrix, proportion), expected, **TOLERANCE)


@given(
    matrix=arrays.arrays(np.int8, st.tuples(st.integers(2, 25), st.integers(1, 12))),
    seed=st.integers(0, 100),
    proportion=st.floats(0, 1),
)
def test_any_int8_features_give_the_values_of_numerai_tools(matrix, seed, proportion):
    values = predictions(len(matrix), seed)
    neutral = neutralize(values, matrix, proportion)
    assert len(neutral) == len(values)
    np.testing.assert_allclose(neutral, reference(values, matrix, proportion), **TOLERANCE)


@given(matrix=arrays.arrays(np.int8, (30, 6), elements=st.integers(0, 4)), seed=st.integers(0, 100))
def test_nothing_of_the_features_is_left_at_proportion_1(matrix, seed):
    neutral = neutralize(predictions(30, seed), matrix, 1.0)
    np.testing.assert_allclose(correlations(neutral, matrix), 0, atol=1e-9)
    assert abs(neutral.mean()) < 1e-12


def test_proportion_0_changes_no_bit():
    values = predictions(50)
    assert neutralize(values, features(50, 3), 0.0).tobytes() == values.tobytes()


def test_the_values_given_are_not_changed():
    values, matrix = predictions(50), features(50, 3)
    neutralize(values, matrix, 1.0)
    assert values.tobytes() == predictions(50).tobytes()
    assert matrix.tobytes() == features(50, 3).tobytes()


DEPENDENT = {
    "constant columns": lambda m: np.hstack([m, np.full((len(m), 3), 2, np.int8)]),
    "columns of zeros": lambda m: np.hstack([m, np.zeros((len(m), 2), np.int8)]),
    "repeated columns": lambda m: np.hstack([m, m[:, :5], m[:, :2]]),
    "sums of columns": lambda m: np.hstack([m, m[:, :4] + m[:, 4:8]]),
    "one hot columns": lambda m: np.hstack([m, (m[:, :1] == np.arange(5)).astype(np.int8)]),
    "only one column": lambda m: m[:, :1],
    "only a constant": lambda m: np.ones((len(m), 1), np.int8),
    "no columns": lambda m: m[:, :0],
    "booleans": lambda m: m > 2,
    "the whole range of int8": lambda m: (
        (m.astype(np.int16) * 63 - 128).clip(-128, 127).astype("i1")
    ),
    "wide integers": lambda m: m.astype(np.int64) * 10**6,
    "float32": lambda m: (m / 4).astype(np.float32),
    "columns first": np.asfortranarray,
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_dependent_columns_count_once(name):
    values, matrix = predictions(2000), DEPENDENT[name](features(2000, 12))
    expected = reference(values, matrix)
    np.testing.assert_allclose(neutralize(values, matrix, 1.0), expected, **TOLERANCE)


@pytest.mark.parametrize("exponent", range(1, 17))
def test_nearly_dependent_columns_are_cut_where_numerai_tools_cuts(exponent):
    """A column that differs from another by 10**-exponent counts down to 1e-6 of the largest."""
    matrix = features(500, 8).astype(np.float64)
    difference = predictions(500, seed=3) - 0.5
    matrix = np.column_stack([matrix, matrix[:, 0] + 10.0**-exponent * difference])
    values = predictions(500) + difference
    expected = reference(values, matrix)
    np.testing.assert_allclose(neutralize(values, matrix, 1.0), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-5, 1e-3, 1e3, 1e5, 1e12])
def test_columns_of_very_different_scales_give_the_values_of_numerai_tools(scale):
    matrix = features(500, 8).astype(np.float64)
    matrix[:, :3] *= scale
    values = predictions(500)
    expected = reference(values, matrix)
    np.testing.assert_allclose(neutralize(values, matrix, 1.0), expected, rtol=0, atol=1e-8)


@given(
    singular=st.lists(st.floats(-4, 0), min_size=8, max_size=8),
    seed=st.integers(0, 1000),
)
def test_ill_conditioned_features_give_the_values_of_numerai_tools(singular, seed):
    """Singular values over four orders, all of which count."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.standard_normal((60, 8)))
    right, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    matrix = (left * 10.0 ** np.array(singular)) @ right
    values = predictions(60, seed)
    expected = reference(values, matrix)
    np.testing.assert_allclose(neutralize(values, matrix, 1.0), expected, **TOLERANCE)


def test_more_features_than_rows_leave_nothing():
    np.testing.assert_allclose(neutralize(predictions(20), features(20, 40), 1.0), 0, atol=1e-9)


def test_missing_features_count_as_their_columns_mean():
    matrix = features(300, 6).astype(np.float32)
    filled = matrix.astype(np.float64)
    rng = np.random.default_rng(5)
    missing = rng.random(matrix.shape) < 0.1
    missing[:, 5] = True  # a column that nobody has
    matrix[missing] = rng.choice([np.nan, np.inf], missing.sum())
    filled[missing] = np.nan
    means = np.array([*np.nanmean(filled[:, :5], axis=0), 0.0])
    filled = np.where(missing, means, filled)
    expected = reference(predictions(300), filled)
    np.testing.assert_allclose(neutralize(predictions(300), matrix, 1.0), expected, **TOLERANCE)


def test_missing_values_stay_and_do_not_count():
    values, matrix = predictions(100), features(100, 4)
    given_ = np.arange(100) % 7 != 0
    values[~given_] = np.nan
    neutral = neutralize(values, matrix, 1.0)
    assert np.isnan(neutral[~given_]).all()
    expected = reference(values[given_], matrix[given_])
    np.testing.assert_allclose(neutral[given_], expected, **TOLERANCE)


@pytest.mark.parametrize("values", [[0.3, 0.3, 0.3], [np.nan, 0.3, np.nan], [0.3]])
def test_values_without_spread_become_nan_as_with_numerai_tools(values):
    matrix = features(len(values), 2)
    assert np.isnan(neutralize(np.array(values), matrix, 1.0)).all()
    if not np.isnan(values).any() and len(values) > 1:
        assert np.isnan(reference(np.array(values), matrix)).all()


def test_values_that_are_all_missing_stay_so():
    assert np.isnan(neutralize(np.full(4, np.nan), features(4, 2), 0.5)).all()
    assert len(neutralize(np.empty(0), features(0, 2), 0.5)) == 0


PEAK = """
import resource, sys, time
import numpy as np
from job.worker.postprocess import neutralize
rng = np.random.default_rng(1)
neutralize(rng.random(50), rng.integers(0, 5, (50, 9), dtype=np.int8), 0.5)  # what BLAS keeps
rows, columns, dependent = (int(argument) for argument in sys.argv[1:])
values, matrix = rng.random(rows), rng.integers(0, 5, (rows, columns), dtype=np.int8)
if dependent:
    matrix[:, 1] = matrix[:, 0]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
neutralize(values, matrix, 0.5)
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(peak * 1024 / (4 * rows * columns), seconds)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize("dependent", [0, 1])
def test_three_float32_copies_of_the_features_are_the_most_memory_it_takes(dependent):
    arguments = [sys.executable, "-c", PEAK, "6500", "780", str(dependent)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    copies, _ = map(float, done.stdout.split())
    assert copies < 3
