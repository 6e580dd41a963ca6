"""The largest change of a diagonal network's kernel when its parameters move by at most beta.

rhohat(t) = sum_k a_k e^{-w_k t}, w_k = f(v_k). Every v_k moves by at most beta, and the weights as `weights` says:

* "fixed"      the a_k stay;
* "amplitude"  every a_k moves by at most beta;
* "balanced"   a_k = c_k u_k with |c_k| = |u_k| = |a_k|^{1/2}; read-in u and read-out c move by at most beta each in the
               Euclidean norm (with the rates in the maximum norm, which is the spectral norm of a diagonal matrix, this
               is the norm max(|Lambda|_2, |U|_2, |c|_2) in which the follow-up work perturbs);
* "log-mass"   a_k = +-p_k w_k, and every log p_k moves by at most beta.

Let g_k = 1/w_k^- with w_k^- the rate after v_k moved down by beta. One neuron obeys, for every admissible move,

    ||a~ e^{-w~ t} - a e^{-wt}||_1 <= |a~ - a|/w~ + |a| |1/w~ - 1/w| <= |a~ - a| g + |a| (g - 1/w),

since 1/f is decreasing and convex in v for all three f. So with the first three kinds of weights

    ||change||_1 <= sum_k B_k g_k - |a_k|/w_k,    B_k the largest |a~_k|,

with equality if all a_k have one sign: then the move that lowers every rate and raises every |a_k| changes the kernel
in one direction at every t. That makes the worst case exact, including the maximum over read-in and read-out, a
trust-region problem: max over |d| <= beta of sum_k g_k (s_k + d_k)^2, s = |a|^{1/2}, by its dual bound
lambda beta^2 + sum_k lambda g_k s_k^2/(lambda - g_k), valid for every lambda > max g and tight at the best one.

For "log-mass", ||p~ w~ e^{-w~ t} - p w e^{-wt}||_1 <= |p~ - p| + min(p, p~) 2 kappa(w~/w), kappa(r) = r^{-1/(r-1)} (1 -
1/r) for r > 1, kappa(1/r) = kappa(r), kappa(e^beta) <= beta/e, so the change is at most (sum_k p_k) (e^beta - 1 + 2
beta/e): free of the number of neurons and of the slowest rate. All bounds are evaluated in ball arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb
from jaxtyping import Float
from scipy.optimize import brentq

from linmem.checks import check_choice, check_nonnegative
from linmem.citations import cites
from linmem.continuous.stability.parameterisation import RateParameterisation, rate_parameterisation
from linmem.intervals import ball, bounds, precision
from linmem.kernels import ExponentialSum

BITS = 256
WEIGHTS = ("fixed", "amplitude", "balanced", "log-mass")


@dataclass(frozen=True)
class KernelChange:
    """Enclosure of the largest L1 change: low <= sup ||rhohat(theta~) - rhohat(theta)||_1 <= high.

    `attained_by` is an admissible perturbed network whose change is at least `low` (None where high is infinite: there
    some admissible network is unstable). `exact` says that the two ends differ by rounding only.
    """

    low: float
    high: float
    attained_by: ExponentialSum | None

    @property
    def exact(self) -> bool:
        """Whether low and high agree to 1e-9."""
        return self.high == self.low or self.high - self.low <= 1e-9 * self.high


@cites("wang2024", "perturbation error")
def largest_change(
    network: ExponentialSum, radius: float, rates: str = "direct", weights: str = "balanced"
) -> KernelChange:
    """sup ||rhohat(theta~) - rhohat(theta)||_1 over all theta~ within `radius` of theta (see the module's first lines).

    Parameters
    ----------
    network : the unperturbed kernel; n = len(rates) is the state size (m in the paper).
    radius : beta >= 0.
    rates : "direct", "exp" or "softplus": how the rates are trained.
    weights : "fixed", "amplitude", "balanced" or "log-mass": how the weights are.

    ValueError for a negative radius or an unknown name. The result is exact if all amplitudes have one sign and the
    weights are not "log-mass"; otherwise `low` belongs to one admissible network. Cost: some milliseconds for n = 100.

    >>> network = ExponentialSum([1.0, 1.0], [1.0, 0.1])
    >>> change = largest_change(network, 0.05, weights="fixed")
    >>> round(change.high, 6), change.exact  # 1/.95 + 1/.05 - 11
    (10.052632, True)
    >>> largest_change(network, 0.2).high, round(largest_change(network, 0.2, "exp", "log-mass").high, 3)
    (inf, 4.051)
    """
    beta = check_nonnegative("radius", radius)
    check_choice("weights", weights, WEIGHTS)
    map_ = rate_parameterisation(rates)
    amplitudes = np.array(network.amplitudes)
    if beta == 0:
        return KernelChange(0.0, 0.0, network)
    with precision(BITS):
        w = [ball(x) for x in network.rates]
        lowered = [map_.shifted(x, -ball(beta)) for x in w]
        if any(x is None for x in lowered):
            return KernelChange(math.inf, math.inf, None)
        slow = [x for x in lowered if x is not None]
        inside = _inside(slow, network.rates)
        if weights == "log-mass":
            upper = _log_mass_bound(map_, amplitudes, w, slow, beta)
            moved = amplitudes * (inside / np.array(network.rates)) * (math.exp(beta) * (1 - 1e-15))
        else:
            upper, moved = _one_direction(amplitudes, w, slow, beta, weights)
        other = ExponentialSum(moved, inside)
        # the integral of the change bounds its L1 norm from below
        mass = sum((ball(x) / ball(r) for x, r in zip(other.amplitudes, other.rates, strict=True)), arb(0))
        mass -= sum((ball(x) / r for x, r in zip(amplitudes.tolist(), w, strict=True)), arb(0))
        return KernelChange(max(0.0, bounds(abs(mass))[0]), bounds(upper)[1], other)


def _inside(slow: Sequence[arb], rates: Sequence[float]) -> Float[np.ndarray, "n"]:
    """Doubles not below the lowered rates, so that the perturbation is certainly admissible."""
    return np.array([min(bounds(x)[1], rate) for x, rate in zip(slow, rates, strict=True)])


def _one_direction(
    a: Float[np.ndarray, "n"], w: Sequence[arb], slow: Sequence[arb], beta: float, weights: str
) -> tuple[arb, Float[np.ndarray, "n"]]:
    """Upper bound sum_k B_k g_k - |a_k|/w_k, and admissible amplitudes that attain it if all a_k have one sign."""
    sign = np.where(a < 0, -1.0, 1.0)
    sizes, rest = [ball(x) for x in np.abs(a).tolist()], arb(0)
    for size, rate in zip(sizes, w, strict=True):
        rest += size / rate
    if weights == "fixed":
        raised, moved = [*sizes], a
    elif weights == "amplitude":
        raised = [size + ball(beta) for size in sizes]
        moved = sign * np.nextafter(np.abs(a) + beta, 0.0)
    else:
        roots = np.sqrt(np.abs(a))
        step, multiplier = _trust_region(roots, np.array([float(1 / x) for x in slow]), beta)
        dual = ball(multiplier)
        total = dual * ball(beta) ** 2
        for size, rate in zip(sizes, slow, strict=True):
            gap = dual - 1 / rate
            if not gap > 0:
                raise ArithmeticError("the multiplier is not above every 1/rate: raise its margin")
            total += dual / rate * size / gap
        return total - rest, sign * (roots + step) ** 2
    return sum((x / rate for x, rate in zip(raised, slow, strict=True)), arb(0)) - rest, moved


def _trust_region(
    s: Float[np.ndarray, "n"], g: Float[np.ndarray, "n"], beta: float
) -> tuple[Float[np.ndarray, "n"], float]:
    """(d, lambda): maximiser of sum g (s + d)^2 over |d| <= beta and its multiplier, in floating point.

    d = g s/(lambda - g), |d| = beta; where s vanishes at the largest g, lambda is that g and d takes up the rest there.
    """
    top = float(g.max())

    def excess(gap: float) -> float:  # in the distance of lambda to the largest g: no cancellation
        return float(np.linalg.norm(g * s / (top - g + gap))) / beta - 1

    least, most = 1e-14 * top, 2 * float(np.linalg.norm(g * s)) / beta + 1e-12 * top
    if excess(least) <= 0:
        d = g * s / (top - g + least)
        d[int(g.argmax())] += math.sqrt(max(0.0, beta**2 - float(d @ d)))
        gap = least
    else:
        gap = float(brentq(excess, least, most, xtol=1e-300, rtol=1e-14))
        d = g * s / (top - g + gap)
    rounding = 1e-15 * (1 + float(np.linalg.norm(s)) / beta)  # of s and of the squares that follow
    shrink = min(1.0, beta / float(np.linalg.norm(d))) * max(0.0, 1 - rounding)
    return d * shrink, top + gap


def _log_mass_bound(
    map_: RateParameterisation, a: Float[np.ndarray, "n"], w: Sequence[arb], slow: Sequence[arb], beta: float
) -> arb:
    """sum_k p_k (e^beta - 1 + 2 max over the reachable r of kappa(r)); kappa grows with |log r|."""
    total, growth = arb(0), ball(beta).exp() - 1
    for size, rate, low in zip(np.abs(a).tolist(), w, slow, strict=True):
        high = map_.shifted(rate, ball(beta))
        assert high is not None  # a larger v is a larger rate
        spread = (rate / low).max(high / rate)
        total += ball(size) / rate * (growth + 2 * rate_change(spread))
    return total


def rate_change(ratio: arb) -> arb:
    """kappa(r) = r^{-1/(r-1)} (1 - 1/r), r > 1: half of ||r w e^{-r w t} - w e^{-wt}||_1.

    The two densities cross once, at w t = log r/(r - 1).

    >>> round(float(rate_change(arb(2))), 12)
    0.25
    """
    return (-ratio.log() / (ratio - 1)).exp() * (1 - 1 / ratio)
