"""Two families of networks, one for a target with exponential and one with algebraic memory, with proved errors.

Exponential memory: rho(t) = int_1^2 e^{-wt} dw = (e^{-t} - e^{-2t})/t. Gauss-Legendre quadrature in w with m nodes is a
network with positive amplitudes and rates in (1, 2). Its error is one-signed, since d^{2m}/dw^{2m} e^{-wt} > 0, so
||rho - rhohat||_1 = log 2 - sum_k a_k/w_k: a number known to any precision.

Algebraic memory: rho(t) = omega (1 + t)^{-(1+omega)} and the sums of linmem.continuous.approximation.powerlaw_sum.
"""

from __future__ import annotations

import numpy as np
from flint import arb

from linmem.checks import check_integer
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import ExponentialSum

BITS = 256


@cites("linmem", "exponential memory by Gauss quadrature")
def exponential_memory(width: int) -> tuple[ExponentialSum, tuple[float, float]]:
    """(rhohat, enclosure of ||rho - rhohat||_1) for rho(t) = (e^{-t} - e^{-2t})/t, with `width` neurons.

    The exact nodes are rounded to doubles; the enclosure accounts for it. ValueError for a width < 1. Cost O(width).

    >>> network, (low, high) = exponential_memory(3)
    >>> low <= high, f"{high:.1e}"
    (True, '2.5e-05')
    """
    m = check_integer("width", width, minimum=1)
    rates, amplitudes, error, rounding = np.empty(m), np.empty(m), arb(0), arb(0)
    with precision(BITS):
        for k in range(m):
            root, weight = arb.legendre_p_root(m, k, weight=True)
            w, a = (3 + root) / 2, weight / 2
            rates[k], amplitudes[k] = float(w), float(a)
            error += a / w
            near = w.min(ball(float(w)))
            rounding += abs(a - ball(float(a))) / near + ball(float(a)) * abs(w - ball(float(w))) / near**2
        error = arb(2).log() - error
        low, high = bounds(error - rounding)[0], bounds(error + rounding)[1]
    return ExponentialSum(amplitudes, rates), (max(0.0, low), high)
