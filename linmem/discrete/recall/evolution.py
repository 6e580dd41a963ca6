"""State evolution of sparse recall: the error of the LASSO on the last N steps of an infinite sparse input.

The unknowns are ``u = q^n s`` (not s): on them every column of the map has the same length, and the LASSO is
``min 1/2 ||x - A u||^2 + lam ||u||_1``. Inputs are Bernoulli-Gaussian: zero with probability 1 - p, else N(0, s^2).
The estimate of u behaves like the soft threshold (at theta) of u plus Gaussian noise of variance te^2, where

    te^2 = sigma^2 + (L + c)/M [p s^2 q^{2N}/(1 - q^2) + sum_{n < N} mse_n(te, theta)],
    lam  = theta (1 - (L + c)/M sum_{n < N} active_n(te, theta)),

mse_n and active_n being mean squared error and probability of a non-zero at age n, and c = 1 for iid angles, 0 for a
Haar rotation, as in :mod:`linmem.discrete.recall.formula`: omitted inputs and errors of recalled ones act alike. With
c = 0 these are the equations for a Gaussian map (Donoho, Maleki and Montanari 2009); c is the first-order correction
for the correlations within a stream. For theta = 0 and p = 1 the fixed point is the E(N) of least squares.
The error per recalled input is ``mean_n q^{-2n} mse_n / (p s^2)``. No condition N L < M appears.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import ndtr

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.recall.formula import (
    RecallOptimum,
    best_length,
    check_decay,
    check_sizes,
    omission_variance,
    own_stream,
)
from linmem.discrete.recovery.penalty import default_penalty


def check_density(value: object) -> float:
    """Return the probability of a non-zero input, in (0, 1]."""
    density = check_positive("density", value)
    if density > 1.0:
        raise ValueError(f"density must be <= 1 (a probability), got {density:g}; pass a number in (0, 1]")
    return density


def recall_penalty(
    N: int, M: int, L: int, q: float, sigma: float, density: float, s: float = 1.0, *, spectrum: str = "iid"
) -> float:
    """Default lam of recall: ``default_penalty`` at the noise that the omitted inputs and sigma make together.

    Arguments and errors as for :func:`lasso_recall`.

    >>> round(recall_penalty(20, M=400, L=20, q=0.9, sigma=0.01, density=0.1), 4)
    0.0195
    """
    noise = math.sqrt(_floor(N, M, L, q, sigma, density, s, spectrum))
    return default_penalty(noise, N * L)


def _floor(N: int, M: int, L: int, q: float, sigma: float, density: float, s: float, spectrum: str) -> float:
    """Variance of omitted inputs and noise on a column."""
    check_integer("N", N, minimum=1)
    power = math.sqrt(check_density(density)) * check_positive("s", s)
    return omission_variance(N, M, L, q, power, spectrum=spectrum) + check_nonnegative("sigma", sigma) ** 2


def _tails(a: Float[np.ndarray, "n"]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """``Q(a) = P(g > a)`` and ``E max(g - a, 0)^2 = (1 + a^2) Q(a) - a phi(a)`` for standard Gaussian g."""
    Q = np.asarray(ndtr(-a))
    phi = np.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
    return Q, np.maximum((1 + a * a) * Q - a * phi, 0.0)


def thresholded(
    t: float, alpha: float, variance: Float[np.ndarray, "N"], density: float
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Mean squared error and probability of a non-zero of soft thresholding at ``alpha sqrt(t)``.

    The argument is u + noise of variance t; u is zero with probability 1 - density, else N(0, variance). With
    ``v^2 = variance + t`` and ``a = alpha sqrt(t)/v`` a non-zero u has, by Stein's identity,
    ``E (eta - u)^2 = variance + 2 v^2 [(1 + a^2) Q(a) - a phi(a)] - 4 variance Q(a)``.

    >>> mse, active = thresholded(1.0, 0.0, np.array([4.0]), 1.0)  # no threshold: the noise passes
    >>> float(mse[0]), float(active[0])
    (1.0, 1.0)
    """
    Q0, J0 = _tails(np.array([alpha]))
    total = variance + t
    Q, J = _tails(alpha * np.sqrt(t / total))
    mse = (1 - density) * 2 * t * J0 + density * (variance + 2 * total * J - 4 * variance * Q)
    return mse, (1 - density) * 2 * Q0 + density * 2 * Q


@dataclass(frozen=True)
class SparseRecall:
    """Predicted recall of a sparse input by the LASSO.

    Attributes
    ----------
    error : expected squared error per recalled input, relative to its mean square p s^2.
    effective_noise : te, the noise that each unscaled input is seen with.
    threshold : theta, where the estimate thresholds.
    active : expected share of non-zeros among the N L estimates.
    penalty : the lam of the LASSO.
    """

    error: float
    effective_noise: float
    threshold: float
    active: float
    penalty: float


