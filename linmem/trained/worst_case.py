"""The largest error of a network over a box of inputs, between two certified bounds (branch and bound).

The error after length t + j, ``|R_j(y) - y_j|``, is bounded on a box of y by the mean value form
``|E_j(centre)| + sum_k |dE_j/dy_k| r_k``, E_j = R_j - y_j, with the derivatives enclosed on the box
(:mod:`linmem.trained.enclosure`), and by plain evaluation; the smaller of the two counts.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb
from jaxtyping import Float

from linmem.checks import check_finite, check_integer, check_positive
from linmem.citations import cites
from linmem.intervals import ball, bounds, precision
from linmem.trained.collision import BITS, Collision, antipodal_collision
from linmem.trained.enclosure import BallStack, BallState, Jet
from linmem.trained.weights import NetworkWeights, check_weights

_Entry = tuple[float, int, np.ndarray, np.ndarray, int]


@dataclass(frozen=True, eq=False)
class WorstCase:
    """Certified bounds of the largest error.

    Attributes
    ----------
    low, high : low <= largest error <= high.
    sequence : (length,) a sequence on which the error is at least ``low``, up to the stop at which it is.
    boxes : number of boxes that were examined.
    collision : for p > n, the two sequences of one state behind ``low >= 1/2``; None for p <= n.
    """

    low: float
    high: float
    sequence: Float[np.ndarray, "length"]
    boxes: int
    collision: Collision | None = None


@cites("linmem", "topological limit")
def worst_case_error(
    weights: NetworkWeights,
    position: int,
    *,
    stop: int | None = None,
    background: float | None = None,
    level: float | None = 0.5 - 1e-6,
    tolerance: float = 0.01,
    max_boxes: int = 2000,
) -> WorstCase:
    """Largest error at position p over ``sup_y max_j |R_j(y) - y_j|``, bracketed.

    The sequence may stop after any of the lengths t, .., t + m - 1, with m = min(p, n + 1), n the number of state
    variables. The m numbers y asked for run through [0, 1]^m, every other input is ``background``. For p > n the result
    is >= 1/2 whatever the weights are (:mod:`linmem.trained.collision`); for p <= n it may be anything. The search ends
    when it is known whether the largest error reaches ``level``, or when it is known up to ``tolerance``.

    Parameters
    ----------
    weights, position, stop, background : as in :func:`~linmem.trained.collision.antipodal_collision`, any position.
    level : stop as soon as ``low >= level`` or ``high < level``; None goes on to the tolerance.
    tolerance : stop as soon as ``high - low`` is at most this.
    max_boxes : stop after so many boxes; the bounds hold all the same.

    Raises
    ------
    ValueError, TypeError : for bad arguments.
    RuntimeError : if p > n and the search for a collision fails.

    Cost: 2 m steps in ball arithmetic with m derivatives for each box, about a millisecond for n = 3.

    >>> from linmem.trained import Architecture, LayerWeights
    >>> cell = LayerWeights(*(np.array(a) for a in ([[0.01]], [[0.0]], [0.0], [0.0])))
    >>> identity = NetworkWeights(Architecture(readout="linear"), (cell,), np.array([100.0]))  # tanh(x/100) 100 = x
    >>> worst_case_error(identity, 1).high < 1e-3, worst_case_error(identity, 2).low > 0.5 - 1e-9
    (True, True)
    """
    n = check_weights(weights).architecture.state_variables
    p = check_integer("position", position, minimum=1)
    t = check_integer("stop", max(10, p) if stop is None else stop, minimum=p)
    goal = None if level is None else check_finite("level", level)
    gap, most = check_positive("tolerance", tolerance), check_integer("max_boxes", max_boxes, minimum=1)
    other = 0.5 if background is None else check_finite("background", background)
    low, sequence, pair = -np.inf, np.empty(0), None
    if p > n:
        pair = antipodal_collision(weights, p, stop=t, background=background)
        low, sequence, other = pair.worst_error_low, pair.worse, pair.background
    m = min(p, n + 1)
    with precision(BITS):
        family = _Family(BallStack(weights), p, t, m, other)
        corners = np.array(list(itertools.product((0.0, 1.0), repeat=m)))
        low, sequence = max([(low, sequence), *map(family.at, corners)], key=_first)
        centre, radius, count = np.full(m, 0.5), np.full(m, 0.5), 1
        heap = [_entry(family, centre, radius, count)]
        while -heap[0][0] - low > gap and count < most and (goal is None or low < goal <= -heap[0][0]):
            _, _, centre, radius, k = heapq.heappop(heap)
            radius = np.where(np.arange(m) == k, radius / 2, radius)
            for sign in (-1.0, 1.0):
                part = centre + np.where(np.arange(m) == k, sign * radius, 0.0)
                low, sequence = max((low, sequence), family.at(part), key=_first)
                count += 1
                heapq.heappush(heap, _entry(family, part, radius, count))
        return WorstCase(float(low), float(max(low, -heap[0][0])), sequence, count, pair)


class _Family:
    """The sequences over which the error is maximised: m numbers from index t - p on vary, the others are fixed."""

    def __init__(self, stack: BallStack, position: int, stop: int, count: int, background: float) -> None:
        self.stack, self.count, self.background = stack, count, background
        self.start, self.unasked = stop - position, position - count
        self.state = stack.run(stack.start(), [background] * self.start)

    def errors(self, y: Sequence[arb], vary: bool) -> list[Jet]:
        """``R_j(y) - y_j`` for j = 0, .., m - 1 on a box of y, with slopes by y if asked."""
        m = self.count
        units = np.eye(m, dtype=int) if vary else np.empty((m, 0), dtype=int)
        inputs = [Jet(ball_y, tuple(arb(int(u)) for u in unit)) for ball_y, unit in zip(y, units, strict=True)]
        state: BallState = self.state.varying(m) if vary else self.state
        for x in inputs:
            state = self.stack.step(state, x)
        state = self.stack.run(state, [self.background] * self.unasked)
        found: list[Jet] = []
        for x in inputs:
            found.append(self.stack.answer(state) - x)
            state = self.stack.run(state, [self.background])
        return found

    def at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Lower bound of the largest error at one y, and its sequence."""
        lows = [bounds(abs(e.value))[0] for e in self.errors([ball(float(v)) for v in point], vary=False)]
        j = int(np.argmax(lows))
        after = [self.background] * (self.unasked + j)
        return lows[j], np.array([*[self.background] * self.start, *map(float, point), *after])

    def over(self, centre: np.ndarray, radius: np.ndarray) -> tuple[float, int]:
        """Upper bound of the error on a box, and the number whose interval is best halved."""
        middle = self.errors([ball(float(c)) for c in centre], vary=False)
        box = self.errors([arb(float(c), float(r)) for c, r in zip(centre, radius, strict=True)], vary=True)
        highest, weight = 0.0, radius
        for at, on in zip(middle, box, strict=True):
            parts = [s.abs_upper() * float(r) for s, r in zip(on.slopes, radius, strict=True)]
            mean_value = abs(at.value).upper() + sum(parts, arb(0))
            bound = bounds(mean_value.upper().min(abs(on.value).upper()))[1]
            if bound > highest:
                highest, weight = bound, np.array([float(part.mid()) for part in parts])
        return highest, int(np.argmax(weight))


def _entry(family: _Family, centre: np.ndarray, radius: np.ndarray, number: int) -> _Entry:
    """A box for the heap: the largest upper bound comes first, ties in order of appearance."""
    highest, widest = family.over(centre, radius)
    return -highest, number, centre, radius, widest


def _first(pair: tuple[float, np.ndarray]) -> float:
    return pair[0]
