r"""The polynomial construction behind the approximation rate, with its explicit bound.

Let gamma be the smoothness constant of the kernels rho_1, ..., rho_d with decay beta and order alpha,

    gamma = max_i max_{k=1..alpha+1} sup_t e^{beta t} |rho_i^{(k-1)}(t)| / beta^k      (rho_i = y_i', y_i step response)

and s = e^{-wt}, w = beta/(alpha+1). With rhohat = s q(s), g = rho/s the error is (1/w) int_0^1 |g - q| ds.

1. With theta = s d/ds = -(1/w) d/dt: s^{alpha+1} g^{(alpha)}(s) = (theta-1)(theta-2)...(theta-alpha) rho, and
   |theta^i rho| <= (alpha+1)^i gamma beta s^{alpha+1}, hence |g^{(alpha)}| <= gamma beta (2 alpha+1)!/(alpha+1)!.
   (A bounded derivative of order alpha is enough for what follows; it need not be continuous.)
2. Jackson's theorem on an interval of length 1: the best uniform polynomial q of degree m-1 has
   E = max |g - q| <= (pi/4)^alpha max |g^{(alpha)}| / [m (m-1) ... (m-alpha+1)] for m >= alpha.
3. The network with the best q has the L1 error <= E/w for every input: `rate_bound`.
4. Interpolation at the zeros of U_m (Chebyshev polynomials of the second kind), which is what `polynomial_rnn` does, is
   a projection whose norm from C[0, 1] into L2 with weight sqrt(s(1-s)) is that of the constant 1 (Gauss quadrature,
   Erdos and Turan); with Cauchy-Schwarz its L1 error is <= (pi/sqrt 2) E/w: `rate_bound(..., interpolated=True)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial, prod

from flint import arb

from linmem.checks import check_integer, check_nonnegative
from linmem.citations import cites
from linmem.continuous.approximation.polynomial import polynomial_rnn
from linmem.continuous.approximation.smoothness import smoothness_constant
from linmem.intervals import ball, bounds, precision
from linmem.kernels import Kernel, KernelSum
from linmem.kernels.enclosure import l1_enclosure


@cites("li2021", "Theorem 3.2")
def rate_bound(gamma: float, order: int, width: int, inputs: int = 1, interpolated: bool = False) -> float:
    """(alpha+1) (pi/4)^alpha (2 alpha+1)!/(alpha+1)! gamma d / [m (m-1) ... (m-alpha+1)], rounded up (by < 1e-14).

    Some network of width m >= alpha has an L1 error (summed over the d inputs) no larger than this: the best uniform
    polynomial gives one. For the network of `polynomial_rnn` the proved bound is pi/sqrt(2) = 2.22 times as large:
    interpolated=True. Dimensions agree: kernels are 1/time, gamma and the error are numbers, and neither they nor the
    bound change under rho(t) -> c rho(ct), beta -> c beta. The proof stands at the top of this module.

    Parameters
    ----------
    gamma : smoothness constant >= 0 of all kernels, as above (see `smoothness_constant`).
    order : alpha >= 1; the kernels have alpha continuous derivatives.
    width : m >= alpha.
    inputs : d >= 1.

    >>> round(rate_bound(1.0, order=1, width=10), 6)
    0.471239
    """
    alpha = check_integer("order", order, minimum=1)
    m = check_integer("width", width, minimum=alpha)
    d = check_integer("inputs", inputs, minimum=1)
    with precision(80):
        jackson = (arb.pi() / 4) ** alpha / prod(m - j for j in range(alpha))
        bound = (alpha + 1) * jackson * (factorial(2 * alpha + 1) // factorial(alpha + 1))
        bound *= d * ball(check_nonnegative("gamma", gamma))
        return bounds(bound * arb.pi() / arb(2).sqrt() if interpolated else bound)[1]


@dataclass(frozen=True)
class RateCheck:
    """The polynomial construction at one width, against the bound. All numbers without unit.

    order, width, inputs : alpha, m, d. smoothness : gamma, certified (low, high). error : L1 error summed over the
    inputs, certified (low, high). bound : `rate_bound` at the low end of gamma, so that error <= bound proves the rate.
    """

    order: int
    width: int
    inputs: int
    smoothness: tuple[float, float]
    error: tuple[float, float]
    bound: float

    @property
    def ratio(self) -> tuple[float, float]:
        """Certified (low, high) around error over bound, gamma's uncertainty included."""
        least = rate_bound(self.smoothness[1], self.order, self.width, self.inputs)
        return self.error[0] / least * (1 - 1e-13), self.error[1] / self.bound * (1 + 1e-13)


@cites("li2021", "Theorem 3.2")
def check_rate(
    kernels: Kernel | Sequence[Kernel],
    beta: float,
    order: int,
    width: int,
    jumps: bool = False,
    relative_tolerance: float = 1e-2,
) -> RateCheck:
    """Build the network of `polynomial_rnn`, certify its L1 error, and put the bound beside it.

    kernels, beta, order, jumps : see `smoothness_constant`. relative_tolerance : see `l1_enclosure`.
    Cost: 0.02 s a kernel at m = 16, 0.2 s at m = 32, 1 s at m = 64.

    >>> from linmem.continuous.approximation import kinked_kernel
    >>> found = check_rate(kinked_kernel(order=2), beta=1.0, order=2, width=16)
    >>> found.error[1] < 0.01 * found.bound
    True
    """
    targets = tuple(kernels) if isinstance(kernels, Sequence) else (kernels,)
    gamma = smoothness_constant(targets, beta, order, jumps)
    fits = polynomial_rnn(targets, beta, order, width).kernels
    pairs = zip(targets, fits, strict=True)
    errors = [l1_enclosure(KernelSum((target, -fit)), relative_tolerance) for target, fit in pairs]
    with precision(80):
        low, high = (sum((ball(error[end]) for error in errors), arb(0)) for end in (0, 1))
        total = bounds(low)[0], bounds(high)[1]
    return RateCheck(order, width, len(targets), gamma, total, rate_bound(gamma[0], order, width, len(targets)))