@cites("linmem", "state evolution of recall")
@cites("donoho2009", "state evolution")
def lasso_recall(
    N: int,
    M: int,
    L: int,
    q: float,
    sigma: float,
    density: float,
    s: float = 1.0,
    *,
    lam: float | None = None,
    spectrum: str = "iid",
) -> SparseRecall:
    """Error of the LASSO on u = q^n s over the last N steps: the fixed point of the module's first lines.

    Parameters
    ----------
    N : number of steps to recall, >= 1; N L may exceed M.
    M, L : nodes (even) and streams.
    q : spectral radius, in (0, 1).
    sigma : standard deviation of the noise in each state entry, >= 0.
    density : p, probability that an input is not zero, in (0, 1].
    s : standard deviation of a non-zero input.
    lam : penalty > 0; None for :func:`recall_penalty`.
    spectrum : "iid" or "haar".

    Raises
    ------
    ValueError : if a number is out of range.

    Cost: one root within another, some 200 evaluations of N terms (milliseconds).

    >>> [round(lasso_recall(N, M=400, L=20, q=0.9, sigma=0.01, density=0.1).error, 3) for N in (1, 20, 60)]
    [0.096, 0.031, 3.756]
    """
    check_sizes(M, L)
    q = check_decay(q)
    floor = _floor(N, M, L, q, sigma, density, s, spectrum)
    if lam is None:
        lam = recall_penalty(N, M, L, q, sigma, density, s, spectrum=spectrum)
    target = check_positive("lam", lam)
    share = (L + own_stream(spectrum)) / M
    variance = s * s * q ** (2.0 * np.arange(N))

    def excess(log_t: float, alpha: float) -> float:
        """Relative difference of the two sides of the first equation: it decreases in t (mse is concave in t)."""
        t = math.exp(log_t)
        return (floor + share * float(thresholded(t, alpha, variance, density)[0].sum())) / t - 1.0

    def fixed_point(alpha: float) -> float:
        """t = te^2 at threshold alpha te, infinite where the noise feeds itself."""
        low = math.log(floor)
        high = math.log(floor + share * density * float(variance.sum())) + 1.0
        while excess(high, alpha) > 0:
            high += 3.0
            if high > 80.0:
                return math.inf
        return math.exp(float(brentq(excess, low - 1e-9, high, args=(alpha,), xtol=1e-12)))

    def mismatch(alpha: float) -> float:
        """lam of this alpha less the wanted one, over the wanted one; it increases with alpha."""
        t = fixed_point(alpha)
        if not math.isfinite(t):
            return -1e6
        active = float(thresholded(t, alpha, variance, density)[1].sum())
        return max(alpha * math.sqrt(t) * (1 - share * active) / target - 1.0, -1e6)

    high = 1.0
    while mismatch(high) < 0:
        high *= 1.5
    alpha = float(brentq(mismatch, 0.0, high, xtol=1e-11))
    t = fixed_point(alpha)
    mse, active = thresholded(t, alpha, variance, density)
    error = float(np.mean(mse * q ** (-2.0 * np.arange(N)))) / (density * s * s)
    return SparseRecall(error, math.sqrt(t), alpha * math.sqrt(t), float(active.mean()), target)


@cites("linmem", "state evolution of recall")
@cites("charles2018", "Figure 3, optimal recall length")
def optimal_lasso_recall(
    M: int,
    L: int,
    q: float,
    sigma: float,
    density: float,
    s: float = 1.0,
    *,
    lengths: Sequence[int],
    spectrum: str = "iid",
) -> RecallOptimum:
    """Recall length with the smallest predicted error of the LASSO, among the given ones, at the default penalties.

    Parameters
    ----------
    M, L, q, sigma, density, s, spectrum : as for :func:`lasso_recall`.
    lengths : lengths to compare, ascending.

    Raises
    ------
    ValueError : if the lengths are empty or not ascending, or a number is out of range.

    >>> optimum = optimal_lasso_recall(M=400, L=20, q=0.9, sigma=0.01, density=0.1, lengths=range(10, 40, 2))
    >>> optimum.interior
    True
    """
    steps = np.array([check_integer("lengths", N, minimum=1) for N in lengths], dtype=np.int64)
    if not steps.size or (np.diff(steps) <= 0).any():
        raise ValueError(f"lengths must be ascending and not empty, got {list(lengths)}; sort them")
    errors = np.array([lasso_recall(int(N), M, L, q, sigma, density, s, spectrum=spectrum).error for N in steps])
    length, error = best_length(steps, errors)
    return RecallOptimum(length, error, steps, errors)
