"""The smooth part of a LASSO and its certificate, in the form that all phases of the solver share.

    P(x) = 1/2 ||b - A x||^2 + sum_i p_i |x_i|,        p_i > 0,

enters the solver as the normal operator ``G = A^T A``, the correlations ``c = A^T b`` and ``b.b`` only; products with A
itself are made for the final certificate, and where ``b.b - 2 c.x + x.G x`` would cancel.

The dual is ``max D(theta) = b.theta - ||theta||^2 / 2`` over ``|A^T theta|_i <= p_i``. With the residual r = b - A x,
g = A^T r and theta = s r scaled into the feasible set,

    P(x) - D(theta) = 1/2 (1 - s)^2 ||r||^2 + sum_i (p_i |x_i| - s g_i x_i),    s = clip(b.r / r.r, -1/m, 1/m),
    m = max_i |g_i| / p_i,

a sum of terms that are all >= 0 (and are cut at 0 where rounding makes them negative): it suffers no cancellation of
its own, and bounds P(x) - min P.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Quadratic:
    """One LASSO problem.

    Attributes
    ----------
    apply : ``x -> A^T A x``.
    block : positions J -> the K x K matrix ``A_J^T A_J``.
    residual : ``x -> (b - A x, A^T (b - A x))`` by products with A itself.
    correlations : c = A^T b.
    energy : b.b.
    penalty : p, a number or one for each coefficient.
    rows : number of rows of A, the largest possible rank.
    """

    apply: Callable[[Vector], Vector]
    block: Callable[[np.ndarray], Float[np.ndarray, "K K"]]
    residual: Callable[[Vector], tuple[Float[np.ndarray, "M"], Vector]]
    correlations: Vector
    energy: float
    penalty: float | Vector
    rows: int

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.correlations.size

    def scaled(self, factor: float) -> Quadratic:
        """The same problem with all penalties multiplied by ``factor``."""
        return Quadratic(
            self.apply,
            self.block,
            self.residual,
            self.correlations,
            self.energy,
            self.penalty * factor,
            self.rows,
        )

    def vanishing_factor(self) -> float:
        """Least factor of the penalties for which the solution is zero: ``max_i |c_i| / p_i``."""
        return float((np.abs(self.correlations) / self.penalty).max())

    def penalty_at(self, positions: np.ndarray) -> float | Vector:
        """The penalties of some coefficients."""
        return self.penalty[positions] if isinstance(self.penalty, np.ndarray) else self.penalty

    def objective(self, x: Vector, Gx: Vector) -> float:
        """P(x) up to rounding of size ``eps b.b``."""
        return 0.5 * (self.energy - 2 * float(x @ self.correlations) + float(x @ Gx)) + self.norm(x)

    def norm(self, x: Vector) -> float:
        """``sum_i p_i |x_i|``."""
        return float((self.penalty * np.abs(x)).sum())

    def shrink(self, v: Vector, step: float) -> Vector:
        """Proximal map of the penalty: ``sign(v) max(|v| - step p, 0)``."""
        bound = step * self.penalty
        return v - np.clip(v, -bound, bound)

    def gap(self, x: Vector, Gx: Vector) -> float:
        """Relative duality gap from stored products; from products with A where these would cancel."""
        xc = float(x @ self.correlations)
        rr = self.energy - 2 * xc + float(x @ Gx)
        if rr < 1e-9 * self.energy:
            return self.certificate(x)[1]
        return gap(self, x, self.correlations - Gx, rr, self.energy - xc)[1]

    def certificate(self, x: Vector) -> tuple[float, float]:
        """Objective and relative duality gap by products with A itself."""
        r, g = self.residual(x)
        rr = float(r @ r)
        return gap(self, x, g, rr, rr + float(x @ g))  # b.r = r.r + (A x).r


def from_matrix(X: Float[np.ndarray, "m n"], y: Float[np.ndarray, "m"], penalty: float | Vector) -> Quadratic:
    """``1/2 ||y - X x||^2 + sum p_i |x_i|`` for a stored matrix."""
    rows = np.ascontiguousarray(X.T)  # gathering columns of X is then copying of memory
    gram = rows @ X if X.shape[1] <= X.shape[0] else None

    def apply(x: Vector) -> Vector:
        return rows @ (x @ rows) if gram is None else gram @ x

    def block(J: np.ndarray) -> Float[np.ndarray, "K K"]:
        if gram is not None:
            return gram[np.ix_(J, J)]
        chosen = rows[J]
        return chosen @ chosen.T

    def residual(x: Vector) -> tuple[Float[np.ndarray, "m"], Vector]:
        r = y - x @ rows
        return r, rows @ r

    return Quadratic(apply, block, residual, rows @ y, float(y @ y), penalty, min(X.shape))


def gap(problem: Quadratic, x: Vector, g: Vector, rr: float, br: float) -> tuple[float, float]:
    """Objective and relative duality gap from g = A^T r, r.r and b.r; zero of both for an objective of zero."""
    objective = 0.5 * rr + problem.norm(x)
    if objective <= 0.0:
        return 0.0, 0.0
    largest = float((np.abs(g) / problem.penalty).max())
    limit = 1 / largest if largest > 0 else math.inf
    s = min(max(br / rr, -limit), limit) if rr > 0 else 0.0
    distance = 0.5 * (1 - s) ** 2 * rr + float(np.maximum(problem.penalty * np.abs(x) - s * (g * x), 0.0).sum())
    return objective, distance / objective
