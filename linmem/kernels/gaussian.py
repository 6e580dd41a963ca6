"""The Gaussian bump: a memory concentrated at one lag, the long-memory target of the plateau theorem."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb
from jaxtyping import Complex, Float, Inexact
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr, wofz

from linmem.checks import check_finite, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball
from linmem.kernels.algebra import KernelAlgebra, Transforms
from linmem.kernels.protocol import check_points, check_times
from linmem.kernels.quadrature import panel_rule


@cites("li2021", "Theorem 4.1")
@dataclass(frozen=True)
class GaussianBump(KernelAlgebra):
    """rho(t) = A exp(-(t - mu)^2 / (2 s^2)), t >= 0: a memory of lag mu, blurred by s.

    Parameters
    ----------
    centre : mu, the lag in time units (1/omega in the plateau theorem).
    width : s > 0, in time units.
    amplitude : A, any sign.

    The moments M_k(u) = int_0^inf t^k e^{-ut} rho dt give P = M_0, P' = -M_1, P'' = M_2. With x = mu/s - s u:
    for x >= 0   M_0 = A s sqrt(2 pi) e^{-u (mu - s^2 u/2)} Phi(x), M_1 = s x M_0 + s^2 rho(0), M_2 = s x M_1 + s^2 M_0
    (all terms positive); for x < 0 that recurrence cancels, and
    M_k = A s^{k+1} e^{-mu^2/(2 s^2)} I_k(x), I_k = int_0^inf y^k e^{-y^2/2 + x y} dy, by erfcx (k = 0) or quadrature.
    The relative error is a few eps * (1 + |log of the exponential factor|): below 1e-12 wherever nothing underflows.

    For complex u the second form serves all k, with w(z) = e^{-z^2} erfc(-iz) (k = 0) or quadrature along the ray on
    which e^{xy} decays; where Re x > 0, I_k(x) = sqrt(2 pi) e^{x^2/2} h_k(x) - (-1)^k I_k(-x), h = (1, x, 1 + x^2).
    The error is relative to the larger of these two terms (P itself has complex zeros, at which they cancel).

    >>> bump = GaussianBump(centre=20.0, width=1.0)
    >>> f"{float(bump.laplace(1.0)):.8e}", f"{float(bump.laplace(1.0, derivative=1)):.8e}"
    ('8.51819420e-09', '-1.61845690e-07')
    """

    centre: float
    width: float = 1.0
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        check_finite("centre", self.centre)
        check_positive("width", self.width)
        check_finite("amplitude", self.amplitude)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """A exp(-(t - mu)^2 / (2 s^2))."""
        return np.asarray(self.amplitude * np.exp(-(((check_times(t) - self.centre) / self.width) ** 2) / 2))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P, P' or P'' at any real or complex u (values beyond 1e308, at very negative u, overflow to inf)."""
        points = check_points(u, derivative, -np.inf)
        sign = -1.0 if derivative == 1 else 1.0
        if points.dtype.kind == "c":
            return np.asarray(sign * self.amplitude * self._complex_moments(points, derivative))
        mu, s = self.centre, self.width
        x = np.asarray(mu / s - s * points)
        if np.all(x >= 0):  # the plateau's case, and a hot one
            return np.asarray(sign * self.amplitude * self._moments_by_recurrence(points, x, derivative))
        moments = np.empty_like(points)
        right, left = x >= 0, x < 0
        moments[right] = self._moments_by_recurrence(points[right], x[right], derivative)
        if left.any():
            moments[left] = s ** (derivative + 1) * np.exp(-((mu / s) ** 2) / 2) * _tail_integral(x[left], derivative)
        return np.asarray(sign * self.amplitude * moments)

    def transforms(self, u: ArrayLike) -> Transforms:
        """(P, P', P'') at u, from one recurrence where it does not cancel."""
        points = check_points(u, 2, -np.inf)
        s = self.width
        x = np.asarray(self.centre / s - s * points)
        if points.dtype.kind == "c" or not np.all(x >= 0):
            return self.laplace(points), self.laplace(points, 1), self.laplace(points, 2)
        zeroth = self.amplitude * self._moments_by_recurrence(points, x, 0)
        first = s * x * zeroth + self.amplitude * s * s * math.exp(-((self.centre / s) ** 2) / 2)
        return np.asarray(zeroth), np.asarray(-first), np.asarray(s * x * first + s * s * zeroth)

    def _moments_by_recurrence(
        self, u: Float[np.ndarray, "..."], x: Float[np.ndarray, "..."], k: int
    ) -> Float[np.ndarray, "..."]:
        mu, s = self.centre, self.width
        with np.errstate(over="ignore"):
            zeroth = s * np.sqrt(2 * np.pi) * np.exp(-u * (mu - s * s * u / 2)) * ndtr(x)
        if k == 0:
            return np.asarray(zeroth)
        first = s * x * zeroth + s * s * math.exp(-((mu / s) ** 2) / 2)
        return np.asarray(first if k == 1 else s * x * first + s * s * zeroth)

    def _complex_moments(self, points: Complex[np.ndarray, "..."], k: int) -> Complex[np.ndarray, "..."]:
        mu, s = self.centre, self.width
        u = points.ravel()
        x = mu / s - s * u
        right = np.real(x) > 0
        half = math.exp(-((mu / s) ** 2) / 2) * _tail_integral(np.where(right, -x, x), k)
        total = np.where(right, -half if k % 2 == 0 else half, half)
        xr, ur = x[right], u[right]
        with np.errstate(over="ignore"):
            whole = np.sqrt(2 * np.pi) * np.exp(-ur * (mu - s * s * ur / 2))
        total[right] += whole * (1.0, xr, xr * xr + 1)[k]
        return (s ** (k + 1) * total).reshape(points.shape)

    def l1_norm(self) -> float:
        """|A| s sqrt(2 pi) Phi(mu/s)."""
        return abs(self.amplitude) * self.width * math.sqrt(2 * math.pi) * float(ndtr(self.centre / self.width))

    def l2_norm(self) -> float:
        """|A| (s sqrt(pi) Phi(sqrt(2) mu/s))^{1/2}."""
        square = self.width * math.sqrt(math.pi) * float(ndtr(math.sqrt(2) * self.centre / self.width))
        return abs(self.amplitude) * math.sqrt(square)

    def knots(self) -> Float[np.ndarray, "K"]:
        """Panels of one width over mu +- 10 s, cut at 0."""
        grid = self.centre + self.width * np.arange(-10.0, 11.0)
        return np.append(0.0, grid[grid > 0]) if grid[-1] > 0 else np.array([0.0, self.width])

    def enclose(self, t: Lag) -> Lag:
        """A exp(-(t - mu)^2 / (2 s^2)) in ball arithmetic."""
        x = (t - ball(self.centre)) / ball(self.width)
        return ball(self.amplitude) * (-(x * x) / 2).exp()

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho| = |A| s sqrt(pi/2) erfc((T - mu)/(s sqrt 2))."""
        s = ball(self.width)
        x = (start - ball(self.centre)) / (s * arb(2).sqrt())
        return abs(ball(self.amplitude)) * s * (arb.pi() / 2).sqrt() * x.erfc()

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2 = A^2 s (sqrt(pi)/2) erfc((T - mu)/s)."""
        s = ball(self.width)
        return ball(self.amplitude) ** 2 * s * arb.pi().sqrt() / 2 * ((start - ball(self.centre)) / s).erfc()

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()


