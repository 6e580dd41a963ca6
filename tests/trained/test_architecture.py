"""Architectures and initial weights against torch's modules, orthogonality and the laws they are drawn from."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch

from linmem.trained.architecture import GATES, Architecture
from linmem.trained.weights import LayerWeights, NetworkWeights, initial_weights

MODULES = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
PAPER = {"rnn": 1, "lstm": 4, "gru": 3}  # factors of m n + n^2 + n in Illium et al., Sections 2 and 4


@pytest.mark.parametrize("cell", MODULES)
@pytest.mark.parametrize(("cells", "layers"), [(1, 1), (5, 1), (3, 2), (4, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_and_state_variables_are_those_of_torch(cell: str, cells: int, layers: int, bias: bool) -> None:
    architecture = Architecture(cell, cells=cells, layers=layers, bias=bias)
    module = MODULES[cell](1, cells, layers, bias=bias)
    assert architecture.torch_parameter_count == sum(p.numel() for p in module.parameters())
    state = module(torch.zeros(3, 2, 1))[1]
    parts = state if isinstance(state, tuple) else (state,)
    assert architecture.state_variables == sum(part[:, 0].numel() for part in parts)
    with_readout = dataclasses.replace(architecture, readout="linear")
    assert with_readout.parameter_count - architecture.parameter_count == cells + 1


@pytest.mark.parametrize("cell", MODULES)
def test_parameters_of_one_layer_are_the_papers_formula(cell: str) -> None:
    for n in (1, 2, 7):
        assert Architecture(cell, cells=n).parameter_count == PAPER[cell] * (1 * n + n**2 + n)
        assert Architecture(cell, cells=n, layers=2).parameter_count == PAPER[cell] * (3 * n**2 + 3 * n)


def numerator(system: np.ndarray, drive: np.ndarray, read: np.ndarray) -> list[Fraction]:
    """Coefficients of det(I - s A) * sum_k (c A^k b) s^k, exactly; all beyond the order of A must vanish."""
    n, A = len(system), np.vectorize(Fraction)(system)
    identity = np.vectorize(Fraction)(np.eye(n, dtype=int))
    denominator, M = [Fraction(1)], identity  # Faddeev-LeVerrier
    for k in range(1, n + 1):
        AM = A @ M
        denominator.append(-AM.trace() / k)
        M = AM + denominator[-1] * identity
    markov, state = [], np.vectorize(Fraction)(drive)
    for _ in range(2 * n + 4):
        markov.append(read @ state)
        state = A @ state
    return [sum(denominator[j] * markov[k - j] for j in range(min(k, n) + 1)) for k in range(len(markov))]


@pytest.mark.parametrize(("cells", "layers"), [(1, 1), (4, 1), (1, 3), (2, 2), (3, 2), (2, 4)])
@pytest.mark.parametrize("links", ["same-step", "delayed"])
def test_linear_distance_is_the_degree_of_the_numerator_plus_one(cells: int, layers: int, links: str) -> None:
    """Random whole-number weights, rational arithmetic: the bound of the adjugate argument, and it is attained."""
    rng, (c, n) = np.random.default_rng(cells + 10 * layers), (cells, cells * layers)
    for _ in range(3):
        U = [rng.integers(-5, 6, (c, c)) for _ in range(layers)]
        W = [rng.integers(1, 6, (c, 1 if i == 0 else c)) for i in range(layers)]
        A, b = np.zeros((n, n), dtype=int), np.zeros(n, dtype=int)
        for i in range(layers):
            mine, below = slice(i * c, (i + 1) * c), slice((i - 1) * c, i * c)
            if i == 0:
                b[mine] = W[0][:, 0]
            elif links == "delayed":
                A[mine, below] = W[i]
            else:  # the layer reads what the layer below has just computed: its row of A and b, times W
                A[mine], b[mine] = W[i] @ A[below], W[i] @ b[below]
            A[mine, mine] += U[i]
        top = np.concatenate([np.zeros(n - c, dtype=int), rng.integers(1, 6, c)])
        degree = max(k for k, value in enumerate(numerator(A, b, top)) if value != 0)
        assert degree + 1 <= Architecture("rnn", c, layers, links).linear_distance
    # a random stack has a numerator of full degree but on a set of measure zero; the last one drawn is checked
    assert degree + 1 == Architecture("rnn", c, layers, links).linear_distance


@pytest.mark.parametrize("cell", MODULES)
def test_weights_have_the_shapes_of_torch(cell: str) -> None:
    architecture = Architecture(cell, cells=3, layers=2)
    weights, module = initial_weights(architecture, 0), MODULES[cell](1, 3, 2)
    for i, layer in enumerate(weights.layers):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            assert getattr(layer, name).shape == getattr(module, f"{name}_l{i}").shape
            assert getattr(layer, name).dtype == np.float32


def test_the_default_law_is_torchs() -> None:
    """Range, mean and variance of U(-1/sqrt c, 1/sqrt c) in every tensor; 6 standard errors (2e-9)."""
    c, n, rng = 2, 600, np.random.default_rng(0)
    draws = [initial_weights(Architecture("gru", c, 2, readout="linear"), rng) for _ in range(n)]
    k = 1 / np.sqrt(c)
    for pick in range(10):
        sample = np.array([list(draw.arrays())[pick] for draw in draws]).ravel().astype(float)
        assert 0.95 * k < np.abs(sample).max() <= k * (1 + 1e-7)  # 600 uniforms stay below .95 with probability e^-30
        assert abs(sample.mean()) < 6 * k / np.sqrt(3 * sample.size)
        # a uniform has kurtosis 1.8: Var(s^2) = 0.8 variance^2 / n
        assert abs(sample.var() - k**2 / 3) < 6 * k**2 / 3 * np.sqrt(0.8 / sample.size)


@pytest.mark.parametrize("cell", MODULES)
def test_the_orthogonal_law(cell: str) -> None:
    c = 6
    weights = initial_weights(Architecture(cell, c, 2, initialisation="orthogonal"), 3)
    for i, layer in enumerate(weights.layers):
        for block in np.split(layer.weight_hh.astype(float), GATES[cell]):
            np.testing.assert_allclose(block @ block.T, np.eye(c), atol=c * np.finfo(np.float32).eps)
        m = 1 if i == 0 else c
        assert np.abs(layer.weight_ih).max() <= np.sqrt(6 / (m + GATES[cell] * c)) * (1 + 1e-7)
        assert not layer.bias_hh.any()
        assert layer.bias_ih.sum() == (c if cell == "lstm" else 0)


def test_haar_matrices_have_no_preferred_sign() -> None:
    """det of a Haar orthogonal matrix is +1 or -1 with probability 1/2 each; the entries have mean 0."""
    n, rng = 300, np.random.default_rng(1)
    matrices = [
        initial_weights(Architecture(cells=3, initialisation="orthogonal"), rng).layers[0].weight_hh for _ in range(n)
    ]
    assert abs(sum(np.linalg.det(matrix) > 0 for matrix in matrices) - n / 2) < 6 * np.sqrt(n) / 2
    assert np.abs(np.mean(matrices, axis=0)).max() < 6 / np.sqrt(3 * n)  # the entries have variance 1/3


def test_without_bias_nothing_is_drawn_for_it() -> None:
    with_bias, without = (initial_weights(Architecture(cells=4, bias=bias), 7).layers[0] for bias in (True, False))
    np.testing.assert_array_equal(with_bias.weight_hh, without.weight_hh)
    np.testing.assert_array_equal(with_bias.weight_ih, without.weight_ih)
    assert not without.bias_ih.any()
    assert not without.bias_hh.any()


def test_largest_weight() -> None:
    weights = initial_weights(Architecture(cells=2), 0)
    layer = weights.layers[0]
    assert weights.largest == 1.0  # the summed read-out has weights one
    spoiled = NetworkWeights(weights.architecture, (dataclasses.replace(layer, bias_ih=np.array([np.nan, 5.0])),))
    assert np.isnan(spoiled.largest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "RNN"}, "cell must be one of 'rnn', 'lstm', 'gru', got 'RNN'"),
        ({"cells": 0}, "cells must be >= 1, got 0"),
        ({"layers": 0}, "layers must be >= 1, got 0"),
        ({"links": "delay"}, "did you mean 'delayed'"),
        ({"readout": "mean"}, "readout must be one of 'sum', 'linear'"),
        ({"initialisation": "orthogonl"}, "did you mean 'orthogonal'"),
    ],
)
def test_bad_architectures_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(**arguments)


def test_bad_types_are_refused() -> None:
    with pytest.raises(TypeError, match="bias must be True or False, got 1"):
        Architecture(bias=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"cells must be an integer, got 2\.0"):
        Architecture(cells=2.0)  # type: ignore[arg-type]
    zeros = np.zeros((3, 1)), np.zeros((3, 2)), np.zeros(3), np.zeros(3)
    with pytest.raises(ValueError, match=r"weight_ih\[0\] must have shape \(2, 1\) for .*, got \(3, 1\)"):
        NetworkWeights(Architecture(cells=2), (LayerWeights(*zeros),))
    with pytest.raises(ValueError, match="layers must have 2 entries, got 0"):
        NetworkWeights(Architecture(layers=2), ())
