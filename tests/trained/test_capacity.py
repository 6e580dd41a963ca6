"""Memory capacity of the states of networks whose memory is known."""

import numpy as np
import pytest

from linmem.trained import Architecture, LayerWeights, NetworkWeights, initial_weights
from linmem.trained.capacity import state_capacity


@pytest.mark.parametrize(("part", "lags"), [("all", {0, 1, 2, 3, 4}), ("top", {2, 3, 4})])
def test_a_shift_chain_holds_the_lags_it_is_built_for(part: str, lags: set[int]) -> None:
    """Two layers of 3: lags 0, 1, 2 below and 2, 3, 4 above, so c l - (l - 1) = 5 in all and c = 3 on top."""
    shift = np.eye(3, k=-1)
    stack = [
        LayerWeights(np.array(w), shift, np.zeros(3), np.zeros(3)) for w in ([[0.01], [0], [0]], np.eye(3)[[2, 0, 1]])
    ]
    stack[1].weight_ih[1:] = 0.0
    curve = state_capacity(NetworkWeights(Architecture("rnn", 3, 2), tuple(stack)), 0, part=part, length=4000)
    expected = np.array([lag in lags for lag in range(curve.max_lag + 1)], dtype=float)
    # tanh is linear to 3e-5 here; without memory R^2 is an average over 4000 rows of noise: 20 blocks, 4 states
    np.testing.assert_allclose(curve.values, expected, atol=0.02)
    assert abs(curve.total(first_lag=0).value - len(lags)) < 0.1


def test_capacity_of_untrained_networks_is_bounded_by_the_number_of_states() -> None:
    for cell, states in (("rnn", 4), ("gru", 4), ("lstm", 8)):
        curve = state_capacity(initial_weights(Architecture(cell, 2, 2), 1), 2, length=3000)
        assert (curve.states, curve.max_lag) == (states, 2 * states + 10)
        assert curve.total(first_lag=0).low <= states


def test_bad_arguments_are_refused() -> None:
    weights = initial_weights(Architecture(cells=2), 0)
    with pytest.raises(ValueError, match="the series must have T >= "):
        state_capacity(weights, 0, length=50)
    with pytest.raises(ValueError, match="washout must be >= 0, got -1"):
        state_capacity(weights, 0, washout=-1)
    with pytest.raises(ValueError, match="part must be one of"):
        state_capacity(weights, 0, part="bottom")
