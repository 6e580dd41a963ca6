"""Modulated kernels: a memory envelope times a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from flint import arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_finite, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball, up_to
from linmem.kernels.algebra import KernelAlgebra, check_kernel
from linmem.kernels.enclosure import enclosed
from linmem.kernels.protocol import Kernel, check_points, check_times
from linmem.kernels.quadrature import absolute_integral, legendre_coefficients, oscillatory_integral, refined

LONG = 512  # half periods: panels longer than this are averaged over, not resolved


@cites("linmem", "modulated kernels")
@dataclass(frozen=True)
class Modulated(KernelAlgebra):
    """rho(t) cos(b t + phi): the envelope rho, oscillating.

    Parameters
    ----------
    kernel : the envelope rho, any kernel.
    frequency : b > 0, in radians per time unit.
    phase : phi, in radians.

    P(u) becomes 1/2 [e^{i phi} P(u - ib) + e^{-i phi} P(u + ib)], on the domain of the envelope's transform.
    ||rho cos||_2^2 = 1/2 ||rho||_2^2 + 1/2 Re e^{2 i phi} int rho^2 e^{2ibt} dt, the last integral panel by panel with
    exact moments of the oscillation. The L1 norm is found by quadrature between the zeros on panels up to 512 half
    periods long; beyond, |cos| is replaced by its mean 2/pi and the first correction at the ends, which leaves a
    relative error about 1e-12 of what lies there.

    `knots` resolves the oscillation on the same panels. On longer ones, which only an envelope has that is much slower
    than the oscillation, Gauss-Legendre sees it at scattered phases: norms of sums that contain such a kernel are as
    good as the share of the sum that lies there.

    >>> from linmem.kernels import GaussianBump
    >>> kernel = Modulated(GaussianBump(5.0), frequency=2.0)
    >>> round(kernel.l2_norm() ** 2, 9), round(float(kernel.laplace(0.0)), 9)
    (0.892850837, -0.28464327)
    """

    kernel: Kernel
    frequency: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        check_kernel("kernel", self.kernel)
        check_positive("frequency", self.frequency)
        check_finite("phase", self.phase)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t) cos(b t + phi)."""
        times = check_times(t)
        return np.asarray(self.kernel(times) * np.cos(self.frequency * times + self.phase))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P, P' or P'' at u, where the envelope has a transform at u -+ ib."""
        points = check_points(u, derivative, -np.inf)
        turn, shift = np.exp(1j * self.phase), 1j * self.frequency
        below = turn * self.kernel.laplace(points - shift, derivative)
        if points.dtype.kind != "c":
            return np.asarray(below.real)
        return np.asarray((below + turn.conjugate() * self.kernel.laplace(points + shift, derivative)) / 2)

    def l1_norm(self) -> float:
        """int |rho| |cos| dt."""
        panels = self.kernel.knots()
        total, run = 0.0, [float(panels[0])]
        for left, right in pairwise(panels.tolist()):
            if (right - left) * self.frequency > LONG * math.pi:
                first = (math.ceil(self._half_turns(left)) * math.pi + math.pi / 2 - self.phase) / self.frequency
                last = (math.floor(self._half_turns(right)) * math.pi + math.pi / 2 - self.phase) / self.frequency
                first, last = max(first, left), min(last, right)
                total += self._resolved([*run, first]) + self._averaged(first, last)
                run = [last]
            if right > run[-1]:
                run.append(right)
        return total + self._resolved(run)

    def _half_turns(self, t: float) -> float:
        """An integer where the cosine is zero."""
        return (self.frequency * t + self.phase) / math.pi - 0.5

    def _resolved(self, edges: list[float]) -> float:
        panels = np.unique(edges)
        return absolute_integral(self, refined(panels, self.frequency)) if panels.size > 1 else 0.0

    def _averaged(self, first: float, last: float) -> float:
        """int |rho| |cos| dt between two zeros of the cosine that lie many periods apart.

        |cos| = 2/pi + G'' with periodic G, where G' = 0 and G = (2 - pi^2/6)/(pi b^2) at the zeros; integrating by
        parts twice leaves 2/pi int |rho| - G [|rho|'] and int |rho|'' G, of fourth order in the period.
        """
        [c] = legendre_coefficients(lambda t: np.abs(self.kernel(t)), np.array([first, last]))
        n = np.arange(c.size)
        # P_n'(+-1) = (+-1)^{n+1} n(n+1)/2, so the slope rises between the ends by the terms of even degree
        rise = float(np.sum(c * n * (n + 1) * (n % 2 == 0))) * 2 / (last - first)
        return 2 / math.pi * float(c[0]) * (last - first) - (2 - math.pi**2 / 6) / (math.pi * self.frequency**2) * rise

    def l2_norm(self) -> float:
        """(1/2 ||rho||_2^2 + 1/2 Re e^{2 i phi} int rho^2 e^{2ibt} dt)^{1/2}."""
        turning = oscillatory_integral(lambda t: self.kernel(t) ** 2, self.kernel.knots(), 2 * self.frequency)
        square = (self.kernel.l2_norm() ** 2 + (np.exp(2j * self.phase) * turning).real) / 2
        return math.sqrt(max(0.0, square))

    def knots(self) -> Float[np.ndarray, "K"]:
        """The envelope's panels, cut to phases <= 4; those longer than 512 half periods are left as they are."""
        panels = self.kernel.knots()
        phases = np.diff(panels) * self.frequency
        return refined(panels, np.where(phases <= LONG * math.pi, self.frequency, 0.0))

    def enclose(self, t: Lag) -> Lag:
        """rho(t) cos(b t + phi) in ball arithmetic."""
        return enclosed(self.kernel).enclose(t) * (ball(self.frequency) * t + ball(self.phase)).cos()

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho cos|, at most that of the envelope."""
        return up_to(enclosed(self.kernel).tail(start))

    def tail_square(self, start: arb) -> arb:
        """int_T^inf (rho cos)^2, at most that of the envelope."""
        return up_to(enclosed(self.kernel).tail_square(start))

    def breaks(self) -> tuple[Fraction, ...]:
        """Those of the envelope."""
        return enclosed(self.kernel).breaks()