def _tail_integral(x: Inexact[np.ndarray, "N"], k: int) -> Inexact[np.ndarray, "N"]:
    """I_k(x) = int_0^inf y^k e^{-y^2/2 + x y} dy for Re x <= 0 (not 0 itself if k > 0 and x is real).

    k = 0: sqrt(pi/2) erfcx(-x/sqrt 2), erfcx(z) = w(iz). k = 1, 2: 80 Gauss-Legendre nodes on y = [0, Y] e^{i phi},
    |phi| <= pi/6 turning x y towards the negative reals; at Y the real part of the exponent has fallen to -50.
    The exponent is a polynomial of size 50 there (130 if x is imaginary), for which 80 nodes are exact to rounding.
    """
    if k == 0:
        special = wofz(-1j * x / np.sqrt(2)) if np.iscomplexobj(x) else erfcx(-x / np.sqrt(2))
        return np.asarray(np.sqrt(np.pi / 2) * special)
    unit, weight = panel_rule(np.array([0.0, 1.0]), 80)
    if np.iscomplexobj(x):
        angle = np.angle(x)
        phi = np.sign(angle) * np.minimum(np.pi - np.abs(angle), np.pi / 6)
        ray, bend = np.exp(1j * phi), np.cos(2 * phi)
        end = ray * 100.0 / (np.sqrt(np.real(x * ray) ** 2 + 100.0 * bend) - np.real(x * ray))
    else:
        end = 100.0 / (np.sqrt(x * x + 100.0) - x)
    y: Inexact[np.ndarray, "N q"] = end[..., None] * unit
    return np.asarray(end * ((y**k * np.exp(-y * (y / 2 - x[..., None]))) @ weight))
