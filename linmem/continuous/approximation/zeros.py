"""Real rates cannot follow an oscillating memory: lower bounds on the width by counting zeros.

A network of width m whose W has real eigenvalues (diagonal or not) has a kernel sum_k P_k(t) e^{-w_k t}, the degrees of
the P_k plus one adding up to m at most; such a function changes its sign at most m - 1 times (Rolle). The target
rho(t) cos(bt + phi), with rho > 0 decreasing and convex, changes its sign at every zero of the cosine. Call the pieces
between the zeros lobes 0, 1, 2, ... (lobe 0 begins at t = 0 and may be cut), of length l = pi/b and centre c_k, and
mu_k = int over lobe k of rho |cos|.

Where the signs differ, the error is at least |target|. Moving a sign change inside a lobe to one of its ends cannot
raise the mass with differing signs (it is linear in the mass to the left), so let all sign changes be at ends of
lobes. Then among lobes 0..n-1 let A agree and D = n - A differ. Two neighbouring lobes that agree need a sign change
between them, and the A lobes form at most D + 1 runs, so A - (D + 1) <= m - 1, that is D >= (n - m)/2: the j-th lobe
that differs (j = 1, 2, ...) is at most number m + 2(j - 1). Since mu_1 >= mu_2 >= ...,

    L1 error >= min(mu_0, mu_m) + mu_{m+2} + mu_{m+4} + ...

By Jensen mu_k >= (2 l/pi) rho(c_k), and by convexity (trapezoids lie above) 2 l sum_{j>=0} rho(c_m + 2 l j) >= R(c_m) +
l rho(c_m), with R(T) = int_T^inf rho. Where mu_0 >= mu_m this is the closed form

    L1 error >= R(c_m)/pi + l rho(c_m)/pi,

for omega (1+t)^{-1-omega} cos(pi t): at least (1+m)^{-omega}/pi, so that m >= (pi eps)^{-1/omega} - 1: algebraic in
1/eps, while complex rates need 2 m(omega, eps) = O(log^2(1/eps)/omega) state variables (`modulated_sum`).
"""

from __future__ import annotations

from flint import arb

from linmem.checks import check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.kernels import Modulated, PowerLaw

BITS = 128


@cites("linmem", "zero counting")
def real_rate_error(kernel: Modulated, width: int) -> float:
    """A proved lower bound on the L1 error of every network of that width with real eigenvalues, over |mass|.

    Parameters
    ----------
    kernel : a modulated power law.
    width : state size m >= 1; may be far beyond what could be built (1e30).

    The bound is the one above, in ball arithmetic, rounded down; mass is that of the envelope (its integral). TypeError
    for other kernels. Cost: 20 microseconds.

    >>> kernel = Modulated(PowerLaw(1.0), frequency=3.141592653589793)
    >>> round(real_rate_error(kernel, 9) * 3.141592653589793, 3)  # (1 + 1/10)/10
    0.11
    """
    envelope = _envelope(kernel)
    m = check_integer("width", width, minimum=1)
    with precision(BITS + m.bit_length()):
        return max(bounds(_missed(kernel, envelope, m))[0], 0.0)


@cites("linmem", "zero counting")
def real_rate_width(kernel: Modulated, tolerance: float) -> int:
    """A proved m: every network with real eigenvalues and L1 error <= tolerance * |mass| has width at least m.

    Parameters
    ----------
    kernel : a modulated power law. tolerance : error over the mass of the envelope, > 0.

    Raises TypeError for other kernels, ValueError where the width would exceed 1e300. Cost: some milliseconds.

    >>> real_rate_width(Modulated(PowerLaw(0.25), frequency=3.141592653589793), 1e-2)
    1026599
    """
    eps = check_positive("tolerance", tolerance)
    low, high = 0, 1
    while real_rate_error(kernel, high) > eps:
        low, high = high, 2 * high
        if high > 10**300:
            raise ValueError(f"the width for tolerance {eps!r} exceeds 1e300; raise the tolerance")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if real_rate_error(kernel, middle) > eps else (low, middle)
    return high


def _envelope(kernel: object) -> PowerLaw:
    if isinstance(kernel, Modulated) and isinstance(kernel.kernel, PowerLaw) and kernel.kernel.mass != 0:
        return kernel.kernel
    found = type(kernel.kernel).__name__ if isinstance(kernel, Modulated) else type(kernel).__name__
    raise TypeError(
        f"kernel must be Modulated(PowerLaw(...)) with a mass other than 0, got {found}; zeros are counted against a "
        "decreasing convex envelope"
    )


def _missed(kernel: Modulated, envelope: PowerLaw, m: int) -> arb:
    """min(mu_0, mu_m) + sum_{j>=1} mu_{m+2j} for unit mass, each mu by its lower bound."""
    omega, scale, pi = ball(envelope.exponent), ball(envelope.scale), arb.pi()
    length = pi / ball(kernel.frequency)
    turns = ball(kernel.phase) / pi + arb("0.5")  # the cosine vanishes at t = l (integer - turns) + l, and

    def value(t: arb) -> arb:
        return omega / scale * (1 + t / scale) ** (-1 - omega)

    first = length * (turns.floor() + 1 - turns)  # end of lobe 0, in (0, l]
    centre = first + length * (arb(m) - arb("0.5"))
    remaining = (1 + centre / scale) ** (-omega)
    lobe = 2 * length / pi * value(centre)
    start = value(first) * length / pi * (1 - (pi * first / length).cos())
    return start.min(lobe) + remaining / pi - length / pi * value(centre)
