"""Staircase reduction of (A, C): the reachable directions, one orthogonal step of Arnoldi after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Complex, Float
from scipy import linalg

TINY = float(np.finfo(np.float64).tiny)


def norm_bound(A: Float[np.ndarray, "n n"]) -> float:
    """An upper bound of the spectral norm, without a factorisation: ``min(||A||_F, sqrt(||A||_1 ||A||_inf))``."""
    size = np.abs(A)
    return min(float(np.linalg.norm(A)), math.sqrt(float(size.sum(axis=0).max()) * float(size.sum(axis=1).max())))


@dataclass(frozen=True)
class Part:
    """A pair (A, C) restricted to orthonormal directions (basis) of the whole; see ``ReachablePart``."""

    A: Float[np.ndarray, "n n"]
    C: Float[np.ndarray, "n d"]
    basis: Float[np.ndarray, "N n"]
    margin: float
    tolerance: float
    values: Complex[np.ndarray, "n"] | None = None

    def restrict(self, B: Float[np.ndarray, "n k"], margin: float) -> Part:
        """The part spanned by the orthonormal columns of B; entries that may be rounding errors become 0."""
        A, C = B.T @ self.A @ B, B.T @ self.C
        A[np.abs(A) <= self.tolerance * norm_bound(self.A)] = 0.0
        C[np.abs(C) <= self.tolerance * np.linalg.norm(self.C, axis=0)] = 0.0
        return Part(A, C, self.basis @ B, min(self.margin, margin), self.tolerance)


def subdiagonal(A: Float[np.ndarray, "n n"], C: Float[np.ndarray, "n"]) -> Float[np.ndarray, "m"]:
    """The n - 1 Arnoldi residuals of (A, C), from a Hessenberg reduction by reflections that starts with C."""
    v = C / np.abs(C).max()
    v /= np.linalg.norm(v)
    v[0] += math.copysign(1.0, v[0])
    v *= math.sqrt(2.0) / np.linalg.norm(v)  # I - v v^T sends C to a multiple of the first unit vector
    left = A - np.outer(v, v @ A)
    turned = left - np.outer(left @ v, v)
    return np.abs(np.diag(linalg.hessenberg(turned, overwrite_a=True), -1))


def staircase(
    A: Float[np.ndarray, "n n"], C: Float[np.ndarray, "n d"], tolerance: float
) -> tuple[Float[np.ndarray, "n k"], float]:
    """Orthonormal basis of the reachable part, and the smallest relative size of what was kept.

    Candidates are the columns of C, then A q for each basis vector q, each made orthogonal to the basis Q (twice). The
    rounding errors of the rest v are made of ``(I + |Q| |Q|^T) |A| |q|``, entry by entry, and of ``|A|`` times those
    that q got in its own step; a candidate is dropped if no entry of v exceeds ``tolerance`` times their sum.
    """
    n = len(A)
    Q, noise = np.empty((n, n)), np.empty((n, n))  # noise: rounding errors of Q over the tolerance
    magnitude, size, taken = np.abs(A), 0, 0
    columns = [column for column in C.T if column.any()]
    smallest = math.inf
    while size < n and (columns or taken < size):
        basis = Q[:, :size]
        if columns:
            v, handed = columns.pop(0), np.zeros(n)
            own = np.abs(v)
        else:
            v, handed = A @ Q[:, taken], magnitude @ noise[:, taken]
            own = magnitude @ np.abs(Q[:, taken])
            taken += 1
        own = own + np.abs(basis) @ (np.abs(basis).T @ own)
        for _ in range(2):
            v = v - basis @ (basis.T @ v)
        relative = float((np.abs(v) / np.maximum(own + handed, TINY)).max())
        length = float(np.abs(v).max())
        if relative <= tolerance or length < TINY:
            continue
        smallest = min(smallest, relative)
        length *= float(np.linalg.norm(v / length))
        v = v / length
        v = v - basis @ (basis.T @ v)
        Q[:, size], noise[:, size] = v / np.linalg.norm(v), own / length
        size += 1
    return Q[:, :size], smallest


def climb(part: Part) -> Part:
    """The part that the staircase finds."""
    if part.C.shape[1] == 1:  # the usual case is decided by one call of LAPACK
        relative = subdiagonal(part.A, part.C[:, 0]) / max(norm_bound(part.A), TINY)
        smallest = float(relative.min(initial=1.0))
        if smallest > part.tolerance:
            return replace(part, margin=min(part.margin, clearness(smallest, part.tolerance)))
    Q, smallest = staircase(part.A, part.C, part.tolerance)
    margin = clearness(smallest, part.tolerance)
    if Q.shape[1] == len(part.A):
        return replace(part, margin=min(part.margin, margin))
    return part.restrict(Q, margin)


def clearness(kept: float, tolerance: float) -> float:
    """The smallest that was kept over the largest that would have been dropped."""
    return kept / tolerance if tolerance > 0 else math.inf
