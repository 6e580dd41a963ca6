"""Second-order phase of nuclear-norm recovery: Newton steps on the matrices of the rank that has settled.

A minimiser is a fixed point ``X = prox(Z)``, ``Z = X - t (G X - c)``, where prox lowers the singular values of Z by
t lam. In the singular bases of Z the derivative of prox multiplies the entries of its argument by numbers w in [0, 1]:
1 or less where a row or column belongs to a singular value s_i > t lam, 0 elsewhere (T is the space where w > 0, the
tangent space of the matrices of that rank). The semismooth Newton equation of ``G X - c + (Z - X)/t = 0`` is then

    (P_T G P_T + D) d = -P_T (G X - c + (Z - X)/t),      D = (1/w - 1)/t >= 0,

symmetric and positive semidefinite; it is solved by conjugate gradients with the preconditioner D + mean(diag G). The
next Z is one gradient step from X + d, which is also the step that admits or drops singular values.
With x_i = s_i - t lam for the kept values and x_i = 0 for the others, D is

    2 lam / (x_i + x_j)          on antisymmetric pairs of kept directions (0 on symmetric ones),
    (t lam -+ s_j) / (t x_i)     on symmetric / antisymmetric pairs of a kept and a dropped direction,
    lam / x_i                    on entries outside the singular bases,

the curvature of the nuclear norm. A multiple of the identity (Levenberg and Marquardt), proportional to the gap, keeps
steps short while the rank is not final; steps that raise objective and gap are undone and repeated shorter.
Source: derived here; the derivative of prox is that of Jiang, Sun and Toh (2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.discrete.recovery.nuclear_problem import Matrix, NuclearProblem, Point

FORCING = 0.1
"""Conjugate gradients reduce the preconditioned residual by this factor."""
LONGEST = 300
"""Most conjugate-gradient iterations of one Newton step."""
REFUSALS = 2
"""Consecutive refused steps that end the phase."""
STEPS = 60
"""Most Newton steps of one phase."""
EPS = float(np.finfo(float).eps)
Square = Float[np.ndarray, "p p"]
Flat = Float[np.ndarray, "k"]


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Singular value decomposition of Z, ``left diag(s) right``, and the values x of X = prox(Z)."""

    left: Matrix
    s: Float[np.ndarray, "p"]
    right: Square
    x: Float[np.ndarray, "r"]

    @property
    def X(self) -> Matrix:
        r = self.x.size
        return (self.left[:, :r] * self.x) @ self.right[:r]


def _spectrum(Z: Matrix, threshold: float) -> _Spectrum:
    left, s, right = np.linalg.svd(Z, full_matrices=False)
    return _Spectrum(left, s, right, s[s > threshold] - threshold)


@dataclass(frozen=True, eq=False)
class _Weights:
    """A diagonal map of the tangent space: (B, E) -> (same B + swap B^T, E outside), without symmetric parts."""

    same: Square
    swap: Square
    outside: Float[np.ndarray, "r"]

    def apply(self, v: Flat) -> Flat:
        p, r = len(self.same), self.outside.size
        B, E = v[: p * p].reshape(p, p), v[p * p :].reshape(-1, r)
        out = np.empty_like(v)
        part = out[: p * p].reshape(p, p)
        np.multiply(self.same, B, out=part)
        part += self.swap * B.T
        np.multiply(E, self.outside, out=out[p * p :].reshape(-1, r))
        return out


