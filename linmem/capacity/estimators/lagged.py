"""Sums over rows of a series that a read-out of lagged inputs needs, in coordinates in which the states are white."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular

CHUNK = 4096
SILENT = 1e-3
"""A whitened direction has variance 1. One of less than this is what rounding left of dependent states."""


def whitened_moments(
    X: np.ndarray, z: Float[np.ndarray, "T"], max_lag: int, blocks: int, eps: float
) -> tuple[list[LaggedMoments], float]:
    """Sums over each block of the rows max_lag .. T - 1, and the condition of the states that were whitened.

    States that depend on each other up to rounding may leave directions of rounding errors behind; those that do not
    even move are dropped, and the sums taken again.
    """
    whiten, centre, condition = whitening(X[max_lag:], eps)
    edges = np.linspace(0, len(X) - max_lag, blocks + 1).astype(int)

    def over_blocks(whiten: Float[np.ndarray, "N r"]) -> list[LaggedMoments]:
        return [lagged_moments(X, z, max_lag, int(a), int(b), whiten, centre) for a, b in pairwise(edges)]

    sums = over_blocks(whiten)
    whole = reduce(LaggedMoments.plus, sums)
    variance, turn = eigh((whole.xx - np.outer(whole.x, whole.x) / whole.n) / whole.n)
    if variance.size and variance[0] < SILENT:
        sums = over_blocks(whiten @ turn[:, variance >= SILENT])
    return sums, condition


def whitening(X: np.ndarray, eps: float) -> tuple[Float[np.ndarray, "N r"], Float[np.ndarray, "N"], float]:
    """(W, c, condition) such that the columns of (X - c) W are nearly uncorrelated, of variance near 1; r = rank.

    By QR of chunk after chunk, never by X^T X: that would lose every direction below the root of the rounding unit.
    """
    n, N = X.shape
    centre = sum((X[a : a + CHUNK].sum(axis=0, dtype=np.float64) for a in range(0, n, CHUNK)), np.zeros(N)) / n
    square = np.zeros(N)
    for a in range(0, n, CHUNK):
        square += ((X[a : a + CHUNK] - centre) ** 2).sum(axis=0)
    deviation = np.sqrt(square / n)
    moves = deviation > N * eps * np.abs(centre)
    scale = np.where(moves, 1 / np.where(moves, deviation, 1.0), 0.0)
    triangle = np.zeros((0, N))
    for a in range(0, n, CHUNK):
        triangle = np.linalg.qr(np.vstack([triangle, (X[a : a + CHUNK] - centre) * scale]), mode="r")
    _, s, Vt = np.linalg.svd(triangle)
    keep = s > max(N * eps * s[0], 0.0)
    condition = float(s[0] / s[keep][-1]) if keep.any() else 1.0
    return scale[:, None] * Vt[: len(s)][keep].T * (np.sqrt(n) / s[keep]), centre, condition


@dataclass(frozen=True)
class LaggedMoments:
    """Sums over a set of rows: count, whitened states, their products, lagged inputs, squares, products of both."""

    n: int
    x: Float[np.ndarray, "r"]
    xx: Float[np.ndarray, "r r"]
    z: Float[np.ndarray, "lags"]
    zz: Float[np.ndarray, "lags"]
    xz: Float[np.ndarray, "r lags"]

    def plus(self, other: LaggedMoments, sign: int = 1) -> LaggedMoments:
        """The sums over the rows of both; with sign -1, over the rows that are not in ``other``."""
        return LaggedMoments(
            self.n + sign * other.n,
            self.x + sign * other.x,
            self.xx + sign * other.xx,
            self.z + sign * other.z,
            self.zz + sign * other.zz,
            self.xz + sign * other.xz,
        )

    def squared_correlations(self) -> Float[np.ndarray, "lags"]:
        """In-sample R^2 of each lag with intercept: ``b^T S^{-1} b / var z``, everything centred on these rows."""
        S = self.xx - np.outer(self.x, self.x) / self.n
        b = self.xz - np.outer(self.x, self.z) / self.n
        variance = self.zz - self.z**2 / self.n
        if len(S) == 0:
            return np.zeros(len(variance))
        try:
            L = cholesky(S, lower=True)
        except LinAlgError:  # a state rests on all these rows
            size, turn = eigh(S)
            moves = size > SILENT * size[-1]
            return ((turn[:, moves].T @ b) ** 2 / size[moves, None]).sum(axis=0) / variance
        return (solve_triangular(L, b, lower=True) ** 2).sum(axis=0) / variance


def lagged_moments(
    X: np.ndarray, z: np.ndarray, max_lag: int, first: int, last: int, whiten: np.ndarray, centre: np.ndarray
) -> LaggedMoments:
    """Sums over the rows ``max_lag + first .. max_lag + last - 1``; column k of the lagged inputs is z_{t-k}."""
    r = whiten.shape[1]
    x, xx = np.zeros(r), np.zeros((r, r))
    u, uu, xu = np.zeros(max_lag + 1), np.zeros(max_lag + 1), np.zeros((r, max_lag + 1))
    for a in range(first, last, CHUNK):
        b = min(a + CHUNK, last)
        rows = (X[max_lag + a : max_lag + b] - centre) @ whiten
        # Row i of the windows holds z_{a+i}, .., z_{a+i+max_lag}: lag k is column max_lag - k.
        lagged = np.lib.stride_tricks.sliding_window_view(z[a : b + max_lag], max_lag + 1)[:, ::-1].copy()
        x += rows.sum(axis=0)
        xx += rows.T @ rows
        u += lagged.sum(axis=0)
        uu += np.einsum("ij,ij->j", lagged, lagged)
        xu += rows.T @ lagged
    return LaggedMoments(last - first, x, xx, u, uu, xu)
