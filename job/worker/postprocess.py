"""Arithmetic on a model's predictions before they are written: neutralization and ranks.

The same numbers as `neutralize` and `tie_kept_rank` of numerai-tools (within 1e-9), which needs
scipy, scikit-learn and several float64 copies of the features; this needs numpy and no such copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RCOND = 1e-6
"""Directions whose singular value is a smaller part of the largest one do not count."""

ROWS = 1024
"""Rows taken at a time. So many products of two int8 (2**14 at most) add up to 2**24 at most, up to
which float32 is exact."""

PASSES = 2
"""The second takes back what rounding cost the first."""


def rank(values: Floats) -> Floats:
    """Ranks in (0, 1): (rank - 0.5) / n, equal values sharing their mean rank; NaN stay NaN.

    Args:
        values: n numbers.
    """
    given = ~np.isnan(values)
    _, which, counts = np.unique(values[given], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_ranks = last - (counts - 1) / 2
    ranks = np.full(len(values), np.nan)
    ranks[given] = (mean_ranks[which] - 0.5) / max(1, len(which))
    return ranks


def neutralize(values: Floats, matrix: npt.NDArray[Any], proportion: float) -> Floats:
    """Values less `proportion` of what a linear model of the features explains of them.

    The linear model has a constant term. Nothing is scaled afterwards, so values leave [0, 1].
    Values without spread become NaN; those that are not finite stay, and do not count.

    Args:
        values: n numbers.
        matrix: n x m features; those missing count as their column's mean.
        proportion: 0 (nothing) to 1 (values uncorrelated with every feature).
    """
    neutral = values.astype(np.float64)
    rows = np.flatnonzero(np.isfinite(neutral))
    known = neutral[rows]
    if not len(known) or known.min() == known.max():
        neutral[rows] = np.nan
    elif proportion:
        neutral[rows] = known - proportion * _explained(known, _Design(matrix, rows))
    return neutral


def _explained(values: Floats, design: _Design) -> Floats:
    """The least-squares fit, by its normal equations."""
    solve = _solver(design.gram())
    explained = np.zeros(len(values))
    for _ in range(PASSES):
        explained += design.times(solve(design.transposed_times(values - explained)))
    return explained


def _solver(gram: Floats) -> Callable[[Floats], Floats]:
    """Gives x for gram @ x = right, without the directions that do not count.

    The largest eigenvalue is at most the trace: if the matrix stays positive definite without that
    part of it, every direction counts, and elimination is ten times as fast as eigenvectors.
    """
    diagonal = gram.diagonal().copy()
    np.fill_diagonal(gram, diagonal - RCOND**2 * diagonal.sum())
    try:
        np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        np.fill_diagonal(gram, diagonal)
        return _truncated(gram)
    np.fill_diagonal(gram, diagonal)
    return partial(np.linalg.solve, gram)


def _truncated(gram: Floats) -> Callable[[Floats], Floats]:
    squares, vectors = np.linalg.eigh(gram)  # ascending
    first = int(np.searchsorted(squares, RCOND**2 * squares[-1], side="right"))
    squares, vectors = squares[first:], vectors[:, first:]
    return lambda right: vectors @ ((vectors.T @ right) / squares)


class _Design:
    """Some rows of the features, and a column of ones; a strip at a time, never all of it."""

    def __init__(self, matrix: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> None:
        self._matrix = matrix
        self._rows = rows
        self._small = matrix.dtype in (np.int8, np.bool_)
        self._means = None if matrix.dtype.kind in "iub" else self._column_means()

    def gram(self) -> Floats:
        """The products of all columns with each other; exact for int8."""
        width = self._matrix.shape[1] + 1
        total = np.zeros((width, width))
        for _, strip in self._strips(np.float32 if self._small else np.float64):
            total += strip.T @ strip
        return total

    def times(self, weights: Floats) -> Floats:
        """The rows' sums, columns weighted."""
        product = np.empty(len(self._rows))
        for where, strip in self._strips(np.float64):
            product[where] = strip @ weights
        return product

    def transposed_times(self, values: Floats) -> Floats:
        """The columns' sums, rows weighted."""
        product = np.zeros(self._matrix.shape[1] + 1)
        for where, strip in self._strips(np.float64):
            product += strip.T @ values[where]
        return product

    def _strips(self, dtype: type[Any]) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        for where, taken in self._taken():
            strip = np.ones((len(taken), taken.shape[1] + 1), dtype)
            strip[:, :-1] = taken
            if self._means is not None:
                rows, columns = np.nonzero(~np.isfinite(strip[:, :-1]))
                strip[rows, columns] = self._means[columns]
            yield where, strip

    def _taken(self) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        for first in range(0, len(self._rows), ROWS):
            where = slice(first, first + ROWS)
            yield where, self._matrix[self._rows[where]]

    def _column_means(self) -> Floats:
        sums, counts = np.zeros(self._matrix.shape[1]), np.zeros(self._matrix.shape[1])
        for _, taken in self._taken():
            finite = np.isfinite(taken)
            sums += np.where(finite, taken, 0).sum(axis=0, dtype=np.float64)
            counts += finite.sum(axis=0)
        means: Floats = sums / np.maximum(counts, 1)
        return means
