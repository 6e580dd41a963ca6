"""Nuclear-norm recovery as a smooth part and a penalty, in the form that all phases of the solver share.

    P(X) = 1/2 ||b - A(X)||^2 + lam ||X||_*

enters the solver as the normal operator ``G = A^T A``, the correlations ``c = A^T b`` and ``b.b``; products with A
itself are made for the final certificate, and where ``b.b - 2 <c, X> + <X, G X>`` would cancel. X is held with its
short side last, that is transposed when there are more streams than time steps.

The dual is ``max D(theta) = b.theta - ||theta||^2 / 2`` over ``||A^T theta||_2 <= lam`` (operator norm). With the
residual r = b - A(X), g = A^T r and theta = k r scaled into the feasible set,

    P(X) - D(theta) = 1/2 (1 - k)^2 ||r||^2 + (lam ||X||_* - k <g, X>),
    k = clip(b.r / r.r, -m, m),    m = lam / ||g||_2,

two terms that are both >= 0: the sum suffers no cancellation of its own, and bounds P(X) - min P.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Matrix = Float[np.ndarray, "n p"]
ACCURATE = 1e-5
"""Singular values are taken from the Gram matrix while the threshold is above this fraction of the largest of them: the
Gram matrix keeps them to about 1e-8 of the largest."""


@dataclass(frozen=True, eq=False)
class Point:
    """A matrix X with G X, its nuclear norm and its rank."""

    X: Matrix
    GX: Matrix
    norm: float
    rank: int


@dataclass(frozen=True, eq=False)
class NuclearProblem:
    """One problem, in arrays of shape (n, p), p <= n.

    Attributes
    ----------
    apply : ``X -> A^T A X``.
    residual : ``X -> (b - A X, A^T (b - A X))`` by products with A itself.
    correlations : c = A^T b.
    energy : b.b.
    penalty : lam > 0.
    """

    apply: Callable[[Matrix], Matrix]
    residual: Callable[[Matrix], tuple[Float[np.ndarray, "M"], Matrix]]
    correlations: Matrix
    energy: float
    penalty: float

    def point(self, X: Matrix, norm: float, rank: int) -> Point:
        """X with its product; one product with G."""
        return Point(X, self.apply(X), norm, rank)

    def objective(self, point: Point) -> float:
        """P(X) up to rounding of size ``eps b.b``."""
        return 0.5 * self._misfit(point) + self.penalty * point.norm

    def gap(self, point: Point) -> float:
        """Relative duality gap from stored products; from products with A where these would cancel."""
        rr = self._misfit(point)
        if rr < 1e-9 * self.energy:
            return self.certificate(point.X, point.norm)[1]
        g = self.correlations - point.GX
        br = self.energy - float(np.vdot(point.X, self.correlations))
        return self._gap(point.X, point.norm, g, rr, br)[1]

    def certificate(self, X: Matrix, norm: float) -> tuple[float, float]:
        """Objective and relative duality gap by products with A itself, from the nuclear norm of X."""
        r, g = self.residual(X)
        rr = float(r @ r)
        return self._gap(X, norm, g, rr, rr + float(np.vdot(X, g)))  # b.r = r.r + (A X).r

    def _misfit(self, point: Point) -> float:
        return self.energy + float(np.vdot(point.X, point.GX - 2 * self.correlations))

    def _gap(self, X: Matrix, norm: float, g: Matrix, rr: float, br: float) -> tuple[float, float]:
        objective = 0.5 * rr + self.penalty * norm
        if objective <= 0.0:
            return 0.0, 0.0
        largest = operator_norm(g)
        limit = self.penalty / largest if largest > 0 else math.inf
        k = min(max(br / rr, -limit), limit) if rr > 0 else 0.0
        distance = 0.5 * (1 - k) ** 2 * rr + (self.penalty * norm - k * float(np.vdot(g, X)))
        return objective, max(distance, 0.0) / objective


def operator_norm(g: Matrix) -> float:
    """Largest singular value, from the Gram matrix (relative error of a few eps)."""
    return math.sqrt(max(float(np.linalg.eigvalsh(g.T @ g)[-1]), 0.0))


def shrink(V: Matrix, threshold: float) -> tuple[Matrix, float, int]:
    """Singular values of V lowered by the threshold: the matrix, its nuclear norm and its rank.

    With eigenvectors U_k of ``V^T V`` of the values s_k^2 > threshold^2 it is ``V U diag(1 - threshold/s) U^T``.
    """
    values, vectors = np.linalg.eigh(V.T @ V)
    if threshold < ACCURATE * math.sqrt(max(float(values[-1]), 0.0)):
        left, s, right = np.linalg.svd(V, full_matrices=False)
        kept = s > threshold
        low = s[kept] - threshold
        return (left[:, kept] * low) @ right[kept], float(low.sum()), int(low.size)
    kept = values > threshold * threshold
    s, basis = np.sqrt(values[kept]), vectors[:, kept]
    low = s - threshold
    return (V @ basis * (low / s)) @ basis.T, float(low.sum()), int(low.size)
