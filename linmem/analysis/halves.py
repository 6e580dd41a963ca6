"""The states of a sample in two halves, each factorised once: what read-outs and the rank of the states rest on.

Every read-out that is fitted on one half is judged on the other, so that its error is not flattered by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import lapack, lstsq

_BLOCK = 64  # columns that LAPACK works on at once


@dataclass(frozen=True, eq=False)
class Half:
    """A matrix X of more rows than columns as ``X = Q R``, Q as LAPACK keeps it (Householder vectors and factors)."""

    vectors: Float[np.ndarray, "T n"]
    factors: Float[np.ndarray, "n"]

    @property
    def triangle(self) -> Float[np.ndarray, "n n"]:
        """R."""
        return np.triu(self.vectors[: len(self.factors)])

    def least_squares(self, targets: Float[np.ndarray, "T P"]) -> Float[np.ndarray, "n P"]:
        """The shortest of the weights that minimise ``|X w - targets|``, column by column.

        Directions below T rounding units of the largest are left out. Cost: ``4 T n P`` flops.
        """
        T, n = self.vectors.shape
        both = np.asfortranarray(targets)
        turned = lapack.dormqr("L", "T", self.vectors, self.factors, both, lwork=_BLOCK * max(1, both.shape[1]))[0]
        limit = T * np.finfo(np.float64).eps
        return lstsq(self.triangle, turned[:n], cond=limit, lapack_driver="gelsy")[0]


@dataclass(frozen=True, eq=False)
class Halves:
    """Standardised states and a column of ones, and the factorisations of their first and second half.

    Attributes
    ----------
    columns : (T, n + 1) states less their mean, divided by their spread, and ones.
    moving : (n,) spread of each state; 0 where rounding alone moves it.
    first, second : the factorised halves.
    """

    columns: Float[np.ndarray, "T weights"]
    moving: Float[np.ndarray, "n"]
    first: Half
    second: Half

    def rank(self) -> int:
        """Numerical rank of the states that move: singular values above n rounding units of the largest."""
        used = np.flatnonzero(self.moving > 0)
        if not len(used):
            return 0
        stacked = np.vstack([self.first.triangle[:, used], self.second.triangle[:, used]])
        return int(np.linalg.matrix_rank(stacked, rtol=len(used) * np.finfo(np.float64).eps))

    def fitted(self, targets: Float[np.ndarray, "T P"]) -> Float[np.ndarray, "T P"]:
        """What the least-squares read-outs of each half say of the targets in the other."""
        middle = len(self.columns) - len(self.columns) // 2
        found = np.empty(targets.shape)
        found[:middle] = self.columns[:middle] @ self.second.least_squares(targets[middle:])
        found[middle:] = self.columns[middle:] @ self.first.least_squares(targets[:middle])
        return found


def halves(states: Float[np.ndarray, "T n"]) -> Halves:
    """Standardise the states, append ones, and factorise both halves.

    Raises
    ------
    ValueError : for fewer than six rows for each column.

    Cost: ``2 T (n + 1)^2`` flops; memory ``2 T (n + 1)`` numbers.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(100, 2))
    >>> found = halves(np.column_stack([x, x.sum(axis=1), np.ones(100)]))
    >>> found.rank(), bool(np.allclose(found.fitted(x), x))
    (2, True)
    """
    T, n = states.shape
    if 6 * (n + 1) > T:
        raise ValueError(
            f"the sample must have at least 6 rows for each of n + 1 = {n + 1} weights of a read-out, got {T}; take a "
            "longer series"
        )
    centre, spread = states.mean(axis=0), states.std(axis=0)
    columns = np.ones((T, n + 1))
    np.subtract(states, centre, out=columns[:, :n])
    columns[:, :n] /= np.where(spread > 0, spread, 1.0)
    moving = np.where(spread > n * np.finfo(np.float64).eps * np.abs(states).max(axis=0), spread, 0.0)
    middle = T - T // 2
    parts = [_factorised(part) for part in (columns[:middle], columns[middle:])]
    return Halves(columns, moving, *parts)


def _factorised(X: Float[np.ndarray, "T n"]) -> Half:
    vectors, factors = lapack.dgeqrf(np.asfortranarray(X), lwork=_BLOCK * X.shape[1])[:2]
    return Half(vectors, factors)
