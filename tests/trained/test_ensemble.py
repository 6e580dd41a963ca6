"""The ensemble engine against torch.nn.RNN, LSTM, GRU and autograd: outputs, gradients, independence of company."""

import dataclasses

import numpy as np
import pytest
import torch

from linmem.trained import Architecture, Ensemble, NetworkWeights, initial_weights, to_module

SIZES = (3, 1, 4)
E, B, T = len(SIZES), 5, 9
KINDS = [(cell, layers) for cell in ("rnn", "lstm", "gru") for layers in (1, 2, 3, 4, 5)]


def networks(cell: str, layers: int, links: str = "same-step", readout: str = "sum", seed: int = 0):
    """One network of each size; the first one without bias."""
    architectures = [Architecture(cell, c, layers, links, readout, bias=c != SIZES[0]) for c in SIZES]
    return [initial_weights(a, seed + 10 * e) for e, a in enumerate(architectures)]


def batch(seed: int, shortest: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs and mask (network, batch, time), right-aligned sequences of mixed lengths; targets (network, batch)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shortest, T + 1, (E, B))
    mask = np.arange(T) >= T - lengths[:, :, None]
    return rng.random((E, B, T)) * mask, mask, rng.random((E, B))


class Reference:
    """One network as torch users would run it: a module, sequences without padding, autograd."""

    def __init__(self, weights: NetworkWeights, dtype: torch.dtype = torch.float64) -> None:
        self.module, self.dtype = to_module(weights, dtype), dtype
        self.readout = torch.tensor(weights.readout_weight, dtype=dtype, requires_grad=True)
        self.bias = torch.tensor(float(weights.readout_bias), dtype=dtype, requires_grad=True)

    def answers(self, inputs: np.ndarray, mask: np.ndarray) -> torch.Tensor:
        sequences = (torch.tensor(x[m], dtype=self.dtype)[None, :, None] for x, m in zip(inputs, mask, strict=True))
        return torch.stack([self.module(x)[0][0, -1] @ self.readout + self.bias for x in sequences])

    def gradient(self, inputs: np.ndarray, mask: np.ndarray, targets: np.ndarray):
        loss = (self.answers(inputs, mask) - torch.tensor(targets, dtype=self.dtype)).abs().mean()
        loss.backward()
        return loss.item()

    def grad(self, layer: int, name: str) -> np.ndarray:
        stack = getattr(self.module, "layers", None)
        parameter = getattr(self.module, f"{name}_l{layer}") if stack is None else getattr(stack[layer], f"{name}_l0")
        return np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()


def assert_equals_autograd(
    weights: list[NetworkWeights], dtype: str, tolerance: float, seed: int, products: str
) -> None:
    inputs, mask, targets = batch(seed)
    found = Ensemble(weights, dtype=dtype, products=products).gradient(inputs, mask, targets)
    for e, start in enumerate(weights):
        a, reference = start.architecture, Reference(start)
        assert abs(found.loss[e] - reference.gradient(inputs[e], mask[e], targets[e])) < tolerance
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if a.bias else 2]
        for i, layer in enumerate(found.networks[e].layers):
            for name in names:
                np.testing.assert_allclose(getattr(layer, name), reference.grad(i, name), rtol=0, atol=tolerance)
            assert a.bias or not (layer.bias_ih.any() or layer.bias_hh.any())
        if a.readout == "linear":
            got = found.networks[e]
            np.testing.assert_allclose(got.readout_weight, reference.readout.grad, rtol=0, atol=tolerance)
            assert abs(got.readout_bias - reference.bias.grad.item()) < tolerance


# A gradient entry sums at most T * B = 45 products of numbers below 4 in size, each with the rounding that l * T <= 45
# steps of a few operations left in its factors; 45 * 4 * 45 * eps bounds all of it.
TOLERANCE = {"float64": 8100 * 2.3e-16, "float32": 8100 * 1.2e-7}


