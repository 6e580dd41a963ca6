"""Numerical algebra: ``MC_tau = (A^tau C)^T G^+ (A^tau C)`` in double precision, the formula that most programs use.

G, the covariance of the state, or equivalently the Krylov matrix ``K = [C, A C, A^2 C, ..]`` with ``G = K K^T``, has
singular values that fall geometrically for most A. A pseudo-inverse drops those below the rounding unit, and the sum of
the curve is the number r of those that are kept, whatever the rank is in exact arithmetic.

What is kept still proves something. Every row of ``y = diag(s)^{-1} Q^T K`` lies in the row space of K, so the squared
norm of its columns is at most MC_tau, up to the loss of orthonormality of y (rounding over the square of the smallest
singular value that is used). That is the lower end of the interval. The upper end rests on two theorems for white
scalar input: the curve does not increase, and sums to N at most, hence ``(tau + 1) MC_tau <= N - sum_{k > tau} MC_k``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.linear import allpass_curve, check_system, state_covariance
from linmem.capacity.result import MemoryCurve
from linmem.checks import check_choice, check_integer, check_positive
from linmem.citations import cites

EPS = float(np.finfo(np.float64).eps)
FORMS = ("covariance", "krylov")


def krylov_matrix(A: ArrayLike, C: ArrayLike, columns: int) -> Float[np.ndarray, "N columns"]:
    """``K = [C, A C, .., A^{columns-1} C]``: what an input 0, 1, .. steps ago has left in the state.

    Raises
    ------
    ValueError : as :func:`linmem.capacity.linear.check_system`; if columns < 1.

    Cost: 2 N^2 flops a column.

    >>> krylov_matrix([[0.5]], [1.0], 3)
    array([[1.  , 0.5 , 0.25]])
    """
    weights, mask = check_system(A, C)
    K = np.empty((len(weights), check_integer("columns", columns, minimum=1)))
    K[:, 0] = mask
    for k in range(1, K.shape[1]):
        K[:, k] = weights @ K[:, k - 1]
    return K


@cites("ballarin2024", "published code, mc_compute_showcase.m: 'naive'")
def algebraic_curve(
    A: ArrayLike, C: ArrayLike, max_lag: int, *, form: str = "covariance", tolerance: float | None = None
) -> MemoryCurve:
    """Memory curve by a pseudo-inverse in double precision, with its numerical rank and what it proves.

    Parameters
    ----------
    A : (N, N) recurrent weights, spectral radius < 1.
    C : (N,) input weights.
    max_lag : largest lag, >= 0.
    form : "covariance", ``(A^tau C)^T G^+ (A^tau C)``; "krylov", the diagonal of ``K^+ K`` with max(5 N, max_lag + 1)
        columns, which keeps directions down to the rounding unit itself, not its root.
    tolerance : eigenvalues of G (singular values of K) below ``tolerance`` times the largest are dropped, N 2^-52
        unless stated.

    Returns
    -------
    MemoryCurve of method "algebraic". ``rank`` is the number of directions kept and the sum of the curve over all lags;
    ``condition`` the ratio of the largest to the smallest that is kept. ``[low, high]`` encloses the exact value, to
    first order in the rounding errors. For "krylov" the value itself may lie outside: directions near the tolerance are
    noise.

    Raises
    ------
    ValueError : as :func:`linmem.capacity.linear.check_system`; for an unknown form or a tolerance not in (0, 1).

    Cost: ``10 N^3 + 4 N^2 max_lag`` flops ("krylov": an SVD of N x 5N).

    >>> curve = algebraic_curve([[0.5, 0.0], [0.0, 0.5]], [1.0, 1.0], 2)  # the second state repeats the first
    >>> curve.rank, curve.values
    (1, array([0.75    , 0.1875  , 0.046875]))
    """
    weights, mask = check_system(A, C)
    max_lag = check_integer("max_lag", max_lag, minimum=0)
    check_choice("form", form, FORMS)
    N = len(weights)
    cut = N * EPS if tolerance is None else check_positive("tolerance", tolerance)
    if cut >= 1:
        raise ValueError(f"tolerance must be < 1, got {cut:g}; pass a relative size such as 1e-12")
    if form == "krylov":
        K = krylov_matrix(weights, mask, max(5 * N, max_lag + 1))
        _, s, Vt = np.linalg.svd(K, full_matrices=False)
        rank = int(np.count_nonzero(s > cut * s[0]))
        values = (Vt[:rank] ** 2).sum(axis=0)[: max_lag + 1]
        low, high = krylov_enclosure(weights, s, Vt, max_lag)
        condition = float(s[0] / s[rank - 1])
    else:
        G = state_covariance(weights, mask)
        ascending, vectors = np.linalg.eigh((G + G.T) / 2)
        rank = int(np.count_nonzero(ascending > cut * ascending[-1]))
        size, Q = ascending[::-1][:rank], vectors[:, ::-1][:, :rank]
        columns = Q.T @ krylov_matrix(weights, mask, max_lag + 1)
        partial = np.cumsum(columns**2 / size[:, None], axis=0)
        values = partial[-1]
        defect = N * EPS * size[0] / size  # how far the kept rows, down to each, are from orthonormal
        low = (partial / (1 + defect[:, None])).max(axis=0)
        high = values / (1 - defect[-1]) if rank == N and defect[-1] < 1 else np.ones(max_lag + 1)
        low, high = monotone_enclosure(low, high, N)
        condition = float(size[0] / size[-1])
    return MemoryCurve(
        values=values,
        low=low,
        high=high,
        method="algebraic",
        states=N,
        rank=rank,
        error=f"encloses the exact value; {N - rank} of {N} directions dropped (relative tolerance {cut:.1e})",
        condition=condition,
    )


def krylov_enclosure(
    A: Float[np.ndarray, "N N"], s: Float[np.ndarray, "N"], Vt: Float[np.ndarray, "N columns"], max_lag: int
) -> tuple[Float[np.ndarray, "lags"], Float[np.ndarray, "lags"]]:
    """What the SVD of a Krylov matrix, computed with rounding error E, proves of the curve: ends (low, high).

    A right singular vector with singular value s_j is at most ``e_j = ||E||/s_j`` away from the row space of the exact
    matrix. With the first k of them, ``sqrt(MC_tau) >= sqrt(sum_{j<=k} V_{tau j}^2) - sqrt(sum_{j<=k} e_j^2)``; the
    best k is taken. ``||E||`` is set to N 2^-52 ||K||_F, its size for products of stable matrices that grow little. The
    finite number of columns raises the curve by no more than the exact memory beyond them, which is subtracted.
    """
    N, columns = Vt.shape
    safe = np.maximum(s, EPS * EPS * s[0])
    error = np.sqrt(np.cumsum((N * EPS * np.linalg.norm(s) / safe) ** 2))
    kept = np.sqrt(np.cumsum(Vt[:, : max_lag + 1] ** 2, axis=0))
    values = np.linalg.eigvals(A)
    inside = bool((np.abs(values) < 1).all())  # rounding can move eigenvalues of a stable A out
    beyond = max(0.0, N - float(allpass_curve(values, columns - 1).sum())) if inside else float(N)
    low = (np.maximum(kept - error[:, None], 0.0) ** 2).max(axis=0) - beyond
    high = (kept[-1] + error[-1]) ** 2 if error[-1] < 1 else np.ones(max_lag + 1)
    return monotone_enclosure(low, high, N)


def monotone_enclosure(
    low: Float[np.ndarray, "lags"], high: Float[np.ndarray, "lags"], N: int
) -> tuple[Float[np.ndarray, "lags"], Float[np.ndarray, "lags"]]:
    """Sharpen ends by what every such curve obeys: values in [0, 1], not increasing, sum at most N.

    >>> low, high = monotone_enclosure(np.array([0.2, 0.3, 0.1]), np.ones(3), N=1)
    >>> low, high.round(3)
    (array([0.3, 0.3, 0.1]), array([0.6  , 0.45 , 0.333]))
    """
    lower = np.maximum.accumulate(np.maximum(low, 0.0)[::-1])[::-1]
    later = lower.sum() - np.cumsum(lower)
    room = np.maximum((N - later) / np.arange(1, len(lower) + 1), 0.0)
    return lower, np.minimum.accumulate(np.minimum(np.minimum(high, 1.0), room))
