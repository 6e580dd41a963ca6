"""Fixed points that are linearised: repelling, one of several, none; and calls that are refused."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from linmem.analysis import StateModel, linearise, state_model
from linmem.capacity.models import TanhReservoir
from linmem.discrete.model.network import RandomNetwork


def test_fixed_points_that_repel_are_found_and_said_to_be_so():
    turn = 1.8 * np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    found = linearise(TanhReservoir(turn, [0.3, 0.1]))  # a cycle around the fixed point: only Newton finds it
    assert not found.stable
    assert found.radius > 1
    x = found.state
    np.testing.assert_allclose(np.tanh(turn @ x + [0.15, 0.05]), x, atol=1e-14)
    with pytest.raises(ValueError, match="spectral radius of A must be < 1"):
        found.memory_curve(3)
    assert not linearise(RandomNetwork(M=6, L=1, q=1.0, seed=0)).stable
    assert linearise(RandomNetwork(M=6, L=1, q=0.99, seed=0)).stable


def test_two_stable_states_the_one_reached_is_taken():
    latch = TanhReservoir([[3.0]], [1.0])
    start = state_model(latch)
    low = linearise(dataclasses.replace(start, initial=np.array([-1.0])), 0.0)
    high = linearise(dataclasses.replace(start, initial=np.array([1.0])), 0.0)
    assert low.state[0] == pytest.approx(-high.state[0])
    assert high.stable
    rest = linearise(latch, 0.0)
    assert (rest.state[0], rest.radius, rest.stable) == (0.0, 3.0, False)


def test_an_integrator_has_no_fixed_point_but_a_kernel():
    found = linearise(([[1.0]], [1.0], [1.0]))
    np.testing.assert_array_equal(found.kernel(4), np.ones(4))
    assert (found.stable, found.residual) == (False, 0.5)


def test_large_networks_are_linearised():
    found = linearise(nn.GRU(1, 200))
    assert found.A.shape == (200, 200)
    assert found.jacobian_error < 1e-9


class Kinked(nn.Module):
    def forward(self, x, state=None):
        h = torch.zeros(len(x), 1) if state is None else state
        h = torch.stack([h := torch.relu(0.5 * h + x[:, t]) for t in range(x.shape[1])], dim=1)
        return h, h[:, -1]


GROWING = StateModel("growing", 1, 1, lambda x, u: x + 1.0 + 0.1 * np.tanh(x))
WRONG = StateModel("wrong", 1, 1, lambda x, u: np.tanh(x / 2 + u), jacobian=lambda x, u: (np.ones((1, 1)),) * 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linearise(GROWING, steps=50), "no fixed point of growing was found.*moves by.*operating_point"),
        (lambda: linearise(nn.RNN(1, 3, nonlinearity="relu", bias=False), 0.0), "disagree by.*relu has a kink"),
        (lambda: linearise(Kinked(), 0.0), "disagree by.*relu has a kink"),
        (lambda: linearise(WRONG), "check the jacobian of your StateModel"),
        (lambda: linearise(nn.RNN(2, 3), [0.5]), r"operating_point must have shape \(2\)"),
        (lambda: linearise(nn.RNN(1, 3), np.nan), "operating_point must be finite"),
        (lambda: linearise(nn.RNN(1, 3), steps=0), "steps must be >= 1"),
        (lambda: linearise(nn.RNN(1, 3), tol=0.0), "tol must be > 0"),
        (lambda: linearise(TanhReservoir([[0.5]], [1.0])).kernel(3), "gives none; pass readout= to linearise"),
        (lambda: linearise(([[0.5]], [1.0], [1.0])).kernel(0), "count must be >= 1"),
        (lambda: linearise("model"), "got str"),
    ],
)
def test_bad_input_is_refused_with_the_fix(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
