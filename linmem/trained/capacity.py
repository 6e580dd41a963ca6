"""Jaeger's memory capacity of trained networks, sampled on their states: what all layers hold, not what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linmem.checks import check_generator, check_integer
from linmem.citations import cites
from linmem.trained.states import collect_states
from linmem.trained.weights import NetworkWeights, check_weights

if TYPE_CHECKING:
    from linmem.capacity.estimators import SampledCurve


@cites("illium2022", "Section 4, the capacity of deep architectures")
def state_capacity(
    weights: NetworkWeights,
    rng: np.random.Generator | int,
    *,
    part: str = "all",
    max_lag: int | None = None,
    length: int = 20_000,
    washout: int = 200,
    level: float = 0.95,
) -> SampledCurve:
    """Memory curve of a network's states on one long series of uniform inputs on [0, 1], with an interval at each lag.

    ``MC_k`` is the squared correlation of x_{t-k} and its best linear read-out from the states at t; the sum over
    k = 1, 2, .. is Jaeger's capacity, ``curve.total()``; lag k is position k + 1 of the memorisation task, so the sum
    that goes with positions is ``curve.total(first_lag=0)``.

    Parameters
    ----------
    weights : the network.
    rng : generator or seed of the inputs.
    part : states that are read, see :func:`~linmem.trained.states.collect_states`.
    max_lag : largest lag; default twice the number of state variables plus 10.
    length : timesteps that are used, after ``washout`` steps that are not.
    washout : steps before, from the zero state.
    level : confidence level of each interval.

    Raises
    ------
    ValueError : as :func:`linmem.capacity.estimators.sampled_curve`, e.g. for a series too short for the lags.

    Cost: ``length + washout`` steps of a Python loop, some 10 l microseconds each, and ``length N (4 N + 2 max_lag)``
    flops for N states.
    """
    from linmem.capacity.estimators import sampled_curve

    a, generator = check_weights(weights).architecture, check_generator("rng", rng)
    lags = 2 * a.state_variables + 10 if max_lag is None else check_integer("max_lag", max_lag, minimum=0)
    steps, first = check_integer("length", length, minimum=1), check_integer("washout", washout, minimum=0)
    inputs = generator.random(first + steps)
    return sampled_curve(collect_states(weights, inputs, part)[first:], inputs[first:], lags, level=level)
