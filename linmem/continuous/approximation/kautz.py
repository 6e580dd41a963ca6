"""The orthonormal Kautz basis: an exponential sum whose amplitudes would explode, in coordinates that do not.

With the rates w, 2w, ..., mw (polynomials in s = e^{-wt} without constant term) the amplitudes of a good fit have
alternating signs and sizes near 10^(m/2). In the orthonormal basis that Gram-Schmidt makes of the same exponentials
the coefficient norm is the L2 norm of the kernel. For these rates the basis functions are shifted Jacobi polynomials,

    phi_n(t) = sqrt(2 n w) s P_{n-1}^{(0,1)}(2s - 1),    s = e^{-wt},    <phi_i, phi_j> = delta_ij,

also known as Muntz-Legendre polynomials; their three-term recurrence is stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb

import numpy as np
from flint import acb, acb_poly, arb, arb_poly, arb_series, ctx
from jaxtyping import Float, Inexact
from numpy.typing import ArrayLike

from linmem.checks import check_array, check_positive
from linmem.citations import cites
from linmem.intervals import Lag, ball, precision, up_to
from linmem.kernels.algebra import KernelAlgebra
from linmem.kernels.protocol import check_points, check_times
from linmem.kernels.quadrature import absolute_integral

DECAY = 45.0  # e^-45 = 3e-20: where the slowest exponential is below rounding


@cites("linmem", "Kautz basis")
def kautz_system(rates: ArrayLike) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n"]]:
    """(W, c) with W lower triangular, W_ii = -w_i, W_ij = -2 sqrt(w_i w_j) for i > j, and c_i = sqrt(2 w_i).

    W + W^T = -c c^T, so the n components of e^{W^T t} c are orthonormal in L2(0, inf), and e^{Wt} is a contraction:
    the network dh/dt = W h + U x, y = c.h has the kernels e^{W^T t} c . U, of L2 norm |U_i| for input i. Component n
    is sqrt(2 w_n) e^{-w_n t}; component i is a combination of the rates w_i, ..., w_n. Equal rates are allowed.

    Parameters
    ----------
    rates : shape (n,), the w_i > 0, in 1/time. n is the state size (m in Li et al.).

    >>> W, c = kautz_system([2.0, 1.0])
    >>> bool(np.allclose(W + W.T, -np.outer(c, c)))
    True
    """
    w = check_array("rates", rates, ndim=1)
    if not w.size or w.min() <= 0:
        raise ValueError(f"rates must be > 0 and at least one, got {rates!r}; pass decay rates in 1/time")
    c = np.sqrt(2 * w)
    return np.tril(-np.outer(c, c), -1) - np.diag(w), c


@cites("linmem", "Kautz basis")
@dataclass(frozen=True)
class KautzSum(KernelAlgebra):
    """rho(t) = sum_n u_n phi_n(t), a combination of e^{-wt}, e^{-2wt}, ..., e^{-mwt} in the orthonormal basis.

    Parameters
    ----------
    coefficients : shape (m,), the u_n; ||rho||_2 = |u|.
    rate : w > 0, in 1/time; the fastest rate is m w.

    Value, transform and norms are accurate to a few m eps |u| (in units of the kernel's largest value), since every
    basis function is evaluated to rounding. Cost of a value: O(m).

    >>> kernel = KautzSum([0.6, 0.8], rate=1.0)
    >>> round(kernel.l2_norm(), 12), [round(float(a), 6) for a in kernel.amplitudes()]
    (1.0, [-2.351472, 4.8])
    """

    coefficients: tuple[float, ...]
    rate: float

    def __init__(self, coefficients: ArrayLike, rate: float) -> None:
        u = check_array("coefficients", coefficients, ndim=1)
        if not u.size:
            raise ValueError("coefficients must hold at least one number, got none; pass one for every rate")
        object.__setattr__(self, "coefficients", tuple(u.tolist()))
        object.__setattr__(self, "rate", check_positive("rate", rate))

    @property
    def rates(self) -> Float[np.ndarray, "m"]:
        """w, 2w, ..., mw."""
        return self.rate * np.arange(1, len(self.coefficients) + 1)

    @property
    def state_size(self) -> int:
        """m."""
        return len(self.coefficients)

    def __call__(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """rho(t) = sum_n u_n phi_n(t)."""
        x = -self.rate * check_times(t)
        scaled = np.array(self.coefficients) * np.sqrt(2 * self.rates)
        return np.asarray(np.exp(x) * (jacobi_values(-2 * np.expm1(x), scaled.size) @ scaled))

    def laplace(self, u: ArrayLike, derivative: int = 0) -> Inexact[np.ndarray, "..."]:
        """P(z) = sum_n u_n sqrt(2 w_n)/(z + w_n) prod_{j<n} (z - w_j)/(z + w_j), or P', P''; Re z > -w.

        The factors are at most 1 in modulus for Re z >= 0: no cancellation but that of the sum.
        """
        z = check_points(u, derivative, -self.rate)
        total = np.zeros((derivative + 1, *z.shape), dtype=z.dtype)
        product = np.zeros_like(total)
        product[0] = 1.0
        for coefficient, w in zip(self.coefficients, self.rates, strict=True):
            pole = 1 / (z + w)
            total += coefficient * np.sqrt(2 * w) * _times(product, np.array([pole, -(pole**2), 2 * pole**3]))
            product = _times(product, np.array([1 - 2 * w * pole, 2 * w * pole**2, -4 * w * pole**3]))
        return np.asarray(total[derivative])

    def l1_norm(self) -> float:
        """int |rho| dt, by quadrature between the sign changes."""
        return absolute_integral(self, self.knots())

    def l2_norm(self) -> float:
        """|u|."""
        return float(np.linalg.norm(self.coefficients))

    def knots(self) -> Float[np.ndarray, "K"]:
        """-log(s)/w for s at Chebyshev points (a polynomial of degree m oscillates between them), then to 45/w."""
        count = 2 * len(self.coefficients) + 6
        s = np.sin(np.pi * np.arange(count, 0, -1) / (2 * count)) ** 2
        return np.union1d(-np.log(s) / self.rate, np.arange(np.ceil(-np.log(s[-1])), DECAY + 4, 4.0) / self.rate)

    def amplitudes(self) -> tuple[arb, ...]:
        """The amplitudes a_k of e^{-kwt}, k = 1..m, as balls: sum_n u_n sqrt(2nw) [s^{k-1}] P_{n-1}^{(0,1)}(2s - 1).

        The bracket is the integer (-1)^{n-k} binom(n-1, k-1) binom(n+k-1, n-1). The balls are narrow enough for the
        sum of all terms to keep 64 bits: up to 2.6 m bits of them cancel.
        """
        polynomial = _polynomial(self, max(64, ctx.prec))
        return tuple(polynomial[k] for k in range(1, self.state_size + 1))

    def enclose(self, t: Lag) -> Lag:
        """Enclosure of rho on the ball t: the polynomial in s = e^{-wt}, expanded about the midpoint of s."""
        bits = max(64, ctx.prec)
        polynomial = _polynomial(self, bits)
        with precision(bits + 3 * len(self.coefficients)):
            s = (-ball(self.rate) * t).exp()
            if isinstance(s, acb):
                centre = acb(s.real.mid(), s.imag.mid())
                return acb_poly(polynomial)(acb_poly([centre, 1]))(s - centre)
            first = s[0] if isinstance(s, arb_series) else s
            moved = polynomial(arb_poly([first.mid(), 1]))
            if isinstance(s, arb):
                return moved(s - first.mid())
            around = moved(arb_poly([first - first.mid(), 1]))  # Taylor coefficients on the whole ball
            rest = arb_series([arb(0), *s.coeffs()[1:]], prec=s.prec)
            return arb_series(around.coeffs()[: s.prec], prec=s.prec)(rest)

    def tail(self, start: arb) -> arb:
        """int_T^inf |rho|, between |sum_k (a_k/kw) e^{-kwT}| and the sum of the absolute values.

        Where that sum is larger than (e^{-wT}/w) sum_n n sqrt(2nw) |u_n|, at most this: |P_{n-1}^{(0,1)}| <= n.
        """
        masses = [a * (-l * start).exp() / l for a, l in self._terms()]
        total, crude = sum((abs(x) for x in masses), arb(0)), self._largest_ratio() * self._decay(start, 1)
        return up_to(crude) if crude < total else abs(sum(masses, arb(0))).union(total)

    def tail_square(self, start: arb) -> arb:
        """int_T^inf rho^2, at most (sum_k |a_k| e^{-kwT}/sqrt(2kw))^2, and likewise."""
        norms = (abs(a) * (-l * start).exp() / (2 * l).sqrt() for a, l in self._terms())
        total, crude = sum(norms, arb(0)) ** 2, self._largest_ratio() ** 2 * self._decay(start, 2)
        return up_to(crude if crude < total else total)

    def _largest_ratio(self) -> arb:
        """sum_n n sqrt(2nw) |u_n|, a bound of |rho| e^{wt}."""
        w = ball(self.rate)
        return sum((n * (2 * n * w).sqrt() * abs(ball(u)) for n, u in enumerate(self.coefficients, start=1)), arb(0))

    def _decay(self, start: arb, power: int) -> arb:
        """int_T^inf e^{-power w t} dt."""
        l = power * ball(self.rate)
        return (-l * start).exp() / l

    def _terms(self) -> list[tuple[arb, arb]]:
        return [(a, k * ball(self.rate)) for k, a in enumerate(self.amplitudes(), start=1)]

    def breaks(self) -> tuple[Fraction, ...]:
        """None: the kernel is entire."""
        return ()


def jacobi_values(y: Float[np.ndarray, "..."], count: int) -> Float[np.ndarray, "... count"]:
    """P_n^{(0,1)}(1 - y), n = 0..count-1, for y in [0, 2], by the recurrence of the differences D_n = P_{n+1} - P_n:

    (n+2)(2n+1) D_n = n(2n+3) D_{n-1} - (2n+1)(2n+3) y P_n,    P_0 = 1.

    A small y (a short lag) enters to full relative accuracy, as it must where the polynomials oscillate fastest.

    >>> [round(float(v), 12) for v in jacobi_values(np.array(0.5), 3)]
    [1.0, 0.25, -0.375]
    """
    values = np.empty((*y.shape, count))
    values[..., 0] = 1.0
    difference = np.zeros_like(y)
    for n in range(count - 1):
        difference = n * (2 * n + 3) * difference - (2 * n + 1) * (2 * n + 3) * y * values[..., n]
        difference = difference / ((n + 2) * (2 * n + 1))
        values[..., n + 1] = values[..., n] + difference
    return values


def _times(first: Inexact[np.ndarray, "k ..."], second: Inexact[np.ndarray, "3 ..."]) -> Inexact[np.ndarray, "k ..."]:
    """Value and derivatives up to order k-1 <= 2 of a product (Leibniz)."""
    binomial = ((1,), (1, 1), (1, 2, 1))
    return np.array([sum(b * first[k - j] * second[j] for j, b in enumerate(binomial[k])) for k in range(len(first))])


@lru_cache(maxsize=64)
def _polynomial(kernel: KautzSum, bits: int) -> arb_poly:
    """sum_k a_k s^k in balls, to `bits` bits relative to |u| after cancellation."""
    m = len(kernel.coefficients)
    with precision(bits + 3 * m + 16):
        scaled = [ball(u) * (2 * n * ball(kernel.rate)).sqrt() for n, u in enumerate(kernel.coefficients, start=1)]
        powers = [arb(0)] * (m + 1)
        for n, factor in enumerate(scaled, start=1):
            for k in range(1, n + 1):
                powers[k] += (-1) ** (n - k) * comb(n - 1, k - 1) * comb(n + k - 1, n - 1) * factor
        return arb_poly(powers)
