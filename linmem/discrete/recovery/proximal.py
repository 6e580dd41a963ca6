"""First-order phases of the LASSO solver: proximal gradient steps that need one product with A^T A each.

``continued`` follows the penalty down from the one at which the solution vanishes, with Barzilai-Borwein step lengths:
supports stay small and the steps long, so that it takes few iterations wherever the problem is well conditioned on its
support (Wright, Nowak and Figueiredo 2009). ``accelerated`` is FISTA with gradient restart (Beck and Teboulle 2009;
O'Donoghue and Candes 2015), which is safer where it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linmem.discrete.recovery.quadratic import Quadratic, Vector

FACTOR = 0.3
"""Ratio of successive penalties."""
STAGE_GAP = 0.05
"""Relative gap at which a stage ends."""
PATIENCE = 20
"""Iterations within which the gap must have halved."""


@dataclass(eq=False)
class Point:
    """Coefficients x with their product G x, the number of products made, and the relative gap where it is known."""

    x: Vector
    Gx: Vector
    iterations: int = 0
    gap: float = math.inf


def _spectral(problem: Quadratic, point: Point, step: float, target: float, cap: int, patience: int) -> float:
    """Proximal steps of Barzilai-Borwein length until the gap is at most ``target``; moves the point.

    A step is accepted if it lowers the largest of the last five objectives; otherwise it is halved. Ends early when the
    gap has not halved within ``patience`` products. Returns the last inverse step length.
    """
    x, Gx, c = point.x, point.Gx, problem.correlations
    recent = [problem.objective(x, Gx)]
    end = min(cap, point.iterations + patience)
    best = math.inf
    for k in range(cap):
        while True:
            new = problem.shrink(x - (Gx - c) / step, 1 / step)
            move = new - x
            length = float(move @ move)
            G_new = problem.apply(new)
            point.iterations += 1
            value = problem.objective(new, G_new)
            if length == 0.0 or value <= max(recent[-5:]) - 0.5e-5 * step * length or point.iterations >= cap:
                break
            step *= 2.0
        curved = float(move @ (G_new - Gx))
        x, Gx = new, G_new
        recent.append(value)
        step = min(max(curved / length, 1e-3 * step), 1e3 * step) if length > 0 else step
        if k % 2 or length == 0.0:
            gap = problem.gap(x, Gx)
            if gap < 0.5 * best:
                best, end = gap, min(cap, point.iterations + patience)
            if gap <= target or length == 0.0:
                break
        if point.iterations >= end:
            break
    point.x, point.Gx, point.gap = x, Gx, problem.gap(x, Gx)
    return step


def continued(problem: Quadratic, point: Point, scale: float, tol: float, cap: int) -> None:
    """Move the point, a solution for ``scale`` times the penalties, along decreasing ones to (near) the solution.

    Ends at relative gap ``STAGE_GAP``, or above it when a stage stalls or at ``iterations = cap``: then the caller
    takes another way.
    """
    step = 1.0
    while True:
        scale = max(FACTOR * scale, 1.0)
        stage = problem.scaled(scale) if scale > 1.0 else problem
        target = max(STAGE_GAP, tol)
        step = _spectral(stage, point, step, target, cap, 2 * PATIENCE)
        if scale == 1.0 or point.gap > target:
            break
    if scale > 1.0:
        point.gap = problem.gap(point.x, point.Gx)


def settled(problem: Quadratic, point: Point, tol: float, cap: int) -> None:
    """Steps at the final penalty, as long as the gap halves within ``PATIENCE`` of them."""
    quotient = float(point.x @ point.Gx) / max(float(point.x @ point.x), np.finfo(float).tiny)
    _spectral(problem, point, max(quotient, np.finfo(float).tiny), tol, cap, PATIENCE)


def curvature(problem: Quadratic, steps: int = 20) -> float:
    """Estimate of ``||A||^2`` by the power method, from below; a step that needs more raises it."""
    v = np.random.default_rng(0).standard_normal(problem.size)
    for _ in range(steps):
        v = problem.apply(v / np.linalg.norm(v))
    return float(np.linalg.norm(v))


def accelerated(problem: Quadratic, point: Point, cap: int, inverse_step: float) -> Iterator[None]:
    """FISTA with gradient restart from the point, which it moves; yields after every iteration.

    Products are linear, so those of the extrapolated point are combinations of stored ones. Someone who moves the point
    between two iterations restarts the momentum.
    """
    c = problem.correlations
    x, Gx, y, Gy, t = point.x, point.Gx, point.x, point.Gx, 1.0
    while point.iterations < cap:
        new = problem.shrink(y - (Gy - c) / inverse_step, 1 / inverse_step)
        G_new = problem.apply(new)
        point.iterations += 1
        step, G_step = new - y, G_new - Gy
        # The quadratic upper model holds at this step iff step.G step <= step.step / inverse_step^-1 (up to rounding).
        length = float(step @ step)
        if float(step @ G_step) > inverse_step * (1 + 1e-8) * length and length > 1e-24 * float(new @ new):
            inverse_step = 1.05 * float(step @ G_step) / length
            continue
        if float(step @ (new - x)) < 0:  # the momentum points uphill
            t, beta = 1.0, 0.0
        else:
            following = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
            t, beta = following, (t - 1) / following
        y, Gy = new + beta * (new - x), G_new + beta * (G_new - Gx)
        x, Gx = new, G_new
        point.x, point.Gx = x, Gx
        yield
        if point.x is not x:
            x, Gx, y, Gy, t = point.x, point.Gx, point.x, point.Gx, 1.0
