"""Two sequences that a network cannot tell apart: why no n state variables recall more than n positions.

A network with n state variables and continuous maps reads a sequence; let it be asked, at position p > n, after any of
n + 1 consecutive lengths t, .., t + n. After length t + j the target is ``x_{t+j+1-p}``: together the targets are
n + 1 numbers ``y_0, .., y_n``, and because p > n all of them have been read when the sequence has length t. Keep every
other input fixed and let y run through the boundary of the cube [0, 1]^{n+1}, a sphere of dimension n. The state after
t inputs is a continuous function F of y into R^n, so by Borsuk and Ulam ``F(y) = F(1 - y)`` for some y on the boundary.
Some ``y_j`` is 0 or 1 there, so that y and 1 - y differ by 1 in entry j; the inputs after t are the same for both,
hence so are the states and the one answer after length t + j, while the targets differ by 1: an error of at least 1/2,
for ANY read-out. With p = n + 1 the lengths are p consecutive ones, and y is the last p inputs.

The proof is made a search: ``G(d) = F(1/2 + d) - F(1/2 - d)`` maps the cube of n + 1 dimensions to n, is odd, and is 0
at d = 0. Generically its zeros are curves, and the one through d = 0, being symmetric, can neither close nor end
inside: followed from the centre it reaches the boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from linmem.checks import check_finite, check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.trained.states import collect_states
from linmem.trained.weights import NetworkWeights, check_weights

BITS = 128
BACKGROUNDS = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)  # of the inputs not asked for, in the order they are tried
_DIFFERENCE = 1e-5  # of the central differences: error h^2 + eps / h = 1e-10 of the slopes

StateMap = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Collision:
    """Two sequences with nearly the same state, and a stop at which their targets differ by 1.

    Attributes
    ----------
    position : p that is asked for.
    stop : t, the length after which the states coincide.
    background : every input that is not asked for.
    first, second : (length,) the sequences, equal but for the n + 1 numbers from index t - p on; they end where the
        number in which they differ by 1 is asked for, ``stop <= length <= stop + n``.
    coordinate : index (from 0) of that number, ``length - p``.
    residual : certified upper bound of the largest difference of a state variable after t inputs.
    answers : certified (low, high) of the network's own answer to each.
    worst_error_low : certified lower bound of the larger of the two errors. A read-out of Lipschitz constant L (largest
        change of a state variable, through the steps after t) has at least ``(1 - L residual) / 2``.
    """

    position: int
    stop: int
    background: float
    first: Float[np.ndarray, "length"]
    second: Float[np.ndarray, "length"]
    coordinate: int
    residual: float
    answers: tuple[tuple[float, float], tuple[float, float]]
    worst_error_low: float

    @property
    def worse(self) -> Float[np.ndarray, "length"]:
        """The sequence with the larger error, judged by the middles of the answers."""
        one, two = (
            abs((low + high) / 2 - row[self.coordinate])
            for (low, high), row in zip(self.answers, (self.first, self.second), strict=True)
        )
        return self.first if one >= two else self.second


@cites("linmem")
def antipodal_pair(
    states: StateMap, size: int, *, step: float = 0.05, max_steps: int = 10_000
) -> Float[np.ndarray, "size"]:
    """A point y on the boundary of the cube with ``F(y) = F(1 - y)``, for a map of [0, 1]^{n+1} into R^n.

    Follows the curve ``F(1/2 + d) = F(1/2 - d)`` from d = 0 to the boundary: prediction along the tangent, correction
    by Newton's method at right angles to it, the step adapted to the turning of the curve; at the boundary Newton's
    method on the face. Slopes are central differences.

    Parameters
    ----------
    states : F, vectorised: (points, size) -> (points, n), n = size - 1; smooth, also a little outside of the cube.
    size : n + 1.
    step : first step along the curve, in units of the cube's edge.
    max_steps : predictions before the search gives up.

    Raises
    ------
    ValueError, TypeError : if the map has not n = size - 1 values.
    RuntimeError : if the boundary is not reached: the curve is not regular (the slopes of F at the centre have not rank
        n), needs more steps, or is too crooked for double precision (chaotic networks, weights far beyond those of
        any training).

    Cost: a few calls of ``states`` with 4 size + 2 points for each step, some tens to hundreds of steps.

    >>> pair = antipodal_pair(lambda y: (y[:, :1] ** 2 + 3 * y[:, 1:]) / 4, size=2)
    >>> [sorted([round(float(v), 9), round(1 - float(v), 9)]) for v in pair]  # y^2 - (1-y)^2 = 2 y - 1
    [[0.0, 1.0], [0.333333333, 0.666666667]]
    """
    m, length = check_integer("size", size, minimum=1), check_positive("step", step)
    count = check_integer("max_steps", max_steps, minimum=1)
    d = np.zeros(m)
    slopes = _difference(states, d)[1]
    if slopes.shape != (m - 1, m):
        raise ValueError(
            f"states must map to size - 1 = {m - 1} values, got {slopes.shape[0]}; with fewer let fewer numbers vary, "
            "with more no pair need exist"
        )
    tangent = np.linalg.svd(slopes)[2][-1]
    for _ in range(count):
        found = _corrected(states, d + length * tangent, tangent)
        if found is not None:
            point, slopes = found
            ahead = np.linalg.lstsq(np.vstack([slopes, tangent]), np.eye(m)[-1], rcond=None)[0]
            ahead /= np.linalg.norm(ahead)
            overshoot = float(np.abs(point).max()) - 0.5
            if overshoot >= 0:
                on_face = _on_face(states, point) if overshoot < 0.02 else None
                if on_face is not None:
                    return np.clip(0.5 + on_face, 0.0, 1.0)
            elif np.linalg.norm(point - d) < 2 * length and ahead @ tangent > 0.9:
                d, tangent, length = point, ahead, min(1.5 * length, 0.1)
                continue
        length /= 2
        if length < 1e-10:
            break
    raise RuntimeError(
        f"no antipodal pair found: the curve of collisions was lost at distance {np.abs(d).max():.3g} of 0.5 from the "
        "centre; keep other inputs at another value, or raise max_steps"
    )


def _difference(states: StateMap, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """G(d) = F(1/2 + d) - F(1/2 - d), and its slopes (n, size)."""
    m, shifts = len(d), _DIFFERENCE * np.eye(len(d))
    ways = [d, -d, *(d + shifts), *(d - shifts), *(-d + shifts), *(-d - shifts)]
    f = np.asarray(states(0.5 + np.array(ways)), dtype=np.float64)
    up, down, back_up, back_down = f[2:].reshape(4, m, -1)
    return f[0] - f[1], ((up - down) + (back_up - back_down)).T / (2 * _DIFFERENCE)


def _corrected(states: StateMap, start: np.ndarray, tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The zero of G in the plane through ``start`` at right angles to ``tangent``, with the slopes there."""
    d = start
    for _ in range(6):
        value, slopes = _difference(states, d)
        change = np.linalg.lstsq(np.vstack([slopes, tangent]), -np.append(value, 0.0), rcond=1e-13)[0]
        d = d + change
        if np.abs(d).max() > 1.0:
            return None
        if np.abs(change).max() < 1e-8 or np.abs(value).max() < 1e-14:
            return d, slopes
    return None


