"""Exponential sums with complex rates: the kernels of stable networks that may oscillate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb
from jaxtyping import Complex, Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.citations import cites
from linmem.intervals import Lag, ball, up_to
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.exponential import ExponentialSum
from linmem.kernels.protocol import Kernel, check_points, check_times
from linmem.kernels.quadrature import absolute_integral, refined


@cites("li2021", "Section 4")
@dataclass(frozen=True)
class ComplexExponentialSum(KernelAlgebra):
    """rho(t) = Re sum_j a_j e^{-w_j t}, the kernel of a diagonalisable network with real W.

    A term with real w_j is a decaying exponential (one real state); one with Im w_j != 0 stands for the conjugate pair
    (a_j/2, w_j), (conj a_j/2, conj w_j), an oscillation |a_j| e^{-Re w_j t} cos(Im w_j t - arg a_j) (two real states).

    Parameters
    ----------
    amplitudes : shape (n,), the complex a_j.
    rates : shape (n,), the complex w_j, Re w_j > 0, in 1/time.

    P(u) = 1/2 sum_j [a_j/(u + w_j) + conj a_j/(u + conj w_j)] for Re u > -min Re w_j;
    ||rho||_2^2 = 1/2 Re sum_ij [a_i a_j/(w_i + w_j) + a_i conj a_j/(w_i + conj w_j)].
    ValueError for Re w_j <= 0, a number that is not finite, or unequal lengths.

    >>> kernel = ComplexExponentialSum([1.0], [1.0 + 2.0j])  # e^{-t} cos 2t
    >>> round(float(kernel.laplace(1.0)), 12), round(kernel.l2_norm() ** 2, 12), kernel.state_size
    (0.25, 0.3, 2)
    """

    amplitudes: tuple[complex, ...]
    rates: tuple[complex, ...]

    def __init__(self, amplitudes: ArrayLike, rates: ArrayLike) -> None:
        a, w = _complex_vector("amplitudes", amplitudes), _complex_vector("rates", rates)
        if a.size != w.size or not a.size:
            raise ValueError(
                f"amplitudes and rates must have the same length >= 1, got {a.size} and {w.size}; "
                "give one amplitude for every rate"
            )
        if np.real(w).min() <= 0:
            raise ValueError(
                f"rates must have real parts > 0 (a stable network), got {np.real(w).min()!r}; flip the sign"
            )
        object.__setattr__(self, "amplitudes", tuple(a.tolist()))
        object.__setattr__(self, "rates", tuple(w.tolist()))

    @classmethod
    def from_real(cls, kernel: ExponentialSum) -> ComplexExponentialSum:
        """The same kernel, with the type of a complex sum."""
        return cls(kernel.amplitudes, kernel.rates)

    @property
    def state_size(self) -> int:
        """Real states of the network: 1 for a real rate, 2 for a complex one (m in Li et al.)."""
        return sum(1 if np.imag(w) == 0 else 2 for w in self.rates)

    def _arrays(self) -> tuple[Complex[np.ndarray, "n"], Complex[np.ndarray, "n"]]:
        return np.array(self.amplitudes), np.array(self.rates)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t) = Re sum_j a_j e^{-w_j t}."""
        a, w = self._arrays()
        return np.asarray(np.real(np.exp(-check_times(t)[..., None] * w) @ a))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """(-1)^k k! times 1/2 sum_j [a_j/(u + w_j)^{k+1} + conj a_j/(u + conj w_j)^{k+1}], k = derivative."""
        a, w = self._arrays()
        points = check_points(u, derivative, -float(np.real(w).min()))
        factor = (1.0, -1.0, 2.0)[derivative]
        values = (a / (points[..., None] + w) ** (derivative + 1)).sum(-1)
        if points.dtype.kind != "c":
            return np.asarray(factor * np.real(values))
        mirrored = (a.conj() / (points[..., None] + w.conj()) ** (derivative + 1)).sum(-1)
        return np.asarray(factor / 2 * (values + mirrored))

    def l1_norm(self) -> float:
        """int |rho| dt by quadrature between the sign changes (see linmem.kernels.quadrature.absolute_integral)."""
        return absolute_integral(self, self.knots())

    def l2_norm(self) -> float:
        """(int rho^2 dt)^{1/2}, closed form."""
        a, w = self._arrays()
        square = a @ (a / (w[:, None] + w)).sum(1) + a @ (a.conj() / (w[:, None] + w.conj())).sum(1)
        return float(np.sqrt(max(0.0, float(np.real(square)) / 2)))

    def inner(self, other: Kernel) -> float:
        """<rho, other> = Re sum_j a_j P_other(w_j)."""
        a, w = self._arrays()
        return float(np.real(a @ other.laplace(w)))

    def knots(self) -> Float[np.ndarray, "K"]:
        """A geometric grid of ratio 2 from 1/max |w| to 40/min Re w, cut to the frequencies that are still alive.

        ValueError if that takes too many panels: a term that oscillates very often before it decays.
        """
        _, w = self._arrays()
        count = int(np.ceil(np.log2(40 * np.abs(w).max() / np.real(w).min()))) + 1
        edges = np.append(0.0, 2.0 ** np.arange(count) / np.abs(w).max())
        alive = np.multiply.outer(edges[:-1], np.real(w)) < 40
        return refined(edges, np.max(np.abs(np.imag(w)) * alive, axis=1))

    def enclose(self, t: Lag) -> Lag:
        """sum_j e^{-Re w_j t} (Re a_j cos(Im w_j t) + Im a_j sin(Im w_j t)) in ball arithmetic."""
        total = 0 * t
        for a, w in zip(self.amplitudes, self.rates, strict=True):
            decay = (-ball(w.real) * t).exp()
            if w.imag == 0:
                total += ball(a.real) * decay
            else:
                sine, cosine = (ball(w.imag) * t).sin_cos()
                total += decay * (ball(a.real) * cosine + ball(a.imag) * sine)
        return total

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho|, at most sum_j |a_j| e^{-Re w_j T}/Re w_j."""
        terms = zip(self.amplitudes, self.rates, strict=True)
        return up_to(sum((_modulus(a) * (-ball(w.real) * start).exp() / ball(w.real) for a, w in terms), arb(0)))

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2, at most (sum_j |a_j| e^{-Re w_j T}/sqrt(2 Re w_j))^2."""
        terms = zip(self.amplitudes, self.rates, strict=True)
        norms = (_modulus(a) * (-ball(w.real) * start).exp() / (2 * ball(w.real)).sqrt() for a, w in terms)
        return up_to(sum(norms, arb(0)) ** 2)

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is analytic."""
        return ()


def _complex_vector(name: str, value: ArrayLike) -> Complex[np.ndarray, "n"]:
    given = np.asarray(value)
    if given.dtype.kind != "c":
        return check_array(name, given, ndim=1).astype(complex)
    return check_array(name, np.real(given), ndim=1) + 1j * check_array(name, np.imag(given), ndim=1)


def _modulus(a: complex) -> arb:
    return (ball(a.real) ** 2 + ball(a.imag) ** 2).sqrt()
