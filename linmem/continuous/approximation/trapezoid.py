"""Positive exponential sums for the power law, by the trapezoid rule of Beylkin and Monzon, with a certified L1 error.

With al = 1 + omega and unit scale and mass, the power law is a Laplace transform,

    omega (1+t)^{-al} = omega/Gamma(al) int_R exp(-(1+t) e^x + al x) dx,

and the trapezoid rule with step h and nodes x_j = x_0 + h j turns it into exponentials with rates w_j = e^{x_j} and
masses p_j = a_j/w_j = omega h e^{omega x_j - e^{x_j}}/Gamma(al) > 0. Four errors make up the L1 distance to the power
law:

* alias: by Poisson summation the infinite sum differs from rho by the Fourier transform of the integrand at n/h,
  n != 0, which is Gamma(al - 2 pi i n/h) (1+t)^{-al + 2 pi i n/h}: relative error at most
  2 sum_{n>=1} |Gamma(al + 2 pi i n/h)|/Gamma(al), at every t;
* slow tail: the masses with j < 0 add up to at most omega h e^{omega x_0}/(Gamma(al) (e^{omega h} - 1));
* fast tail: the masses with j >= m fall faster than geometrically, with ratio exp(omega h - e^x (e^h - 1)) at node x;
* rounding: rates and amplitudes are doubles w', a', at distance |a - a'|/w + |a'| |1/w - 1/w'| for each exponential.

h and x_0 are optimised in floating point; the error is then bounded by ball arithmetic at the h and x_0 found. The
width for the relative error eps is m ~ log^2(1/eps)/(pi^2 omega) as eps -> 0: h ~ pi^2/log(1/eps), and
x_0 ~ -log(1/eps)/omega.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import acb, arb
from scipy.optimize import minimize_scalar
from scipy.special import loggamma

from linmem.checks import check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import ComplexExponentialSum, ExponentialSum, Modulated, PowerLaw

BITS = 128
TURNING = 2.0**-48  # rounding of a_j e^{i phi}, relative: far more than its few units of 2^-53
SMALLEST = 1e-290  # rates and amplitudes below it are too close to the end of the doubles
WIDEST = 1_000_000


@dataclass(frozen=True)
class TrapezoidSum:
    """A positive exponential sum for a power law, and its certified error.

    kernel : the power law. fit : the sum, rates ascending. error : ||kernel - fit||_1 <= error * |mass|, proved, a
    double rounded up; it is the sum of alias, slow_tail, fast_tail and rounding (each an upper bound by itself).
    step : the h of the trapezoid rule. first_node : x_0, the logarithm of the smallest rate times the scale.
    """

    kernel: PowerLaw
    fit: ExponentialSum
    error: float
    alias: float
    slow_tail: float
    fast_tail: float
    rounding: float
    step: float
    first_node: float

    @property
    def width(self) -> int:
        """Number of exponentials (neurons)."""
        return len(self.fit.rates)


@cites("beylkin2010", "trapezoid rule for power functions")
@cites("linmem", "certified trapezoid sum")
def powerlaw_sum(kernel: PowerLaw, *, width: int | None = None, tolerance: float | None = None) -> TrapezoidSum:
    """The trapezoid sum of given width and least error bound, or of least width with error bound <= tolerance.

    Parameters
    ----------
    kernel : power law; exponent, scale and mass are the binary doubles it holds (omega = 0.1 is the double next to
    1/10). width : number of exponentials m >= 1 (the state size of the network).
    tolerance : relative L1 error in (0, 1). Exactly one of width and tolerance is given.

    Raises ValueError for a mass of 0, and where the smallest rate, about eps^{1/omega}, leaves the range of doubles.
    Cost: about 0.1 s, and 30 microseconds for each exponential.

    >>> result = powerlaw_sum(PowerLaw(0.5), tolerance=1e-2)
    >>> result.width, result.error <= 1e-2
    (12, True)
    """
    if (width is None) == (tolerance is None):
        raise ValueError("give exactly one of width and tolerance; the other one is the result")
    if kernel.mass == 0:
        raise ValueError("the power law must have a mass other than 0, got 0.0; its relative error is not defined")
    omega = kernel.exponent
    if width is not None:
        m = check_integer("width", width, minimum=1, maximum=WIDEST)
        return _certified(kernel, *_optimise(omega, m)[:2], m)
    eps = check_positive("tolerance", tolerance)
    if eps >= 1:
        raise ValueError(f"tolerance must be < 1, got {eps!r}; the zero kernel already has relative error 1")
    m = _least_width(omega, eps)
    result = _certified(kernel, *_optimise(omega, m)[:2], m)
    while result.error > eps:  # only where the optimum lies within rounding of the tolerance
        m += 1
        result = _certified(kernel, *_optimise(omega, m)[:2], m)
    return result


@cites("linmem", "certified trapezoid sum")
def modulated_sum(kernel: Modulated, tolerance: float) -> ComplexExponentialSum:
    """A complex exponential sum within L1 error tolerance * |mass| of a modulated power law (mass: of the envelope).

    rho(t) cos(bt + phi) = Re sum_j a_j e^{i phi} e^{-(w_j - ib) t} + error: the trapezoid sum of the envelope, turned
    by the oscillation, which raises no error as |cos| <= 1. Two state variables for each exponential of the envelope.

    Raises TypeError for another kernel; otherwise as `powerlaw_sum`.

    >>> fit = modulated_sum(Modulated(PowerLaw(0.5), frequency=3.0), 1e-2)
    >>> fit.state_size
    24
    """
    eps = check_positive("tolerance", tolerance)
    fit = powerlaw_sum(_envelope(kernel), tolerance=eps - 2 * TURNING).fit
    a = np.array(fit.amplitudes) * np.exp(1j * kernel.phase)
    return ComplexExponentialSum(a, np.array(fit.rates) - 1j * kernel.frequency)


def _envelope(kernel: object) -> PowerLaw:
    if isinstance(kernel, Modulated) and isinstance(kernel.kernel, PowerLaw):
        return kernel.kernel
    raise TypeError(f"kernel must be Modulated(PowerLaw(...)), got {kernel!r}; fit other kernels with fit_kernel")


def _least_width(omega: float, eps: float) -> int:
    """The least m whose optimised error (floating point) is at most eps: doubling, then bisection."""
    low, high = 0, 1
    while _optimise(omega, high)[2] > math.log(eps):
        low, high = high, 2 * high
        if high > WIDEST:
            raise ValueError(
                f"no sum of fewer than {WIDEST} exponentials reaches tolerance {eps!r} for omega = {omega!r}; "
                "raise the tolerance"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _optimise(omega, middle)[2] <= math.log(eps) else (middle, high)
    return high


def _optimise(omega: float, m: int) -> tuple[float, float, float]:
    """(h, x_0, log error) of least error bound for m nodes, in floating point."""

    def at_step(log_step: float) -> float:
        return _best_start(omega, m, math.exp(log_step))[1]

    # a coarse scan first: the error is smooth in log h, but flat where one of its parts is negligible
    grid = np.linspace(math.log(0.02), math.log(20.0), 24)
    values = [at_step(float(x)) for x in grid]
    best = int(np.argmin(values))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)])
    found = minimize_scalar(at_step, bounds=(low, high), method="bounded", options={"xatol": 1e-5})
    step = math.exp(float(found.x))
    start, value = _best_start(omega, m, step)
    return step, start, value


def _best_start(omega: float, m: int, h: float) -> tuple[float, float]:
    """(x_0, log error) of least error bound for step h, in floating point; e^{x_0 + h m} is the first rate left out."""
    norm = math.log(omega * h) - math.lgamma(1 + omega)
    alias = _log_alias(omega, h)

    def log_error(end: float) -> float:
        slow = norm + omega * (end - h * m) - math.log(math.expm1(omega * h))
        log_ratio = omega * h - math.exp(end) * math.expm1(h)
        fast = norm + omega * end - math.exp(end) - math.log(-math.expm1(log_ratio)) if log_ratio < 0 else math.inf
        top = max(alias, slow, fast)
        return top if math.isinf(top) else top + math.log(sum(math.exp(v - top) for v in (alias, slow, fast)))

    lowest = math.log(omega * h / math.expm1(h))  # there the ratio of the fast tail is 1
    found = minimize_scalar(log_error, bounds=(lowest, 7.0), method="bounded", options={"xatol": 1e-5})
    end = float(found.x)
    return end - h * m, log_error(end)


def _log_alias(omega: float, h: float) -> float:
    """Logarithm of 2 sum_{n=1}^{12} |Gamma(al + 2 pi i n/h)|/Gamma(al): beyond n = 12 it matters for h > 20 only."""
    logs = loggamma(1 + omega + 2j * np.pi / h * np.arange(1, 13)).real - math.lgamma(1 + omega)
    return math.log(2) + float(logs[0]) + math.log(float(np.exp(logs - logs[0]).sum()))


def _certified(kernel: PowerLaw, h: float, start: float, m: int) -> TrapezoidSum:
    """Nodes, doubles next to them, and the four error bounds in ball arithmetic."""
    with precision(BITS):
        omega, step, first = ball(kernel.exponent), ball(h), ball(start)
        scale, mass, gamma = ball(kernel.scale), ball(kernel.mass), (1 + omega).gamma()
        factor = omega * step / gamma
        rounding = arb(0)
        rates, amplitudes = list[float](), list[float]()
        for j in range(m):
            rate_unit = (first + j * step).exp()
            rate = rate_unit / scale
            amplitude = mass * factor / scale * ((1 + omega) * (first + j * step) - rate_unit).exp()
            w, a = float(rate.mid()), float(amplitude.mid())
            if not (w > SMALLEST and abs(a) > SMALLEST):
                raise ValueError(
                    f"the rates and amplitudes must stay above {SMALLEST:g}, got rate {w!r} and amplitude {a!r} "
                    f"(omega = {kernel.exponent!r}, {m} exponentials); raise the tolerance or lower the width"
                )
            rates.append(w)
            amplitudes.append(a)
            rounding += (abs(amplitude - ball(a)) / rate + abs(ball(a)) * abs(1 / rate - 1 / ball(w))) / abs(mass)
        slow = factor * (omega * first).exp() / ((omega * step).exp() - 1)
        alias, fast = _alias_ball(omega, step), _fast_tail(omega, step, first + m * step) * factor
        parts = [bounds(part)[1] for part in (alias, slow, fast, rounding)]
        error = bounds(alias + slow + fast + rounding)[1]
    return TrapezoidSum(kernel, ExponentialSum(amplitudes, rates), error, *parts, step=h, first_node=start)


def _fast_tail(omega: arb, h: arb, end: arb) -> arb:
    """Upper bound of sum_{j>=0} e^{omega x - e^x} at x = end + h j: terms in turn, until their ratio is below 1/2."""
    total, x = arb(0), end
    while True:
        term = (omega * x - x.exp()).exp()
        ratio = (omega * h - x.exp() * (h.exp() - 1)).exp()
        if ratio < 0.5:
            return total + term / (1 - ratio)
        total, x = total + term, x + h


def _alias_ball(omega: arb, h: arb) -> arb:
    """Upper bound of 2 sum_{n>=1} |Gamma(al + 2 pi i n/h)|/Gamma(al).

    The first N terms are evaluated. For the others |Gamma(z)| <= sqrt(2 pi) |z|^{al-1/2} e^{-pi |Im z|/2 + 1/(6|z|)}
    (DLMF 5.6.9, Re z = al > 1/2): these bounds fall at least by the factor q = ((N+2)/(N+1))^{al-1/2} e^{-pi^2/h} from
    term to term, and N is raised until q < 1/2.
    """
    al, pi, total, n = 1 + omega, arb.pi(), arb(0), 0
    while True:
        n += 1
        total += abs(acb(al, 2 * pi * n / h).gamma())
        q = (arb(n + 2) / (n + 1)) ** (al - arb("0.5")) * (-pi * pi / h).exp()
        if n >= 4 and q < 0.5:
            break
        if n > 10_000:
            raise ValueError(f"the step must be < pi^2/log 2 = 14.2 for the alias sum to be bounded, got {h}")
    y = 2 * pi * (n + 1) / h
    z = (al * al + y * y).sqrt()
    tail = (2 * pi).sqrt() * z ** (al - arb("0.5")) * (1 / (6 * z) - pi * y / 2).exp() / (1 - q)
    return 2 * (total + tail) / al.gamma()
