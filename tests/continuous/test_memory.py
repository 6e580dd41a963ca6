"""The memory function: closed form, measured on exact simulations, on torch modules, and on nonlinear models."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.network import (
    LinearRNN,
    measured_memory_function,
    memory_function,
    random_network,
    respond,
    sign_directions,
    to_module,
)
from linmem.kernels import ExponentialSum, GaussianBump

seeds = st.integers(0, 2**32 - 1)


def simulate(network, step):
    """The network as a function of (batch, time, d): output sample k is y at the end of step k."""
    return lambda x: respond(network, x, step).outputs[:, 1:]


def test_closed_form_of_networks_and_kernels():
    first, second = ExponentialSum([1.0, -3.0], [1.0, 2.0]), ExponentialSum([0.5], [0.1])
    t = np.linspace(0, 4, 9)
    exact = np.abs(first(t)) + np.abs(second(t))
    np.testing.assert_allclose(memory_function([first, second], t), exact, rtol=1e-15)
    np.testing.assert_allclose(memory_function(LinearRNN.from_kernel(first, second), t), exact, atol=1e-14)
    np.testing.assert_array_equal(memory_function(GaussianBump(3.0), t), GaussianBump(3.0)(t))


@settings(max_examples=20)
@given(seeds)
def test_heaviside_responses_converge_to_the_closed_form_with_order_two(seed):
    network = random_network(5, 3, seed, margin=0.3)
    directions = sign_directions(3)
    # y(t + D) - y(t) = int rho.x over the step; at the middle, rho + D^2/24 rho'': |rho''| <= |c W^2 e^{Wt} U|_1
    t = np.linspace(0, 4, 400)
    curvature = LinearRNN(network.W, network.W @ network.W @ network.U, network.c)
    worst = np.abs(curvature.kernel(t)).sum(1).max()
    for step in (0.1, 0.05):
        found = measured_memory_function(simulate(network, step), round(4 / step), step, directions)
        error = np.abs(found.values - memory_function(network, found.times)).max()
        # 1.05: worst is a maximum over a grid; the last term is the rounding of a difference of two outputs
        assert error <= 1.05 * step**2 / 24 * worst + 1e-13 / step
    np.testing.assert_array_equal(found.times, 0.05 * (np.arange(80) + 0.5))


def test_torch_modules_agree_with_exact_simulation():
    network, step = random_network(4, 2, 5), 0.1
    directions = sign_directions(2)
    exact = measured_memory_function(simulate(network, step), 40, step, directions)
    found = measured_memory_function(to_module(network, step), 40, step, directions, lead=3)
    assert np.abs(found.values - exact.values).max() <= 1e-13 / step
    assert found.attained_by == exact.attained_by


def test_fewer_directions_give_a_lower_bound_and_size_does_not_matter_if_linear():
    network, step = random_network(4, 3, 6), 0.1
    full = measured_memory_function(simulate(network, step), 30, step, sign_directions(3))
    part = measured_memory_function(simulate(network, step), 30, step, [[0.2, 0.2, -0.1], [0.0, 5.0, 0.0]])
    assert (part.values <= full.values + 1e-12).all()
    scaled = measured_memory_function(simulate(network, step), 30, step, 7 * sign_directions(3))
    np.testing.assert_allclose(scaled.values, full.values, atol=1e-12)


def test_a_nonlinear_model_depends_on_the_size_of_the_input():
    """H_t(u^x) = tanh(x) (1 - e^{-t}), so that M is the largest tanh(|x|)/|x| tried, times e^{-t}."""
    step = 0.1

    def model(x):
        t = step * np.maximum(np.arange(x.shape[1]), 0.0)  # lead = 1: sample k is the end of step k, and k = 0 is t = 0
        return np.tanh(x[:, -1]) * -np.expm1(-t)

    decay = np.exp(-step * (np.arange(20) + 0.5)) * np.sinh(step / 2) / (step / 2)
    for sizes in ([0.01], [3.0], [0.01, 3.0]):
        found = measured_memory_function(model, 20, step, [[s] for s in sizes])
        np.testing.assert_allclose(found.values, np.tanh(sizes[0]) / sizes[0] * decay, rtol=1e-11)


def test_a_torch_rnn_without_recurrence_remembers_one_step():
    """h_k = tanh(w x_k): the output jumps by tanh(w x) in the first step and stays."""
    rnn = torch.nn.RNN(1, 1, batch_first=True, bias=False, dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_hh_l0.zero_()
        rnn.weight_ih_l0.fill_(0.5)
    found = measured_memory_function(rnn, 4, 0.1, [[2.0]])
    np.testing.assert_allclose(found.values, [np.tanh(1.0) / (2.0 * 0.1), 0, 0, 0], rtol=1e-14)


def test_sign_directions_attain_the_l1_norm():
    rho = np.random.default_rng(0).standard_normal(5)
    assert np.abs(sign_directions(5) @ rho).max() == pytest.approx(np.abs(rho).sum(), rel=1e-14)
    assert len(sign_directions(5)) == 16


def test_refusals():
    model = simulate(LinearRNN([[-1.0]], [1.0], [1.0]), 0.1)
    with pytest.raises(ValueError, match="rows other than 0"):
        measured_memory_function(model, 3, 0.1, [[1.0], [0.0]])
    with pytest.raises(ValueError, match="lead must be >= 1"):
        measured_memory_function(model, 3, 0.1, [[1.0]], lead=0)
    with pytest.raises(ValueError, match="shape"):
        measured_memory_function(lambda x: x[:, :1], 3, 0.1, [[1.0]])
    with pytest.raises(TypeError, match="measured_memory_function"):
        memory_function(torch.nn.RNN(1, 1), 0.0)
    with pytest.raises(TypeError, match="tuple of one"):
        measured_memory_function(Broken(), 3, 0.1, [[1.0]])


class Broken(torch.nn.Module):
    def forward(self, x):
        return {"output": x}
