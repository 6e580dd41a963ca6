"""Certified counts of the singular values of a symmetric matrix above a threshold, from a floating-point eigenbasis.

Let A be a symmetric matrix of doubles, B any symmetric matrix with ||A - B||_2 <= radius, V an n x k matrix of doubles
(approximate eigenvectors) and D a diagonal one. With ||V^T V - I||_2 <= phi and V^T A V = D + R, ||R||_2 <= r,

    sigma_k(B) >= sigma_k(A) - radius >= sigma_k(V^T A V)/||V||_2^2 - radius >= (min_i |D_ii| - r)/(1 + phi) - radius,

by Weyl's inequality (first and last step) and sigma_k(X Y Z) <= ||X|| sigma_k(Y) ||Z|| (middle). Nothing is assumed
about how V and D were found. phi and r are computed, with bounds on the rounding of the computation itself: a product
of matrices in doubles obeys |fl(XY) - XY| <= gamma_n |X| |Y| entrywise, gamma_n = n u/(1 - n u), u = 2^-53, for every
order of summation and with fused operations (Higham, Accuracy and Stability of Numerical Algorithms, section 3.5),
hence ||fl(XY) - XY||_2 <= gamma_n ||X||_F ||Y||_F. Norms are inflated by 0.1 %, far more than their own rounding.
What is proved is proved for IEEE arithmetic and a BLAS that multiplies conventionally (no Strassen), as all in common
use do.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from jaxtyping import Float

from linmem.checks import check_nonnegative, check_positive

UNIT = 2.0**-53
INFLATION = 1.001  # of computed norms: their relative rounding is below (number of entries) * 2^-52 < 1e-9
UNDERFLOW = 1e-280  # more than all products below the smallest normal double together


def count_above(matrix: Float[np.ndarray, "n n"], radius: float, threshold: float) -> int:
    """A proved lower bound on the number of singular values above `threshold` > 0 of every B near `matrix`.

    Parameters
    ----------
    matrix : symmetric (exactly). radius : B is symmetric with ||B - matrix||_2 <= radius. threshold : > 0.

    The bound is the number of singular values of `matrix` above the threshold, unless one lies within about
    n 1e-15 ||matrix||_F + radius of it. Cost: one symmetric eigendecomposition and 2 n^2 k + 2 n k^2 operations.

    >>> count_above(np.diag([3.0, -2.0, 0.5]), 1e-3, 1.0)
    2
    """
    check_nonnegative("radius", radius)
    check_positive("threshold", threshold)
    if not np.array_equal(matrix, matrix.T):
        raise ValueError("matrix must be exactly symmetric; build both triangles by the same operations")
    values, vectors = scipy.linalg.eigh(matrix, driver="evr")
    order = np.argsort(-np.abs(values))
    keep = order[np.abs(values[order]) > threshold]
    while keep.size:
        low = _least(matrix, vectors[:, keep], values[keep]) - radius
        if low > threshold:
            return int(keep.size)
        keep = keep[:-1]
    return 0


def _least(A: Float[np.ndarray, "n n"], V: Float[np.ndarray, "n k"], d: Float[np.ndarray, "k"]) -> float:
    """(min |d| - r)/(1 + phi), rounded down."""
    n, k = V.shape
    gamma = n * UNIT / (1 - n * UNIT)
    norm_v = _norm(V)
    phi = _norm(V.T @ V - np.eye(k)) + gamma * norm_v**2 * INFLATION + UNDERFLOW
    W = A @ V
    r = _norm(V.T @ W - np.diag(d)) + UNDERFLOW
    r += gamma * norm_v * (_norm(W) + math.sqrt(1 + phi) * _norm(A)) * INFLATION
    return float((np.abs(d).min() - r * (1 + 1e-14)) / (1 + phi) * (1 - 1e-14))


def _norm(X: Float[np.ndarray, "p q"]) -> float:
    """An upper bound of the Frobenius norm, hence of the spectral norm."""
    return float(np.linalg.norm(X)) * INFLATION
