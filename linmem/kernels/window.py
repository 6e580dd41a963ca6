"""The window: a memory that keeps the last inputs equally and forgets the others at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from flint import arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_finite, check_nonnegative, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball, from_lag_on
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times
from linmem.kernels.quadrature import panel_rule


@cites("wang2024", "numerical examples")
@dataclass(frozen=True)
class Window(KernelAlgebra):
    """rho(t) = h for start <= t < start + L, else 0: the moving sum over a window of length L, `start` time units ago.

    Parameters
    ----------
    length : L > 0, in time units.
    height : h, any sign; 1/L gives the moving average.
    start : >= 0, in time units.

    P(u) = h e^{-u start} (1 - e^{-uL})/u for every u, and its derivatives, by 16-node Gauss-Legendre where |u L| <= 4
    (no cancellation) and by the closed forms beyond. Relative error a few eps * (1 + |u| (L + start)), for complex u
    relative to P(Re u). ||rho||_1 = |h| L, ||rho||_2 = |h| sqrt L.

    >>> window = Window(length=2.0, height=0.5)
    >>> [round(float(window.laplace(0.0, derivative=k)), 12) for k in (0, 1, 2)], window.l1_norm()
    ([1.0, -1.0, 1.333333333333], 1.0)
    """

    length: float
    height: float = 1.0
    start: float = 0.0

    def __post_init__(self) -> None:
        check_positive("length", self.length)
        check_finite("height", self.height)
        check_nonnegative("start", self.start)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """h inside the window, 0 outside."""
        times = check_times(t)
        return np.where((times >= self.start) & (times < self.start + self.length), float(self.height), 0.0)

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P, P' or P'' at any real or complex u."""
        points = check_points(u, derivative, -np.inf)
        flat = points.ravel()
        L, d = float(self.length), float(self.start)
        # int (d + s)^k e^{-us} ds over [0, L], expanded in powers of d
        total = sum(
            math.comb(derivative, j) * d ** (derivative - j) * L ** (j + 1) * _unit_moments(flat * L, j)
            for j in range(derivative + 1)
        )
        values = (-1) ** derivative * self.height * np.exp(-flat * d) * total
        return np.asarray(values).reshape(points.shape)

    def l1_norm(self) -> float:
        """|h| L."""
        return abs(self.height) * float(self.length)

    def l2_norm(self) -> float:
        """|h| sqrt L."""
        return abs(self.height) * math.sqrt(self.length)

    def knots(self) -> Float[np.ndarray, "K"]:
        """0 and the two ends of the window."""
        return np.union1d([0.0], [self.start, self.start + self.length])

    def enclose(self, t: Lag) -> Lag:
        """h inside the window, 0 outside, in ball arithmetic; the hull of both across an end."""
        end = ball(self.start) + ball(self.length)
        if self.start == 0:
            return cast(Lag, self._constant(t) - from_lag_on(t, end, self._constant))
        return cast(Lag, from_lag_on(t, self.start, self._constant) - from_lag_on(t, end, self._constant))

    def _constant(self, t: Lag) -> Lag:
        return 0 * t + ball(self.height)

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho|: |h| times what is left of the window."""
        left = (ball(self.start) + ball(self.length) - start).min(ball(self.length)).max(arb(0))
        return abs(ball(self.height)) * left

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2 = |h| int_T^inf |rho|."""
        return abs(ball(self.height)) * self.tail(start)

    def breaks(self) -> tuple[Fraction, ...]:
        """The two ends of the window."""
        start = Fraction(self.start)
        return tuple(point for point in (start, start + Fraction(self.length)) if point > 0)


def _unit_moments(z: Inexact[np.ndarray, "N"], k: int) -> Inexact[np.ndarray, "N"]:
    """g_k(z) = int_0^1 s^k e^{-zs} ds = (k! - e^{-z} (k! + k! z + .. + z^k)) / z^{k+1}, all complex z."""
    nodes, weights = panel_rule(np.array([0.0, 1.0]))
    values = np.empty_like(z)
    near = np.abs(z) <= 4
    values[near] = np.exp(-np.multiply.outer(z[near], nodes)) @ (weights * nodes**k)
    far = z[~near]
    with np.errstate(over="ignore"):
        decay = np.exp(-far)
    upper = (1.0, 1 + far, 2 + far * (2 + far))[k]
    values[~near] = (math.factorial(k) - decay * upper) / far ** (k + 1)
    return values
