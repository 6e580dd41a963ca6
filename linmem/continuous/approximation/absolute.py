"""Minimising the L1 error int |rho - rhohat| dt: its exact gradient and Hessian from the zeros of the error.

With e = rho - rhohat, sign changes z_1 < ... < z_r of e and y = (c, theta) the parameters,

    L = int |e|,    dL/dy_i = -int sgn(e) d_i rhohat dt,
    d2L/dy_i dy_j = sum_z (2/|e'(z)|) d_i rhohat(z) d_j rhohat(z) - int sgn(e) d_ij rhohat dt,

all but e' in closed form, because the primitives of the modes are. A stationary point is orthogonal, in the sense of
sgn(e), to every tangent function; n real modes have 2n of them, a Chebyshev system, so the error then has at least 2n
sign changes. L is smooth where e has simple zeros: iteratively reweighted least squares come close, a damped Newton
method finishes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from linmem.continuous.approximation.grid import Grid, Target, error_grid
from linmem.continuous.approximation.least_squares import levenberg_marquardt, project
from linmem.continuous.approximation.modes import Modes
from linmem.kernels.quadrature import panel_rule

ROUNDING = 1e-12  # relative errors below this are rounding: nothing is left to improve
TRIALS = 60  # steps of the Newton method that may be tried in all
FLOOR = 1.0  # of reweighted least squares; with a smaller one the minimum clings to the nodes of the grid


@dataclass(frozen=True)
class AbsoluteError:
    """L1 error of one fit on its grid: value, gradient and size of the tangents, sign changes.

    gradient : shape (2n,), in (c, theta); sizes : int |d_i rhohat| dt, an upper bound of |gradient_i|.
    """

    value: float
    zeros: Float[np.ndarray, "r"]
    sign: float
    gradient: Float[np.ndarray, "s"]
    sizes: Float[np.ndarray, "s"]

    @property
    def residual(self) -> float:
        """max_i |int sgn(e) d_i rhohat| / int |d_i rhohat|: 0 at a stationary point, 1 at worst."""
        return float(np.max(np.abs(self.gradient) / np.maximum(self.sizes, 1e-300)))


def absolute_error(target: Target, grid: Grid, modes: Modes, c: Float[np.ndarray, "n"]) -> AbsoluteError:
    """L1 error on the grid's interval, its sign changes (those visible between neighbouring nodes) and gradient."""
    values = grid.values - modes.columns(grid.nodes) @ c
    zeros, first = sign_changes(target, grid, modes, c, values)
    edges = np.union1d(grid.edges, zeros)
    nodes, weights = panel_rule(edges)
    value = float(weights @ np.abs(target(nodes) - modes.columns(nodes) @ c))
    alternating = first * (-1.0) ** np.arange(zeros.size)
    primitives = modes.primitives(np.concatenate([[0.0], zeros]), c)
    # int sgn(e) g = first * (-G(0)) + 2 sum_i first (-1)^i G(z_i), i = 0, 1, ...
    integral = -first * primitives[0] + 2 * (alternating @ primitives[1:])
    sizes = grid.weights @ np.abs(np.concatenate([modes.columns(grid.nodes), modes.tangents(grid.nodes, c)], axis=1))
    return AbsoluteError(value, zeros, first, -integral, sizes)


def sign_changes(
    target: Target, grid: Grid, modes: Modes, c: Float[np.ndarray, "n"], values: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "r"], float]:
    """Zeros of the error by vectorised regula falsi between nodes of opposite sign, and its sign before the first."""
    signs = np.sign(values)
    seen = np.flatnonzero(signs)
    if not seen.size:
        return np.empty(0), 1.0
    flips = np.flatnonzero(signs[seen[:-1]] * signs[seen[1:]] < 0)
    low, high = grid.nodes[seen[flips]].copy(), grid.nodes[seen[flips + 1]].copy()
    start = signs[seen[flips]]
    low_value, high_value = values[seen[flips]].copy(), values[seen[flips + 1]].copy()
    latest = low
    for step in range(60):  # Illinois, with a bisection every fourth step
        weight = np.full_like(low, 0.5) if step % 4 == 3 else low_value / (low_value - high_value)
        middle = low + weight * (high - low)
        middle = np.where((middle > low) & (middle < high), middle, (low + high) / 2)
        if not low.size or (step % 4 != 3 and np.all(np.abs(middle - latest) <= 1e-14 * middle)):
            break
        latest = middle
        found = target(middle) - modes.columns(middle) @ c
        left = found * start > 0
        low_value, high_value = np.where(left, found, low_value / 2), np.where(left, high_value / 2, found)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return latest, float(signs[seen[0]])


