"""Rigorous lower bounds on the length of a plateau, in ball arithmetic.

Along a gradient flow |theta(t) - theta(0)|^2 <= t (J(0) - J(t)) (Cauchy-Schwarz and the energy identity). While
|theta - theta(0)| <= r, the change D = rhohat(theta) - rhohat(theta(0)) of an exact fit obeys, with the bump rho_0,
J(0) - J = 2 <D, rho_0> - ||D||^2, and this drop is small for two reasons:

* second order: 2 <D, rho_0> - ||D||^2 <= (<D, rho_0>/||D||)^2 <= B^2 ||e^{-st} rho_0||^2 =: DJ(r), where
  B = prod_j (l_j + s)/(l_j - s) bounds ||e^{st} D||/||D|| on the span of the exponentials that D can hold: the rates
  w*_j of the fit and w_k(0) - r (Blaschke). Hence tau_delta >= r^2/DJ(r) for every r <= delta and s < min l;
* first order: 2 <D, rho_0> <= 2 r G(r), G^2 = sum_k M_0(w_k - r)^2 + (|a_k| + r)^2 M_1(w_k - r)^2. Hence
  tau_delta >= r/(2 G(r)): half the exponent, but no product, so it wins where the plateau is short.

r and s are found in floating point; what is reported is the bound evaluated at that (exact, binary) r and s with balls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from flint import arb
from scipy.optimize import minimize_scalar

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.intervals import ball, blaschke_product, bounds, gaussian_moments, precision
from linmem.kernels import GaussianBump

BITS = 128


@dataclass(frozen=True)
class Certificate:
    """A proved lower bound on the hitting time of a displacement `delta`.

    lower_bound : tau_delta >= lower_bound, a double rounded down (the largest double if the bound exceeds it).
    log_lower_bound : a double below its natural logarithm, for plateaus longer than 1e308.
    order : which of the two bounds this is. radius : its r. exponent : its s (None for the first order).
    enclosure : the ball of the bound at (r, s) (two balls are never equal, so comparison leaves it out).
    """

    lower_bound: float
    log_lower_bound: float
    order: Literal["first", "second"]
    radius: float
    exponent: float | None
    enclosure: arb = field(compare=False)


@cites("linmem", "plateau certificate")
def certify_plateau(problem: DeviationLoss, delta: float = 0.1) -> Certificate:
    """The larger of the second-order and the first-order lower bound on tau_delta, from the exact fit theta_0.

    Parameters
    ----------
    problem : its remainder must be one GaussianBump (balls are implemented for it).
    delta : displacement |theta - theta_0| > 0 whose hitting time is bounded.

    Raises TypeError for another remainder, ValueError for delta <= 0. Cost: about 10 ms.

    >>> from linmem.kernels import ExponentialSum
    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 2.0])
    >>> certificate = certify_plateau(DeviationLoss(fit, GaussianBump(centre=40.0)))
    >>> certificate.order, f"{certificate.lower_bound:.1e}"
    ('second', '3.7e+21')
    """
    second, first = second_order_bound(problem, delta), first_order_bound(problem, delta)
    return second if second.log_lower_bound >= first.log_lower_bound else first


@cites("linmem", "plateau certificate, second order")
def second_order_bound(problem: DeviationLoss, delta: float = 0.1) -> Certificate:
    """max over 0 < r <= delta and 0 < s < min l of r^2/DJ(r, s); arguments and errors as in `certify_plateau`."""
    bump = _bump(problem)
    rates = np.array(problem.fit.rates)
    used = problem.fit.merged()[1]
    largest = min(check_positive("delta", delta), float(rates.min()) * (1 - 1e-9))

    def log_bound(r: float, s: float) -> float:
        drop = 2 * float(np.log((used + s) / (used - s)).sum() + np.log((rates - r + s) / (rates - r - s)).sum())
        return 2 * math.log(r / abs(bump.amplitude)) - drop - _log_square(bump, s)

    def best_exponent(r: float) -> tuple[float, float]:
        top = min(float(rates.min()) - r, float(used.min()) if used.size else math.inf)
        return _maximise(partial(log_bound, r), top * 1e-12, top * (1 - 1e-12))

    def bound_at(r: float) -> float:
        return best_exponent(r)[1]

    r, _ = _maximise(bound_at, largest * 1e-6, largest)
    s, _ = best_exponent(r)
    with precision(BITS):
        radius, exponent, width = ball(r), ball(s), ball(bump.width)
        factors = blaschke_product([*(ball(w) for w in used), *(ball(w) - radius for w in rates)], exponent)
        square = width * arb.pi().sqrt() * (-2 * exponent * ball(bump.centre) + (exponent * width) ** 2).exp()
        enclosure = (radius / (factors * ball(bump.amplitude))) ** 2 / square
        return _certificate(enclosure, "second", r, s)


@cites("linmem", "plateau certificate, first order")
def first_order_bound(problem: DeviationLoss, delta: float = 0.1) -> Certificate:
    """max over 0 < r <= delta of r/(2 G(r)); arguments and errors as in `certify_plateau`."""
    bump = _bump(problem)
    amplitudes, rates = np.abs(problem.fit.amplitudes), np.array(problem.fit.rates)
    largest = min(check_positive("delta", delta), float(rates.min()) * (1 - 1e-9))

    def enclosure(r: float) -> arb:
        radius, total = ball(r), arb(0)
        for a, w in zip(amplitudes, rates, strict=True):
            zeroth, first = gaussian_moments(bump.centre, bump.width, bump.amplitude, ball(float(w)) - radius)
            total += zeroth**2 + ((ball(float(a)) + radius) * first) ** 2
        return radius / (2 * total.sqrt())

    def log_bound(r: float) -> float:
        return float(enclosure(r).log().mid())

    with precision(BITS):
        r, _ = _maximise(log_bound, largest * 1e-6, largest)
        return _certificate(enclosure(r), "first", r, None)


def _bump(problem: DeviationLoss) -> GaussianBump:
    bump = problem.remainder
    if not isinstance(bump, GaussianBump):
        raise TypeError(
            f"the remainder must be a GaussianBump, got {type(bump).__name__}; only its moments are known as balls"
        )
    if bump.amplitude == 0:
        raise ValueError("the bump must have an amplitude other than 0, got 0.0; without a bump the fit never moves")
    return bump


def _log_square(bump: GaussianBump, s: float) -> float:
    """log of s_0 sqrt(pi) e^{-2 s mu + s^2 s_0^2}, which bounds ||e^{-st} rho_0||^2 / A^2."""
    return math.log(bump.width * math.sqrt(math.pi)) - 2 * s * bump.centre + (s * bump.width) ** 2


def _maximise(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """(argument, value) of the maximum on [low, high] in floating point; any argument gives a valid bound."""

    def negative(x: float) -> float:
        return -function(x)

    found: Any = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-6 * high})
    ends = [(x, function(x)) for x in (float(found.x), high)]
    return max(ends, key=lambda pair: pair[1])


def _certificate(enclosure: arb, order: Literal["first", "second"], r: float, s: float | None) -> Certificate:
    low, _ = bounds(enclosure)
    log_low, _ = bounds(enclosure.log())
    return Certificate(low, log_low, order, r, s, enclosure)
