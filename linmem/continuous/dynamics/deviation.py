"""The loss around an exact fit, in deviation variables: no cancellation on the plateau.

Let theta_0 = (a0, w0) realise part of the target exactly, rho = sum_k a0_k e^{-w0_k t} + rho_0, and let
d = (da, dw) = theta - theta_0. The fitted part then drops out of every residual by algebra instead of by subtraction:
the transform of rhohat(theta) - rhohat(theta_0) is

    N(u) = sum_j [da_j (u + w0_j) - a0_j dw_j] / ((u + w_j)(u + w0_j)),

and R = N - P_0, with P_0 the transform of the remainder rho_0; likewise R' and R''. Gradients keep their relative
accuracy however small the remainder's transform is: on the plateau it is e^{-w mu}, below the rounding noise of the
plain formulas (linmem.continuous.learning.loss) once w mu > 37.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.checks import check_array
from linmem.citations import cites
from linmem.continuous.learning.loss import check_network
from linmem.kernels import ExponentialSum, Kernel

LEGENDRE_NODES, LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(16)


@cites("linmem", "deviation variables around an exact fit")
@dataclass(frozen=True)
class DeviationLoss:
    """J(theta_0 + d) for the target rho = rhohat(theta_0) + remainder.

    Parameters
    ----------
    fit : the network at theta_0 as an ExponentialSum of n terms (amplitudes a0, rates w0); zero amplitudes are neurons
        that the fit does not use, equal rates are split neurons.
    remainder : rho_0, the part of the target that theta_0 misses; J(theta_0) = ||rho_0||^2.

    Methods take d = (da, dw), shape (2n,), and raise ValueError if its length is wrong or a rate w0 + dw is <= 0.

    >>> from linmem.kernels import GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre=80.0))
    >>> [f"{g:.6e}" for g in problem.gradient(np.zeros(4))]
    ['-1.491793e-34', '-2.413390e-17', '1.178517e-32', '0.000000e+00']
    """

    fit: ExponentialSum
    remainder: Kernel

    def __post_init__(self) -> None:
        fit, remainder = cast(object, self.fit), cast(object, self.remainder)
        if not isinstance(fit, ExponentialSum):
            raise TypeError(f"fit must be an ExponentialSum, got {type(fit).__name__}; pass the network at the start")
        if not isinstance(remainder, Kernel):
            raise TypeError(f"remainder must be a kernel, got {type(remainder).__name__}; use one of linmem.kernels")

    @property
    def size(self) -> int:
        """The number n of neurons (m in Li et al.)."""
        return len(self.fit.rates)

    @property
    def start_loss(self) -> float:
        """J(theta_0) = ||rho_0||^2."""
        return self.remainder.l2_norm() ** 2

    def parameters(self, deviation: ArrayLike) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        """(a, w) = (a0 + da, w0 + dw)."""
        d = check_array("deviation", deviation, shape=(2 * self.size,))
        return check_network(np.array(self.fit.amplitudes) + d[: self.size], np.array(self.fit.rates) + d[self.size :])

    def gradient(self, deviation: ArrayLike) -> Float[np.ndarray, "p"]:
        """(dJ/da, dJ/dw) = (2 R(w_k), 2 a_k R'(w_k))."""
        a, w = self.parameters(deviation)
        value, slope, _ = self._change(np.asarray(deviation, dtype=float), w)
        value = value - self.remainder.laplace(w)
        slope = slope - self.remainder.laplace(w, derivative=1)
        return np.concatenate([2 * value, 2 * a * slope])

    def hessian(self, deviation: ArrayLike) -> Float[np.ndarray, "p p"]:
        """Second derivatives of J in (a, w)."""
        a, w = self.parameters(deviation)
        _, slope, curvature = self._change(np.asarray(deviation, dtype=float), w)
        slope = slope - self.remainder.laplace(w, derivative=1)
        curvature = curvature - self.remainder.laplace(w, derivative=2)
        sums = w[:, None] + w
        mixed = -2 * a / sums**2 + np.diag(2 * slope)
        return np.block([[2 / sums, mixed], [mixed.T, 4 * np.outer(a, a) / sums**3 + np.diag(2 * a * curvature)]])

    def drop(self, deviation: ArrayLike) -> float:
        """J(theta_0) - J(theta_0 + d) = 2 <D, rho_0> - ||D||^2, D = rhohat(theta_0 + d) - rhohat(theta_0).

        Both terms are written as sums of products of small factors, so the relative error is a few eps times the
        condition of that sum, also for d far below eps.
        """
        _, w = self.parameters(deviation)
        n, d = self.size, np.asarray(deviation, dtype=float)
        da, dw = d[:n], d[n:]
        a0, w0 = np.array(self.fit.amplitudes), np.array(self.fit.rates)
        overlap = da @ self.remainder.laplace(w) + a0 @ self._transform_difference(w0, w)
        # ||D||^2 = sum_k a_k N(w_k) - a0_k N(w0_k) = sum_k da_k N(w_k) + a0_k (N(w_k) - N(w0_k))
        u, v = w[:, None], w0[:, None]
        steps = -da / ((u + w) * (v + w)) + a0 * dw * (u + v + w + w0) / ((u + w) * (u + w0) * (v + w) * (v + w0))
        change = da @ self._change(d, w)[0] + a0 @ (dw * steps.sum(1))
        return float(2 * overlap - change)

    def _change(
        self, d: Float[np.ndarray, "p"], u: Float[np.ndarray, "k"]
    ) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
        """N(u), N'(u), N''(u)."""
        n = self.size
        da, dw = d[:n], d[n:]
        a0, w0 = np.array(self.fit.amplitudes), np.array(self.fit.rates)
        s, s0 = u[:, None] + w0 + dw, u[:, None] + w0
        product = s * s0
        value = (da * s0 - a0 * dw) / product
        slope = -da / s**2 + a0 * dw * (s + s0) / product**2
        curvature = 2 * da / s**3 - 2 * a0 * dw * (s * s + product + s0 * s0) / product**3
        return value.sum(1), slope.sum(1), curvature.sum(1)

    def _transform_difference(
        self, left: Float[np.ndarray, "n"], right: Float[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n"]:
        """P_0(right) - P_0(left): by quadrature of P_0' where the two are close, else by subtraction."""
        before, after = self.remainder.laplace(left), self.remainder.laplace(right)
        half = (right - left)[:, None] / 2
        points = left[:, None] + half * (1 + LEGENDRE_NODES)
        integral = (half * self.remainder.laplace(points, derivative=1) * LEGENDRE_WEIGHTS).sum(1)
        return np.where(np.abs(after - before) < 0.5 * np.abs(before), integral, after - before)
