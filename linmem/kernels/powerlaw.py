"""The power-law kernel: algebraic memory decay, the case in which the curse of memory is stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import beta

from linmem.checks import check_finite, check_positive
from linmem.citations import cites
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times

STEP = 0.1875  # trapezoid step in x = log t, a binary fraction; the integrand is analytic for |Im x| < pi/2
TAIL = 46.0  # e^-46 = 1e-20: what the truncation of the sums leaves out, relative


@cites("li2021", "Section 3")
@dataclass(frozen=True)
class PowerLaw(KernelAlgebra):
    """rho(t) = mass * (omega/scale) (1 + t/scale)^{-(1+omega)}: decay exponent 1 + omega, integral `mass`.

    Parameters
    ----------
    exponent : omega > 0; the memory gets longer as omega falls.
    scale : time unit > 0.
    mass : int rho dt, any sign.

    P(u) = mass * omega U(1, 1-omega, scale u) with Tricomi's U, derivatives likewise. Evaluated by the trapezoid
    rule in x = log t, whose terms are all positive: relative error about
    1e-16 * (10 + |log u|). Domain u >= 0, and
    u > 0 for the k-th derivative when k >= omega (the moment diverges). Cost: about 500 to 4000 terms a point.

    >>> kernel = PowerLaw(0.5)
    >>> round(float(kernel.laplace(0.0)), 12), round(float(kernel.laplace(1.0)), 10)
    (1.0, 0.2421278439)
    """

    exponent: float
    scale: float = 1.0
    mass: float = 1.0

    def __post_init__(self) -> None:
        check_positive("exponent", self.exponent)
        check_positive("scale", self.scale)
        check_finite("mass", self.mass)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """mass * (omega/scale) (1 + t/scale)^{-(1+omega)}."""
        x = np.log1p(check_times(t) / self.scale)
        return np.asarray(self.mass * self.exponent / self.scale * np.exp(-(1 + self.exponent) * x))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Float[np.ndarray, "..."]:
        """P, P' or P'' at u; ValueError outside the domain."""
        points = check_points(u, derivative, 0.0, strict=derivative >= self.exponent)
        flat = points.ravel() * self.scale
        moments = np.array([_moment(self.exponent, float(v), derivative) for v in flat])
        sign = -1.0 if derivative == 1 else 1.0
        return np.asarray(sign * self.mass * self.scale**derivative * moments.reshape(points.shape))

    def l1_norm(self) -> float:
        """|mass|."""
        return abs(self.mass)

    def l2_norm(self) -> float:
        """|mass| omega / sqrt(scale (1 + 2 omega))."""
        return abs(self.mass) * self.exponent / float(np.sqrt(self.scale * (1 + 2 * self.exponent)))

    def knots(self) -> Float[np.ndarray, "K"]:
        """1 + t/scale on a geometric grid of ratio 2, until the remaining mass is 1e-18 (at most t/scale = 1e280).

        For omega < 0.064 the end of the grid leaves out the mass 1e280^{-omega}.
        """
        decades = min(18 / self.exponent, 280.0)
        count = int(np.ceil(decades * np.log2(10))) + 1
        return np.asarray(self.scale * (2.0 ** np.arange(count + 1) - 1))


def _moment(omega: float, u: float, k: int) -> float:
    """omega int_0^inf t^k e^{-ut} (1+t)^{-(1+omega)} dt by the trapezoid rule in x = log t.

    At Im x = 1.4 the integrand grows by cos(1.4)^{-(k+1)} < 210 at most, so the discretisation error is below
    210 e^{-2 pi 1.4 / STEP} < 1e-18, relative.
    """
    if u == 0:
        return omega * float(beta(k + 1, omega - k))
    low = -np.log(max(u, 1.0)) - TAIL / (k + 1)
    high = np.log(TAIL + 4 * k) - np.log(u)
    if k < omega:
        high = min(high, TAIL / (omega - k))
    x = STEP * np.arange(np.floor(low / STEP), np.ceil(high / STEP) + 1)
    log_terms = (k + 1) * x - u * np.exp(x) - (1 + omega) * np.logaddexp(0.0, x)
    return float(omega * STEP * np.exp(log_terms).sum())
