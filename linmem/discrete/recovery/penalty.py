"""Default penalties: a fraction of what pure noise would correlate with."""

from __future__ import annotations

import math

from linmem.checks import check_integer, check_positive

PENALTY_FACTOR = 0.25
"""c in the default penalties."""


def default_penalty(sigma: float, n: int) -> float:
    """``lam = 0.25 sigma sqrt(2 ln n)``: a quarter of the size that the largest of n pure-noise correlations reaches.

    The factor .25 gave the smallest error among .25, .5 and 1 at the sizes of the paper; .5 costs 1 to 1.6 times the
    squared error and saves a third to a half of the iterations.

    Parameters
    ----------
    sigma : standard deviation of the noise in each state entry, > 0.
    n : number of coefficients N L, >= 1 (one counts as two).

    >>> round(default_penalty(1.0, 4000), 3)
    1.018
    """
    check_positive("noise", sigma)
    return PENALTY_FACTOR * sigma * math.sqrt(2 * math.log(max(check_integer("n", n, minimum=1), 2)))


def default_nuclear_penalty(sigma: float, L: int, N: int) -> float:
    """``lam = 0.25 sigma (sqrt L + sqrt N)``: a quarter of the operator norm that pure noise reaches.

    ``A^T e`` of noise e with entries of variance sigma^2 is nearly an N x L matrix with entries N(0, sigma^2), whose
    largest singular value is about ``sigma (sqrt L + sqrt N)``. The factor is that of :func:`default_penalty`.

    Parameters
    ----------
    sigma : standard deviation of the noise in each state entry, > 0.
    L, N : streams and time steps.

    >>> round(default_nuclear_penalty(1.0, 36, 100), 3)
    4.0
    """
    check_positive("noise", sigma)
    size = math.sqrt(check_integer("L", L, minimum=1)) + math.sqrt(check_integer("N", N, minimum=1))
    return PENALTY_FACTOR * sigma * size