@pytest.mark.parametrize(("cell", "layers"), KINDS)
@pytest.mark.parametrize("links", ["same-step", "delayed"])
@pytest.mark.parametrize("products", ["batched", "elementwise"])
def test_gradients_equal_autograd_on_torchs_modules(cell: str, layers: int, links: str, products: str) -> None:
    """DelayedStack, the reference for delayed links, is held against a loop over steps in test_modules."""
    readout = "linear" if layers % 2 == 0 else "sum"
    weights = networks(cell, layers, links, readout)
    assert_equals_autograd(weights, "float64", TOLERANCE["float64"], seed=layers, products=products)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("links", ["same-step", "delayed"])
@pytest.mark.parametrize("products", ["batched", "elementwise"])
def test_gradients_of_stacks_of_single_cells(cell: str, links: str, products: str) -> None:
    """One cell a layer in all networks: an upper layer has as many inputs as the lowest."""
    weights = [initial_weights(Architecture(cell, 1, 3, links), seed) for seed in range(E)]
    assert_equals_autograd(weights, "float64", TOLERANCE["float64"], seed=5, products=products)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("products", ["batched", "elementwise"])
def test_gradients_in_float32(cell: str, products: str) -> None:
    weights = networks(cell, 2, readout="linear")
    assert_equals_autograd(weights, "float32", TOLERANCE["float32"], seed=1, products=products)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("links", ["same-step", "delayed"])
def test_outputs_equal_torch_on_unpadded_sequences(cell: str, links: str) -> None:
    weights, (inputs, mask, _) = networks(cell, 3, links, "linear"), batch(2)
    found = Ensemble(weights, dtype="float64").outputs(inputs, mask)
    for e, start in enumerate(weights):
        expected = Reference(start).answers(inputs[e], mask[e]).detach()
        np.testing.assert_allclose(found[e], expected, rtol=0, atol=TOLERANCE["float64"])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("steps", [1, 4, T])
def test_truncation_is_a_detached_start(cell: str, steps: int) -> None:
    """Sequences of full length: the first T - k steps under no_grad, the last k with autograd."""
    weights, (inputs, _, targets) = networks(cell, 2), batch(3)
    found = Ensemble(weights, dtype="float64").gradient(inputs, np.ones((E, B, T)), targets, truncation=steps)
    for e, start in enumerate(weights):
        module = to_module(start, torch.float64)
        x, state = torch.tensor(inputs[e])[:, :, None], None
        if steps < T:
            with torch.no_grad():
                state = module(x[:, :-steps])[1]
        answers = module(x[:, -steps:], state)[0][:, -1].sum(-1)
        (answers - torch.tensor(targets[e])).abs().mean().backward()
        for i, layer in enumerate(found.networks[e].layers):
            for name in ("weight_ih", "weight_hh"):
                expected = getattr(module, f"{name}_l{i}").grad
                np.testing.assert_allclose(getattr(layer, name), expected, rtol=0, atol=TOLERANCE["float64"])


