"""Outputs and gradients of the native engine against autograd on torch.nn.RNN, LSTM and GRU in float64."""

import numpy as np
import pytest
import torch
from torch_networks import Reference, named

from linmem.trained import Architecture, NetworkWeights, initial_weights
from linmem.trained.native import gradients, instruction_sets, is_available, outputs

pytestmark = pytest.mark.skipif(not is_available(), reason="the native engine was not built")
SETS = instruction_sets()
T = 15


def batch(size: int, seed: int, shortest: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right-aligned sequences of their own lengths; what stands before them must not matter."""
    rng = np.random.default_rng(seed)
    x, lengths = rng.random((size, T), dtype=np.float32), rng.integers(shortest, T + 1, size)
    x[np.arange(T) < T - lengths[:, None]] = 1e6
    return x, lengths, rng.random(size, dtype=np.float32)


def tolerance(architecture: Architecture, scale: float) -> float:
    """Rounding of a walk through 2 T L stages, each the sum of about 2c + 10 terms of relative error eps / 2.

    Six standard deviations of their random sum; ``scale`` is the largest entry, at least 1, as states are up to 1.
    """
    terms = 2 * T * architecture.layers * (2 * architecture.cells + 10)
    return 6 * np.sqrt(terms) * np.finfo(np.float32).eps / 2 * max(scale, 1.0)


def check(architecture: Architecture, size: int, truncation: int | None = None, stepped: bool | None = None) -> None:
    weights = initial_weights(architecture, rng=size)
    x, lengths, y = batch(size, seed=size)
    reference = Reference(weights, stepped)
    loss = reference.loss(x, lengths, y, truncation)
    loss.backward()
    wanted = reference.tensors(gradient=True)
    allowed = tolerance(architecture, max(np.abs(g).max() for g in wanted.values()))
    assert allowed < 1e-4 * max(1.0, max(np.abs(g).max() for g in wanted.values()))
    for instruction_set in SETS:
        mine, slopes = gradients(weights, x, lengths, y, truncation=truncation, instruction_set=instruction_set)
        found = named(slopes)
        assert mine == pytest.approx(loss.item(), abs=allowed)
        assert set(found) == set(wanted)
        for name, gradient in wanted.items():
            np.testing.assert_allclose(found[name], gradient, rtol=0, atol=allowed, err_msg=f"{instruction_set} {name}")
        answers = outputs(weights, x, lengths, instruction_set=instruction_set)
        # the answer sums c cells
        expected = reference.answers(x, lengths).detach().numpy()
        np.testing.assert_allclose(answers, expected, rtol=0, atol=allowed * architecture.cells)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_gradients_equal_autograd(cell: str, layers: int) -> None:
    """Sizes of the batch: within one vector, one block and several, whole and in part."""
    check(Architecture(cell, (5, 4, 3, 7, 2)[layers - 1], layers), (5, 13, 40, 32, 8)[layers - 1])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_gradients_with_delayed_links_equal_autograd(cell: str, layers: int) -> None:
    check(Architecture(cell, (4, 3, 7, 2)[layers - 2], layers, links="delayed"), (13, 40, 6, 33)[layers - 2])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("links", ["same-step", "delayed"])
def test_truncated_gradients_equal_autograd(cell: str, links: str) -> None:
    architecture = Architecture(cell, 4, 3, links=links)
    for truncation in (1, 4, 9):
        check(architecture, 10, truncation, stepped=True)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_without_bias_and_with_a_linear_readout(cell: str) -> None:
    check(Architecture(cell, 3, 2, bias=False), 9)
    check(Architecture(cell, 3, 2, readout="linear"), 9)
    check(Architecture(cell, 3, 2, bias=False, readout="linear", links="delayed"), 9)


@pytest.mark.parametrize(
    ("cell", "cells"), [("rnn", 1), ("rnn", 20), ("rnn", 32), ("lstm", 1), ("lstm", 11), ("gru", 13)]
)
def test_sizes_of_the_register_blocks(cell: str, cells: int) -> None:
    check(Architecture(cell, cells, 1 if cells > 20 else 2), 33)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_stepped_reference_is_torchs_network(cell: str) -> None:
    architecture = Architecture(cell, 3, 3, readout="linear")
    weights, (x, lengths, _) = initial_weights(architecture, rng=0), batch(7, 0)
    plain, stepped = (Reference(weights, flag).answers(x, lengths) for flag in (False, True))
    torch.testing.assert_close(plain, stepped, rtol=0, atol=1e-13)


def scaled(weights: NetworkWeights, factor: float) -> NetworkWeights:
    layers = tuple(type(layer)(*(array * np.float32(factor) for array in layer.arrays)) for layer in weights.layers)
    return NetworkWeights(weights.architecture, layers, weights.readout_weight, weights.readout_bias)


def test_an_error_of_zero_has_no_gradient() -> None:
    weights = scaled(initial_weights(Architecture("rnn", 2), 0), 0.0)
    loss, found = gradients(weights, np.ones((3, 4)), [4, 4, 4], [0.0, 0.0, 0.0])
    assert loss == 0.0
    assert not any(array.any() for array in found.arrays())


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_a_network_that_is_not_finite_shows_it(factor: float) -> None:
    (x, lengths, y), weights = batch(9, 0), scaled(initial_weights(Architecture("rnn", 3), 0), factor)
    for instruction_set in SETS:
        loss, found = gradients(weights, x, lengths, y, instruction_set=instruction_set)
        assert np.isnan(loss)
        assert not np.isfinite(found.layers[0].weight_hh).all()
        assert not np.isfinite(outputs(weights, x, lengths, instruction_set=instruction_set)).all()


def test_bad_input_is_refused() -> None:
    weights, (x, lengths, y) = initial_weights(Architecture("lstm", 3), 0), batch(4, 0)
    with pytest.raises(TypeError, match="weights must be NetworkWeights, got dict"):
        gradients({}, x, lengths, y)
    with pytest.raises(ValueError, match="lengths be integers from 1 to timesteps"):
        gradients(weights, x, lengths + T, y)
    with pytest.raises(ValueError, match=r"targets must have shape \(4\), got \(3,\)"):
        gradients(weights, x, lengths, y[:3])
    with pytest.raises(ValueError, match="inputs must be finite"):
        gradients(weights, np.full((4, T), np.nan), lengths, y)
    with pytest.raises(ValueError, match="truncation must be >= 1, got 0"):
        gradients(weights, x, lengths, y, truncation=0)
    with pytest.raises(ValueError, match="instruction_set must be one of"):
        outputs(weights, x, lengths, instruction_set="mmx")
    with pytest.raises(ValueError, match="cells must be <= 4096, got 4097"):
        outputs(initial_weights(Architecture("rnn", 4097), 0), x, lengths)