def _on_face(states: StateMap, start: np.ndarray) -> np.ndarray | None:
    """The zero of G next to ``start`` on the face of its largest entry; None if there is none within the face."""
    i = int(np.abs(start).argmax())
    d, rest = start.copy(), np.arange(len(start)) != i
    d[i] = np.copysign(0.5, start[i])
    best, least = None, np.inf
    for _ in range(12):
        value, slopes = _difference(states, d)
        largest = float(np.abs(value).max(initial=0.0))
        if largest < least and np.abs(d).max() <= 0.5:
            best, least = d.copy(), largest
        if rest.any():
            d[rest] -= np.linalg.lstsq(slopes[:, rest], value, rcond=1e-13)[0]
    return best if least < 1e-8 else None


def _first_pair(
    weights: NetworkWeights, stop: int, start: int, backgrounds: Sequence[float]
) -> tuple[float, np.ndarray]:
    """The first background with which an antipodal pair is found, and the pair."""
    size = weights.architecture.state_variables + 1

    def states(points: np.ndarray, background: float) -> np.ndarray:
        inputs = np.full((len(points), stop), background)
        inputs[:, start : start + size] = points
        return collect_states(weights, inputs)[:, -1]

    for background in backgrounds[:-1]:
        with suppress(RuntimeError):
            return background, antipodal_pair(partial(states, background=background), size)
    return backgrounds[-1], antipodal_pair(partial(states, background=backgrounds[-1]), size)


