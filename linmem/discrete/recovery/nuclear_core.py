"""The nuclear-norm solver: which phase runs when.

1. Accelerated proximal gradient along decreasing penalties: the penalty starts at the norm of the correlations and
   falls by a tenth each iteration down to lam, so that the rank grows instead of having to shrink.
2. When the rank has stood for a while and the gap is small, Newton steps (``nuclear_newton``) until the gap is reached,
   or steps fail; then first-order steps again.

Products with G are linear: those of an extrapolated point are combinations of stored ones, and one product an iteration
serves the step, the test of the step length and the gap. Nothing depends on time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from linmem.discrete.recovery.nuclear_newton import newton
from linmem.discrete.recovery.nuclear_problem import Matrix, NuclearProblem, Point, operator_norm, shrink

DECAY = 0.9
"""Factor of the penalty from one iteration to the next in the first phase."""
CHECK = 5
"""Iterations between two looks at the gap."""
STANDING = 20
"""Iterations without change of rank before Newton steps are tried."""
CLOSE = 3e-2
"""Gap below which Newton steps are first tried."""
PAUSE = 50
"""First-order iterations after a Newton phase that failed."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The matrix, its nuclear norm and rank, and the number of products with A^T A."""

    X: Matrix
    norm: float
    rank: int
    products: int


class _Momentum:
    """Accelerated proximal gradient with gradient restart (Beck and Teboulle 2009, O'Donoghue and Candes 2015).

    ``point`` is the iterate and ``before`` the matrix whose singular values were lowered to give it; ``extrapolated``
    is where the next gradient is taken, ``product`` its product with G.
    """

    def __init__(self, problem: NuclearProblem, point: Point, curvature: float) -> None:
        self.problem, self.curvature = problem, curvature
        self.restart(point)

    def restart(self, point: Point) -> None:
        self.point, self.before, self.t = point, point.X, 1.0
        self.extrapolated, self.product = point.X, point.GX

    def step(self, penalty: float) -> None:
        """One iteration at this penalty, one product with G; a step that was too long only raises the curvature."""
        problem, old = self.problem, self.point
        before = self.extrapolated - (self.product - problem.correlations) / self.curvature
        new = problem.point(*shrink(before, penalty / self.curvature))
        move = new.X - self.extrapolated
        length = float(np.vdot(move, move))
        # The quadratic upper model holds at this step iff <move, G move> <= curvature ||move||^2 (up to rounding).
        quotient = float(np.vdot(move, new.GX - self.product)) / max(length, np.finfo(float).tiny)
        if quotient > self.curvature * (1 + 1e-8) and length > 1e-24 * float(np.vdot(new.X, new.X)):
            self.curvature = 1.05 * quotient
            return
        if float(np.vdot(move, new.X - old.X)) < 0:  # the momentum points uphill
            self.t, beta = 1.0, 0.0
        else:
            following = 0.5 * (1 + math.sqrt(1 + 4 * self.t * self.t))
            self.t, beta = following, (self.t - 1) / following
        self.extrapolated = new.X + beta * (new.X - old.X)
        self.product = new.GX + beta * (new.GX - old.GX)
        self.point, self.before = new, before


def _mean_diagonal(problem: NuclearProblem) -> float:
    """Estimate of the mean diagonal entry of G, from one random vector."""
    v = np.random.default_rng(0).standard_normal(problem.correlations.shape)
    return float(np.vdot(v, problem.apply(v))) / float(np.vdot(v, v))


def solve_nuclear(
    problem: NuclearProblem, curvature: float, tol: float, max_products: int, start: Matrix | None = None
) -> Solution:
    """Minimise ``1/2 ||b - A(X)||^2 + lam ||X||_*`` to a relative duality gap of ``tol``, from zero or from ``start``.

    ``curvature`` is an estimate of ||A||^2; steps that need more raise it. Of all points whose gap was looked at
    the one with the least gap is returned.
    """
    zero = np.zeros_like(problem.correlations)
    largest = operator_norm(problem.correlations)
    point = Point(zero, zero, 0.0, 0)
    if largest <= problem.penalty:
        return Solution(zero, 0.0, 0, 0)
    penalty, products = largest, 0
    if start is not None:
        s = np.linalg.svd(start, compute_uv=False)
        point, penalty, products = problem.point(start, float(s.sum()), int((s > 0).sum())), problem.penalty, 1
    best, least = point, problem.gap(point)
    level = _mean_diagonal(problem)
    momentum = _Momentum(problem, point, curvature)
    standing, pause, close = 0, 0, CLOSE
    while least > tol and products < max_products:
        penalty, rank = max(problem.penalty, DECAY * penalty), momentum.point.rank
        momentum.step(penalty)
        products, pause = products + 1, pause - 1
        standing = standing + 1 if momentum.point.rank == rank else 0
        if products % CHECK and products < max_products:
            continue
        gap = problem.gap(momentum.point)
        if gap < least:
            best, least = momentum.point, gap
        if gap <= tol or standing < STANDING or gap > close or pause > 0:
            continue
        found, gap, used = newton(problem, momentum.before, 1 / momentum.curvature, level, tol, max_products - products)
        products += used
        if gap < least:
            best, least = found, gap
        momentum.restart(found)
        standing, pause, close = 0, PAUSE, 0.5 * gap
    return Solution(best.X, best.norm, best.rank, products)
