"""How sparse is sparse enough: statistical dimension of the l1 norm, and the error of the LASSO it predicts.

For a Gaussian map from R^n to R^M, l1 minimisation recovers a K-sparse vector when M exceeds the statistical dimension
delta(K, n) of the descent cone of the norm, and fails when M is below, with a transition of width O(sqrt n)
(Amelunxen et al. 2014, Theorem II). The map of a random network is not Gaussian (its columns within a stream are
correlated with variance 2/M instead of 1/M), so here these numbers are predictions to be tested.
Letters: n = N L coefficients, M nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtr

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.discrete.bounds.prediction import low_noise_scale


def _tail(tau: float) -> tuple[float, float]:
    """``Q(tau) = P(g > tau)`` and the normal density ``phi(tau)``."""
    return float(ndtr(-tau)), math.exp(-0.5 * tau * tau) / math.sqrt(2 * math.pi)


def _check_sparsity(K: object, n: int) -> float:
    sparsity = check_nonnegative("K", K)
    if sparsity > n:
        raise ValueError(f"K must be <= n = {n} (the number of coefficients), got {sparsity:g}; pass a smaller K")
    return sparsity


def subdifferential_distance(tau: float, K: float, n: int) -> float:
    """``J(tau) = E dist^2(g, tau d||a||_1) = K (1 + tau^2) + 2 (n - K) [(1 + tau^2) Q(tau) - tau phi(tau)]``.

    g is standard Gaussian in R^n, a any vector with K non-zeros, d||a||_1 the subdifferential there.

    Parameters
    ----------
    tau : scale of the subdifferential, >= 0.
    K : number of non-zeros (any real number in [0, n]).
    n : number of coefficients.

    Source: Amelunxen et al. (2014), proof of Proposition 4.5.

    >>> subdifferential_distance(0.0, 3, 10)
    10.0
    """
    _check_sparsity(K, check_integer("n", n, minimum=1))
    check_nonnegative("tau", tau)
    Q, phi = _tail(tau)
    return K * (1 + tau * tau) + 2 * (n - K) * max((1 + tau * tau) * Q - tau * phi, 0.0)


def _optimal_scale(K: float, n: int) -> float:
    """The minimiser of J: root of ``K tau = 2 (n - K) (phi - tau Q)``, whose sides increase and decrease in tau."""

    def slope(tau: float) -> float:
        Q, phi = _tail(tau)
        return K * tau - 2 * (n - K) * (phi - tau * Q)

    return 0.0 if n == K else float(brentq(slope, 0.0, 40.0, xtol=1e-13))


@cites("amelunxen2014", "Proposition 4.5")
def statistical_dimension(K: float, n: int) -> float:
    """Statistical dimension of the l1 descent cone at a K-sparse vector of R^n: ``min_{tau >= 0} J(tau)``.

    J is :func:`subdifferential_distance`. The minimum is an upper bound of the statistical dimension and at most
    ``2 sqrt(n / K)`` above it.

    Parameters
    ----------
    K : number of non-zeros, any real number in [0, n].
    n : number of coefficients, n >= 1.

    Returns
    -------
    A number of measurements in [0, n]; 0 for K = 0 and n for K = n.

    Raises
    ------
    ValueError : if K is negative or exceeds n.

    Source: Amelunxen et al. (2014), Proposition 4.5 and Theorem 4.3. Cost: one scalar root.

    >>> round(statistical_dimension(80, 4000), 1)
    416.7
    """
    _check_sparsity(K, check_integer("n", n, minimum=1))
    return 0.0 if K == 0.0 else subdifferential_distance(_optimal_scale(K, n), K, n)


@cites("amelunxen2014", "Theorem II")
def sparsity_limit(M: float, n: int) -> float:
    """Largest (real) sparsity that M Gaussian measurements of n coefficients recover: K with ``delta(K, n) = M``.

    Parameters
    ----------
    M : number of measurements (nodes), 0 < M <= n.
    n : number of coefficients.

    Raises
    ------
    ValueError : if M is not in (0, n].

    >>> K = sparsity_limit(200, 400)
    >>> round(K, 2), round(statistical_dimension(K, 400), 6)
    (77.14, 200.0)
    """
    size = check_integer("n", n, minimum=1)
    measurements = check_positive("M", M)
    if measurements > size:
        raise ValueError(f"M must be <= n = {n} (then every vector is recovered), got {measurements:g}; pass at most n")
    if measurements == size:
        return float(size)
    return float(brentq(lambda K: statistical_dimension(K, size) - measurements, 0.0, float(size), xtol=1e-12 * size))


@dataclass(frozen=True)
class LassoPrediction:
    """Low-noise error of the LASSO with a Gaussian map.

    Attributes
    ----------
    error : predicted ``||a_hat - a||^2 / ||e||^2``; infinite if the penalty leaves no stable solution.
    threshold : the scale tau at which the estimate thresholds, in units of its effective noise.
    active : predicted number of non-zeros of the estimate.
    """

    error: float
    threshold: float
    active: float


@cites("linmem", "low-noise limit of the state evolution of the LASSO")
@cites("oymak2013", "error of the LASSO at low noise")
def lasso_prediction(K: float, n: int, M: int, penalty: float) -> LassoPrediction:
    """Squared error of the LASSO for small noise, in units of the noise: ``||a_hat - a||^2 / ||e||^2 = J / (M - J)``.

    The LASSO is ``min 1/2 ||b - A a||^2 + lam ||a||_1`` with b = A a + e, A with iid N(0, 1/M) entries, e with M
    entries of variance sigma^2. J = J(tau) is :func:`subdifferential_distance` and tau solves

        lam / sigma = tau (1 - active(tau) / M) sqrt(M / (M - J(tau))),    active(tau) = K + 2 (n - K) Q(tau).

    Derivation: :mod:`linmem.discrete.bounds.prediction`, for non-zeros that are large against the effective noise
    (smaller ones are estimated better); the law of Oymak, Thrampoulidis and Hassibi (2013).

    Parameters
    ----------
    K, n, M : non-zeros, coefficients, measurements.
    penalty : ``lam / sigma`` > 0.

    Raises
    ------
    ValueError : if a size or the penalty is out of range.

    Cost: one scalar root. Limits: n, M large; the low-noise limit is the least favourable amplitude at a fixed tau.

    >>> prediction = lasso_prediction(20, 400, 200, penalty=0.9)
    >>> 0 < prediction.error < 2, lasso_prediction(150, 400, 200, penalty=0.9).error
    (True, inf)
    """
    check_integer("M", M, minimum=1)
    _check_sparsity(K, check_integer("n", n, minimum=1))
    target = check_positive("penalty", penalty)

    def distance(tau: float) -> float:
        return subdifferential_distance(tau, K, n)

    def active(tau: float) -> float:
        return K + 2 * (n - K) * _tail(tau)[0]

    tau = low_noise_scale(distance, active, _optimal_scale(K, n) if K > 0 else 40.0, M, target)
    if tau is None:
        return LassoPrediction(math.inf, math.nan, math.nan)
    J = distance(tau)
    return LassoPrediction(J / (M - J), tau, active(tau))
