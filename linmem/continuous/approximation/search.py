"""Local minima of the error of a fit, and the search for good ones: continuation in the width, several starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from linmem.continuous.approximation.absolute import ROUNDING, fit_absolute, polish, reweighted
from linmem.continuous.approximation.grid import Target, error_grid
from linmem.continuous.approximation.least_squares import fit_squares, project
from linmem.continuous.approximation.modes import Modes, real_modes
from linmem.continuous.approximation.starts import as_sum, balanced_rates, sampled_starts
from linmem.kernels import ExponentialSum

Norm = Literal["L1", "L2"]
RATIO = 1.5  # between the widths of a chain
CONVERGED = 1e-6
TRIES = 2  # perturbed starts when continuation ends at a point that is not stationary


@dataclass(frozen=True)
class Candidate:
    """A fit with its relative error in floating point, stationarity residual and number of sign changes."""

    modes: Modes
    c: Float[np.ndarray, "n"]
    error: float
    residual: float
    sign_changes: int


def minimum(target: Target, modes: Modes, norm: Norm) -> Candidate:
    """The local minimum of the error reached from `modes`."""
    if norm == "L1":
        modes, c, error, grid = fit_absolute(target, modes)
        value = (error.value + target.beyond(float(grid.edges[-1]), 1)) / target.norms[0]
        return Candidate(modes, c, value, error.residual, error.zeros.size)
    modes, c, square, residual, changes, grid = fit_squares(target, modes)
    value = np.sqrt(square + target.beyond(float(grid.edges[-1]), 2)) / target.norms[1]
    return Candidate(modes, c, float(value), residual, changes)


def search(
    target: Target, width: int, norm: Norm, oscillating: bool, rng: np.random.Generator, previous: Candidate | None
) -> Candidate:
    """The best minimum found with `width` neurons; `previous`, a narrower fit, may be a start.

    Real rates: continuation in the width, a balanced truncation if the target is a sum of exponentials, and perturbed
    starts if the result is not stationary. Complex ones: sampled realisations besides the real fit.
    """
    found = [minimum(target, start, norm) for start in balanced_starts(target, width)]
    if oscillating:
        starts = sampled_starts(target, width)
        starts.sort(key=lambda modes: projected_error(target, modes, norm))
        found += [minimum(target, modes, norm) for modes in starts[:2]]
        if found and min(x.error for x in found) < 0.5:
            return min(found, key=lambda x: x.error)
        found.append(real_search(target, width, norm, rng, None))
    else:
        found.append(real_search(target, width, norm, rng, previous))
    return min(found, key=lambda x: x.error)


def real_search(
    target: Target, width: int, norm: Norm, rng: np.random.Generator, previous: Candidate | None
) -> Candidate:
    """The best minimum found with real rates: continuation, samples and, if not stationary, perturbed starts."""
    modes = single_rate(target, norm) if previous is None else previous.modes
    for size in chain(width, modes.state_size):
        modes = real_modes(grown(modes.real, size)) if size != modes.state_size else modes
        if size != width:
            modes = rough(target, modes, norm)
    best = minimum(target, modes, norm)
    if width > 1 and best.error > ROUNDING:
        starts = [
            real_modes(np.concatenate([x.real, x.damping, x.damping * 1.5])) for x in sampled_starts(target, width)
        ]
        promising = min(starts, key=lambda x: projected_error(target, x, norm))
        if projected_error(target, promising, norm) < best.error:
            trial = minimum(target, promising, norm)
            best = trial if trial.error < best.error else best
    for _ in range(TRIES if best.residual > CONVERGED and width > 1 and best.error > ROUNDING else 0):
        shaken = np.sort(np.log(modes.real) + rng.normal(0.0, 0.5, width))
        trial = minimum(target, real_modes(np.exp(shaken)), norm)
        best = trial if trial.error < best.error else best
    return best


def balanced_starts(target: Target, width: int) -> list[Modes]:
    """The balanced truncation, if the target is a real exponential sum and its truncation has real rates."""
    total = as_sum(target.kernel)
    rates = balanced_rates(total, width) if isinstance(total, ExponentialSum) else None
    return [] if rates is None else [real_modes(rates)]


def projected_error(target: Target, modes: Modes, norm: Norm) -> float:
    """The relative error when only the coefficients are fitted, by least squares in L2."""
    grid = error_grid(target, modes, 4.0)
    r = project(modes, grid, np.sqrt(grid.weights)).residual
    end = float(grid.edges[-1])
    if norm == "L1":
        return (float(np.sqrt(grid.weights) @ np.abs(r)) + target.beyond(end, 1)) / target.norms[0]
    return float(np.sqrt(r @ r + target.beyond(end, 2))) / target.norms[1]


def single_rate(target: Target, norm: Norm) -> Modes:
    """The best of 25 rates, from the time by which 1e-4 of the mass has arrived to that of 1 - 1e-4."""
    rates = np.geomspace(0.3 / target.arrival(1 - 1e-4), 3 / target.arrival(1e-4), 25)
    starts = [real_modes(np.array([rate])) for rate in rates]
    return min(starts, key=lambda modes: projected_error(target, modes, norm))


def grown(rates: Float[np.ndarray, "n"], width: int) -> Float[np.ndarray, "m"]:
    """A start of `width` rates from an optimum of n: the profile log w((k - 1/2)/n), interpolated and stretched.

    The range of log w grows like the square root of the width, as that of an optimal fit to a power law does.
    """
    v = np.sort(np.log(rates))
    n = v.size
    if n == 1:
        return np.exp(v[0] + 1.2 * (np.arange(width) - (width - 1) / 2))
    x, y = (np.arange(n) + 0.5) / n, (np.arange(width) + 0.5) / width
    profile = np.interp(y, x, v)
    low, high = y < x[0], y > x[-1]
    profile[low] = v[0] + (y[low] - x[0]) * (v[1] - v[0]) * n
    profile[high] = v[-1] + (y[high] - x[-1]) * (v[-1] - v[-2]) * n
    return np.exp(v[-1] + (profile - v[-1]) * np.sqrt(width / n))


def chain(width: int, start: int = 1) -> list[int]:
    """Widths from `start` to `width`, neighbours in a ratio of at most about RATIO.

    >>> chain(16), chain(16, 12)
    ([1, 2, 3, 4, 6, 8, 11, 16], [12, 16])
    """
    widths = [width]
    while widths[-1] > start:
        widths.append(max(start, min(widths[-1] - 1, int(np.ceil(widths[-1] / RATIO)))))
    return widths[::-1]


def rough(target: Target, modes: Modes, norm: Norm) -> Modes:
    """Rates near a local minimum, good enough to start a wider fit from."""
    if norm == "L2":
        return fit_squares(target, modes, steps=40)[0]
    modes, c = reweighted(target, modes)
    return polish(target, error_grid(target, modes), modes, c, steps=6, tolerance=1e-3)[0]
