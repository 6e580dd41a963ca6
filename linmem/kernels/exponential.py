"""Exponential sums: the kernels that a diagonal linear network realises exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from linmem.checks import check_array
from linmem.citations import cites
from linmem.intervals import Lag, ball, up_to
from linmem.kernels.algebra import KernelAlgebra, Transforms
from linmem.kernels.protocol import Kernel, check_points, check_times


@cites("li2021", "Section 4")
@dataclass(frozen=True)
class ExponentialSum(KernelAlgebra):
    """rho(t) = sum_j a_j e^{-w_j t}, the kernel of the diagonal network dh_j/dt = -w_j h_j + x, y = sum_j a_j h_j.

    P(u) = sum_j a_j / (u + w_j) for Re u > -min w_j; ||rho||_2^2 = sum_ij a_i a_j / (w_i + w_j).

    Parameters
    ----------
    amplitudes : shape (n,), the a_j, any sign.
    rates : shape (n,), the w_j > 0, in 1/time. Equal rates are allowed.

    n is the state size (m in Li et al.). ValueError for a rate <= 0, a number that is not finite, or unequal lengths.

    >>> kernel = ExponentialSum([1.0, -1.0], [1.0, 2.0])
    >>> round(float(kernel.laplace(1.0)), 10), round(kernel.l1_norm(), 10)
    (0.1666666667, 0.5)
    """

    amplitudes: tuple[float, ...]
    rates: tuple[float, ...]

    def __init__(self, amplitudes: ArrayLike, rates: ArrayLike) -> None:
        a = check_array("amplitudes", amplitudes, ndim=1)
        w = check_array("rates", rates, ndim=1)
        if a.size != w.size or not a.size:
            raise ValueError(
                f"amplitudes and rates must have the same length >= 1, got {a.size} and {w.size}; "
                "give one amplitude for every rate"
            )
        if w.min() <= 0:
            raise ValueError(f"rates must be > 0 (a stable network), got {w.min()!r}; pass decay rates in 1/time")
        object.__setattr__(self, "amplitudes", tuple(a.tolist()))
        object.__setattr__(self, "rates", tuple(w.tolist()))

    def _arrays(self) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        return np.array(self.amplitudes), np.array(self.rates)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t) = sum_j a_j e^{-w_j t}."""
        a, w = self._arrays()
        return np.asarray(np.exp(-check_times(t)[..., None] * w) @ a)

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """(-1)^k k! sum_j a_j / (u + w_j)^{k+1}, k = derivative; ValueError for Re u <= -min w_j."""
        a, w = self._arrays()
        points = check_points(u, derivative, -float(w.min()))
        factor = (1.0, -1.0, 2.0)[derivative]
        return np.asarray(factor * (a / (points[..., None] + w) ** (derivative + 1)).sum(-1))

    def transforms(self, u: ArrayLike) -> Transforms:
        """(P, P', P'') at u, from one matrix of 1/(u + w_j)."""
        a, w = self._arrays()
        points = check_points(u, 2, -float(w.min()))
        poles = 1 / (points[..., None] + w)
        first = poles * a
        second = first * poles
        return np.asarray(first.sum(-1)), np.asarray(-second.sum(-1)), np.asarray(2 * (second * poles).sum(-1))

    def l1_norm(self) -> float:
        """int |rho| dt = sum of |F(t_{i+1}) - F(t_i)| over the zeros t_i of rho, F(t) = -sum_j (a_j/w_j) e^{-w_j t}.

        All zeros are found: those of e^{w_1 t} rho are separated by the zeros of its derivative, an exponential sum
        with one term fewer, down to a single term, which has none (Rolle). A sign is misjudged only where |rho| is
        below rounding, so the error is a few eps * sum_j |a_j| / w_j. Cost O(n^2 (number of zeros + 1)).
        """
        a, w = self.merged()
        if not a.size:
            return 0.0
        edges = np.concatenate([[0.0], _zeros(a, w), [np.inf]])
        masses = np.exp(-np.multiply.outer(edges, w)) @ (a / w)
        return float(np.abs(np.diff(masses)).sum())

    def l2_norm(self) -> float:
        """(sum_ij a_i a_j / (w_i + w_j))^{1/2}."""
        a, w = self._arrays()
        return float(np.sqrt(max(0.0, a @ (a / (w[:, None] + w)).sum(1))))

    def inner(self, other: Kernel) -> float:
        """<rho, other> = sum_j a_j P_other(w_j): an inner product with an exponential is a Laplace transform."""
        a, w = self._arrays()
        return float(a @ other.laplace(w))

    def knots(self) -> Float[np.ndarray, "K"]:
        """0, then a geometric grid of ratio 2 from 1/max w to 40/min w, and the zeros of rho."""
        a, w = self.merged()
        if not a.size:
            return np.array([0.0, 1.0])
        count = int(np.ceil(np.log2(40 * w.max() / w.min()))) + 1
        return np.union1d(np.append(0.0, 2.0 ** np.arange(count) / w.max()), _zeros(a, w))

    def merged(self) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
        """Amplitudes and rates with equal rates added up, zero terms dropped, rates ascending."""
        a, w = self._arrays()
        rates, where = np.unique(w, return_inverse=True)
        amplitudes = np.bincount(where, weights=a, minlength=rates.size)
        keep = amplitudes != 0
        return amplitudes[keep], rates[keep]

    def enclose(self, t: Lag) -> Lag:
        """sum_j a_j e^{-w_j t} in ball arithmetic."""
        terms = zip(self.amplitudes, self.rates, strict=True)
        return sum((ball(a) * (-ball(w) * t).exp() for a, w in terms), 0 * t)

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho|, between |sum_j (a_j/w_j) e^{-w_j T}| and the sum of the absolute values."""
        terms = zip(self.amplitudes, self.rates, strict=True)
        masses = [ball(a) / ball(w) * (-ball(w) * start).exp() for a, w in terms]
        return abs(sum(masses, arb(0))).union(sum((abs(x) for x in masses), arb(0)))

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2, at most (sum_j |a_j| e^{-w_j T}/sqrt(2 w_j))^2."""
        terms = zip(self.amplitudes, self.rates, strict=True)
        norms = (abs(ball(a)) * (-ball(w) * start).exp() / (2 * ball(w)).sqrt() for a, w in terms)
        return up_to(sum(norms, arb(0)) ** 2)

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()


