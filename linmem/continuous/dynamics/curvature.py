"""Bounds on tangent functions and curvature of theta -> rhohat(theta) in a ball around a start, in ball arithmetic.

rhohat(theta) = sum_k a_k e^{-w_k t} has the tangent functions e^{-w_k t} and -a_k t e^{-w_k t}, with Gram matrix Gamma,
and second derivatives -t e^{-w_k t} (in a_k, w_k) and a_k t^2 e^{-w_k t} (in w_k twice). With l_k = w_k(0) - r, for all
|theta - theta(0)| <= r and all directions u, v

    ||rhohat''[u, v]|| <= K |u| |v|,      K = max_k spectral norm of ((0, x), (x, y)),
    x = ||t e^{-l t}|| = (4 l^3)^{-1/2},  y = (|a_k| + r) ||t^2 e^{-l t}|| = (|a_k| + r) (3/(4 l^5))^{1/2},
    |<rho_0, rhohat''[v, v]>| <= Q |v|^2, Q the same with x = M_1(l), y = (|a_k| + r) M_2(l) of |rho_0|.

With f = rhohat - rho, J = ||f||^2 has the Hessian v^T H v = 2 ||T v||^2 + 2 <f, rhohat''[v, v]>, T the tangent map.
"""

from __future__ import annotations

import numpy as np
from flint import arb
from numpy.typing import ArrayLike

from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import BITS, Neighbourhood
from linmem.intervals import ball, bounds, gaussian_moments, precision


class Curvature:
    """Bounds around one start; r is the radius of the ball, below the slowest rate.

    smallest, largest : enclosures (low, high) of the extreme eigenvalues of Gamma at the start.
    """

    smallest: tuple[float, float]
    largest: tuple[float, float]

    def __init__(self, problem: DeviationLoss, start: ArrayLike | None = None) -> None:
        self.around = Neighbourhood(problem, start)
        with precision(BITS):
            gram = self._gram()
            self.smallest = _eigenvalue(gram, 0)
            self.largest = _eigenvalue(gram, -1)

    def _gram(self) -> list[list[arb]]:
        a, w = self.around.amplitudes, self.around.rates
        n = len(w)
        gram = [[arb(0)] * (2 * n) for _ in range(2 * n)]
        for k in range(n):
            for l in range(n):
                total = w[k] + w[l]
                gram[k][l] = 1 / total
                gram[k][n + l] = gram[n + l][k] = -a[l] / total**2
                gram[n + k][n + l] = 2 * a[k] * a[l] / total**3
        return gram

    def second_derivative(self, r: arb) -> arb:
        """K."""
        pairs: list[tuple[arb, arb]] = []
        for a, w in zip(self.around.amplitudes, self.around.rates, strict=True):
            l = w - r
            pairs.append((1 / (4 * l**3).sqrt(), (abs(a) + r) * (3 / (4 * l**5)).sqrt()))
        return _largest_norm(pairs)

    def bump_curvature(self, r: arb) -> arb:
        """Q."""
        bump, pairs = self.around.bump, list[tuple[arb, arb]]()
        for a, w in zip(self.around.amplitudes, self.around.rates, strict=True):
            l = w - r
            zeroth, first = gaussian_moments(bump.centre, bump.width, abs(bump.amplitude), l)
            square = ball(bump.width) ** 2
            pairs.append((first, (abs(a) + r) * ((ball(bump.centre) - square * l) * first + square * zeroth)))
        return _largest_norm(pairs)

    def change(self, r: arb) -> arb:
        """An upper bound on ||rhohat(theta) - rhohat(theta(0))||: ||T|| r + K r^2/2."""
        return ball(self.largest[1]).sqrt() * r + self.second_derivative(r) * r**2 / 2

    def lipschitz(self, r: arb) -> arb:
        """An upper bound on the norm of the Hessian: 2 (||T|| + K r)^2 + 2 ((||d0|| + change) K + Q)."""
        return 2 * (ball(self.largest[1]).sqrt() + self.second_derivative(r) * r) ** 2 + self._indefinite(r)

    def convexity(self, r: arb) -> arb:
        """A lower bound on the least eigenvalue of the Hessian: 2 (sqrt(smallest) - K r)^2 - 2 ((..) K + Q)."""
        slope = ball(self.smallest[0]).sqrt() - self.second_derivative(r) * r
        return (2 * slope**2 if slope > 0 else arb(0)) - self._indefinite(r)

    def _indefinite(self, r: arb) -> arb:
        return 2 * ((self.around.misfit + self.change(r)) * self.second_derivative(r) + self.bump_curvature(r))


@cites("linmem", "Hessian bound over a ball")
def hessian_bound(problem: DeviationLoss, radius: float, start: ArrayLike | None = None) -> float:
    """A proved upper bound L on the norm of the Hessian of J over |theta - theta(0)| <= radius, rounded up.

    Parameters
    ----------
    problem : its remainder must be a GaussianBump. radius : below the slowest rate. start : theta(0) - theta_0 or None.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(centre=20.0))
    >>> bool(np.linalg.norm(problem.hessian(np.zeros(4)), 2) <= hessian_bound(problem, 1e-9))
    True
    """
    curvature = Curvature(problem, start)
    if not 0 < radius < curvature.around.slowest:
        raise ValueError(
            f"radius must be > 0 and below the slowest rate {curvature.around.slowest:g}, got {radius!r}; "
            "take a smaller one"
        )
    with precision(BITS):
        return bounds(curvature.lipschitz(ball(radius)))[1]


def positive_definite(matrix: list[list[arb]]) -> bool:
    """Whether a symmetric matrix of balls is proved positive definite: every pivot of its LDL^T is positive."""
    rows = [row[:] for row in matrix]
    for k in range(len(rows)):
        if not rows[k][k] > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            for j in range(k + 1, len(rows)):
                rows[i][j] -= factor * rows[k][j]
    return True


def _eigenvalue(gram: list[list[arb]], which: int) -> tuple[float, float]:
    """Enclosure of the least (which = 0) or greatest (-1) eigenvalue of a positive semidefinite matrix of balls.

    One side is a Rayleigh quotient, the other a shifted matrix proved definite (0 if that fails for the least one).
    """
    values, vectors = np.linalg.eigh(np.array([[float(x.mid()) for x in row] for row in gram]))
    v = [ball(float(x)) for x in vectors[:, which]]
    products = (x * y * entry for x, row in zip(v, gram, strict=True) for y, entry in zip(v, row, strict=True))
    quotient = sum(products, arb(0)) / sum((x * x for x in v), arb(0))
    size = float(values[-1])
    if which == 0:
        shift = float(values[0]) * (1 - 1e-9) - 1e-14 * size
        return (shift if shift > 0 and positive_definite(_shifted(gram, 1, -shift)) else 0.0), bounds(quotient)[1]
    shift = size * (1 + 1e-9)
    while not positive_definite(_shifted(gram, -1, shift)):
        shift *= 1.01
    return bounds(quotient)[0], shift


def _shifted(matrix: list[list[arb]], sign: int, shift: float) -> list[list[arb]]:
    """sign * matrix + shift * identity."""
    return [[sign * x + (ball(shift) if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(matrix)]


def _largest_norm(pairs: list[tuple[arb, arb]]) -> arb:
    """An upper bound on max over the pairs of the spectral norm (y + sqrt(y^2 + 4 x^2))/2 of ((0, x), (x, y))."""
    norms = [(y + (y**2 + 4 * x**2).sqrt()) / 2 for x, y in pairs]
    return max((norm.upper() for norm in norms), key=lambda norm: float(norm))
