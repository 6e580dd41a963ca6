"""The Airy kernel: an oscillating memory that arrives after a delay, the second target of Figure 1 of Li et al."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from flint import arb
from jaxtyping import Complex, Float, Inexact
from numpy.typing import ArrayLike
from scipy.special import ai_zeros, airy

from linmem.checks import check_nonnegative, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball, up_to
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times
from linmem.kernels.quadrature import panel_rule, refined

END = 24.0  # Ai(24) = 5e-36
GRADING = 24  # the first panel is halved this often towards t = 0, for large u
FAR = 64.0  # complex u beyond FAR * s0 * sqrt(1 + s0 t0): expansion in 1/u
ORDER = 16  # terms of that expansion
PHASE = 8.0  # Im u times the length of a panel


@cites("li2021", "Figure 1")
@dataclass(frozen=True)
class Airy(KernelAlgebra):
    """rho(t) = Ai(s0 (t - t0)).

    Parameters
    ----------
    scale : s0 > 0, in 1/time.
    delay : t0 >= 0, in time units; the last and largest swing of the kernel is near t0.

    P and its derivatives by composite Gauss-Legendre on [0, t0 + 24/s0], panels graded by the local wave number
    sqrt(s0 (t0 - t)) and towards t = 0, 16 nodes each. Error: a few eps * int t^k e^{-ut} |rho| dt (absolute, since P
    itself cancels) for u up to 1e7 s0. For complex u the panels are cut to phases |Im u| h <= 8, and beyond
    |u| = 64 s0 sqrt(1 + s0 t0), where that would be many, P = sum_n rho^(n)(0)/u^{n+1} (integration by parts, 16
    terms, remainder int e^{-ut} rho^(16) dt / u^16). Domain Re u >= -s0. The exact identities

        s0^3 (P' + t0 P) + u^2 P - u rho(0) - rho'(0) = 0    and its derivative in u

    hold the three transforms together (they follow from Ai'' = z Ai; the tests use them). They are not used to compute
    P' or P'': at large u they cancel, the quadrature does not. ||rho||_2^2 = (z Ai(-z)^2 + Ai'(-z)^2)/s0, z = s0 t0.

    >>> kernel = Airy(scale=2.25, delay=4.0)
    >>> round(float(kernel.laplace(0.5)), 10)
    0.0117585102
    """

    scale: float
    delay: float

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)
        check_nonnegative("delay", self.delay)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """Ai(s0 (t - t0))."""
        return np.asarray(airy(self.scale * (check_times(t) - self.delay))[0])

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P, P' or P'' at Re u >= -s0."""
        points = check_points(u, derivative, -self.scale, strict=False)
        if points.dtype.kind == "c":
            values = [_complex_transform(self, complex(v), derivative) for v in points.ravel()]
            return np.array(values, dtype=complex).reshape(points.shape)
        nodes, weighted = _rule(self)
        return np.asarray(np.exp(-np.multiply.outer(points, nodes)) @ (weighted * (-nodes) ** derivative))

    def l1_norm(self) -> float:
        """int |rho| dt by the same rule (the zeros of Ai are panel edges)."""
        return float(np.abs(_rule(self)[1]).sum())

    def l2_norm(self) -> float:
        """((z Ai(-z)^2 + Ai'(-z)^2)/s0)^{1/2}, z = s0 t0."""
        z = self.scale * self.delay
        value, slope = airy(-z)[:2]
        return float(np.sqrt((z * value**2 + slope**2) / self.scale))

    def knots(self) -> Float[np.ndarray, "K"]:
        """Zeros of the kernel, panels of phase <= 2 between them, and a geometric grading towards t = 0."""
        z_start = -self.scale * self.delay
        # cumulated phase: int sqrt(1 + |z|) dz over [z_start, 0], then steps of 1 over [0, END]
        phase = 2 / 3 * ((1 - z_start) ** 1.5 - 1)
        steps: Float[np.ndarray, "S"] = np.linspace(phase, 0.0, int(np.ceil(phase / 2)) + 1)
        left: Float[np.ndarray, "S"] = 1 - (1 + 1.5 * steps) ** (2 / 3)
        count = int(phase / np.pi) + 2
        zeros = ai_zeros(count)[0]
        z = np.concatenate([left[1:] if phase else left[:0], zeros[zeros > z_start], np.arange(1.0, END + 1)])
        t = np.unique(np.append(0.0, self.delay + z / self.scale))
        t = t[t >= 0]
        return np.union1d(t, t[1] * 0.5 ** np.arange(1, GRADING))

    def enclose(self, t: Lag) -> Lag:
        """Ai(s0 (t - t0)) in ball arithmetic."""
        return (ball(self.scale) * (t - ball(self.delay))).airy_ai()

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho|, with z = s0 (T - t0) at most -Ai'(z)/(z s0) for z > 1, since Ai = Ai''/z.

        Before, at most (1/3 + 0.54 max(-z, 0))/s0, since int_0^inf Ai = 1/3 and |Ai| < 0.54.
        """
        z = ball(self.scale) * (start - ball(self.delay))
        size = -z.airy()[1] / z if z > 1 else arb(1) / 3 + ball("0.54") * abs(z.min(arb(0)))
        return up_to(size / ball(self.scale))

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2 = (Ai'(z)^2 - z Ai(z)^2)/s0."""
        z = ball(self.scale) * (start - ball(self.delay))
        value, slope = z.airy()[:2]
        return (slope**2 - z * value**2) / ball(self.scale)

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()


@lru_cache(maxsize=32)
def _rule(kernel: Airy, halvings: int = 0) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Nodes t and weights g * rho(t), kept because a flow asks for them thousands of times.

    Panels are cut to lengths <= PHASE / (s0 2^halvings) if halvings > 0.
    """
    edges = kernel.knots()
    if halvings:
        edges = refined(edges, kernel.scale * 2.0**halvings, PHASE)
    nodes, weights = panel_rule(edges)
    weighted = weights * kernel(nodes)
    nodes.setflags(write=False)
    weighted.setflags(write=False)
    return nodes, weighted


def _complex_transform(kernel: Airy, u: complex, k: int) -> complex:
    s, z = kernel.scale, -kernel.scale * kernel.delay
    if abs(u) > FAR * s * np.sqrt(1 - z):
        # P^(k) = (-1)^k sum_n (n+1)..(n+k) rho^(n)(0) / u^{n+k+1}; Ai^(n+2) = z Ai^(n) + n Ai^(n-1)
        derivatives = [float(value) for value in airy(z)[:2]]
        for n in range(ORDER - 2):
            derivatives.append(z * derivatives[n] + (n * derivatives[n - 1] if n else 0.0))
        n = np.arange(ORDER)
        rising: Float[np.ndarray, "n"] = (np.ones(ORDER), n + 1.0, (n + 1.0) * (n + 2.0))[k]
        powers: Complex[np.ndarray, "n"] = (s / u) ** n
        return complex((-1) ** k * np.sum(rising * np.array(derivatives) * powers) / u ** (k + 1))
    halvings = max(0, int(np.ceil(np.log2(max(abs(u.imag) / s, 1.0)))))
    nodes, weighted = _rule(kernel, halvings)
    return complex(np.exp(-u * nodes) @ (weighted * (-nodes) ** k))
