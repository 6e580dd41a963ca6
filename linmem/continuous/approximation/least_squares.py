"""Variable projection: weighted least squares over the rates, the coefficients eliminated by an orthogonal projection.

min over theta, c of sum_i s_i^2 (rho(t_i) - sum_k c_k phi_k(t_i; theta))^2. For given rates c is a linear least-squares
problem; with Q an orthonormal basis of the columns, r = (I - Q Q^T) y the residual and D = d rhohat/d theta at that c,
the Jacobian of r in theta is -(I - Q Q^T) D (Kaufman's form, which leaves out a term that is small with r).
Levenberg-Marquardt on theta alone. Gram matrices, whose condition is squared, are never formed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import qr, solve_triangular

from linmem.continuous.approximation.grid import Grid, Target, error_grid
from linmem.continuous.approximation.modes import Modes

RANK = 1e-13  # columns whose pivot falls below this part of the largest one get coefficient 0
TRIES = 12  # values of the damping that one step tries


@dataclass(frozen=True)
class Projection:
    """Best coefficients c for given rates and weights, weighted residual, orthonormal basis of the columns."""

    c: Float[np.ndarray, "n"]
    residual: Float[np.ndarray, "N"]
    basis: Float[np.ndarray, "N r"]

    @property
    def value(self) -> float:
        """The objective: the square of the weighted residual."""
        return float(self.residual @ self.residual)


def project(modes: Modes, grid: Grid, roots: Float[np.ndarray, "N"]) -> Projection:
    """Linear least squares in the coefficients with weights roots^2, by a pivoted QR decomposition."""
    columns = roots[:, None] * modes.columns(grid.nodes)
    size = np.linalg.norm(columns, axis=0)
    size[size == 0] = 1.0
    basis, triangle, order = qr(columns / size, mode="economic", pivoting=True)
    pivots = np.abs(np.diag(triangle))
    rank = int(np.sum(pivots > RANK * max(float(pivots[0]), 1e-300)))
    basis = basis[:, :rank]
    y = roots * grid.values
    coordinates = basis.T @ y
    c = np.zeros(size.size)
    c[order[:rank]] = solve_triangular(triangle[:rank, :rank], coordinates)
    r = y - basis @ coordinates
    return Projection(c / size, r - basis @ (basis.T @ r), basis)


def levenberg_marquardt(
    modes: Modes,
    grid: Grid,
    reweigh: Callable[[Float[np.ndarray, "N"]], Float[np.ndarray, "N"]] | None,
    steps: int,
    tolerance: float,
) -> tuple[Modes, Float[np.ndarray, "n"]]:
    """Rates and coefficients after at most `steps` steps.

    reweigh : maps the error rho - rhohat at the nodes to the square roots of the weights of the next step (iteratively
    reweighted least squares); None keeps the quadrature weights (L2). Stops when two steps in a row gain less than
    `tolerance` of the objective.
    """
    roots = np.sqrt(grid.weights)
    state = project(modes, grid, roots)
    damping, idle = 1e-3, 0
    for _ in range(steps):
        if reweigh is not None:
            roots = reweigh(state.residual / roots)
            state = project(modes, grid, roots)
        found = _step(modes, grid, roots, state, damping)
        if found is None:
            idle, damping = idle + 1, 1e-2
        else:
            gain = 1 - found[1].value / state.value
            idle = idle + 1 if gain < tolerance else 0
            modes, state, damping = found
        if idle >= 2:
            break
    return modes, state.c


def _step(
    modes: Modes, grid: Grid, roots: Float[np.ndarray, "N"], state: Projection, damping: float
) -> tuple[Modes, Projection, float] | None:
    """The first step that lowers the objective, damping raised until it does, and the damping for the next; or None."""
    tangents = roots[:, None] * modes.tangents(grid.nodes, state.c)
    tangents -= state.basis @ (state.basis.T @ tangents)
    scale = np.linalg.norm(tangents, axis=0)
    scale[scale == 0] = 1.0
    left, s, right = np.linalg.svd(tangents / scale, full_matrices=False)
    gradient = s * (left.T @ state.residual)
    for _ in range(TRIES):
        step = modes.capped(right.T @ (gradient / (s**2 + damping)) / scale)
        trial = modes.moved(modes.theta() + step, grid.slowest, grid.fastest)
        found = project(trial, grid, roots)
        if found.value < state.value:
            return trial, found, max(damping / 5, 1e-14)
        damping *= 4
    return None


def fit_squares(
    target: Target, modes: Modes, steps: int = 300
) -> tuple[Modes, Float[np.ndarray, "n"], float, float, int, Grid]:
    """(modes, c, square, residual, sign changes, grid): a local minimum of the L2 error near `modes`.

    square : int (rho - rhohat)^2 on the grid's interval. residual : max_i of the cosine between the error and
    d_i rhohat, 0 at a stationary point.
    """
    modes, _ = levenberg_marquardt(modes, error_grid(target, modes), None, steps, tolerance=1e-15)
    grid = error_grid(target, modes)  # for the rates found
    modes, c = levenberg_marquardt(modes, grid, None, steps, tolerance=1e-15)
    r = project(modes, grid, np.sqrt(grid.weights)).residual
    tangents = np.concatenate([modes.columns(grid.nodes), modes.tangents(grid.nodes, c)], axis=1)
    tangents *= np.sqrt(grid.weights)[:, None]
    sizes = np.linalg.norm(tangents, axis=0) * np.linalg.norm(r)
    residual = float(np.max(np.abs(r @ tangents) / np.maximum(sizes, 1e-300)))
    signs = np.sign(r)[r != 0]
    return modes, c, float(r @ r), residual, int(np.sum(signs[1:] != signs[:-1])), grid
