"""Why a kernel that decays slower than exponentially has no stable approximation: a bound for every linear network.

Shifting the recurrent matrix by beta, W -> W + beta I, is a perturbation of size beta (in the spectral norm, and of
every rate in the maximum norm), and turns the kernel rhohat(t) into e^{beta t} rhohat(t). If the perturbation error of
a network is E = E_m(beta), the triangle inequality gives int e^{beta t} |rhohat| <= ||rho||_1 + E, hence
int_T^inf |rhohat| <= e^{-beta T} (||rho||_1 + E), and with e = E_m(0) = ||rho - rhohat||_1,

    int_T^inf |rho| <= e + e^{-beta T} (||rho||_1 + E)    for every T.

So for every linear network, of any width and with any W, U, c,

    E_m(beta) >= max over T of e^{beta T} (int_T^inf |rho| - e) - ||rho||_1:

if e -> 0 while E_m(beta) stays bounded, the tail of rho is O(e^{-beta T}). For rho ~ t^{-(1+omega)} the bound is about
e * exp(beta (2e)^{-1/omega}): a better fit is less stable, doubly exponentially.
"""

from __future__ import annotations

from flint import arb
from scipy.optimize import minimize_scalar

from linmem.checks import check_nonnegative, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import ExponentialSum, Kernel, PowerLaw

BITS = 128


def remaining_memory(kernel: Kernel, lag: float) -> arb:
    """int_lag^inf |rho| dt as a ball, for a PowerLaw or an ExponentialSum whose amplitudes have one sign.

    PowerLaw: |mass| (1 + lag/scale)^{-omega}; ExponentialSum: sum_k |a_k| e^{-w_k lag}/w_k. TypeError for another
    kernel, ValueError for mixed signs.

    >>> round(float(remaining_memory(PowerLaw(0.5), 3.0)), 12)
    0.5
    """
    T = ball(check_nonnegative("lag", lag))
    if isinstance(kernel, PowerLaw):
        return abs(ball(kernel.mass)) * (-ball(kernel.exponent) * (1 + T / ball(kernel.scale)).log()).exp()
    if isinstance(kernel, ExponentialSum):
        if min(kernel.amplitudes) < 0 < max(kernel.amplitudes):
            raise ValueError(
                f"amplitudes must have one sign, got {kernel.amplitudes}; the tail of a sum that changes sign has no "
                "closed form"
            )
        terms = zip(kernel.amplitudes, kernel.rates, strict=True)
        return sum((abs(ball(a)) * (-ball(w) * T).exp() / ball(w) for a, w in terms), arb(0))
    raise TypeError(
        f"kernel must be a PowerLaw or an ExponentialSum, got {type(kernel).__name__}; "
        "the tails of others are not known in closed form"
    )


@cites("wang2024", "inverse approximation theorem, linear case")
def instability_bound(kernel: Kernel, radius: float, error: float) -> tuple[float, float]:
    """A proved lower bound on E_m(beta) of every linear network with E_m(0) <= error, and its natural logarithm.

    Parameters
    ----------
    kernel : the target rho, a PowerLaw or an ExponentialSum with amplitudes of one sign.
    radius : beta > 0, the size of the perturbation of W.
    error : e >= 0, how well the network fits, in the L1 norm of the kernel.

    Returns (bound, logarithm): max over T of e^{beta T} (int_T^inf |rho| - e) - ||rho||_1, rounded down; the logarithm
    goes on where the bound exceeds a double (at most 1.8e308 is returned). (0, -inf) when no T gives a positive bound.
    The maximiser T is found in floating point, the bound is evaluated there with balls. Cost: a few milliseconds.

    >>> bound, _ = instability_bound(PowerLaw(0.5), 0.01, 0.01)
    >>> f"{bound:.2e}"
    '4.93e+38'
    """
    beta, e = check_positive("radius", radius), check_nonnegative("error", error)
    total = remaining_memory(kernel, 0.0)

    def log_gain(lag: float) -> float:
        left = float(remaining_memory(kernel, lag)) - e
        return beta * lag + float(ball(left).log()) if left > 0 else -1e300

    with precision(BITS):
        if not remaining_memory(kernel, 0.0) > ball(e):
            return 0.0, float("-inf")
        high = 1.0
        while float(remaining_memory(kernel, high)) > e and high < 1e12 / beta:
            high *= 2
        best = minimize_scalar(
            lambda x: -log_gain(high * x), bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-12}
        )
        T = high * float(best.x)
        bound = (ball(beta) * ball(T)).exp() * (remaining_memory(kernel, T) - ball(e)) - total
        if not bound > 0:
            return 0.0, float("-inf")
        return bounds(bound)[0], bounds(bound.log())[0]
