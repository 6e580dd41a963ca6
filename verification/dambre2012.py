"""Information-processing capacity: the capacities for all functions of the input sum to the number of states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from linmem.capacity.estimators import simulate_states
from linmem.capacity.information import InformationCapacity, information_capacity
from linmem.capacity.models import TanhReservoir
from linmem.capacity.systems import random_connectivity
from linmem.claims import Evidence, Measurement, Scale, claim
from linmem.statistics import Interval

WASHOUT = 300
LEVEL = 1 - 0.05 / 4  # four intervals, together at 95 %
LINEAR, TANH, LARGE = 6, 4, 20  # states
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _over(interval: Interval, N: int) -> Interval:
    return Interval(interval.value / N, interval.low / N, interval.high / N, interval.level, interval.n)


def _tanh(N: int, radius: float, z: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """States of a tanh network with bias, washout included."""
    A = random_connectivity(N, "normal", radius=radius, rng=rng)
    bias, mask = rng.uniform(-0.4, 0.4, N), rng.uniform(0.3, 1.0, N) * rng.choice([-1.0, 1.0], N)
    return TanhReservoir(A, scale * mask, bias).run(z)


def _check(scale: Scale, rng: np.random.Generator, change: Change | None = None) -> Evidence:
    """Totals over the number of state variables, for a linear network, a tanh network, and a larger one."""
    T, band = scale.pick(quick=(20_000, 0.06), paper=(400_000, 0.02))
    z = rng.uniform(-1, 1, T + WASHOUT)

    def measure(states: np.ndarray, degree: int, lags: list[int]) -> InformationCapacity:
        used = states if change is None else change(states, rng)
        return information_capacity(used[WASHOUT:], z[WASHOUT:], degree, lags, level=LEVEL)

    A = random_connectivity(LINEAR, "normal", radius=0.6, rng=rng)
    found = {
        "linear": measure(simulate_states(A, rng.standard_normal(LINEAR), z), 3, [30, 8, 5]),
        "tanh": measure(_tanh(TANH, 0.5, z, 1.0, rng), 5, [16, 10, 8, 6, 6]),
        "tanh, few functions": measure(_tanh(LARGE, 0.9, z, 0.5, rng), 2, [10, 5]),
    }
    linear, degrees = found["linear"], found["linear"].terms.total_degree
    rows = [
        {"network": name, "states": result.states, "rank": result.rank, **row}
        for name, result in found.items()
        for row in result.by_degree.to_dict("records")
    ]
    return Evidence(
        [
            Measurement.from_interval(
                "linear network: capacity of degree 1 over the number of states",
                _over(linear.sum_of(degrees == 1), LINEAR),
                "in",
                (1 - band, 1 + band),
            ),
            Measurement.from_interval(
                "linear network: capacity of degrees 2 and 3 over the number of states",
                _over(linear.sum_of(degrees > 1), LINEAR),
                "in",
                (-band, band),
            ),
            Measurement.from_interval(
                "tanh network: capacity to degree 5 over the number of states",
                _over(found["tanh"].total, TANH),
                "in",
                (1 - band, 1 + band),
            ),
            Measurement.from_interval(
                "larger tanh network, few functions: capacity over the number of states",
                _over(found["tanh, few functions"].total, LARGE),
                "<=",
                1.0,
            ),
        ],
        pd.DataFrame(rows),
        note=f"{T} steps, {sum(len(result.terms) for result in found.values())} functions",
    )


@claim(
    "dambre2012/total-capacity",
    source="dambre2012",
    locator="abstract; the theorem's full text was not at hand",
    kind="statistical",
    statement=(
        r"The capacity of a dynamical system, summed over an orthogonal set of functions of its input history, is "
        r"bounded by the number of linearly independent state variables, and equals it if the system has fading "
        r"memory (and the set is complete). For $N$ linearly independent states of a linear network the linear "
        r"functions alone sum to $N$, and all others have capacity $0$."
    ),
    assumptions=[
        r"iid input with a known law (here uniform on $[-1, 1]$), stationary states",
        r"functions: products of orthonormal polynomials of past inputs; for a tanh network of 4 states with spectral "
        r"radius $0.5$ and total degree $\leq 5$, what the set leaves out is less than the band of $6\,\%$ ($2\,\%$ at "
        r"paper scale)",
        r"capacities corrected for their finite-length bias",
    ],
    expected="holds",
)
def total_capacity(scale: Scale, rng: np.random.Generator) -> Evidence:
    """Networks and input are drawn anew for each seed; intervals come from blocks of time."""
    return _check(scale, rng)


def _dependent(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The last state replaced by the sum of the first two."""
    return np.column_stack([states[:, :-1], states[:, 0] + states[:, 1]])


def _foreign(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first state replaced by one with a dynamics of its own, of the same variance: no function of the input."""
    turned = states.copy()
    phase = 0.1 * rng.standard_normal(len(states)).cumsum()
    turned[:, 0] = states[:, 0].std() * np.sqrt(2) * np.cos(0.7 * np.arange(len(states)) + phase)
    return turned


@total_capacity.control("one state is an oscillator that does not read the input: no fading memory")
def total_capacity_foreign(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _check(scale, rng, change=_foreign)


@total_capacity.control("one state is the sum of two others: N states of which N - 1 are linearly independent")
def total_capacity_rank(scale: Scale, rng: np.random.Generator) -> Evidence:
    return _check(scale, rng, change=_dependent)
