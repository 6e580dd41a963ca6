"""The LASSO solver: which phase runs when.

1. ``continued``: proximal steps along decreasing penalties, until the relative gap is a few per cent; before it, for
   few rows, ``followed``: Newton steps on active sets, which often end at the solution.
2. ``finish``: the parametric active-set method, which ends at the exact solution, tried whenever a support can be
   factored at no more than the cost spent so far, and given at most twice that cost. The costs are counts of operations
   with fixed weights, not measured times: the same problem takes the same path on every machine.
3. Between the trials, first-order steps: as in 1 while they pay, then FISTA.

Nothing depends on time: a run ends at the tolerance or at ``max_iter`` products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linmem.discrete.recovery.active import ROWS, followed
from linmem.discrete.recovery.parametric import finish, refined
from linmem.discrete.recovery.proximal import Point, accelerated, continued, curvature, settled
from linmem.discrete.recovery.quadratic import Quadratic, Vector

CHUNK = 10
"""FISTA iterations between two looks at the gap."""
BREAKPOINTS = 200
"""Most breakpoints that a trial may pass: more are the sign of a bad guess."""
PATH = 10
"""Breakpoints, in units of the rows of A, through which the path of a small problem is followed."""
MEMORY = 6000
"""Largest support that is factored: 290 MB."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients, objective and relative gap (by products with A), iterations, whether the gap is small enough."""

    x: Vector
    objective: float
    gap: float
    iterations: int
    converged: bool


@dataclass(eq=False)
class _Budget:
    """Costs in units of one microsecond of a common processor; only their ratios matter."""

    n: int
    next_trial: float = 0.0
    trials: float = 0.0

    def steps(self, iterations: int) -> float:
        """First-order steps: a fixed part for the calls and one for each coefficient."""
        return iterations * (30 + 0.04 * self.n)

    @staticmethod
    def factor(K: int) -> float:
        """Gather and Cholesky factor of a support."""
        return 50 + 5e-3 * K**2 + 1.5e-5 * K**3

    def breakpoint(self, K: int) -> float:
        """One breakpoint: two products with G, three triangular products."""
        return 2 * self.steps(1) + 8e-4 * K**2


def _try_finish(problem: Quadratic, point: Point, budget: _Budget, tol: float) -> Point | None:
    """The exact solution, if it is affordable now."""
    K = min(int(np.count_nonzero(point.x)), problem.rows)
    spent = budget.steps(point.iterations) + budget.trials
    if not 0 < K <= MEMORY or spent < budget.next_trial or budget.factor(K) > spent:
        return None
    allowed = min(max(int(2 * spent / budget.breakpoint(K)), 20), BREAKPOINTS)
    outcome = finish(problem, point, allowed)
    budget.trials += budget.factor(K) + outcome.breakpoints * budget.breakpoint(K)
    budget.next_trial = 1.25 * (budget.steps(point.iterations) + budget.trials)
    if outcome.point is None:
        return None
    found = outcome.point
    found.gap = problem.certificate(found.x)[1]
    for _ in range(2):
        if found.gap > 0.5 * tol:
            found = refined(problem, found)
            found.gap = problem.certificate(found.x)[1]
    return found


def _start(problem: Quadratic, start: Vector | None, tol: float, max_iter: int) -> Point:
    if start is not None and start.any():
        point = Point(start.copy(), problem.apply(start), 1)
        point.gap = problem.gap(point.x, point.Gx)
        return point
    point = Point(np.zeros(problem.size), np.zeros(problem.size))
    point.gap = problem.gap(point.x, point.Gx)
    if point.gap > tol:
        scale = followed(problem, point, max_iter) if problem.rows <= ROWS else problem.vanishing_factor()
        if scale > 1.0 and problem.rows <= ROWS:
            along = finish(problem, point, min(PATH * problem.rows, max_iter), scale).point
            if along is not None:
                along.gap = problem.gap(along.x, along.Gx)
                return along
        if scale > 1.0 and point.iterations < max_iter:
            continued(problem, point, scale, tol, max_iter)
        else:
            point.gap = problem.gap(point.x, point.Gx)
    return point


def solve(problem: Quadratic, tol: float, max_iter: int, start: Vector | None = None) -> Solution:
    """Minimise ``1/2 ||b - A x||^2 + sum p_i |x_i|`` to a relative duality gap of ``tol``, from zero or from ``start``.

    The gap of the result is computed by products with A itself. Of all points seen at the end of a phase the one with
    the least gap is returned.
    """
    if problem.vanishing_factor() <= 1.0:
        objective, gap = problem.certificate(np.zeros(problem.size))
        return Solution(np.zeros(problem.size), objective, gap, 0, gap <= tol)
    target, budget = 0.9 * tol, _Budget(problem.size)
    point = _start(problem, start, target, max_iter)
    found = _try_finish(problem, point, budget, tol) if point.gap > target else point
    if found is None and point.gap > target and point.iterations < max_iter:
        settled(problem, point, target, max_iter)
        found = _try_finish(problem, point, budget, tol) if point.gap > target else point
    if found is None or found.gap > target:
        for k, _ in enumerate(accelerated(problem, point, max_iter, 1.02 * curvature(problem)), start=1):
            if k % CHUNK and point.iterations < max_iter:
                continue
            point.gap = problem.gap(point.x, point.Gx)
            if point.gap <= target:
                break
            found = _try_finish(problem, point, budget, tol)
            if found is not None:
                if found.gap <= target:
                    break
                point.x, point.Gx = found.x, found.Gx
    best = found if found is not None and found.gap <= point.gap else point
    objective, gap = problem.certificate(best.x)
    return Solution(best.x, objective, gap, max(best.iterations, point.iterations), gap <= tol)
