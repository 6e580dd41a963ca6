"""New kernels from old: sums, multiples, delays and changes of the time unit, and the inner product of two kernels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Protocol, runtime_checkable

import numpy as np
from flint import arb
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_finite, check_nonnegative, check_positive
from linmem.intervals import Lag, ball, from_lag_on, root
from linmem.kernels.enclosure import enclosed
from linmem.kernels.protocol import Kernel, check_points, check_times
from linmem.kernels.quadrature import absolute_integral, panel_rule

Transforms = tuple[Inexact[np.ndarray, "..."], Inexact[np.ndarray, "..."], Inexact[np.ndarray, "..."]]


class KernelAlgebra:
    """Operators of the concrete kernels: rho1 + rho2, rho1 - rho2, c * rho, -rho, `delayed`, `time_scaled`."""

    def __add__(self: Kernel, other: Kernel) -> Kernel:
        return KernelSum((self, other))

    def __sub__(self: Kernel, other: Kernel) -> Kernel:
        return KernelSum((self, ScaledKernel(other, -1.0)))

    def __mul__(self: Kernel, factor: float) -> Kernel:
        return ScaledKernel(self, check_finite("factor", factor))

    def __rmul__(self: Kernel, factor: float) -> Kernel:
        return ScaledKernel(self, check_finite("factor", factor))

    def __neg__(self: Kernel) -> Kernel:
        return ScaledKernel(self, -1.0)

    def transforms(self: Kernel, u: ArrayLike) -> Transforms:
        """(P, P', P'') at u, as three calls of `laplace` would give them; kernels that share work override it."""
        return self.laplace(u), self.laplace(u, 1), self.laplace(u, 2)

    def delayed(self: Kernel, delay: float) -> Kernel:
        """The kernel rho(t - delay) for t >= delay, and 0 before: the network that waits `delay` first."""
        return DelayedKernel(self, delay)

    def time_scaled(self: Kernel, factor: float) -> Kernel:
        """The kernel rho(factor * t): the same memory, `factor` times faster (its amplitude is kept)."""
        return TimeScaledKernel(self, check_positive("factor", factor))


@runtime_checkable
class ClosedInnerProduct(Protocol):
    """A kernel that knows its inner product with every other kernel in closed form."""

    def inner(self, other: Kernel) -> float:
        """<rho, other>."""
        ...


@dataclass(frozen=True)
class KernelSum(KernelAlgebra):
    """rho = sum_i rho_i. Written `first + second`.

    The L2 norm is (sum_ij <rho_i, rho_j>)^{1/2} (see inner_product); the L1 norm is found by composite quadrature
    between the sign changes, relative error about 1e-14 unless two zeros lie so close together that the nodes around
    them show no dip (linmem.kernels.enclosure.l1_enclosure has no such exception).

    >>> from linmem.kernels import ExponentialSum
    >>> kernel = ExponentialSum([1.0], [1.0]) + ExponentialSum([-1.0], [2.0])
    >>> round(kernel.l2_norm() ** 2, 12), round(kernel.l1_norm(), 12)
    (0.083333333333, 0.5)
    """

    parts: tuple[Kernel, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts must hold at least one kernel, got none; pass a tuple of kernels")
        for part in self.parts:
            check_kernel("parts", part)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """sum_i rho_i(t)."""
        return np.asarray(sum(part(t) for part in self.parts))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """sum_i P_i(u), or the derivative."""
        return np.asarray(sum(part.laplace(u, derivative) for part in self.parts))

    def transforms(self, u: ArrayLike) -> Transforms:
        """The sums of the parts' P, P' and P''."""
        first, second, third = zip(*(transforms(part, u) for part in self.parts), strict=True)
        return np.asarray(sum(first)), np.asarray(sum(second)), np.asarray(sum(third))

    def l1_norm(self) -> float:
        """int |sum_i rho_i| dt."""
        return absolute_integral(self, self.knots())

    def l2_norm(self) -> float:
        """(sum_ij <rho_i, rho_j>)^{1/2}; absolute error sqrt(eps) times the largest part when the parts cancel."""
        total = 0.0
        for i, first in enumerate(self.parts):
            total += first.l2_norm() ** 2
            total += 2 * sum(inner_product(first, second) for second in self.parts[:i])
        return float(np.sqrt(max(0.0, total)))

    def knots(self) -> Float[np.ndarray, "K"]:
        """The union of the panel edges of the parts."""
        return reduce(np.union1d, (part.knots() for part in self.parts))

    def enclose(self, t: Lag) -> Lag:
        """sum_i rho_i(t) in ball arithmetic."""
        return sum((enclosed(part).enclose(t) for part in self.parts), 0 * t)

    def tail(self, start: arb) -> arb:
        """int_T^inf |sum_i rho_i|, by the triangle inequality from above and below (the largest minus the rest)."""
        masses = [enclosed(part).tail(start) for part in self.parts]
        return _triangle(masses)

    def tail_square(self, start: arb) -> arb:
        """int_T^inf (sum_i rho_i)^2, by the triangle inequality of the L2 norm."""
        norms = [root(enclosed(part).tail_square(start)) for part in self.parts]
        return _triangle(norms) ** 2

    def breaks(self) -> tuple[Fraction, ...]:
        """Those of all parts."""
        return tuple(sorted({point for part in self.parts for point in enclosed(part).breaks()}))


@dataclass(frozen=True)
class ScaledKernel(KernelAlgebra):
    """factor * rho. Written `factor * kernel`, or `-kernel`.

    >>> from linmem.kernels import ExponentialSum
    >>> round((-2 * ExponentialSum([1.0], [1.0])).l1_norm(), 12)
    2.0
    """

    kernel: Kernel
    factor: float

    def __post_init__(self) -> None:
        check_kernel("kernel", self.kernel)
        check_finite("factor", self.factor)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """factor * rho(t)."""
        return np.asarray(self.factor * self.kernel(t))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """factor * P(u), or the derivative."""
        return np.asarray(self.factor * self.kernel.laplace(u, derivative))

    def transforms(self, u: ArrayLike) -> Transforms:
        """factor * (P, P', P'')."""
        first, second, third = transforms(self.kernel, u)
        return np.asarray(self.factor * first), np.asarray(self.factor * second), np.asarray(self.factor * third)

    def l1_norm(self) -> float:
        """|factor| * ||rho||_1."""
        return abs(self.factor) * self.kernel.l1_norm()

    def l2_norm(self) -> float:
        """|factor| * ||rho||_2."""
        return abs(self.factor) * self.kernel.l2_norm()

    def knots(self) -> Float[np.ndarray, "K"]:
        """The panel edges of the kernel."""
        return self.kernel.knots()

    def enclose(self, t: Lag) -> Lag:
        """factor * rho(t) in ball arithmetic."""
        return ball(self.factor) * enclosed(self.kernel).enclose(t)

    def tail(self, start: arb) -> arb:
        """|factor| times that of the kernel."""
        return abs(ball(self.factor)) * enclosed(self.kernel).tail(start)

    def tail_square(self, start: arb) -> arb:
        """factor^2 times that of the kernel."""
        return ball(self.factor) ** 2 * enclosed(self.kernel).tail_square(start)

    def breaks(self) -> tuple[Fraction, ...]:
        """Those of the kernel."""
        return enclosed(self.kernel).breaks()


@dataclass(frozen=True)
class TimeScaledKernel(KernelAlgebra):
    """rho(c t), c > 0. Written `kernel.time_scaled(c)`. P(u) becomes P(u/c)/c.

    >>> from linmem.kernels import ExponentialSum
    >>> round(ExponentialSum([1.0], [1.0]).time_scaled(4.0).l1_norm(), 12)
    0.25
    """

    kernel: Kernel
    factor: float

    def __post_init__(self) -> None:
        check_kernel("kernel", self.kernel)
        check_positive("factor", self.factor)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(c t)."""
        return self.kernel(self.factor * check_times(t))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P(u/c)/c, or the derivative P^(k)(u/c)/c^{k+1}."""
        points = check_points(u, derivative, -np.inf)
        return np.asarray(self.kernel.laplace(points / self.factor, derivative) / self.factor ** (derivative + 1))

    def l1_norm(self) -> float:
        """||rho||_1 / c."""
        return self.kernel.l1_norm() / self.factor

    def l2_norm(self) -> float:
        """||rho||_2 / sqrt(c)."""
        return self.kernel.l2_norm() / float(np.sqrt(self.factor))

    def knots(self) -> Float[np.ndarray, "K"]:
        """The panel edges, divided by c."""
        return self.kernel.knots() / self.factor

    def enclose(self, t: Lag) -> Lag:
        """rho(c t) in ball arithmetic."""
        return enclosed(self.kernel).enclose(ball(self.factor) * t)

    def tail(self, start: arb) -> arb:
        """That of the kernel at c T, divided by c."""
        return enclosed(self.kernel).tail(ball(self.factor) * start) / ball(self.factor)

    def tail_square(self, start: arb) -> arb:
        """That of the kernel at c T, divided by c."""
        return enclosed(self.kernel).tail_square(ball(self.factor) * start) / ball(self.factor)

    def breaks(self) -> tuple[Fraction, ...]:
        """Those of the kernel, divided by c."""
        return tuple(point / Fraction(self.factor) for point in enclosed(self.kernel).breaks())


@dataclass(frozen=True)
class DelayedKernel(KernelAlgebra):
    """rho(t - d) for t >= d and 0 before, d >= 0. Written `kernel.delayed(d)`. P(u) becomes e^{-u d} P(u).

    (A Gaussian bump that moves as a whole, left tail included, is another GaussianBump with a larger centre.)

    >>> from linmem.kernels import ExponentialSum
    >>> round(float(ExponentialSum([1.0], [1.0]).delayed(2.0).laplace(0.0)), 12)
    1.0
    """

    kernel: Kernel
    delay: float

    def __post_init__(self) -> None:
        check_kernel("kernel", self.kernel)
        check_nonnegative("delay", self.delay)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t - d) where t >= d, else 0."""
        times = check_times(t)
        return np.where(times >= self.delay, self.kernel(np.maximum(times - self.delay, 0.0)), 0.0)

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """e^{-ud} sum_j binom(k, j) (-d)^{k-j} P^(j)(u), k = derivative."""
        points = check_points(u, derivative, -np.inf)
        binomial = ((1,), (1, 1), (1, 2, 1))[derivative]
        total = sum(
            c * (-self.delay) ** (derivative - j) * self.kernel.laplace(points, j) for j, c in enumerate(binomial)
        )
        return np.asarray(np.exp(-points * self.delay) * total)

    def l1_norm(self) -> float:
        """||rho||_1: a delay changes no norm."""
        return self.kernel.l1_norm()

    def l2_norm(self) -> float:
        """||rho||_2."""
        return self.kernel.l2_norm()

    def knots(self) -> Float[np.ndarray, "K"]:
        """0 and the panel edges moved by d."""
        return np.union1d([0.0], self.kernel.knots() + self.delay)

    def enclose(self, t: Lag) -> Lag:
        """rho(t - d) where t >= d, else 0, in ball arithmetic; the hull of both across d."""
        kernel, delay = enclosed(self.kernel), ball(self.delay)
        return kernel.enclose(t) if self.delay == 0 else from_lag_on(t, delay, lambda x: kernel.enclose(x - delay))

    def tail(self, start: arb) -> arb:
        """That of the kernel at T - d, or at 0 before d."""
        return enclosed(self.kernel).tail((start - ball(self.delay)).max(arb(0)))

    def tail_square(self, start: arb) -> arb:
        """That of the kernel at T - d, or at 0 before d."""
        return enclosed(self.kernel).tail_square((start - ball(self.delay)).max(arb(0)))

    def breaks(self) -> tuple[Fraction, ...]:
        """d (if > 0) and those of the kernel, moved by d."""
        delay = Fraction(self.delay)
        moved = tuple(point + delay for point in enclosed(self.kernel).breaks())
        return (delay, *moved) if delay > 0 else moved


def transforms(kernel: Kernel, u: ArrayLike) -> Transforms:
    """(P, P', P'') at u; for the kernels of the library at less than the cost of three calls of `laplace`.

    >>> from linmem.kernels import ExponentialSum
    >>> [float(x) for x in transforms(ExponentialSum([1.0], [1.0]), 1.0)]
    [0.5, -0.25, 0.25]
    """
    if isinstance(kernel, KernelAlgebra):
        return kernel.transforms(u)
    return kernel.laplace(u), kernel.laplace(u, 1), kernel.laplace(u, 2)


def inner_product(first: Kernel, second: Kernel) -> float:
    """<rho_1, rho_2> = int_0^inf rho_1 rho_2 dt.

    With an exponential sum it is closed, sum_j a_j P(w_j); multiples and sums are expanded; otherwise composite
    Gauss-Legendre on the union of both kernels' panels, error a few eps * int |rho_1 rho_2| dt.

    >>> from linmem.kernels import ExponentialSum
    >>> round(inner_product(ExponentialSum([1.0], [1.0]), ExponentialSum([1.0], [2.0])), 12)
    0.333333333333
    """
    check_kernel("first", first)
    check_kernel("second", second)
    for one, other in ((first, second), (second, first)):
        if isinstance(one, KernelSum):
            return sum(inner_product(part, other) for part in one.parts)
        if isinstance(one, ScaledKernel):
            return one.factor * inner_product(one.kernel, other)
    for one, other in ((first, second), (second, first)):
        if isinstance(one, ClosedInnerProduct):
            return one.inner(other)
    nodes, weights = panel_rule(np.union1d(first.knots(), second.knots()))
    return float(np.sum(weights * first(nodes) * second(nodes)))


def _triangle(sizes: list[arb]) -> arb:
    """The ball of ||sum_i x_i|| given balls of ||x_i||."""
    upper = sum((x.upper() for x in sizes), arb(0))
    lower = max((x.lower() - (upper - x.upper()) for x in sizes), key=lambda x: float(x.mid()))
    return lower.max(arb(0)).union(upper)


def check_kernel(name: str, value: object) -> None:
    """TypeError unless value has the methods of a memory kernel."""
    if not isinstance(value, Kernel):
        raise TypeError(
            f"{name} must be memory kernels (with laplace, l1_norm, l2_norm and knots), got {type(value).__name__}; "
            "use one of linmem.kernels or write a class with these methods"
        )