def _hessian(target: Target, modes: Modes, c: Float[np.ndarray, "n"], error: AbsoluteError) -> Float[np.ndarray, "s s"]:
    """Second derivatives of L in (c, theta); e' by central differences (they only steer the step)."""
    zeros = error.zeros
    alternating = error.sign * (-1.0) ** np.arange(zeros.size)
    points = np.concatenate([[0.0], zeros])
    weights = np.concatenate([[-error.sign], 2 * alternating])
    bend = modes.curvature(points, weights, c, integrated=True)
    if not zeros.size:
        return -bend
    spacing = np.diff(np.concatenate([[0.0], zeros, [2 * zeros[-1]]]))
    h = 1e-3 * np.minimum(np.minimum(spacing[:-1], spacing[1:]), zeros)
    slope = np.abs(
        target(zeros + h) - target(zeros - h) - (modes.columns(zeros + h) - modes.columns(zeros - h)) @ c
    ) / (2 * h)
    tangents = np.concatenate([modes.columns(zeros), modes.tangents(zeros, c)], axis=1)
    scaled = tangents * np.sqrt(2 / np.maximum(slope, 1e-300))[:, None]
    return scaled.T @ scaled - bend


def _settled(
    target: Target, grid: Grid, modes: Modes, c: Float[np.ndarray, "n"], error: AbsoluteError, steps: int = 6
) -> tuple[Float[np.ndarray, "n"], AbsoluteError]:
    """Newton steps in the coefficients alone: for fixed rates L is convex in them."""
    n = c.size
    for _ in range(steps):
        if error.zeros.size < n or np.all(np.abs(error.gradient[:n]) <= 1e-10 * error.sizes[:n]):
            break
        H = _hessian(target, modes, c, error)[:n, :n]
        scale = np.sqrt(np.maximum(np.diag(H), 1e-300))
        values, vectors = np.linalg.eigh(H / np.outer(scale, scale))
        step = -(vectors @ ((vectors.T @ (error.gradient[:n] / scale)) / np.maximum(values, 1e-14))) / scale
        for _ in range(4):
            trial = absolute_error(target, grid, modes, c + step)
            if trial.value < error.value:
                break
            step = step / 4
        else:
            break
        c, error = c + step, trial
    return c, error


