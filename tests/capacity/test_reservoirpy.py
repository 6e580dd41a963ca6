"""reservoirpy nodes and models: states, matrices, and its sampled memory capacity against the exact curve."""

import copy

import numpy as np
import pytest

from linmem.capacity.linear import exact_curve
from linmem.capacity.models import TanhReservoir, collect_states, linear_system

reservoirpy = pytest.importorskip("reservoirpy")
nodes = pytest.importorskip("reservoirpy.nodes")
observables = pytest.importorskip("reservoirpy.observables")

X = np.random.default_rng(2).uniform(-1, 1, (60, 1))


def _linear(**options):
    node = nodes.Reservoir(15, sr=0.8, rc_connectivity=0.5, activation="identity", seed=4, **options)
    node.run(X[:1])
    return node


@pytest.mark.parametrize("lr", [1.0, 0.3, np.linspace(0.1, 1.0, 15)])
def test_linear_system_steps_as_the_node_does(lr):
    node = _linear(lr=lr)
    A, C = linear_system(node)
    x, expected = np.zeros(15), collect_states(node, X)
    for z, row in zip(X, expected, strict=True):
        x = A @ x + C @ z
        np.testing.assert_allclose(x, row, atol=1e-13)


def test_nodes_that_are_not_linear_are_refused():
    tanh = nodes.Reservoir(5, seed=1)
    tanh.run(X)
    with pytest.raises(ValueError, match="'tanh'"):
        linear_system(tanh)
    with pytest.raises(ValueError, match="run it on one input row"):
        linear_system(nodes.Reservoir(5, activation="identity", seed=1))
    with pytest.raises(ValueError, match="bias=0"):
        linear_system(_linear(bias=0.5))


def test_another_rule_behind_the_same_attributes_is_refused():
    node = _linear()

    class Twice(type(node)):
        def _step(self, state, x):
            return super()._step(super()._step(state, x), x)

    node.__class__ = Twice
    with pytest.raises(ValueError, match="another rule"):
        linear_system(node)


def test_a_tanh_node_is_the_reservoir_of_its_weights():
    node = nodes.Reservoir(12, sr=1.3, lr=0.6, input_scaling=0.7, bias=0.2, seed=9)
    node.run(X)
    twin = TanhReservoir(node.W.toarray(), node.Win.toarray(), node.bias, node.lr)
    np.testing.assert_allclose(collect_states(node, X), twin.run(X), atol=1e-12)


def test_the_node_is_left_as_it_was():
    node = nodes.Reservoir(8, seed=3)
    first = collect_states(node, X)
    assert not node.initialized
    node.run(X)
    before = copy.deepcopy(node.state)
    np.testing.assert_array_equal(collect_states(node, X), first)
    np.testing.assert_array_equal(node.state["out"], before["out"])
    np.testing.assert_array_equal(before["out"], first[-1])  # a first run of the node itself, from the same weights


def test_models_of_several_nodes():
    one, two = nodes.Reservoir(4, seed=1, name="one"), nodes.Reservoir(6, seed=2, name="two")
    both = nodes.Input() >> [one, two]
    assert collect_states(both, X).shape == (60, 10)
    with pytest.raises(ValueError, match="read-out"):
        collect_states(nodes.Reservoir(4, seed=1) >> nodes.Ridge(), X)
    with pytest.raises(ValueError, match="1 feature"):
        collect_states(_linear(), np.ones((5, 3)))


def test_sampled_capacity_of_reservoirpy_against_the_exact_curve():
    node = _linear(lr=1.0)
    A, C = linear_system(node)
    k_max, T = 20, 40_000
    series = np.random.default_rng(7).uniform(-0.8, 0.8, (T, 1))
    model = node >> nodes.Ridge(ridge=1e-10)
    found = observables.memory_capacity(model, k_max, as_list=True, series=series, test_size=0.5)
    exact = exact_curve(A, C[:, 0], k_max).values[1:]
    # Both halves have n = 2e4 rows: bias (N/n)(1 - MC) and a deviation of 2 sqrt(MC) (1 - MC) / sqrt(n) (squared
    # correlation of n independent pairs), doubled for the correlation of the rows; five deviations over 20 lags.
    n = T / 2
    error = 15 / n + 5 * 2 * (2 * np.sqrt(exact) * (1 - exact) + 1 / np.sqrt(n)) / np.sqrt(n)
    assert (np.abs(found - exact) <= error).all()
