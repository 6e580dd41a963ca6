"""The Hankel operator of any kernel, compressed to step functions, in ball arithmetic.

Cut [0, T] into n cells of length d. On the orthonormal steps phi_i = 1/sqrt(d) on cell i, the operator of the kernel
that is cut off at T has the Hankel matrix

    M_ij = mu_{i+j},    mu_k = int over cell k of rho (x - kd)/d dx + int over cell k+1 of rho ((k+2)d - x)/d dx.

Compression lowers every singular value, and cutting off changes them by at most int_T^inf |rho|:
sigma_k(Gamma_rho) >= sigma_k(M) - int_T^inf |rho|. That is a proof for every n and T; it is sharp when the cells are
short against the singular functions. The cell integrals come from Taylor models with certified remainders.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from flint import arb, arb_poly
from jaxtyping import Float

from linmem.checks import check_integer, check_positive
from linmem.citations import cites
from linmem.continuous.approximation.spectrum import INFLATION
from linmem.intervals import ball, bounds, precision
from linmem.kernels.enclosure import EnclosedKernel, enclosed
from linmem.kernels.taylor import expand

BITS = 128
ORDER = 16  # Taylor terms in a cell


@cites("linmem", "Hankel lower bound")
def step_matrix(kernel: object, cells: int, end: float) -> tuple[Float[np.ndarray, "n n"], float]:
    """(M, radius): the matrix above in doubles, and a bound on its distance to the true one plus int_T^inf |rho|.

    Parameters
    ----------
    kernel : any kernel that can be evaluated in ball arithmetic (those of linmem.kernels).
    cells : n >= 1. end : T > 0, in time units (rounded up so that the cell edges are exact doubles).

    Every symmetric matrix within `radius` of M in spectral norm has singular values within it; those of the operator
    are at least those of M, minus radius. Cost: 0.2 ms a cell, and n^2 doubles.

    >>> from linmem.kernels import Window
    >>> matrix, radius = step_matrix(Window(1.0), 64, 1.0)
    >>> round(float(np.linalg.norm(matrix, 2)) * np.pi / 2, 3), radius < 1e-12  # the largest singular value is 2/pi
    (1.0, True)
    """
    n, target = check_integer("cells", cells, minimum=1), enclosed(kernel)
    d = _exact_step(check_positive("end", end) / n)
    with precision(BITS):
        cell = [_cell_moments(target, k * d, d) for k in range(n)]
        mu, slack = np.zeros(2 * n), np.zeros(2 * n)
        for k in range(n):
            value = cell[k][1] + (cell[k + 1][0] - cell[k + 1][1] if k + 1 < n else arb(0))
            mu[k] = float(value.mid())
            slack[k] = bounds(abs(value - ball(float(mu[k]))))[1]
        beyond = bounds(target.tail(ball(n * d)))[1]
    index = np.add.outer(np.arange(n), np.arange(n))
    return mu[index], float(np.linalg.norm(slack[index])) * INFLATION + beyond


def memory_end(kernel: object, remaining: float) -> float:
    """A lag T with int_T^inf |rho| <= remaining, by the kernel's own bound: the least one up to about 10 %."""
    target, low, high = enclosed(kernel), 0.0, 1.0

    def beyond(start: float) -> float:
        return bounds(target.tail(ball(start)))[1]

    while beyond(high) > remaining:
        low, high = high, 2 * high
        if high > 1e300:
            raise ValueError(f"int_T^inf |rho| must fall below {remaining!r} for some T < 1e300; raise the tolerance")
    while beyond(high / 2) <= remaining and high > 1e-300:
        high /= 2
        low = high / 2
    while high - low > 0.1 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > remaining else (low, middle)
    return high


def _exact_step(step: float) -> float:
    """The step rounded up to 12 bits, so that its multiples up to 2^40 are doubles."""
    fraction, exponent = math.frexp(step)
    return math.ldexp(math.ceil(fraction * 4096) / 4096, exponent)


def _cell_moments(kernel: EnclosedKernel, left: float, d: float) -> tuple[arb, arb]:
    """int rho dx and int rho (x - left)/d dx over [left, left + d], cut at the kernel's breaks."""
    breaks = kernel.breaks()
    inside = sorted({float(b) for b in breaks if left < b < left + d and float(b) == b})
    edges = [left, *inside, left + d]
    mass, moment = arb(0), arb(0)
    for a, b in pairwise(edges):
        model = expand(kernel.enclose, breaks, a, b, ORDER)
        place = arb_poly([((ball(a) + ball(b)) / 2 - ball(left)) / ball(d), model.half / ball(d)])  # in [0, 1]
        error = 2 * model.half * model.error * arb(0, 1)
        mass += model.half * _integral(model.polynomial) + error
        moment += model.half * _integral(model.polynomial * place) + error
    return mass, moment


def _integral(polynomial: arb_poly) -> arb:
    """int_{-1}^1 P dx."""
    primitive = polynomial.integral()
    return primitive(arb(1)) - primitive(arb(-1))
