"""Echo states of tanh networks, decided by ball arithmetic: certified contraction, and certified separation.

A network has echo states for a set of inputs if the state is a function of the input history alone (Jaeger 2001,
Definition 1). Two ways to decide: if every step shrinks distances, trajectories from all starts meet; if two disjoint
boxes are each mapped into themselves under every input of the set, trajectories in them never meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.linear import square_matrix
from linmem.capacity.models.reservoir import TanhReservoir, input_columns
from linmem.checks import check_array, check_integer
from linmem.citations import cites


@dataclass(frozen=True, eq=False)
class StateBox:
    """All states x with low <= x <= high, entry by entry: (N,) each."""

    low: Float[np.ndarray, "N"]
    high: Float[np.ndarray, "N"]

    def distance(self, other: StateBox) -> tuple[float, float]:
        """Smallest and largest Euclidean distance of a point of this box from one of the other, rounded outward.

        >>> first, second = StateBox(np.zeros(1), np.ones(1)), StateBox(np.full(1, 3.0), np.full(1, 4.0))
        >>> first.distance(second)
        (2.0, 4.0)
        """
        from linmem.capacity.models.balls import euclidean
        from linmem.intervals import ball, bounds

        near, far = [ball(0)], [ball(0)]
        for ends in zip(self.low, self.high, other.low, other.high, strict=True):
            a, b, c, d = (ball(float(end)) for end in ends)
            near.append((c - b).max(a - d).max(ball(0)))
            far.append((d - a).max(b - c))
        return max(0.0, bounds(euclidean(near))[0]), bounds(euclidean(far))[1]


@dataclass(frozen=True, eq=False)
class Contraction:
    """How far a network can move two states apart, or how much nearer it brings them.

    Attributes
    ----------
    low, high : certified bounds of the Lipschitz constant that the function describes. ``high < 1``: states meet.
    steps : (T,) certified upper bound of the Lipschitz constant of each step.
    box : box that holds the states at the end, whatever the first state was.
    """

    low: float
    high: float
    steps: Float[np.ndarray, "T"]
    box: StateBox


@cites("jaeger2001", "Definition 3 and Proposition 3(a)")
def contraction_bound(reservoir: TanhReservoir, inputs: ArrayLike) -> Contraction:
    """Lipschitz constant of ``x_0 -> x_T`` under this input, over all first states in [-1, 1]^N: certified bounds.

    ``high`` is the product over the steps of ``max (1 - a) + ||diag(a s_t) A||_2``, where s_t holds the largest slope
    of each tanh over the box that the states can have reached. ``low`` is the ratio of the distances of the
    trajectories from (1, .., 1) and (-1, .., -1). With high < 1 all trajectories under the input, repeated for
    ever, meet. A high >= 1 proves nothing.

    Parameters
    ----------
    reservoir : the network; N <= 100 or so.
    inputs : (T,) or (T, d) input series.

    Cost: ten products of N x N matrices of balls a step, 0.1 s for N = 50.

    >>> network = TanhReservoir([[2.0]], [1.0])
    >>> contraction_bound(network, [3.0] * 10).high < 1e-3, contraction_bound(network, [0.0] * 10).low > 0.9
    (True, True)
    """
    from linmem.capacity.models.balls import BITS, BallNetwork, ends, euclidean, hull
    from linmem.intervals import ball, bounds, precision

    series = input_columns(inputs, reservoir.inputs)
    N = reservoir.state_size
    with precision(BITS):
        network = BallNetwork(reservoir)
        states, factor, steps = hull(-np.ones(N), np.ones(N)), ball(1), list[float]()
        corners = [[ball(1)] * N, [ball(-1)] * N]
        for row in series:
            z = [ball(float(value)) for value in row]
            drive = network.drive(states, z)
            bound = network.lipschitz(drive)
            factor, states = factor * bound, network.step(states, drive)
            steps.append(bounds(bound)[1])
            corners = [network.step(x, network.drive(x, z)) for x in corners]
        apart = euclidean([x - y for x, y in zip(*corners, strict=True)])
        low = bounds(apart / (2 * ball(N).sqrt()))[0]
        return Contraction(max(0.0, low), bounds(factor)[1], np.array(steps), StateBox(*ends(states)))


@cites("jaeger2001", "Definition 1 and Proposition 3")
def uniform_contraction(reservoir: TanhReservoir, low: ArrayLike, high: ArrayLike, burn_in: int = 20) -> Contraction:
    """Largest Lipschitz constant of a step, over inputs low <= z <= high and the states they lead to: certified bounds.

    All states lie in [-1, 1]^N, and after k steps in the k-th image of that box under the set of inputs. ``high``
    bounds every step after ``burn_in`` of them: with high < 1 the network has echo states for this set of inputs.
    ``low`` is the norm of the Jacobian at the centre of the last box and of the inputs: with low >= 1 nothing can be
    proved on this box, which does not say that echo states are lacking.

    Parameters
    ----------
    reservoir : the network.
    low, high : a number or (d,), ends of the set of inputs.
    burn_in : number of steps after which the bound holds, >= 1.

    Cost: ``burn_in`` steps of :func:`contraction_bound`.

    >>> network = TanhReservoir([[2.0]], [1.0])  # Jaeger (2001), after Proposition 3
    >>> uniform_contraction(network, 3.0, 4.0).high < 1, uniform_contraction(network, -1.0, 1.0).low
    (True, 2.0)
    """
    from linmem.capacity.models.balls import BITS, BallNetwork, ends, hull, norm_low
    from linmem.intervals import ball, bounds, precision

    first, last = _input_set(reservoir, low, high)
    images = check_integer("burn_in", burn_in, minimum=1)
    N = reservoir.state_size
    with precision(BITS):
        z, network = hull(first, last), BallNetwork(reservoir)
        states, steps = hull(-np.ones(N), np.ones(N)), list[float]()
        for _ in range(images):
            drive = network.drive(states, z)
            steps.append(bounds(network.lipschitz(drive))[1])
            states = network.step(states, drive)
        final = network.lipschitz(network.drive(states, z))
        point = network.drive([x.mid() for x in states], [ball(float(x)) for x in (first + last) / 2])
        least = bounds(norm_low(network.jacobian(point)))[0]
        return Contraction(max(0.0, least), bounds(final)[1], np.array(steps), StateBox(*ends(states)))


def _input_set(
    reservoir: TanhReservoir, low: ArrayLike, high: ArrayLike
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """Ends of the set of inputs, one for each."""
    d, ends = reservoir.inputs, list[Float[np.ndarray, "d"]]()
    for name, value in (("low", low), ("high", high)):
        entry = check_array(name, value)
        ends.append(check_array(name, np.full(d, entry) if entry.ndim == 0 else entry, shape=(d,)))
    if (ends[0] > ends[1]).any():
        raise ValueError(f"low must be <= high, got {low!r} and {high!r}; swap the ends")
    return ends[0], ends[1]


def invariant_box(reservoir: TanhReservoir, start: ArrayLike, low: ArrayLike, high: ArrayLike) -> StateBox:
    """A box that the network maps into itself under every input with low <= z <= high: certified.

    The network runs from ``start`` under the middle of the inputs for 1000 steps in double precision; the box grows
    from there until its image lies within. It ends at [-1, 1]^N, which is always mapped into itself, if there is no
    smaller one of this kind. Two disjoint boxes prove that the network has no echo states for any input in the set:
    under the same input, for all times, trajectories in them stay apart by :meth:`StateBox.distance`.

    Parameters
    ----------
    reservoir : the network.
    start : (N,) state in [-1, 1]^N to run from.
    low, high : a number or (d,), ends of the set of inputs.

    >>> network = TanhReservoir([[-6.0, -12.0], [3.0, 6.0]], [0.3, 0.3])  # A A = 0: spectral radius 0
    >>> one, other = (invariant_box(network, [s, -s], -1.0, 1.0) for s in (1.0, -1.0))
    >>> one.distance(other)[0] > 2
    True
    """
    from linmem.capacity.models.balls import BITS, BallNetwork, ends, hull
    from linmem.intervals import precision

    first, last = _input_set(reservoir, low, high)
    N = reservoir.state_size
    x = check_array("start", start, shape=(N,))
    if (np.abs(x) > 1).any():
        raise ValueError(f"start must lie in [-1, 1]^N, where the states are, got {start!r}; divide it")
    x = reservoir.run(np.tile((first + last) / 2, (1000, 1)), start=x)[-1]
    cube = np.ones(N)
    with precision(BITS):
        z, network = hull(first, last), BallNetwork(reservoir)
        box = StateBox(x, x)
        for _ in range(200):
            states = hull(box.low, box.high)
            image = ends(network.step(states, network.drive(states, z)))
            image = StateBox(np.maximum(image[0], -cube), np.minimum(image[1], cube))  # what tanh cannot leave
            if (image.low >= box.low).all() and (image.high <= box.high).all():
                return box
            near, far = np.minimum(image.low, box.low), np.maximum(image.high, box.high)
            slack = 0.05 * (far - near) + 1e-12
            box = StateBox(np.maximum(near - slack, -cube), np.minimum(far + slack, cube))
    return StateBox(-cube, cube)


def spectral_radius_bounds(A: ArrayLike) -> tuple[float, float]:
    """Certified (low, high) with low <= rho(A) <= high, for the doubles that A holds.

    ``max(|det A|^(1/N), |tr A^K / N|^(1/K)) <= rho <= ||A^K||_F^(1/K)``, K = 2^10, and the traces for all smaller
    powers of two as well. For matrices far from normal the upper bound is too large by ``||A^K||^(1/K) / rho``.

    >>> low, high = spectral_radius_bounds([[0.9, 100.0], [0.0, 0.9]])
    >>> low <= 0.9 <= high < 0.92
    True
    """
    from linmem.capacity.models.balls import BITS, SQUARINGS, matrix, nth_root
    from linmem.intervals import bounds, precision

    array = square_matrix("A", A)
    N = len(array)
    with precision(4 * BITS):
        power, exponent = matrix(array), 1
        low = nth_root(abs(power.det()).lower(), N)
        for _ in range(SQUARINGS):
            low = low.max(nth_root((abs(power.trace()) / N).lower(), exponent))
            power, exponent = power * power, 2 * exponent
        high = nth_root((power.transpose() * power).trace().upper(), 2 * exponent)
        return max(0.0, bounds(low)[0]), bounds(high)[1]