@cites("linmem", "topological limit")
def antipodal_collision(
    weights: NetworkWeights, position: int, *, stop: int | None = None, background: float | None = None
) -> Collision:
    """Two sequences that a network of n state variables confuses at position p > n, with a certificate.

    The numbers asked for after the lengths t, .., t + n vary, all other inputs are ``background``; see the head of this
    module. The pair is found in double precision; the answers and the distance of the states are then computed in ball
    arithmetic, with the weights and the sequences as exact numbers, so that ``worst_error_low`` and ``residual`` do not
    depend on how well the search did.

    Parameters
    ----------
    weights : the network, of any cell type; n = ``weights.architecture.state_variables``.
    position : p >= n + 1.
    stop : t >= p, the first length after which the sequence may stop; default ``max(10, p)``, as in definition 1.
    background : every input that is not asked for; default 1/2, and where the search fails with it (a state variable
        that hardly depends on the inputs leaves a curve that rounding breaks), the next one of BACKGROUNDS.

    Raises
    ------
    ValueError, TypeError : for bad arguments; for ``position <= n``, where no such pair need exist.
    RuntimeError : if no pair was found (:func:`antipodal_pair`).

    Cost: some thousand steps of the network in numpy, and 2 (t + n) steps in ball arithmetic; about 0.1 s.

    >>> from linmem.trained import Architecture, initial_weights
    >>> pair = antipodal_collision(initial_weights(Architecture(cells=2), rng=0), position=3)
    >>> pair.residual < 1e-9, pair.worst_error_low > 0.5 - 1e-6
    (True, True)
    >>> float(abs(pair.first - pair.second)[pair.coordinate])
    1.0
    """
    from linmem.trained.enclosure import BallStack

    n = check_weights(weights).architecture.state_variables
    p = check_integer("position", position, minimum=1)
    if p <= n:
        raise ValueError(f"position must be > n = {n} state variables, got {p}; at p <= n no two states need collide")
    t = check_integer("stop", max(10, p) if stop is None else stop, minimum=p)
    start = t - p
    tried = BACKGROUNDS if background is None else (check_finite("background", background),)
    other, y = _first_pair(weights, t, start, tried)
    asked = int(np.abs(y - 0.5).argmax())  # 0 or 1 exactly
    sequences = np.full((2, t + asked), other)
    sequences[:, start : start + n + 1] = y, 1.0 - y
    target = start + asked
    with precision(BITS):
        stack = BallStack(weights)
        at_stop = [stack.run(stack.start(), [float(x) for x in row[:t]]) for row in sequences]
        one, two = (stack.variables(state) for state in at_stop)
        residual = max(bounds(abs(a.value - b.value))[1] for a, b in zip(one, two, strict=True))
        later = [other] * asked
        given = [stack.answer(stack.run(state, later)).value for state in at_stop]
        errors = [abs(a - ball(float(row[target]))) for a, row in zip(given, sequences, strict=True)]
        low = bounds(errors[0].max(errors[1]))[0]
        answers = (bounds(given[0]), bounds(given[1]))
    return Collision(p, t, other, sequences[0], sequences[1], target, residual, answers, low)
