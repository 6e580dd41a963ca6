"""The response of a linear network to an input path: exact for piecewise constant and piecewise linear inputs.

On an interval of length D with x(t) = x_0 + (t/D)(x_1 - x_0) the state obeys

    h(D) = e^{WD} h(0) + F_1 x_0 + F_2 (x_1 - x_0),

and the three matrices are blocks of one exponential (Van Loan 1978),

    exp [[W D, U D, 0], [0, 0, 1], [0, 0, 0]] = [[e^{WD}, F_1, F_2], [0, 1, 1], [0, 0, 1]],

with no division by W or D, so that nothing cancels for short intervals or slow modes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from linmem.checks import check_array, check_choice, check_positive
from linmem.citations import cites
from linmem.continuous.network.linear import CHUNK, LinearRNN


@dataclass(frozen=True)
class Response:
    """States and outputs of a network along an input path.

    Attributes
    ----------
    times : (T,), the first one is the time of the start state.
    states : (..., T, n), h(t).
    outputs : (..., T), y(t) = c.h(t).
    error : estimated largest absolute error of the outputs; 0 for `respond`, whose error is rounding.
    """

    times: Float[np.ndarray, "T"]
    states: Float[np.ndarray, "... T n"]
    outputs: Float[np.ndarray, "... T"]
    error: float = 0.0


@cites("li2021", "Section 2")
def respond(
    network: LinearRNN, inputs: ArrayLike, times: ArrayLike, start: ArrayLike | None = None, hold: str = "zero"
) -> Response:
    """The exact response to a piecewise constant or piecewise linear input.

    Parameters
    ----------
    network : n states, d inputs.
    inputs : (..., K, d), or (K,) for one input; leading axes are independent sequences.
    times : ascending, of any spacing. hold = "zero": x(t) = inputs[k] on [times[k], times[k+1]), so K + 1 times.
        hold = "first": x is the polygon through (times[k], inputs[k]), so K times. A number is the spacing of a uniform
        grid from 0.
    start : (n,) or (..., n), the state at times[0]; 0 by default.
    hold : "zero" or "first".

    Of a smooth path, samples at the left ends with "zero" have an error O(step), samples at the midpoints with "zero"
    and the polygon O(step^2). Cost O(K n (n + d)) and an exponential of a matrix of order n + 2d for each distinct
    spacing. ValueError for shapes that do not fit and times that do not ascend.

    >>> network = LinearRNN.diagonal([1.0], [1.0])
    >>> respond(network, [1.0, 0.0], [0.0, 1.0, 3.0]).outputs.round(6).tolist()
    [0.0, 0.632121, 0.085548]
    """
    check_choice("hold", hold, ("zero", "first"))
    n, d = network.state_size, network.inputs
    x = check_array("inputs", inputs)
    x = x[:, None] if x.ndim == 1 and d == 1 else x
    if x.ndim < 2 or x.shape[-1] != d:
        raise ValueError(
            f"inputs must have shape (..., K, {d}), got {x.shape}; put the inputs of a time on the last axis"
        )
    count = x.shape[-2] + (hold == "zero")
    grid = check_array("times", times)
    grid = _ascending(float(grid) * np.arange(count) if grid.ndim == 0 else grid)
    if len(grid) != count:
        raise ValueError(
            f"times must have {count} entries for {x.shape[-2]} inputs and hold {hold!r}, got {len(grid)}; "
            "with hold 'zero' they are the ends of the intervals, with 'first' the times of the inputs"
        )
    h = np.zeros((*x.shape[:-2], n))
    if start is not None:
        given = check_array("start", start)
        if given.shape not in ((n,), h.shape):
            raise ValueError(f"start must have shape ({n},) or {h.shape}, got {given.shape}; give one state a sequence")
        h = h + given
    spacing = np.diff(grid)
    if spacing.size and np.ptp(spacing) <= 4 * np.finfo(float).eps * np.abs(grid).max():
        spacing[:] = (grid[-1] - grid[0]) / spacing.size
    states = np.empty((*x.shape[:-2], count, n))
    states[..., 0, :] = h
    size = max(1, CHUNK // (n + 2 * d) ** 2)
    for first in range(0, spacing.size, size):
        distinct, which = np.unique(spacing[first : first + size], return_inverse=True)
        blocks = _propagators(network, distinct)
        for k, block in enumerate(which, start=first):
            E, F1, F2 = blocks[block, :, :n], blocks[block, :, n : n + d], blocks[block, :, n + d :]
            h = h @ E.T + x[..., k, :] @ F1.T
            if hold == "first":
                h = h + (x[..., k + 1, :] - x[..., k, :]) @ F2.T
            states[..., k + 1, :] = h
    return Response(grid, states, states @ network.c)


def respond_path(
    network: LinearRNN,
    path: Callable[[float], ArrayLike],
    times: ArrayLike,
    start: ArrayLike | None = None,
    tolerance: float = 1e-8,
    breaks: ArrayLike = (),
) -> Response:
    """The response to an input given as a function of time, with an error estimate.

    Parameters
    ----------
    network : n states, d inputs.
    path : x(t), a number (d = 1) or shape (d,); smooth between the breaks, continuous from the right at a break.
    times : (T,), ascending; the outputs are wanted here.
    start : (n,), the state at times[0]; 0 by default.
    tolerance : of the solver (Radau IIA with adaptive step, relative, and absolute in units of the largest |h| seen).
    breaks : times at which the path jumps or has a kink: the solver stops and restarts there.

    `error` is the largest difference of the outputs to a second run with tolerance/10. A jump that is not among the
    breaks can be stepped over without notice if it is short: name every one.

    >>> result = respond_path(LinearRNN.diagonal([1.0], [1.0]), np.cos, [0.0, 1.0])
    >>> bool(abs(result.outputs[1] - (np.cos(1) + np.sin(1) - np.exp(-1)) / 2) < 1e-7)
    True
    """
    n, d = network.state_size, network.inputs
    tolerance = check_positive("tolerance", tolerance)
    grid = _ascending(check_array("times", times, ndim=1))
    h = np.zeros(n) if start is None else check_array("start", start, shape=(n,))
    cuts = check_array("breaks", breaks, ndim=1)
    legs = np.unique(np.concatenate([grid[[0, -1]], cuts[(cuts > grid[0]) & (cuts < grid[-1])]]))

    def value(t: float) -> Float[np.ndarray, "d"]:
        return check_array("path(t)", np.atleast_1d(np.asarray(path(t))), shape=(d,))

    def slope(t: float, y: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        return network.W @ y + network.U @ value(t)

    def run(accuracy: float) -> Float[np.ndarray, "T n"]:
        reach = max(float(np.abs(h).max()), *(float(np.abs(network.U @ value(float(t))).max()) for t in grid))
        absolute = accuracy * (reach / float(np.abs(network.W).max()) or 1.0)
        states, now = np.empty((len(grid), n)), h
        states[0] = h
        for left, right in itertools.pairwise(legs):
            inside = np.flatnonzero((grid > left) & (grid <= right))
            points = np.union1d(grid[inside], right)
            # the path is read inside the leg only, so that a jump at its end belongs to the next leg
            last = float(np.nextafter(right, left))
            result = solve_ivp(
                lambda t, y, last=last: slope(min(t, last), y),
                (left, right),
                now,
                method="Radau",
                t_eval=points,
                rtol=max(accuracy, 1e-13),
                atol=absolute,
                jac=network.W,
            )
            if not result.success:
                raise RuntimeError(f"the integration stopped at t = {result.t[-1]:.6g}: {result.message}")
            states[inside] = result.y.T[: len(inside)]
            now = result.y[:, -1]
        return states

    states, better = run(tolerance), run(tolerance / 10)
    outputs = better @ network.c
    return Response(grid, better, outputs, float(np.abs(states @ network.c - outputs).max()))


def _ascending(times: Float[np.ndarray, "T"]) -> Float[np.ndarray, "T"]:
    if times.ndim != 1 or not times.size or (np.diff(times) <= 0).any():
        raise ValueError(f"times must be one row of ascending numbers, got {times!r}; sort them and drop repetitions")
    return times


def _propagators(network: LinearRNN, spacing: Float[np.ndarray, "S"]) -> Float[np.ndarray, "S n k"]:
    """The first n rows of the block exponential, (e^{WD}, F_1, F_2) side by side, for each D."""
    n, d = network.state_size, network.inputs
    blocks = np.zeros((len(spacing), n + 2 * d, n + 2 * d))
    blocks[:, :n, :n] = network.W * spacing[:, None, None]
    blocks[:, :n, n : n + d] = network.U * spacing[:, None, None]
    blocks[:, n : n + d, n + d :] = np.eye(d)
    return scipy.linalg.expm(blocks)[:, :n]
