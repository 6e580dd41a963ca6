"""The low-noise error of penalised least squares with a Gaussian map, for any norm: one law, two functions of a scale.

With f the norm, x the input and g standard Gaussian, ``J(tau) = E dist^2(g, tau df(x))`` is the mean squared distance
to the scaled subdifferential. State evolution of ``min 1/2 ||b - A x||^2 + lam f(x)`` has the fixed point
``te^2 = sigma^2 + te^2 J(tau) / M`` when what is not zero in x is large against the effective noise te; so

    ||x_hat - x||^2 = te^2 J = M sigma^2 J / (M - J),      lam = tau te (1 - freedom(tau) / M),

where ``freedom(tau) = J - tau J'(tau) / 2`` is the mean divergence of the proximal map, the degrees of freedom of the
estimate (Oymak, Thrampoulidis, Hassibi 2013, in whose letters J = D and freedom = D + C).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

FAR = 1e6
"""Scales beyond this one are not searched."""


def low_noise_scale(
    distance: Callable[[float], float], freedom: Callable[[float], float], best: float, M: int, penalty: float
) -> float | None:
    """The scale tau with ``penalty = tau (1 - freedom(tau)/M) sqrt(M / (M - J(tau)))``, penalty = ``lam / sigma`` > 0.

    Parameters
    ----------
    distance : J, convex.
    freedom : ``J - tau J'/2``.
    best : the minimiser of J.
    M : number of measurements.
    penalty : ``lam / sigma`` > 0.

    Returns
    -------
    The scale, or None if ``min J >= M``: then no penalty gives a stable solution.
    """

    def stable(tau: float) -> float:
        return M - distance(tau)

    def excess(tau: float) -> float:
        return tau * (1 - freedom(tau) / M) * math.sqrt(M / stable(tau)) - penalty

    if stable(best) <= 0:
        return None
    # The penalty grows with tau from -inf at the lower end of the stable range {J < M} to +inf at its upper end.
    low = 0.0 if stable(0.0) > 0 else float(brentq(stable, 0.0, best, xtol=1e-13))
    high = best + 1.0
    while stable(high) > 0 and high < FAR:
        high *= 2
    high = float(brentq(stable, best, high, xtol=1e-13)) if stable(high) <= 0 else high
    width = high - low
    return float(brentq(excess, low + 1e-9 * width, high - 1e-9 * width, xtol=1e-12))
