"""Torch modules and numpy states: two independent runs of the same network; export and import."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from linmem.trained import (
    Architecture,
    DelayedStack,
    LayerWeights,
    NetworkWeights,
    from_module,
    initial_weights,
    to_module,
)
from linmem.trained.states import answers, collect_states

ARCHITECTURES = [
    Architecture(cell, 3, layers, links, bias=bias)
    for cell in ("rnn", "lstm", "gru")
    for layers, links, bias in ((1, "same-step", True), (3, "same-step", False), (3, "delayed", True))
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_states_by_numpy_equal_torchs(architecture: Architecture) -> None:
    weights, x = initial_weights(architecture, 4), np.random.default_rng(0).random((2, 12))
    outputs, _ = to_module(weights, torch.float64)(torch.tensor(x)[:, :, None])
    # 12 steps of 3 layers, a few operations each with numbers of size <= 4
    np.testing.assert_allclose(collect_states(weights, x, "top"), outputs.detach(), rtol=0, atol=1e-13)
    np.testing.assert_allclose(answers(weights, x), outputs[:, -1].sum(-1).detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_all_states_are_torchs_final_states(cell: str) -> None:
    weights, x = initial_weights(Architecture(cell, 2, 3), 1), np.random.default_rng(1).random(7)
    final = to_module(weights, torch.float64)(torch.tensor(x)[None, :, None])[1]
    expected = torch.cat([part.flatten() for part in (final if isinstance(final, tuple) else (final,))])
    states = collect_states(weights, x)
    assert states.shape == (7, weights.architecture.state_variables)
    np.testing.assert_allclose(states[-1], expected.detach(), rtol=0, atol=1e-13)


def test_delayed_links_are_a_loop_over_single_cells() -> None:
    """One step of every layer at a time with torch's RNNCell, each reading what the layer below had before the step."""
    weights = initial_weights(Architecture("rnn", 2, 3, "delayed"), 2)
    cells = []
    for i, layer in enumerate(weights.layers):
        cell = torch.nn.RNNCell(1 if i == 0 else 2, 2, dtype=torch.float64)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).data = torch.tensor(getattr(layer, name)).double()
        cells.append(cell)
    x = torch.tensor(np.random.default_rng(2).random((4, 9)))
    h, seen = [torch.zeros(4, 2, dtype=torch.float64) for _ in cells], []
    for t in range(9):
        h = [cell(x[:, t, None] if i == 0 else h[i - 1], h[i]) for i, cell in enumerate(cells)]
        seen.append(h[-1])
    outputs, _ = to_module(weights, torch.float64)(x[:, :, None])
    np.testing.assert_allclose(outputs.detach(), torch.stack(seen, dim=1).detach(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_weights_survive_export_and_import(architecture: Architecture) -> None:
    weights = initial_weights(architecture, 5)
    back = from_module(to_module(weights))
    assert back.architecture == architecture
    for before, after in zip(weights.arrays(), back.arrays(), strict=True):
        np.testing.assert_array_equal(before, after)
    read = from_module(to_module(weights), readout_weight=[1, 2, 3], readout_bias=0.5)
    assert (read.architecture.readout, read.readout_weight.tolist(), read.readout_bias) == ("linear", [1, 2, 3], 0.5)


@given(
    st.sampled_from(["rnn", "lstm", "gru"]),
    st.sampled_from(["same-step", "delayed"]),
    st.permutations(range(4)),
    st.permutations(range(4)),
    st.integers(0, 2**32),
)
def test_the_order_of_cells_is_no_part_of_a_network(cell: str, links: str, lower: list, upper: list, seed: int) -> None:
    """Rows of every gate, columns of U and of the next layer's W permuted alike: same answers."""
    weights = initial_weights(Architecture(cell, 4, 2, links, "linear"), seed)
    g, permuted = weights.architecture.gates, []
    for i, (layer, order) in enumerate(zip(weights.layers, (lower, upper), strict=True)):
        rows = np.concatenate([4 * k + np.array(order) for k in range(g)])
        inputs = layer.weight_ih if i == 0 else layer.weight_ih[:, lower]
        arrays = inputs[rows], layer.weight_hh[rows][:, order], layer.bias_ih[rows], layer.bias_hh[rows]
        permuted.append(LayerWeights(*arrays))
    other = NetworkWeights(weights.architecture, tuple(permuted), weights.readout_weight[upper], weights.readout_bias)
    x = np.random.default_rng(seed).random((3, 6))
    np.testing.assert_allclose(answers(other, x), answers(weights, x), rtol=0, atol=1e-14)


def test_imported_weights_are_copies() -> None:
    module = torch.nn.GRU(1, 2)
    weights = from_module(module)
    before = weights.layers[0].weight_hh.copy()
    with torch.no_grad():
        module.weight_hh_l0.add_(1.0)
    np.testing.assert_array_equal(weights.layers[0].weight_hh, before)


def test_torchs_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    to_module(initial_weights(Architecture(cells=3), rng=0))
    to_module(initial_weights(Architecture(cells=3, layers=2, links="delayed"), rng=0))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.RNN(2, 3), "module must read one input, got input_size=2; build it with input_size=1"),
        (torch.nn.LSTM(1, 3, bidirectional=True), "module must run one way"),
        (torch.nn.LSTM(1, 3, proj_size=2), "module must have no projection, got proj_size=2"),
        (torch.nn.RNN(1, 3, nonlinearity="relu"), "module must use tanh, got nonlinearity='relu'"),
    ],
)
def test_modules_that_are_no_architecture_are_refused(module: torch.nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_module(module)


def test_bad_input_is_refused() -> None:
    weights = initial_weights(Architecture(cells=2), 0)
    with pytest.raises(TypeError, match=r"module must be a torch.nn.RNN, LSTM, GRU or DelayedStack, got Linear"):
        from_module(torch.nn.Linear(1, 2))
    with pytest.raises(ValueError, match=r"readout_weight must have shape \(3\), got \(2,\)"):
        from_module(torch.nn.RNN(1, 3), readout_weight=[1, 2])
    with pytest.raises(TypeError, match="weights must be NetworkWeights, got DelayedStack"):
        to_module(DelayedStack(Architecture()))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="inputs must have at least one step"):
        collect_states(weights, np.zeros((2, 0)))
    with pytest.raises(ValueError, match="inputs must be finite"):
        collect_states(weights, [np.nan])
    with pytest.raises(ValueError, match="part must be one of 'all', 'outputs', 'top', got 'bottom'"):
        collect_states(weights, [0.0], "bottom")