def _weights(grid: Grid, e: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Square roots of g/max(|e|, floor): least squares with these weights come close to least absolute values.

    The floor is a part of the median of |e| h, h the length of a panel, where it is not negligible: it suits every time
    scale.
    """
    density = np.abs(e) * grid.lengths
    floor = FLOOR * float(np.median(density[density >= 1e-3 * density.mean()])) + 1e-300
    return np.sqrt(grid.weights) * np.sqrt(grid.lengths) / np.sqrt(np.maximum(density, floor))


def polish(
    target: Target, grid: Grid, modes: Modes, c: Float[np.ndarray, "n"], steps: int = 40, tolerance: float = 1e-9
) -> tuple[Modes, Float[np.ndarray, "n"], AbsoluteError]:
    """Damped Newton steps on L in the rates, coefficients eliminated, until stationary to `tolerance` or stuck.

    After each step in theta the coefficients are found anew, first from reweighted least squares or from the linear
    prediction, whichever is better, then by Newton: the valley of L in (c, theta) is narrow and curved.
    """
    error = absolute_error(target, grid, modes, c)
    if error.value <= ROUNDING * target.norms[0]:
        return modes, c, error
    c, error = _settled(target, grid, modes, c, error, 10)
    damping, idle, trials = 1e-4, 0, 0
    for _ in range(steps):
        if error.residual <= tolerance or idle >= 3 or trials > TRIALS:
            break
        model = _reduced(target, modes, c, error)
        weights = _weights(grid, grid.values - modes.columns(grid.nodes) @ c)
        if model is None:
            break
        for _ in range(12):
            trials += 1
            step = modes.capped(model.step(damping), 0.5)
            trial_modes = modes.moved(modes.theta() + step, grid.slowest, grid.fastest)
            trial_c = c + model.response(step)
            trial = absolute_error(target, grid, trial_modes, trial_c)
            other_c = project(trial_modes, grid, weights).c
            other = absolute_error(target, grid, trial_modes, other_c)
            if other.value < trial.value:
                trial_c, trial = other_c, other
            trial_c, trial = _settled(target, grid, trial_modes, trial_c, trial)
            if trial.value < error.value * (1 - 1e-14) or (
                trial.value < error.value * (1 + 1e-11) and trial.residual < error.residual
            ):
                break
            damping = max(10 * damping, 1e-8)
        else:
            break
        idle = idle + 1 if error.value - trial.value < 1e-9 * error.value and trial.residual > error.residual / 2 else 0
        modes, c, error = trial_modes, trial_c, trial
        damping /= 100
    return modes, c, error


@dataclass(frozen=True)
class _Reduced:
    """The quadratic model of L in theta with the coefficients eliminated (Schur complement), diagonally scaled.

    values, vectors, slope : of the scaled reduced Hessian, and the gradient in its eigenbasis. size : the scaling.
    inner : -H_cc^{-1} g_c. coupling : -H_cc^{-1} H_c_theta.
    """

    values: Float[np.ndarray, "p"]
    vectors: Float[np.ndarray, "p p"]
    slope: Float[np.ndarray, "p"]
    size: Float[np.ndarray, "p"]
    inner: Float[np.ndarray, "n"]
    coupling: Float[np.ndarray, "n p"]

    def step(self, damping: float) -> Float[np.ndarray, "p"]:
        """The damped Newton step, downhill along directions of negative curvature too."""
        return -(self.vectors @ (self.slope / (np.abs(self.values) + damping))) / self.size

    def response(self, step: Float[np.ndarray, "p"]) -> Float[np.ndarray, "n"]:
        """The change of the coefficients that belongs to a step in theta."""
        return self.inner + self.coupling @ step


def _reduced(target: Target, modes: Modes, c: Float[np.ndarray, "n"], error: AbsoluteError) -> _Reduced | None:
    """The model at a fit; None where its Hessian overflows."""
    n = c.size
    hessian = _hessian(target, modes, c, error)
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    scaled, gradient = hessian / np.outer(scale, scale), error.gradient / scale
    if not np.isfinite(scaled).all():
        return None
    inverse = np.linalg.pinv(scaled[:n, :n], rcond=1e-14, hermitian=True)
    coupling = -inverse @ scaled[:n, n:]
    schur = scaled[n:, n:] + scaled[n:, :n] @ coupling
    if not np.isfinite(schur).all():
        return None
    size = np.sqrt(np.maximum(np.abs(np.diag(schur)), 1e-14))
    values, vectors = np.linalg.eigh((schur + schur.T) / 2 / np.outer(size, size))
    slope = vectors.T @ ((gradient[n:] + coupling.T @ gradient[:n]) / size)
    inner = -(inverse @ gradient[:n]) / scale[:n]
    return _Reduced(values, vectors, slope, size * scale[n:], inner, coupling / scale[:n, None] * scale[n:])


def reweighted(target: Target, modes: Modes, steps: int = 100) -> tuple[Modes, Float[np.ndarray, "n"]]:
    """Iteratively reweighted least squares from `modes`: within about 1 % of the minimum."""
    grid = error_grid(target, modes)

    def roots(e: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        return _weights(grid, e)

    return levenberg_marquardt(modes, grid, roots, steps, tolerance=1e-6)


def fit_absolute(target: Target, modes: Modes) -> tuple[Modes, Float[np.ndarray, "n"], AbsoluteError, Grid]:
    """A local minimum of the L1 error near `modes`: reweighted least squares, then Newton."""
    modes, c = reweighted(target, modes)
    grid = error_grid(target, modes)
    return *polish(target, grid, modes, c), grid
