"""Rigorous lower bounds on the length of a plateau, in ball arithmetic.

Along a gradient flow |theta(t) - theta(0)|^2 <= t (J(0) - J(t)): the path length is int |grad J|, Cauchy-Schwarz bounds
its square by t int |grad J|^2, and int |grad J|^2 = J(0) - J(t). So if J cannot fall by more than DJ(r) while
|theta - theta(0)| <= r, it takes at least

    tau_delta >= r^2 / DJ(r)    for every r <= delta.

Two bounds DJ(r) are known (linmem.continuous.dynamics.drop), each also for a start that misses the fit by d0:

* second order: (||d0|| + beta(r, s))^2 for every 0 < s < min l. It gives the full exponent, tau >~ e^{2 c0/omega};
* first order: ||d0||^2 + 2 r G(r). Half the exponent, but no product, so it wins where the plateau is short.

r and s are found in floating point; what is reported is the bound evaluated at that (exact, binary) r and s with balls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from flint import arb
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import BITS, Neighbourhood
from linmem.intervals import ball, bounds, precision


@dataclass(frozen=True)
class Certificate:
    """A proved lower bound on a hitting time.

    lower_bound : tau >= lower_bound, a double rounded down (the largest double if the bound exceeds it).
    log_lower_bound : a double below its natural logarithm, for plateaus longer than 1e308.
    order : which of the two bounds this is. radius : its r. exponent : its s (None for the first order).
    drop : a proved upper bound on J(0) - J while |theta - theta(0)| <= radius; so the bound holds for the time of any
        larger drop of the loss as well.
    log_floating : the logarithm of the same formula in floating point, for comparison.
    enclosure : the ball of the bound at (r, s) (two balls are never equal, so comparison leaves it out).
    """

    lower_bound: float
    log_lower_bound: float
    order: Literal["first", "second"]
    radius: float
    exponent: float | None
    drop: float
    log_floating: float
    enclosure: arb = field(compare=False)

    def rescaled(self, law: Callable[[arb], arb]) -> Certificate:
        """The certificate of law(bound) for an increasing law, evaluated with balls."""
        with precision(BITS):
            enclosure = law(self.enclosure)
            low, floating = bounds(enclosure)[0], float(enclosure.log().mid())
            log_low = bounds(enclosure.log())[0]
            return replace(self, lower_bound=low, log_lower_bound=log_low, log_floating=floating, enclosure=enclosure)


@cites("linmem", "plateau certificate")
def certify_plateau(problem: DeviationLoss, delta: float = 0.1, start: ArrayLike | None = None) -> Certificate:
    """The larger of the second-order and the first-order lower bound on the time tau_delta of the gradient flow.

    Parameters
    ----------
    problem : its remainder must be one GaussianBump (balls are implemented for it).
    delta : displacement |theta - theta(0)| > 0 whose hitting time is bounded.
    start : theta(0) - theta_0, shape (2n,); None is the exact fit theta_0. With a misfit the bound is at most
        (delta/||d0||)^2: it counts the fast relaxation of the misfit against the plateau.

    Raises TypeError for another remainder, ValueError for delta <= 0 or a bad start. Cost: about 10 ms.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 2.0])
    >>> certificate = certify_plateau(DeviationLoss(fit, GaussianBump(centre=40.0)))
    >>> certificate.order, f"{certificate.lower_bound:.1e}"
    ('second', '3.7e+21')
    """
    return larger(second_order_bound(problem, delta, start), first_order_bound(problem, delta, start))


def larger(second: Certificate, first: Certificate) -> Certificate:
    """The certificate with the larger bound."""
    return second if second.log_lower_bound >= first.log_lower_bound else first


@cites("linmem", "plateau certificate, second order")
def second_order_bound(problem: DeviationLoss, delta: float = 0.1, start: ArrayLike | None = None) -> Certificate:
    """max over 0 < r <= delta, 0 < s < min l of r^2/(||d0|| + beta(r, s))^2; arguments, errors: `certify_plateau`."""
    around = Neighbourhood(problem, start)
    largest = min(check_positive("delta", delta), around.slowest * (1 - 1e-9))
    misfit = float(around.misfit.mid())

    def log_bound(r: float, s: float) -> float:
        log_beta = around.log_correlation(r, s)
        if misfit:
            log_beta = float(math.log(misfit + math.exp(log_beta))) if log_beta < 700 else log_beta
        return 2 * (math.log(r) - log_beta)

    def best_exponent(r: float) -> tuple[float, float]:
        top = min([float(around.floating_rates.min()) - r, *around.floating_used.tolist()])
        return _maximise(partial(log_bound, r), top * 1e-12, top * (1 - 1e-12))

    def bound_at(r: float) -> float:
        return best_exponent(r)[1]

    r, _ = _maximise(bound_at, largest * 1e-6, largest)
    s, log_floating = best_exponent(r)
    with precision(BITS):
        return _certificate(around.second_order_drop(ball(r), ball(s)), "second", r, s, log_floating)


@cites("linmem", "plateau certificate, first order")
def first_order_bound(problem: DeviationLoss, delta: float = 0.1, start: ArrayLike | None = None) -> Certificate:
    """max over 0 < r <= delta of r^2/(||d0||^2 + 2 r G(r)); arguments and errors as in `certify_plateau`."""
    around = Neighbourhood(problem, start)
    largest = min(check_positive("delta", delta), around.slowest * (1 - 1e-9))

    def enclosure(r: float) -> arb:
        return ball(r) ** 2 / around.first_order_drop(ball(r))

    def log_bound(r: float) -> float:
        return float(enclosure(r).log().mid())

    with precision(BITS):
        r, log_floating = _maximise(log_bound, largest * 1e-6, largest)
        return _certificate(around.first_order_drop(ball(r)), "first", r, None, log_floating)


def _maximise(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """(argument, value) of the maximum on [low, high] in floating point; any argument gives a valid bound."""

    def negative(x: float) -> float:
        return -function(x)

    found: Any = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-6 * high})
    ends = [(x, function(x)) for x in (float(found.x), high)]
    return max(ends, key=lambda pair: pair[1])


def _certificate(
    drop: arb, order: Literal["first", "second"], r: float, s: float | None, log_floating: float
) -> Certificate:
    enclosure = ball(r) ** 2 / drop
    low, _ = bounds(enclosure)
    log_low, _ = bounds(enclosure.log())
    return Certificate(low, log_low, order, r, s, bounds(drop)[1], log_floating, enclosure)
