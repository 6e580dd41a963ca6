r"""Memory with noise: x_t = A x_{t-1} + C z_t + w_t, read as y_t = x_t + v_t; z, w and v white and independent.

With W and V the covariances of w and v,

    G_z = sum_j A^j C C^T (A^j)^T,  G_n = sum_j A^j W (A^j)^T + V,  G = G_z + G_n,
    MC_tau = (A^tau C)^T G^{-1} (A^tau C),  and over all lags from 0 on:  MC = tr(G^{-1} G_z).

For noise s^2 times a fixed one, MC = sum_i mu_i / (mu_i + s^2) over the eigenvalues mu_i of G_n^{-1} G_z at s = 1: it
falls as the noise grows, from the dimension that the input reaches (no noise) to 0, at last as tr(G_n^{-1} G_z) / s^2.

Every covariance is kept as a factor S, G = S S^T, made by doubling and QR; rounding errors then grow with the condition
of S, the root of that of G.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import linalg

from linmem.capacity.extended.normal_form import reflected
from linmem.capacity.linear import check_system
from linmem.capacity.result import MemoryCapacity, MemoryCurve
from linmem.checks import check_array, check_choice, check_integer
from linmem.citations import cites

_EPS = float(np.finfo(np.float64).eps)
_ERROR = "estimated rounding errors (change under a reflection of the state space, and condition of the root of G)"
KINDS = ("state", "readout")
_Measured = tuple[np.ndarray, float, float]


@cites("white2004", "memory function of a linear network with noise, as commonly quoted")
def noisy_curve(
    A: ArrayLike, C: ArrayLike, max_lag: int, *, state_noise: ArrayLike = 0.0, readout_noise: ArrayLike = 0.0
) -> MemoryCurve:
    """Exact memory curve of a network with noise in its state, in its read-out, or both (formulas: see the module).

    Parameters
    ----------
    A, C : (N, N) recurrent and (N,) input weights, spectral radius of A below 1; input of unit variance.
    max_lag : largest lag.
    state_noise : covariance of w_t: a variance s^2 (W = s^2 I), (N,) variances, or a matrix (N, N).
    readout_noise : covariance of v_t, likewise.

    Returns
    -------
    MemoryCurve of method "noisy"; ``rank`` is N, ``condition`` that of the root S of G.

    Raises
    ------
    ValueError : for a system that :func:`linmem.capacity.linear.check_system` refuses, a matrix that is no covariance,
        or if G is singular in double precision because the noise is zero, very weak or confined to few states.

    Cost: O(N^3 log(1 / (1 - radius)) + N^2 max_lag), twice, for the error.

    >>> curve = noisy_curve([[0.5]], [1.0], 2, readout_noise=4 / 3)  # as much noise as signal
    >>> curve.values.round(12).tolist()
    [0.375, 0.09375, 0.0234375]
    """
    system, mask = check_system(A, C)
    lags = check_integer("max_lag", max_lag, minimum=0)
    roots = [_covariance_root(*noise, len(mask)) for noise in _named(state_noise, readout_noise)]
    found, again = (_measure(*parts, lags) for parts in _both(system, mask, roots))
    return _curve(found, again, len(mask))


@cites("white2004", "memory capacity of a linear network with noise, as commonly quoted")
def noisy_capacity(
    A: ArrayLike,
    C: ArrayLike,
    max_lag: int | None = None,
    first_lag: int = 1,
    *,
    state_noise: ArrayLike = 0.0,
    readout_noise: ArrayLike = 0.0,
) -> MemoryCapacity:
    """Sum of the curve of :func:`noisy_curve` over the lags first_lag .. max_lag; None: to infinity.

    To infinity it is tr(G^{-1} G_z) less the lags below first_lag, and the curve of the result ends at lag 2 N.
    Arguments, errors and cost as there.

    >>> found = noisy_capacity([[0.5]], [1.0], first_lag=0, readout_noise=4 / 3)
    >>> round(found.value, 12)
    0.5
    """
    system, mask = check_system(A, C)
    N, first = len(mask), check_integer("first_lag", first_lag, minimum=0)
    last = max(first, 2 * N) if max_lag is None else check_integer("max_lag", max_lag, minimum=first)
    roots = [_covariance_root(*noise, N) for noise in _named(state_noise, readout_noise)]
    found, again = (_measure(*parts, last) for parts in _both(system, mask, roots))
    curve = _curve(found, again, N)
    if max_lag is not None:
        value, low, high = (float(end[first : last + 1].sum()) for end in (curve.values, curve.low, curve.high))
        return MemoryCapacity(value, low, high, first, last, max(found[1] - float(found[0].sum()), 0.0), curve)
    value, other = (total - float(values[:first].sum()) for values, total, _ in (found, again))
    error = 10 * abs(value - other) + N * _EPS * (4 * N + found[2])
    return MemoryCapacity(value, max(value - error, 0.0), min(value + error, float(N)), first, None, 0.0, curve)


@cites("linmem", "capacity against the signal-to-noise ratio")
def capacity_against_snr(
    A: ArrayLike,
    C: ArrayLike,
    snr: ArrayLike,
    kind: str = "state",
    *,
    shape: ArrayLike = 1.0,
    first_lag: int = 1,
) -> pd.DataFrame:
    """Capacity over all lags >= first_lag at several signal-to-noise ratios, from one singular value decomposition.

    With S_n, S_z the roots of G_n and G_z for noise of covariance ``shape``, S_n^{-1} S_z = P diag(sigma) Q^T and
    p_tau = P^T S_n^{-1} A^tau C, noise s^2 ``shape`` gives MC = sum_i sigma_i^2 / (sigma_i^2 + s^2), less
    sum_i p_{tau,i}^2 / (sigma_i^2 + s^2) for each lag tau below ``first_lag``.

    Parameters
    ----------
    A, C : (N, N) recurrent and (N,) input weights, spectral radius of A below 1; input of unit variance.
    snr : (k,) ratios > 0 of power: "state": C^T C / (s^2 tr shape), what enters the state at each step; "readout":
        tr G_z / (s^2 tr shape), what is read.
    kind : where the noise is, "state" or "readout".
    shape : covariance of the noise up to the factor s^2: a variance, (N,) variances, or a matrix (N, N).
    first_lag : first lag of the sum.

    Returns
    -------
    One row for each ratio: snr, noise (the factor s^2), value, low, high. The ends hold the estimated rounding errors,
    which grow as the root of the ratio and with the condition of S_n.

    Raises
    ------
    ValueError : as :func:`noisy_curve`, for a ratio that is not positive, and if G_n is singular.

    >>> table = capacity_against_snr([[0.5]], [1.0], [1e-3, 1.0, 1e3], "readout", first_lag=0)
    >>> table.value.round(6).tolist()
    [0.000999, 0.5, 0.999001]
    """
    system, mask = check_system(A, C)
    N, first = len(mask), check_integer("first_lag", first_lag, minimum=0)
    ratios = check_array("snr", snr, ndim=1)
    if ratios.size == 0 or ratios.min() <= 0:
        raise ValueError(
            f"snr must hold ratios > 0, got {ratios.tolist()}; pass powers, not decibels, e.g. [1, 10, 100]"
        )
    root = _covariance_root("shape", shape, N)
    state = check_choice("kind", kind, KINDS) == "state"
    S_z = _factor(system, mask[:, None])
    S_n = _factor(system, root) if state else _square(root)
    condition = _condition(S_n, "shape")
    signal = float(mask @ mask) if state else float((S_z**2).sum())
    noise = signal / (ratios * float((root**2).sum()))
    P, sigma, _ = linalg.svd(linalg.solve_triangular(S_n, S_z, lower=True))
    share = 1 / (sigma[None, :] ** 2 + noise[:, None])
    value = (sigma**2 * share).sum(axis=1)
    column = mask
    for _ in range(first):
        value -= ((P.T @ linalg.solve_triangular(S_n, column, lower=True)) ** 2 * share).sum(axis=1)
        column = system @ column
    # sigma is off by about N eps condition sigma_max, and the sum by its derivative times that.
    slope = (2 * noise[:, None] * sigma * share**2).sum(axis=1)
    error = (1 + first) * N * _EPS * (1 + condition * sigma[0] * slope)
    return pd.DataFrame(
        {
            "snr": ratios,
            "noise": noise,
            "value": value,
            "low": np.maximum(value - error, 0.0),
            "high": np.minimum(value + error, float(N)),
        }
    )


def _named(state: ArrayLike, readout: ArrayLike) -> tuple[tuple[str, ArrayLike], tuple[str, ArrayLike]]:
    return ("state_noise", state), ("readout_noise", readout)


def _covariance_root(name: str, covariance: ArrayLike, N: int) -> Float[np.ndarray, "N N"]:
    """A square root of a variance, of N variances, or of a covariance matrix; refuses what is none of them."""
    value = check_array(name, covariance)
    if value.ndim < 2:
        if value.ndim == 1 and value.shape != (N,):
            raise ValueError(f"{name} must be a variance, ({N},) variances or a ({N}, {N}) matrix, got {value.shape}")
        if value.min(initial=0.0) < 0:
            raise ValueError(f"{name} must hold variances >= 0, got {value.min():.3g}; pass variances, not deviations")
        return np.diag(np.sqrt(np.broadcast_to(value, N)))
    matrix, scale = check_array(name, value, shape=(N, N)), float(np.abs(value).max(initial=0.0))
    if np.abs(matrix - matrix.T).max() > 8 * _EPS * scale:
        raise ValueError(f"{name} must be symmetric, got a matrix that is not; pass (S + S.T) / 2")
    w, Q = linalg.eigh((matrix + matrix.T) / 2)
    if w[0] < -8 * N * _EPS * scale:
        raise ValueError(
            f"{name} must be positive semidefinite, got an eigenvalue {w[0]:.3g}; pass a covariance, e.g. X.T @ X / n"
        )
    return Q * np.sqrt(np.maximum(w, 0.0))


def _both(
    A: Float[np.ndarray, "N N"], C: Float[np.ndarray, "N"], roots: Sequence[Float[np.ndarray, "N N"]]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """(A, C, root of W, root of V), as given and in reflected coordinates."""
    N, columns = len(A), np.column_stack([C, *roots])
    return [(M, B[:, :1], B[:, 1 : N + 1], B[:, N + 1 :]) for M, B in ((A, columns), reflected(A, columns))]


def _square(S: Float[np.ndarray, "N m"]) -> Float[np.ndarray, "N N"]:
    """Lower triangular L with L L^T = S S^T, by QR."""
    N, m = S.shape
    padded = S if m >= N else np.hstack([S, np.zeros((N, N - m))])
    return np.asarray(np.linalg.qr(padded.T, mode="r")).T


def _factor(A: Float[np.ndarray, "N N"], B: Float[np.ndarray, "N m"]) -> Float[np.ndarray, "N N"]:
    """Lower triangular S with S S^T = sum_j A^j B B^T (A^j)^T: doubling, compressed by QR after each step."""
    root, power = B, A
    for _ in range(64):
        if float(np.linalg.norm(power)) < _EPS**2:
            break
        root, power = np.hstack([root, power @ root]), power @ power
        if root.shape[1] > len(A):
            root = _square(root)
    return _square(root)


def _condition(S: Float[np.ndarray, "N N"], noise: str) -> float:
    """Condition number of a root; refuses one that is singular in double precision."""
    sigma = linalg.svdvals(S)
    if sigma[-1] <= len(S) * _EPS * sigma[0]:
        raise ValueError(
            f"{noise} must reach every direction of the state space, got a covariance whose root has condition "
            f"{sigma[0] / max(sigma[-1], 1e-300):.1e}; without noise use exact_curve; pass state noise that enters "
            "few states, of covariance r r^T, as further inputs, multivariate_curves(A, np.column_stack([C, r]), ..)"
        )
    return float(sigma[0] / sigma[-1])


def _measure(
    A: Float[np.ndarray, "N N"],
    C: Float[np.ndarray, "N 1"],
    W: Float[np.ndarray, "N N"],
    V: Float[np.ndarray, "N N"],
    max_lag: int,
) -> _Measured:
    """MC_0 .. MC_max_lag, the sum over all lags from 0 on, and the condition of the root of G."""
    S = _square(np.hstack([_factor(A, np.hstack([C, W])), V]))
    condition = _condition(S, "the noise")
    values, column = np.empty(max_lag + 1), C[:, 0]
    for tau in range(max_lag + 1):
        values[tau] = float((linalg.solve_triangular(S, column, lower=True) ** 2).sum())
        column = A @ column
    return values, float((linalg.solve_triangular(S, _factor(A, C), lower=True) ** 2).sum()), condition


def _curve(found: _Measured, again: _Measured, N: int) -> MemoryCurve:
    """The curve, with an error from both coordinate systems."""
    values, _, condition = found
    error = 10 * float(np.abs(values - again[0]).max()) + _EPS * (4 * N + condition)
    low, high = np.maximum(values - error, 0.0), np.minimum(values + error, 1.0)
    return MemoryCurve(values, low, high, "noisy", N, N, _ERROR, condition=condition)