def test_delayed_layers_that_are_out_of_reach_have_no_gradient() -> None:
    weights = networks("rnn", 3, "delayed")
    inputs, mask, targets = batch(4)
    found = Ensemble(weights, dtype="float64").gradient(inputs, mask, targets, truncation=2)
    for network in found.networks:
        assert not network.layers[0].weight_hh.any()  # two steps back the answer has not got below layer 1
        assert network.layers[1].weight_ih.any()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_left_padding_changes_nothing_whatever_it_holds(cell: str) -> None:
    (inputs, mask, targets), ensemble = batch(6), Ensemble(networks(cell, 2), dtype="float64")
    padded = np.where(mask, inputs, 1e3)
    longer = np.concatenate([np.full((E, B, 4), -1e3), padded], axis=2)
    longer_mask = np.concatenate([np.zeros((E, B, 4), dtype=bool), mask], axis=2)
    np.testing.assert_allclose(
        ensemble.outputs(longer, longer_mask), ensemble.outputs(inputs, mask), rtol=0, atol=TOLERANCE["float64"]
    )
    one, two = ensemble.gradient(inputs, mask, targets), ensemble.gradient(longer, longer_mask, targets)
    for a, b in zip(one.networks, two.networks, strict=True):
        for x, y in zip(a.arrays(), b.arrays(), strict=True):
            np.testing.assert_allclose(x, y, rtol=0, atol=TOLERANCE["float64"])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_network_that_is_not_finite_does_not_touch_the_others(cell: str) -> None:
    inputs, mask, targets = batch(8)
    healthy, ill = (Ensemble(networks(cell, 2), dtype="float64") for _ in range(2))
    ill.parameters[0][1] = torch.nan
    ill.parameters[1][1] = torch.inf
    a, b = healthy.gradient(inputs, mask, targets), ill.gradient(inputs, mask, targets)
    assert not np.isfinite(b.loss[1])
    for e in (0, 2):
        assert a.loss[e] == b.loss[e]
        for x, y in zip(a.networks[e].arrays(), b.networks[e].arrays(), strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_order_company_and_repetition_do_not_matter(cell: str) -> None:
    inputs, mask, targets = batch(9)
    weights, order = networks(cell, 2, readout="linear"), [2, 0]
    ensemble = Ensemble(weights, dtype="float64")
    fewer = Ensemble([weights[e] for e in order], dtype="float64")
    a, b = ensemble.gradient(inputs, mask, targets), fewer.gradient(inputs[order], mask[order], targets[order])
    again = ensemble.gradient(inputs, mask, targets)  # the buffers are reused
    for k, e in enumerate(order):
        for x, y, z in zip(*(g.arrays() for g in (a.networks[e], b.networks[k], again.networks[e])), strict=True):
            np.testing.assert_allclose(x, y, rtol=0, atol=TOLERANCE["float64"])
            np.testing.assert_array_equal(x, z)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_weights_come_back_as_they_went_in(cell: str) -> None:
    weights = networks(cell, 2, readout="linear")
    for before, after in zip(weights, Ensemble(weights).weights(), strict=True):
        assert after.architecture == before.architecture
        for x, y in zip(before.arrays(), after.arrays(), strict=True):
            np.testing.assert_array_equal(x, y)


def test_bad_input_is_refused() -> None:
    inputs, mask, targets = batch(0)
    weights = networks("rnn", 1)
    ensemble = Ensemble(weights)
    with pytest.raises(ValueError, match="at least one network, got none"):
        Ensemble([])
    with pytest.raises(TypeError, match="weights must be NetworkWeights, got Architecture"):
        Ensemble([Architecture()])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"must agree in \(cell, layers, links, readout\)"):
        Ensemble([*weights, *networks("gru", 1)])
    spoiled = dataclasses.replace(weights[0].layers[0], bias_ih=np.full(3, np.nan))
    with pytest.raises(ValueError, match="weights must be finite"):
        Ensemble([NetworkWeights(weights[0].architecture, (spoiled,))])
    with pytest.raises(ValueError, match="device must be one that torch can use, got 'abacus'"):
        Ensemble(weights, device="abacus")
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float64', got 'float16'"):
        Ensemble(weights, dtype="float16")
    with pytest.raises(ValueError, match=r"inputs must have shape \(3, 5, 9\) .*, got \(2, 5, 9\)"):
        ensemble.outputs(inputs[:2], mask[:2])
    with pytest.raises(ValueError, match=r"inputs must have shape \(network, batch, timesteps\), got \(5, 9\)"):
        ensemble.outputs(inputs[0], mask[0])
    with pytest.raises(ValueError, match="mask must have shape"):
        ensemble.outputs(inputs, mask[:, :, 1:])
    with pytest.raises(ValueError, match=r"targets must have shape \(3, 5\)"):
        ensemble.gradient(inputs, mask, targets[:, 1:])
    with pytest.raises(ValueError, match="targets must hold finite numbers"):
        ensemble.gradient(inputs, mask, targets * np.nan)
    with pytest.raises(ValueError, match="truncation must be >= 1, got 0"):
        ensemble.gradient(inputs, mask, targets, truncation=0)
