"""How low a rank is low enough: statistical dimension of the nuclear norm, and the error of its recovery.

At an N x L matrix of rank R the subdifferential of the nuclear norm is, in the bases of its singular vectors,
``{[I_R, 0; 0, B] : ||B|| <= 1}``. A standard Gaussian G is therefore at the mean squared distance

    J(tau) = E dist^2(G, tau d||S||_*) = R (N + L - R + tau^2) + E sum_i (s_i - tau)_+^2

from it, s_i the singular values of a Gaussian (N-R) x (L-R) matrix. Here the sum is taken over their limiting law, that
of Marchenko and Pastur; :func:`nuclear_dimension_sampled` draws the matrices and gives the value at finite size.
Letters: N time steps, L streams, R rank, M nodes. N and L enter symmetrically.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from linmem.checks import check_generator, check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.bounds.prediction import low_noise_scale
from linmem.kernels.quadrature import panel_rule
from linmem.statistics import Interval, mean_interval

_EDGES = np.linspace(0.0, 1.0, 9)


def _check_rank(R: object, N: object, L: object) -> float:
    rank = check_nonnegative("R", R)
    largest = min(check_integer("N", N, minimum=1), check_integer("L", L, minimum=1))
    if rank > largest:
        raise ValueError(f"R must be <= min(N, L) = {largest} (no matrix has a larger rank), got {rank:g}; pass less")
    return rank


def _excesses(tau: float, R: float, N: int, L: int) -> tuple[float, float, float]:
    """Sums of 1, ``s - tau`` and ``(s - tau)^2`` over the singular values s > tau, distributed by the limiting law.

    For a p x m Gaussian matrix, m <= p, y = m/p, the squares x = s^2/p have in the limit the density
    ``sqrt((b - x)(x - a)) / (2 pi y x)`` on [a, b] = [(1 - sqrt y)^2, (1 + sqrt y)^2]. In the angle of
    ``x = 1 + y + 2 sqrt(y) cos(theta)`` it is ``2 sin^2(theta) / (pi x)``, which 128 Gauss-Legendre nodes integrate.
    """
    p, m = max(N, L) - R, min(N, L) - R
    if m <= 0:
        return 0.0, 0.0, 0.0
    y = m / p
    cosine = (tau * tau / p - 1 - y) / (2 * math.sqrt(y))  # of the angle where s = tau
    if cosine >= 1:
        return 0.0, 0.0, 0.0
    theta, weight = panel_rule(_EDGES * math.acos(max(cosine, -1.0)))
    x = 1 + y + 2 * math.sqrt(y) * np.cos(theta)
    density = 2 / math.pi * np.sin(theta) ** 2 / x * weight * m
    excess = np.maximum(np.sqrt(p * x) - tau, 0.0)
    return float(density.sum()), float(density @ excess), float(density @ excess**2)


@cites("amelunxen2014", "proof of Proposition 4.7")
def nuclear_distance(tau: float, R: float, N: int, L: int) -> float:
    """``J(tau) = R (N + L - R + tau^2) + (sum of (s - tau)_+^2 over the Marchenko-Pastur law)``.

    The mean squared distance of a standard Gaussian N x L matrix to tau times the subdifferential of the nuclear norm
    at a matrix of rank R, its singular values replaced by their limiting law.

    Parameters
    ----------
    tau : scale of the subdifferential, >= 0 (compare ``sqrt(N) + sqrt(L)``, the size of the norm of a Gaussian matrix).
    R : rank, any real number in [0, min(N, L)].
    N, L : sizes of the matrix.

    Raises
    ------
    ValueError : if R or tau is negative, or R exceeds min(N, L).

    >>> round(nuclear_distance(0.0, 3, 100, 40), 6)
    4000.0
    """
    rank, scale = _check_rank(R, N, L), check_nonnegative("tau", tau)
    return rank * (N + L - rank + scale * scale) + _excesses(scale, rank, N, L)[2]


def _optimal_scale(R: float, N: int, L: int) -> float:
    """The minimiser of J: root of ``R tau = sum (s - tau)_+``, whose sides increase and decrease in tau."""
    edge = math.sqrt(max(N, L) - R) + math.sqrt(max(min(N, L) - R, 0.0))
    full = float(min(N, L))
    if full == R:
        return 0.0
    return edge if R == 0 else float(brentq(lambda tau: R * tau - _excesses(tau, R, N, L)[1], 0.0, edge, xtol=1e-13))


@cites("amelunxen2014", "Proposition 4.7")
def nuclear_statistical_dimension(R: float, N: int, L: int) -> float:
    """Statistical dimension of the nuclear norm's descent cone at a rank-R matrix: ``min_{tau >= 0} J(tau)``.

    J is :func:`nuclear_distance`. A Gaussian map of M measurements recovers rank-R matrices when M exceeds this number
    and fails when M is below. The formula is exact in the limit of large N, L, R in fixed proportion; the value at
    finite size is :func:`nuclear_dimension_sampled` (for N = 100, L = 40 it is larger by at most 5, that is .5 % at
    R = 1 and less beyond). It lies between the R (N + L - R) parameters of a rank-R matrix and three times as many.

    Parameters
    ----------
    R : rank, any real number in [0, min(N, L)].
    N, L : sizes of the matrix, in either order.

    Returns
    -------
    A number of measurements in [0, N L]; 0 for R = 0 and N L for R = min(N, L).

    Raises
    ------
    ValueError : if R is negative or exceeds min(N, L).

    Source: Amelunxen et al. (2014), Proposition 4.7. Cost: one scalar root, some ten microseconds a step.

    >>> round(nuclear_statistical_dimension(3, 100, 40))
    837
    """
    rank = _check_rank(R, N, L)
    return 0.0 if rank == 0 else nuclear_distance(_optimal_scale(rank, N, L), rank, N, L)


@cites("linmem", "exact statistical dimension by sampling singular values")
def nuclear_dimension_sampled(
    R: int, N: int, L: int, *, samples: int = 200, level: float = 0.95, rng: np.random.Generator | int
) -> Interval:
    """The statistical dimension at finite size, ``delta = E min_{tau >= 0} dist^2(G, tau d||S||_*)``.

    In the bases of the singular vectors of S the distance depends on the trace t sqrt(R) of one block of G, where
    t ~ N(0, 1), on the singular values s_i of another, and on the rest, whose mean square is known:

        delta = R (N + L - R) - 1 + E min_tau [(t - tau sqrt R)^2 + sum_i (s_i - tau)_+^2].

    The minimum is at ``tau = max_j (t sqrt R + s_1 + .. + s_j) / (R + j)``, or at 0 if that is negative. Two quantities
    of known mean, t and ``sum s_i^2``, carry nearly all of the variance; their share is subtracted from each sample
    (control variates with coefficients from the limiting law, so that the mean stays exact).

    Parameters
    ----------
    R : rank, integer in [0, min(N, L)].
    N, L : sizes of the matrix.
    samples : number of matrices drawn, >= 2.
    level : coverage of the interval.
    rng : seed or generator.

    Raises
    ------
    ValueError : if a size is out of range.

    Source: Amelunxen et al. (2014), Proposition 3.1 (4). Cost: the singular values of ``samples`` matrices.

    >>> interval = nuclear_dimension_sampled(3, 30, 20, samples=50, rng=0)
    >>> 0 < interval.width < 5, abs(interval.value - nuclear_statistical_dimension(3, 30, 20)) < 6
    (True, True)
    """
    check_integer("R", R, minimum=0)
    _check_rank(R, N, L)
    count, generator = check_integer("samples", samples, minimum=2), check_generator("rng", rng)
    if R == 0:  # the cone is {0}
        return Interval(0.0, 0.0, 0.0, level, count)
    size, best = (N - R) * (L - R), _optimal_scale(R, N, L)
    _, first, second = _excesses(best, R, N, L)
    share = (second + best * first) / max(size, 1)  # d/de of sum (s - tau)_+^2 over that of sum s^2 for s (1 + e)
    values = np.empty(count)
    for i in range(count):
        t = math.sqrt(R) * float(generator.standard_normal())
        G = generator.standard_normal((N - R, L - R))
        s = np.linalg.svd(G, compute_uv=False) if size else np.zeros(0)
        tau = max(0.0, float(((t + np.concatenate([[0.0], np.cumsum(s)])) / (R + np.arange(s.size + 1))).max()))
        values[i] = (t - tau * R) ** 2 / R + float((np.maximum(s - tau, 0.0) ** 2).sum())
        values[i] += 2 * best * t - share * (float(s @ s) - size)
    return mean_interval(R * (N + L - R) - 1 + values, level)


@cites("amelunxen2014", "Theorem II")
def rank_limit(M: float, N: int, L: int) -> float:
    """Largest (real) rank that M Gaussian measurements of an N x L matrix recover: R with ``delta(R, N, L) = M``.

    Parameters
    ----------
    M : number of measurements (nodes), 0 < M <= N L.
    N, L : sizes of the matrix.

    Raises
    ------
    ValueError : if M is not in (0, N L].

    >>> R = rank_limit(1500, 100, 40)
    >>> round(R, 2), round(nuclear_statistical_dimension(R, 100, 40), 6)
    (6.19, 1500.0)
    """
    largest = min(check_integer("N", N, minimum=1), check_integer("L", L, minimum=1))
    measurements = check_positive("M", M)
    if measurements > N * L:
        raise ValueError(
            f"M must be <= N L = {N * L} (then every matrix is recovered), got {measurements:g}; pass less"
        )
    if measurements == N * L:
        return float(largest)
    return float(
        brentq(lambda R: nuclear_statistical_dimension(R, N, L) - measurements, 0.0, float(largest), xtol=1e-12)
    )


@dataclass(frozen=True)
class NuclearPrediction:
    """Low-noise error of nuclear-norm recovery with a Gaussian map.

    Attributes
    ----------
    error : predicted ``||S_hat - S||_F^2 / ||e||^2``; infinite if the penalty leaves no stable solution.
    threshold : the scale tau at which singular values are thresholded, in units of the effective noise.
    rank : predicted rank of the estimate.
    """

    error: float
    threshold: float
    rank: float


@cites("linmem", "low-noise limit of the state evolution of nuclear-norm recovery")
@cites("oymak2013", "error of the generalised LASSO at low noise")
def nuclear_prediction(R: float, N: int, L: int, M: int, penalty: float) -> NuclearPrediction:
    """Squared error of nuclear-norm recovery for small noise, in units of the noise: ``J / (M - J)``.

    The estimate is ``argmin 1/2 ||b - A S||^2 + lam ||S||_*`` with b = A S + e, A with iid N(0, 1/M) entries, e with M
    entries of variance sigma^2. J = J(tau) is :func:`nuclear_distance` and tau solves

        lam / sigma = tau (1 - freedom / M) sqrt(M / (M - J)),  freedom = R (N + L - R) + sum_i s_i (s_i - tau)_+.

    Derivation: :mod:`linmem.discrete.bounds.prediction`, for R singular values large against the effective noise.

    Parameters
    ----------
    R, N, L, M : rank, time steps, streams, nodes.
    penalty : ``lam / sigma`` > 0, for instance ``0.25 (sqrt(N) + sqrt(L))``.

    Raises
    ------
    ValueError : if a size or the penalty is out of range.

    Cost: one scalar root. Limits: N, L, M large.

    >>> prediction = nuclear_prediction(3, 100, 40, 1500, penalty=4.0)
    >>> 1 < prediction.error < 3, nuclear_prediction(8, 100, 40, 1500, penalty=4.0).error
    (True, inf)
    """
    check_integer("M", M, minimum=1)
    rank, target = _check_rank(R, N, L), check_positive("penalty", penalty)

    def distance(tau: float) -> float:
        return nuclear_distance(tau, rank, N, L)

    def freedom(tau: float) -> float:
        _, first, second = _excesses(tau, rank, N, L)  # s (s - tau) = (s - tau)^2 + tau (s - tau)
        return rank * (N + L - rank) + second + tau * first

    tau = low_noise_scale(distance, freedom, _optimal_scale(rank, N, L), M, target)
    if tau is None:
        return NuclearPrediction(math.inf, math.nan, math.nan)
    J = distance(tau)
    return NuclearPrediction(J / (M - J), tau, rank + _excesses(tau, rank, N, L)[0])
