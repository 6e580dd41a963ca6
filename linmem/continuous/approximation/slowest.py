"""How slow the slowest neuron must be: upper bounds on the smallest rate of a network that approximates a power law.

Let f be the kernel of a stable network with all eigenvalues in Re <= -w, and ||rho - f||_1 <= eps for the power law of
unit scale and mass, whose remaining memory is R(T) = int_T^inf rho = (1+T)^{-omega}. Then F(T) = int_T^inf f satisfies
|F - R| <= eps everywhere. No bound on w follows from that alone: exponentials with rates in [1, 2], say, are
dense in L1 (Muntz), so w may be as large as one likes if width and amplitudes are free. One follows when either is
bounded.

* Variation. If f = sum_j a_j e^{-w_j t} with real or complex w_j and sum_j |a_j|/Re w_j <= B, then
  |F(T)| <= B e^{-wT}, so

      w <= (1/T) log(B/(R(T) - eps))     for every T with R(T) > eps.

  A sum with positive amplitudes has B = ||f||_1 <= 1 + eps, whatever its width.

* Width. If f comes from any (W, U, c) of width m, then F lies in the span of m exponentials (times powers of t, for
  Jordan blocks) with Re >= w, and |F| <= 1 + eps. For c > 0, ||e^{-ct} F||_2 <= (1 + eps)/sqrt(2c); by the Blaschke
  lemma (linmem.intervals.blaschke_product), for 0 < s < w, ||e^{st} F||_2 <= ((w + 2c + s)/(w - s))^m
  ||e^{-ct} F||_2; and F >= R(T) - eps on [0, T]. With s = beta w, c = gamma w this gives, for every T with R(T) > eps,

      w <= (1/T) (1/(2 beta)) log(1 + (beta/gamma) ((1 + eps)/(R(T) - eps))^2 ((1 + 2 gamma + beta)/(1 - beta))^{2m}).

Both are about (width or logarithm) * eps^{1/omega}: with T ~ eps^{-1/omega} the first is log(1/eps) eps^{1/omega},
the second about (2m + O(sqrt(m log(1/eps)) + log(1/eps))) eps^{1/omega}. A network of width m reaches the time T with
rates m/T, by the kernel t^{m-1} e^{-wt}, so the factor m is no artefact. T, beta and gamma are optimised in floating
point and the bound is evaluated there in ball arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb
from scipy.optimize import minimize, minimize_scalar

from linmem.checks import check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import PowerLaw

BITS = 128


@cites("linmem", "slowest neuron")
def slowest_rate_bound(
    kernel: PowerLaw, tolerance: float, *, width: int | None = None, variation: float | None = None
) -> float:
    """A proved upper bound on the smallest Re w_j of every network within the tolerance of a power law.

    Parameters
    ----------
    kernel : power law (mass other than 0).
    tolerance : relative L1 error eps in (0, 1).
    width : state size m >= 1; the bound holds for any stable W, U, c of this width or less.
    variation : B; it holds for diagonal networks of any width with sum_j |a_j|/Re w_j <= B |mass|. Positive amplitudes
        have B = 1 + eps. Exactly one of width and variation is given.

    In 1/time units, rounded up. Raises ValueError for a tolerance outside (0, 1) or a variation < 1 - eps, which no
    such network can have. Cost: some milliseconds.

    >>> f"{slowest_rate_bound(PowerLaw(0.1), 1e-2, variation=1.01):.0e}"
    '1e-19'
    """
    if (width is None) == (variation is None):
        raise ValueError("give exactly one of width and variation; without either the smallest rate is not bounded")
    eps = check_positive("tolerance", tolerance)
    if eps >= 1:
        raise ValueError(f"tolerance must be < 1, got {eps!r}; the zero kernel already has relative error 1")
    _check(kernel)
    if variation is not None:
        return _by_variation(kernel, eps, check_positive("variation", variation))
    return _by_width(kernel, eps, check_integer("width", width, minimum=1))


def _check(kernel: object) -> None:
    if not isinstance(kernel, PowerLaw) or kernel.mass == 0:
        raise TypeError(f"kernel must be a PowerLaw with a mass other than 0, got {kernel!r}; pass PowerLaw(omega)")


def _by_variation(kernel: PowerLaw, eps: float, total: float) -> float:
    if total < 1 - eps:
        raise ValueError(
            f"variation must be >= 1 - tolerance = {1 - eps!r} to come within the tolerance, got {total!r}; raise one"
        )

    def log_bound(log_excess: float) -> float:
        remaining = eps + math.exp(log_excess)
        return math.log(max(math.log(total) - log_excess, 1e-300)) - _log_time(kernel.exponent, remaining)

    ends = (math.log(1e-6 * eps), math.log((1 - eps) * (1 - 1e-9)))
    found = minimize_scalar(log_bound, bounds=ends, method="bounded")
    remaining = _representable(eps, math.exp(float(found.x)))
    with precision(BITS):
        excess = ball(remaining) - ball(eps)
        return bounds((ball(total) / excess).log() / _time(kernel, remaining))[1]


def _by_width(kernel: PowerLaw, eps: float, m: int) -> float:
    def parts(x: np.ndarray) -> tuple[float, float, float]:
        excess = (1 - eps) / (1 + math.exp(-x[0]))  # R(T) - eps in (0, 1 - eps), beta in (0, 1), gamma > 0
        return excess, 1 / (1 + math.exp(-x[1])), math.exp(x[2])

    def log_bound(x: np.ndarray) -> float:
        excess, beta, gamma = parts(x)
        if not (1e-6 * eps < excess < (1 - eps) * (1 - 1e-9) and 1e-6 < beta < 1 - 1e-9 and 1e-9 < gamma < 1e6):
            return math.inf
        growth = math.log(beta / gamma) + 2 * math.log((1 + eps) / excess)
        growth += 2 * m * math.log((1 + 2 * gamma + beta) / (1 - beta))
        return math.log(np.logaddexp(0.0, growth) / (2 * beta)) - _log_time(kernel.exponent, eps + excess)

    start = np.array([math.log(eps), 0.0 if m < 4 else -1.0, -2.0])
    found = minimize(log_bound, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 2000})
    excess, beta, gamma = parts(np.asarray(found.x))
    remaining = _representable(eps, excess)
    with precision(BITS):
        s, c, e, rest = ball(beta), ball(gamma), ball(eps), ball(remaining)
        factor = s / c * ((1 + e) / (rest - e)) ** 2 * ((1 + 2 * c + s) / (1 - s)) ** (2 * m)
        return bounds((1 + factor).log() / (2 * s) / _time(kernel, remaining))[1]


def _representable(eps: float, excess: float) -> float:
    """R(T) as a double between eps and 1, exclusive."""
    return min(max(eps + excess, math.nextafter(eps, 1.0)), math.nextafter(1.0, 0.0))


def _log_time(omega: float, remaining: float) -> float:
    """log T for unit scale, where (1+T)^{-omega} = remaining."""
    exponent = -math.log(remaining) / omega
    return exponent + math.log(-math.expm1(-exponent))


def _time(kernel: PowerLaw, remaining: float) -> arb:
    """The ball of T, with (1 + T/scale)^{-omega} = remaining."""
    return ball(kernel.scale) * ((-ball(remaining).log() / ball(kernel.exponent)).exp() - 1)