class _Tangent:
    """Coordinates of the tangent space: ``H = (left B + [E, 0]) right`` with B = 0 between dropped directions."""

    def __init__(self, base: _Spectrum) -> None:
        self.base, self.p, self.r = base, base.s.size, base.x.size

    def project(self, H: Matrix) -> Flat:
        """Coordinates of the projection of H."""
        p, r, left = self.p, self.r, self.base.left
        K = H @ self.base.right.T
        out = np.empty(p * p + len(H) * r)
        B = out[: p * p].reshape(p, p)
        np.matmul(left.T, K, out=B)
        np.subtract(K[:, :r], left @ B[:, :r], out=out[p * p :].reshape(-1, r))
        B[r:, r:] = 0.0
        return out

    def matrix(self, v: Flat) -> Matrix:
        """The matrix with these coordinates."""
        p, r = self.p, self.r
        K = self.base.left @ v[: p * p].reshape(p, p)
        K[:, :r] += v[p * p :].reshape(-1, r)
        return K @ self.base.right

    def weights(self, lam: float, step: float, shift: float, level: float) -> tuple[_Weights, _Weights]:
        """``D + shift`` and the inverse of ``D + shift + level``."""
        p, r, x, s = self.p, self.r, self.base.x, self.base.s
        even, odd = np.zeros((p, p)), np.zeros((p, p))
        odd[:r, :r] = 2 * lam / np.add.outer(x, x)
        even[:r, r:] = np.subtract.outer(np.full(r, step * lam), s[r:]) / (step * x[:, None])
        odd[:r, r:] = np.add.outer(np.full(r, step * lam), s[r:]) / (step * x[:, None])
        even[r:, :r], odd[r:, :r] = even[:r, r:].T, odd[:r, r:].T
        inside = np.ones((p, p))
        inside[r:, r:] = 0.0
        outside = lam / x + shift
        even += shift
        odd += shift
        a, b = inside / (even + level), inside / (odd + level)
        even, odd = inside * even, inside * odd
        return (
            _Weights((even + odd) / 2, (even - odd) / 2, outside),
            _Weights((a + b) / 2, (a - b) / 2, 1 / (outside + level)),
        )


def _direction(
    problem: NuclearProblem, tangent: _Tangent, F: Matrix, step: float, shift: float, level: float, longest: int
) -> tuple[Matrix, int]:
    """Solution of the Newton equation by preconditioned conjugate gradients, and the products with G it took."""
    curvature, inverse = tangent.weights(problem.penalty, step, shift, level)
    residual = -tangent.project(F)
    d = np.zeros_like(residual)
    q = z = inverse.apply(residual)
    size = first = float(residual @ z)
    count = 0
    while count < longest and size > FORCING**2 * first:
        count += 1
        Hq = tangent.project(problem.apply(tangent.matrix(q))) + curvature.apply(q)
        a = size / float(q @ Hq)
        d += a * q
        residual -= a * Hq
        z = inverse.apply(residual)
        size, last = float(residual @ z), size
        q = z + (size / last) * q
    return tangent.matrix(d), count


def newton(
    problem: NuclearProblem, before: Matrix, step: float, level: float, tol: float, max_products: int
) -> tuple[Point, float, int]:
    """Newton steps from ``X = prox(before)`` until the gap is ``tol``, steps are refused, or products run out.

    ``step`` is a step length of proximal gradient (at most 1/||G||), ``level`` the mean diagonal of G. Returns the last
    point that was accepted, its gap and the number of products with G.
    """
    lam = problem.penalty

    def reach(Z: Matrix) -> tuple[_Spectrum, Point]:
        spectrum = _spectrum(Z, step * lam)
        return spectrum, problem.point(spectrum.X, float(spectrum.x.sum()), spectrum.x.size)

    base, point = reach(before)
    objective, gap = problem.objective(point), problem.gap(point)
    products, refused, damping = 1, 0, 1.0
    for _ in range(STEPS):
        if gap <= tol or point.rank == 0 or products >= max_products:
            break
        F = point.GX - problem.correlations + (before - point.X) / step
        shift = min(damping * gap, 10.0) * level
        longest = min(LONGEST, max_products - products)
        d, count = _direction(problem, _Tangent(base), F, step, shift, level, longest)
        ahead = point.X + d - step * (point.GX + problem.apply(d) - problem.correlations)
        base_new, new = reach(ahead)
        products += count + 2
        objective_new, gap_new = problem.objective(new), problem.gap(new)
        if not (objective_new <= objective + 50 * EPS * problem.energy or gap_new <= 0.5 * gap):
            damping, refused = 10 * damping, refused + 1
            if refused == REFUSALS or not math.isfinite(gap_new):
                break
            continue
        damping, refused = (damping if refused else max(damping / 3, 1e-3)), 0
        before, base, point, objective, gap = ahead, base_new, new, objective_new, gap_new
    return point, gap, products
