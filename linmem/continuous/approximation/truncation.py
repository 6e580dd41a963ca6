"""Width by truncation: the quoted bound for the power-law kernel, and the network that is held against it.

Kernel: rho(t) = omega (1 + t)^{-(1+omega)}, of mass 1; a memory cut at T loses the mass (1 + T)^{-omega}.
"""

from __future__ import annotations

from math import pi

from linmem.checks import check_integer, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.continuous.approximation.polynomial import PolynomialRNN, polynomial_rnn
from linmem.kernels import PowerLaw

CONSTANT = 3 * pi / 2  # (alpha+1) (pi/4)^alpha (2 alpha+1)!/(alpha+1)! at alpha = 1, see rate_bound


@cites("li2021", "Section 3")
def truncation_bound(omega: float, horizon: float, width: int, constant: float = CONSTANT) -> float:
    """(1 + T)^{-omega} + C (omega/m) T^{1-omega}: mass beyond the horizon T, and the width's share at smoothness 1.

    As quoted, C (T^{-omega} + (omega/m) T^{1-omega}) bounds the L1 error of some network of width m for every T > 0;
    both terms are of order eps at T = eps^{-1/omega}, m = omega eps^{-1/omega} (`quoted_width`). Here the first term is
    the exact tail and C defaults to the constant of `rate_bound` at alpha = 1. Two limits of the bound:

    - omega > 1: it tends to 0 as T grows at fixed m, which no error does. It can hold for omega <= 1 only.
    - The second term is the quoted rate gamma/(beta m) at beta = 1/T with gamma = omega T^{-omega}, which is the size
      of e^{beta t} |rho^{(k-1)}|/beta^k at lags t ~ T; at t = 0 its size is omega (1 + omega) T^2. `rate_bound` for
      rho e^{-t/T} has gamma = omega (1 + omega + 1/T) T^2 and proves less. That the bound holds is therefore checked on
      networks, not derived from the rate.

    omega, horizon T > 0; width m >= 1; constant C >= 0.

    >>> round(truncation_bound(0.5, horizon=100.0, width=64), 4)
    0.4677
    """
    w, T = check_positive("omega", omega), check_positive("horizon", horizon)
    m = check_integer("width", width, minimum=1)
    return (1 + T) ** -w + check_nonnegative("constant", constant) * w / m * T ** (1 - w)


def truncation_rnn(omega: float, horizon: float, width: int) -> PolynomialRNN:
    """`polynomial_rnn` for the power law, with beta = 4/min(T, m) and alpha = 1: the memory reaches the horizon T or m.

    For omega < 1 the truncation bound is smallest at T of order m, so longer horizons need no longer memory.

    >>> truncation_rnn(0.5, horizon=100.0, width=16).rate
    0.125
    """
    m = check_integer("width", width, minimum=1)
    return polynomial_rnn(PowerLaw(omega), 4 / min(check_positive("horizon", horizon), m), order=1, width=m)
