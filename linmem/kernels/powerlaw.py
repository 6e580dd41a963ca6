"""The power-law kernel: algebraic memory decay, the case in which the curse of memory is stated."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from flint import acb, arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike
from scipy.special import beta

from linmem.checks import check_finite, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times

TAIL = 46.0  # e^-46 = 1e-20: what the truncation of the sums leaves out, relative
DISCRETISATION = 42.0  # e^-42 = 6e-19: what the step of the trapezoid rule leaves out, relative
BLOCK = 2**20  # terms evaluated at once


@cites("li2021", "Section 3")
@dataclass(frozen=True)
class PowerLaw(KernelAlgebra):
    """rho(t) = mass * (omega/scale) (1 + t/scale)^{-(1+omega)}: decay exponent 1 + omega, integral `mass`.

    Parameters
    ----------
    exponent : omega > 0; the memory gets longer as omega falls.
    scale : time unit > 0.
    mass : int rho dt, any sign.

    P(u) = mass * omega U(1, 1-omega, scale u) with Tricomi's U, derivatives likewise. Evaluated by the trapezoid rule
    in x = log |t| on the ray t = |t| e^{-i arg u}, on which e^{-ut} is positive: no other factor oscillates but
    (1 + t)^{-(1+omega)}, by the angle (1 + omega) arg u at most. Relative error about 1e-16 * (10 + |log u|) for real u
    (all terms are positive), sqrt(1 + omega) times as much for complex u. Domain Re u >= 0, and Re u > 0 for the k-th
    derivative when k >= omega (the moment diverges). Cost: about 10 microseconds a point, the points share their nodes.

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

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P, P' or P'' at u; ValueError outside the domain."""
        points = check_points(u, derivative, 0.0, strict=derivative >= self.exponent)
        flat = points.ravel() * self.scale
        moments = np.full_like(flat, 0.0)
        zero = flat == 0
        if zero.any():
            moments[zero] = self.exponent * float(beta(derivative + 1, self.exponent - derivative))
        moments[~zero] = _moments(self.exponent, flat[~zero], derivative)
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

    def enclose(self, t: Lag) -> Lag:
        """mass * (omega/scale) (1 + t/scale)^{-(1+omega)} in ball arithmetic; not finite unless Re t > -scale."""
        base = 1 + t / ball(self.scale)
        if isinstance(base, acb) and not base.real > 0:
            return acb("nan")
        omega = ball(self.exponent)
        return ball(self.mass) * omega / ball(self.scale) * (-(1 + omega) * base.log()).exp()

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho| = |mass| (1 + T/scale)^{-omega}."""
        return abs(ball(self.mass)) * (-ball(self.exponent) * (1 + start / ball(self.scale)).log()).exp()

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2 = (mass omega)^2/(scale (1 + 2 omega)) (1 + T/scale)^{-(1 + 2 omega)}."""
        omega, scale = ball(self.exponent), ball(self.scale)
        whole = (ball(self.mass) * omega) ** 2 / (scale * (1 + 2 * omega))
        return whole * (-(1 + 2 * omega) * (1 + start / scale).log()).exp()

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()


def _moments(omega: float, u: Inexact[np.ndarray, "N"], k: int) -> Inexact[np.ndarray, "N"]:
    """omega int_0^inf t^k e^{-ut} (1+t)^{-(1+omega)} dt, u != 0, by the trapezoid rule in x = log |t|.

    The points share one grid in x, from where the smallest has converged to where the largest has. Complex points
    share the angle of the ray only with their own argument, so the factor of (1+t) is then computed for each.
    """
    if not u.size:
        return u
    size = np.abs(u)
    low = -np.log(max(float(size.max()), 1.0)) - TAIL / (k + 1)
    high = np.log(TAIL + 4 * k) - np.log(float(size.min()))
    if k < omega:
        high = min(high, TAIL / (omega - k))
    step = _step(omega, float(np.abs(np.angle(u)).max()), k)
    r = np.exp(step * np.arange(np.floor(low / step), np.ceil(high / step) + 1))
    biggest = np.finfo(float).max  # a factor that overflows is multiplied by one that underflows, or P itself overflows
    rows = max(1, BLOCK // r.size)
    blocks: list[Inexact[np.ndarray, "B"]] = []
    with np.errstate(over="ignore", under="ignore"):
        if u.dtype.kind != "c":
            factor = np.minimum((r / (1 + r)) ** (k + 1) * (1 + r) ** (k - omega), biggest)
            blocks += [np.exp(-np.multiply.outer(part, r)) @ factor for part in np.split(u, range(rows, u.size, rows))]
        else:
            for part in np.split(u, range(rows, u.size, rows)):
                t = np.multiply.outer(part.conj() / np.abs(part), r)
                exponent = (k - omega) * np.log1p(t) - np.multiply.outer(np.abs(part), r)
                blocks.append(((t / (1 + t)) ** (k + 1) * np.exp(exponent)).sum(1))
    return omega * step * np.concatenate(blocks)


@lru_cache(maxsize=256)
def _step(omega: float, angle: float, k: int) -> float:
    """The step h at which the trapezoid rule errs by e^{-DISCRETISATION}, relative to the integral of |integrand|.

    The error is 2 e^{-2 pi d/h} times the growth of the integrand from Im x = 0 to Im x = +-d, for any d < pi/2:
    e^{-ut} costs (cos d)^{-(k+1)}, and |1 + t| falls by cos(angle/2)/cos((angle + d)/2) at most (at |t| = 1).
    """
    d = np.linspace(0.05, 1.45, 29)
    growth = -(k + 1) * np.log(np.cos(d)) + (1 + omega) * np.log(np.cos(angle / 2) / np.cos((angle + d) / 2))
    return float(np.max(2 * np.pi * d / (DISCRETISATION + growth)))
