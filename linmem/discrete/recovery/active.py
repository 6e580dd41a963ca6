"""First phase of the LASSO solver for small problems: Newton steps on active sets along decreasing penalties.

At each penalty s p, s falling geometrically, the optimality conditions on an active set J with signs,

    G_JJ x_J = c_J - s p_J sign_J,

are solved for the set of the penalty before (the prediction), and J is then corrected: entries of the wrong sign leave,
entries whose correlation ``c - G x`` exceeds the penalty enter. A step costs a factor of K^3/3 flops and one product
with G, so that for a few hundred nodes a solution costs less than the calls of a hundred first-order steps.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from linmem.discrete.recovery.proximal import Point
from linmem.discrete.recovery.quadratic import Quadratic, Vector

ROWS = 512
"""Most rows of A for which the phase is used."""
FACTOR = 0.6
"""Ratio of successive penalties; its root after a failure."""
CORRECTIONS = 10
"""Newton steps at one penalty."""
CLOSE = 2
"""Entries that may be wrong at an intermediate penalty."""


def _stage(problem: Quadratic, point: Point, scale: float, cap: int) -> tuple[Point, int] | None:
    """The solution at the penalties ``scale p``, from that of larger ones, and its number of wrong entries.

    None if the active sets do not settle.
    """
    c, p, x = problem.correlations, scale * problem.penalty, point.x
    g: Vector = c - point.Gx
    active = x != 0
    allowed = 0 if scale == 1.0 else CLOSE
    for correction in range(min(CORRECTIONS, cap - point.iterations)):
        if correction or not active.any():
            active = active | (np.abs(g) > p * (1 + 1e-9))
        J = np.flatnonzero(active)
        if J.size > problem.rows:
            return None
        sign = np.where(x[J] != 0, np.sign(x[J]), np.sign(g[J]))
        bound = p[J] if isinstance(p, np.ndarray) else p
        _, solution, failed = dposv(problem.block(J), c[J] - bound * sign, lower=1, overwrite_a=1)
        if failed:
            return None
        kept = np.sign(solution) == sign
        x = np.zeros_like(c)
        x[J] = np.where(kept, solution, 0.0)
        Gx = problem.apply(x)
        g, active = c - Gx, x != 0
        wrong = J.size - int(kept.sum()) + int((~active & (np.abs(g) > p * (1 + 1e-9))).sum())
        if wrong <= allowed:
            return Point(x, Gx, point.iterations + correction + 1), wrong
    return None


def followed(problem: Quadratic, point: Point, cap: int) -> float:
    """Move the point from zero along decreasing penalties; returns their factor where it ends, 1 for the solution.

    Where the active sets do not settle even in smaller steps, or ``iterations = cap``, it is the last factor at which
    the solution was exact.
    """
    scale, factor = problem.vanishing_factor(), FACTOR
    reached, exact = point, scale
    while scale > 1.0:
        following = max(factor * scale, 1.0)
        found = _stage(problem, reached, following, cap)
        if found is not None:
            scale, factor, reached = following, FACTOR, found[0]
            if found[1] == 0:
                exact, point.x, point.Gx = scale, reached.x, reached.Gx
            point.iterations = reached.iterations
        elif factor > 0.9 or point.iterations >= cap:
            break
        else:
            factor = factor**0.5
    return exact