def _zeros(a: Float[np.ndarray, "n"], w: Float[np.ndarray, "n"]) -> Float[np.ndarray, "r"]:
    """Zeros in (0, inf) of sum_j a_j e^{-w_j t}; w ascending and distinct, a nonzero."""
    if np.all(a > 0) or np.all(a < 0):
        return np.empty(0)
    # The derivative of e^{w_0 t} rho, divided by e^{w_0 t}: term 0 vanishes, the others get the factor w_0 - w_j.
    inner = a[1:] * (w[0] - w[1:])
    turning = _zeros(inner / np.abs(inner).max(), w[1:])

    def shifted(t: float) -> float:  # e^{w_0 t} rho: bounded, and a_0 at infinity
        return float(a @ np.exp(-(w - w[0]) * t))

    # beyond this time the slowest term outweighs all others together: no zero there
    tiny = np.finfo(float).tiny
    ratio = np.log(2 * np.abs(a[1:]).sum() + tiny) - np.log(abs(a[0]) + tiny)
    last = min(float(ratio) / (float(w[1] - w[0]) + 1e-300), 1e300)
    edges: Sequence[float] = [0.0, *(t for t in turning if t < last), max(last, 0.0)]
    signs = [np.sign(shifted(t)) for t in edges]
    roots: list[float] = []
    for left, right, before, after in zip(edges[:-1], edges[1:], signs[:-1], signs[1:], strict=True):
        if before * after < 0:
            roots.append(float(brentq(shifted, left, right, xtol=1e-300, rtol=1e-14)))
        elif after == 0 and right < edges[-1]:
            roots.append(right)
    return np.array(roots)
