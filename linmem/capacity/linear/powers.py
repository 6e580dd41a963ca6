"""Sums over the powers of a stable matrix: the solution of a Stein equation, and the mean size of the resolvent.

    P = sum_k A^k Q A^kT    solves    P = A P A^T + Q,
    (1/2 pi) int ||(I - e^{i t} A)^{-1}||_F^2 dt = sum_k ||A^k||_F^2 = trace of P for Q = I.

Doubling (R. A. Smith 1968) takes ``P <- P + A P A^T, A <- A^2``: 2^j terms after j steps.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

EPS = float(np.finfo(np.float64).eps)
_MOST_DOUBLINGS = 70  # 2^70 steps: 1 - rho = 2^-53 has decayed to e^-100000
_EXACT_UP_TO = 32  # size up to which the sum of ||A^k||_F^2 is formed, not interpolated


def power_sum(A: Float[np.ndarray, "N N"], Q: Float[np.ndarray, "N N"]) -> Float[np.ndarray, "N N"]:
    """``sum_k A^k Q A^kT`` for a stable A and a symmetric Q, by doubling until the rest is below rounding.

    With ``q = ||A^(2^j)||_F^2 < 1`` the rest after j steps is at most ``q / (1 - q)`` times the sum so far. Entries are
    infinite where the powers grow beyond the range of doubles. Cost: log2(20 / (1 - rho)) steps of 6 N^3 flops.

    >>> power_sum(np.array([[0.5]]), np.array([[3.0]]))
    array([[4.]])
    """
    total, power = Q, A
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(_MOST_DOUBLINGS):
            total = total + power @ total @ power.T
            power = power @ power
            size = float(np.sum(power * power))
            if size < 0.01 * EPS:
                break
            if not math.isfinite(size):
                return np.full_like(Q, np.inf)
    return 0.5 * (total + total.T)


def resolvent_norm(A: Float[np.ndarray, "N N"], radius: float) -> float:
    """``sqrt(sum_k ||A^k||_F^2)``, the mean size of the resolvent of A on the unit circle; infinite if it overflows.

    Beyond N = 32 the sum is interpolated: each ``||A^k||_F^2`` with ``2^j < k <= 2^(j+1)`` counts as the larger one of
    both ends, and from 2^j >= N on the rest may be taken as geometric with ratio ``radius^2``; in single precision.

    >>> round(resolvent_norm(0.6 * np.eye(4), 0.6), 12)  # sqrt(4 / (1 - 0.36))
    2.5
    """
    N = len(A)
    if N <= _EXACT_UP_TO:
        return math.sqrt(abs(float(np.trace(power_sum(A, np.eye(N))))))
    gap = max((1 - radius) * (1 + radius), EPS)
    power, size, total, steps = A.astype(np.float32), float(np.sum(A * A)), float(N), 1
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            squared = power @ power
            following = float(np.sum(squared * squared))
            if not math.isfinite(following):
                return math.inf
            total += steps * max(size, following)
            rest = following / gap
            if steps >= N or rest < 0.1 * total:
                return math.sqrt(total + rest)
            power, size, steps = squared, following, 2 * steps
