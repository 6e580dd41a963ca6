"""The ensemble engine against torch.nn.RNN, autograd and torch.optim.SGD."""

import numpy as np
import pytest
import torch
from torch import Tensor

from linmem.trained.ensemble import Ensemble, NetworkWeights, default_weights, to_module
from linmem.trained.task import MemoryTask

SIZES = (3, 1, 4, 2)
TASKS = (
    MemoryTask.definition_1(2),
    MemoryTask.definition_1(1),
    MemoryTask(3, 5, 12),
    MemoryTask.definition_2(9),
)
B, T = 6, 15
# A gradient entry sums T * B * c <= 15 * 6 * 4 = 360 products; each carries an error of a few eps that at most c times
# grows per backward step. 100 eps per product covers it.
PRODUCTS = 360


def batches(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """One batch per task, right-aligned in T steps, network last."""
    x, mask, y = np.zeros((B, T, 4)), np.zeros((B, T, 4), dtype=bool), np.zeros((B, 4))
    for e, task in enumerate(TASKS):
        batch = task.sample(B, rng=seed + e)
        x[:, T - task.timesteps :, e] = batch.inputs[:, :, 0]
        mask[:, T - task.timesteps :, e] = batch.mask
        y[:, e] = batch.targets
    return torch.tensor(x), torch.tensor(mask), torch.tensor(y)


def weights(seed: int = 0) -> list[NetworkWeights]:
    return [default_weights(c, rng=seed + 10 * e) for e, c in enumerate(SIZES)]


def unpadded_outputs(module: torch.nn.RNN, x: Tensor, mask: Tensor) -> Tensor:
    """nn.RNN on every sequence alone, without any padding."""
    dtype = module.weight_ih_l0.dtype
    answers = [module(xi[mi].to(dtype)[None, :, None])[0][0, -1].sum() for xi, mi in zip(x, mask, strict=True)]
    return torch.stack(answers)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_equal_nn_rnn_on_unpadded_sequences(dtype: torch.dtype) -> None:
    x, mask, _ = batches(1)
    outputs = Ensemble(weights(), dtype=dtype).outputs(x, mask)
    for e, network in enumerate(weights()):
        expected = unpadded_outputs(to_module(network, dtype), x[..., e], mask[..., e])
        # 15 steps, each with c + 2 <= 6 rounded terms of size <= 1, norm of U below 4
        torch.testing.assert_close(outputs[:, e], expected, rtol=0, atol=15 * 6 * 4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradients_equal_autograd_on_nn_rnn(dtype: torch.dtype) -> None:
    x, mask, y = batches(2)
    gradient = Ensemble(weights(3), dtype=dtype).gradient(x, mask, y)
    tolerance = 100 * PRODUCTS * torch.finfo(dtype).eps / B
    assert tolerance < (2e-12 if dtype is torch.float64 else 1e-3)
    for e, (network, c) in enumerate(zip(weights(3), SIZES, strict=True)):
        module = to_module(network, dtype)
        loss = (unpadded_outputs(module, x[..., e], mask[..., e]) - y[:, e].to(dtype)).abs().mean()
        loss.backward()
        for mine, theirs in (
            (gradient.loss[e], loss.detach()),
            (gradient.recurrent[:c, :c, e], module.weight_hh_l0.grad),
            (gradient.input[:c, e], module.weight_ih_l0.grad[:, 0]),
            (gradient.bias[:c, e], module.bias_ih_l0.grad),
            (gradient.bias[:c, e], module.bias_hh_l0.grad),
        ):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance)


def test_absent_cells_stay_absent() -> None:
    x, mask, y = batches(4)
    ensemble = Ensemble(weights(5), dtype=torch.float64)
    gradient = ensemble.gradient(x, mask, y)
    for e, c in enumerate(SIZES):
        assert not gradient.recurrent[c:, :, e].any()
        assert not gradient.recurrent[:, c:, e].any()
        assert not gradient.input[c:, e].any()
        assert not gradient.bias[c:, e].any()
    ensemble.step(x, mask, y, rate=0.1)
    assert [network.state_size for network in ensemble.weights()] == list(SIZES)


def test_left_padding_changes_nothing_whatever_it_holds() -> None:
    x, mask, y = batches(6)
    pad = torch.full((B, 4, 4), 1e6, dtype=torch.float64)
    longer, longer_mask = torch.cat([pad, x], dim=1), torch.cat([torch.zeros_like(pad, dtype=torch.bool), mask], dim=1)
    ensemble = Ensemble(weights(), dtype=torch.float64)
    torch.testing.assert_close(ensemble.outputs(longer, longer_mask), ensemble.outputs(x, mask), rtol=0, atol=1e-14)
    a, b = ensemble.gradient(x, mask, y), ensemble.gradient(longer, longer_mask, y)
    torch.testing.assert_close(a.recurrent, b.recurrent, rtol=0, atol=1e-13)
    # the padded inputs meet deltas that are exactly zero
    torch.testing.assert_close(a.input, b.input, rtol=0, atol=1e-13)


def test_steps_equal_torch_sgd_on_nn_rnn() -> None:
    """Two bias vectors in torch, one here: five steps must give the same network."""
    rate, initial = 0.2, weights(7)
    ensemble = Ensemble(initial, dtype=torch.float64)
    modules = [to_module(network, torch.float64) for network in initial]
    with torch.no_grad():
        for module in modules:  # share b between the two vectors in another way than to_module does
            module.bias_hh_l0.add_(0.3)
            module.bias_ih_l0.sub_(0.3)
    optimisers = [torch.optim.SGD(module.parameters(), lr=rate) for module in modules]
    for k in range(5):
        x, mask, y = batches(20 + 5 * k)
        losses = ensemble.step(x, mask, y, rate)
        for e, (module, optimiser) in enumerate(zip(modules, optimisers, strict=True)):
            optimiser.zero_grad()
            loss = (unpadded_outputs(module, x[..., e], mask[..., e]) - y[:, e]).abs().mean()
            loss.backward()
            optimiser.step()
            assert losses[e].item() == pytest.approx(loss.item(), abs=1e-11)
    for module, network in zip(modules, ensemble.weights(), strict=True):
        np.testing.assert_allclose(network.recurrent, module.weight_hh_l0.detach(), rtol=0, atol=1e-11)
        np.testing.assert_allclose(network.input, module.weight_ih_l0.detach()[:, 0], rtol=0, atol=1e-11)
        bias = (module.bias_ih_l0 + module.bias_hh_l0).detach()
        np.testing.assert_allclose(network.bias, bias, rtol=0, atol=1e-11)


def test_a_network_that_is_not_finite_does_not_touch_the_others() -> None:
    x, mask, y = batches(8)
    healthy, ill = Ensemble(weights(), dtype=torch.float64), Ensemble(weights(), dtype=torch.float64)
    ill.recurrent[:, :, 1] = torch.nan
    ill.input[:, 1] = torch.inf
    a, b = healthy.gradient(x, mask, y), ill.gradient(x, mask, y)
    assert not torch.isfinite(b.loss[1])
    others = [0, 2, 3]
    torch.testing.assert_close(a.recurrent[..., others], b.recurrent[..., others], rtol=0, atol=1e-14)
    torch.testing.assert_close(a.loss[others], b.loss[others], rtol=0, atol=1e-14)


def test_order_of_networks_and_repeated_calls_do_not_matter() -> None:
    x, mask, y = batches(9)
    order = [2, 0, 3, 1]
    ensemble = Ensemble(weights(), dtype=torch.float64)
    shuffled = Ensemble([weights()[e] for e in order], dtype=torch.float64)
    a = ensemble.gradient(x, mask, y)
    b = shuffled.gradient(x[..., order], mask[..., order], y[:, order])
    torch.testing.assert_close(a.recurrent[..., order], b.recurrent, rtol=0, atol=1e-13)
    again = ensemble.gradient(x, mask, y)  # the workspace is reused
    torch.testing.assert_close(a.recurrent, again.recurrent, rtol=0, atol=0)


def test_default_weights_have_torchs_law() -> None:
    """Range and moments of U(-1/sqrt c, 1/sqrt c); b is the sum of two such numbers."""
    c, n, rng = 2, 4000, np.random.default_rng(0)
    draws = [default_weights(c, rng) for _ in range(n)]
    recurrent, bias = np.array([d.recurrent for d in draws]).ravel(), np.array([d.bias for d in draws]).ravel()
    k = 1 / np.sqrt(c)
    assert 0.99 * k < np.abs(recurrent).max() <= k
    assert np.abs(bias).max() <= 2 * k
    for sample, variance, kurtosis in ((recurrent, k**2 / 3, 1.8), (bias, 2 * k**2 / 3, 2.4)):
        assert abs(sample.mean()) < 6 * np.sqrt(variance / sample.size)
        # Var(s^2) = (kurtosis - 1) variance^2 / n
        assert abs(sample.var() - variance) < 6 * variance * np.sqrt((kurtosis - 1) / sample.size)


def test_torchs_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    to_module(default_weights(3, rng=0))
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_is_refused() -> None:
    x, mask, y = batches(0)
    ensemble = Ensemble(weights())
    with pytest.raises(ValueError, match="at least one network, got none"):
        Ensemble([])
    with pytest.raises(ValueError, match=r"recurrent must have shape \(2, 2\), got \(3, 3\)"):
        Ensemble([NetworkWeights(np.zeros((3, 3)), np.zeros(2), np.zeros(2))])
    with pytest.raises(ValueError, match=r"networks=4\), got \(6, 15, 3\)"):
        ensemble.outputs(x[..., :3], mask[..., :3])
    with pytest.raises(ValueError, match="mask must have the shape of inputs"):
        ensemble.outputs(x, mask[:, :-1])
    with pytest.raises(ValueError, match=r"targets must have shape .*\(6, 4\), got \(5, 4\)"):
        ensemble.gradient(x, mask, y[:-1])
    with pytest.raises(ValueError, match="rate must be finite"):
        ensemble.step(x, mask, y, rate=float("inf"))
