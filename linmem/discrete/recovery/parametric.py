"""The last phase of the LASSO solver: a parametric active-set method that ends at the exact solution.

An approximate solution x with support J, for the penalties s p with s >= 1, is the exact solution of a problem with
other correlations: c' agrees with the optimality conditions ``c'_j - (G x)_j = s p_j sign x_j`` on J and has
``|c'_j - (G x)_j| <= s p_j`` off it. Along ``c(t) = c' + t (c - c')`` and ``s(t) = s + t (1 - s)`` the solution is
piecewise linear in t,

    G_JJ dx_J = (c - c')_J - (1 - s) p_J sign_J,
    |c(t) - G x(t)|_j = s(t) p_j  when j enters,    x_j(t) = 0  when j leaves,

and t = 1 is the problem itself (the homotopy of Osborne, Presnell and Turlach 2000, started from a good guess instead
of zero). There are about as many breakpoints as the guess has wrong entries in its support. The factor
``G_JJ = R R^T`` of the first support serves for many of them: entries that came or went since border the system, and
their Schur complement is small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, cholesky
from scipy.linalg.lapack import dtrtrs

from linmem.discrete.recovery.proximal import Point
from linmem.discrete.recovery.quadratic import Quadratic, Vector

SLACK = 20
"""Breakpoints granted beyond twice those that the first direction runs into."""
REFRESH = 60
"""Borders after which the factor is computed anew."""


def _solve(R: Float[np.ndarray, "K K"], v: Vector, transposed: bool) -> Vector:
    return dtrtrs(R, v, lower=1, trans=int(transposed))[0]


class _Factor:
    """``G_JJ = R R^T`` for a base support, bordered by entries that joined (a column of G) or left it (a unit vector).

    The direction solves ``[[R R^T, B], [B^T, D]] [d, u] = [delta_base, delta_border]``: for an entry that joined, u is
    its direction; for one that left, u is the multiplier that keeps its direction at zero.
    """

    def __init__(self, problem: Quadratic, base: np.ndarray, delta: Vector) -> None:
        self.base = base
        block = problem.block(base)
        self.R = np.asfortranarray(cholesky(block, lower=True, overwrite_a=True, check_finite=False))
        self.delta = delta
        self.forward = _solve(self.R, delta[base], transposed=False)
        self.entries: list[tuple[int, bool]] = []  # position, whether it joined
        self.Y = np.empty((REFRESH + 1, base.size))
        self.S = np.empty((REFRESH + 1, REFRESH + 1))

    def full(self) -> bool:
        return len(self.entries) > REFRESH

    def direction(self, size: int) -> Vector:
        k = len(self.entries)
        right = np.array([self.delta[j] if joined else 0.0 for j, joined in self.entries])
        u = np.linalg.solve(self.S[:k, :k], right - self.Y[:k] @ self.forward)
        d = np.zeros(size)
        d[self.base] = _solve(self.R, self.forward - self.Y[:k].T @ u, transposed=True)
        for i, (j, joined) in enumerate(self.entries):
            d[j] = u[i] if joined else 0.0
        return d

    def toggle(self, problem: Quadratic, j: int, joins: bool) -> None:
        """An entry joins or leaves; one that undoes an earlier change removes its border."""
        k = len(self.entries)
        if (j, not joins) in self.entries:
            i = self.entries.index((j, not joins))
            keep = [m for m in range(k) if m != i]
            self.Y[: k - 1] = self.Y[keep]
            self.S[: k - 1, : k - 1] = self.S[np.ix_(keep, keep)]
            self.entries.pop(i)
            return
        unit = np.zeros(problem.size)
        unit[j] = 1.0
        border = problem.apply(unit) if joins else unit
        y = _solve(self.R, border[self.base], transposed=False)
        cross = np.array([border[i] if joins and joined else 0.0 for i, joined in self.entries])
        self.S[:k, k] = self.S[k, :k] = cross - self.Y[:k] @ y
        self.S[k, k] = (border[j] if joins else 0.0) - float(y @ y)
        self.Y[k] = y
        self.entries.append((j, joins))


@dataclass(frozen=True, eq=False)
class Finish:
    """Outcome of :func:`finish`: the point reached (None if it gave up) and the breakpoints passed."""

    point: Point | None
    breakpoints: int


def _guess(problem: Quadratic, point: Point) -> tuple[Vector, Vector, np.ndarray]:
    """The point with its support cut to 96 % of the rank, so that G_JJ is safely regular, its product, the support."""
    support, x, Gx = np.flatnonzero(point.x), point.x, point.Gx
    most = max(1, int(0.96 * problem.rows))
    if support.size > 0.995 * problem.rows:
        largest = np.argpartition(-np.abs(x[support]), most - 1)[:most]
        support = np.sort(support[largest])
        cut = np.zeros_like(x)
        cut[support] = x[support]
        x, Gx = cut, problem.apply(cut)
    return x, Gx, support


def finish(problem: Quadratic, point: Point, allowed: int, scale: float = 1.0) -> Finish:
    """Follow the path from the point, for ``scale`` times the penalties, through at most ``allowed`` breakpoints.

    Gives up at once when the first direction already runs into more than that many bounds, later when it has passed
    twice as many as that direction showed (a path that winds is a bad guess), or when a factor fails. A point for
    larger penalties, ``scale > 1``, has to be their solution; its path is then that of the LASSO, and may be long.
    Cost: K^3/3 flops for the factor (K = size of the support), two products with G and 4 K^2 flops a breakpoint.
    """
    x, Gx, support = _guess(problem, point) if scale == 1.0 else (point.x, point.Gx, np.flatnonzero(point.x))
    n, c, p, decline = problem.size, problem.correlations, problem.penalty, 1 - scale
    sign = np.zeros(n)
    sign[support] = np.sign(x[support])
    if support.size == 0:  # the path from zero begins at the largest correlation
        first = int((np.abs(c) / p).argmax())
        sign[first] = np.sign(c[first])
    active = sign != 0
    bound = scale * p * (1 - 1e-12)
    start = np.where(active, Gx + scale * p * sign, np.clip(c, Gx - bound, Gx + bound))
    change = c - start
    delta = change - decline * p * sign
    r, t, factor, passed, changed = start - Gx, 0.0, None, 0, -1
    while True:
        try:
            if factor is None or factor.full():
                factor = _Factor(problem, np.flatnonzero(active), delta)
            d = factor.direction(n)
        except LinAlgError:  # more columns than the rank, on the way
            return Finish(None, passed)
        Gd = problem.apply(d)
        rate, limit = change - Gd, (scale + t * decline) * p
        with np.errstate(divide="ignore", invalid="ignore"):
            leaves = np.where(active & (sign * d < 0), np.maximum(-x / d, 0.0), np.inf)
            upper, lower = rate - decline * p, -rate - decline * p  # at which r approaches the two bounds
            enters = np.minimum(
                np.where(~active & (upper > 0), np.maximum((limit - r) / upper, 0.0), np.inf),
                np.where(~active & (lower > 0), np.maximum((limit + r) / lower, 0.0), np.inf),
            )
        if scale > 1.0 and int(active.sum()) == problem.rows:
            enters[:] = np.inf  # A_J^T r = s(t) p_J sign_J fixes r: all correlations shrink with s(t)
        if changed >= 0:  # rounding must not undo the change just made
            leaves[changed] = enters[changed] = np.inf
        if passed == 0 and scale == 1.0:
            ahead = int((leaves < 1).sum() + (enters < 1).sum())
            if ahead > allowed:
                return Finish(None, 0)
            allowed = min(allowed, 2 * ahead + SLACK)
        out, into = int(leaves.argmin()), int(enters.argmin())
        h = min(float(leaves[out]), float(enters[into]), 1 - t)
        x, Gx, r, t = x + h * d, Gx + h * Gd, r + h * rate, t + h
        if t >= 1:
            return Finish(Point(x, problem.apply(x), point.iterations + passed), passed)
        if passed >= allowed:
            return Finish(None, passed)
        passed += 1
        if enters[into] < leaves[out] and int(active.sum()) >= problem.rows:
            return Finish(None, passed)  # no solution has a larger support: the guess was bad
        if leaves[out] <= enters[into]:
            changed = out
            x[out], sign[out], active[out] = 0.0, 0.0, False
            factor.toggle(problem, out, joins=False)
        else:
            changed = into
            sign[into], active[into] = np.sign(r[into]), True
            before, delta[into] = delta[into], change[into] - decline * (p * sign)[into]
            if (into, False) in factor.entries and delta[into] != before:
                factor = None  # it comes back with the other sign: what the factor holds of it is no longer true
            else:
                factor.toggle(problem, into, joins=True)


def refined(problem: Quadratic, point: Point) -> Point:
    """One Newton step on the support with a residual computed by A itself: removes what rounding has gathered.

    Returns the point unchanged if the step would change a sign or the factor fails.
    """
    support = np.flatnonzero(point.x)
    if not 0 < support.size <= problem.rows:
        return point
    sign, g = np.sign(point.x[support]), problem.residual(point.x)[1]
    try:
        R = np.asfortranarray(cholesky(problem.block(support), lower=True, overwrite_a=True, check_finite=False))
    except LinAlgError:
        return point
    excess = g[support] - problem.penalty_at(support) * sign
    x = point.x.copy()
    x[support] += _solve(R, _solve(R, excess, transposed=False), transposed=True)
    return Point(x, problem.apply(x), point.iterations) if (np.sign(x[support]) == sign).all() else point
