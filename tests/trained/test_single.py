"""Training of any torch module: against a hand-written loop, against the ensemble, and what it refuses."""

import numpy as np
import pytest
import torch
from torch import nn

from linmem.trained import Architecture, MemoryTask, TrainingSettings, from_module, initial_weights, to_module
from linmem.trained.ensemble import Ensemble
from linmem.trained.optimiser import Optimiser
from linmem.trained.single import module_answers, train_module

TASK = MemoryTask(2, 3, 6)


class Window(nn.Module):
    """No recurrent network at all: the sum of the last two inputs, weighted; (batch, time, 1) alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([0.5, 0.5], dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return self.weights[0] * x + self.weights[1] * before


def test_answers_are_those_of_each_sequence_alone() -> None:
    module = to_module(initial_weights(Architecture("gru", 3), 0), torch.float64)
    batch = TASK.sample(20, rng=1)
    found = module_answers(module, batch.inputs[:, :, 0], batch.lengths)
    for x, q, answer in zip(batch.inputs, batch.lengths, found, strict=True):
        expected = module(torch.tensor(x[None, -q:]).double())[0][0, -1].sum()
        assert answer.item() == pytest.approx(expected.item(), abs=1e-14)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"optimiser": "adam"}])
def test_a_module_is_trained_as_the_same_network_in_an_ensemble(options: dict) -> None:
    weights = initial_weights(Architecture("rnn", 2), 3)
    settings = TrainingSettings(steps=20, batch_size=4, rate=0.1, records=20, evaluation_size=50, **options)
    module = to_module(weights, torch.float64)
    trained = train_module(module, TASK, 7, settings)
    rng, ensemble = np.random.default_rng(7), Ensemble([weights], dtype="float64")
    rule = Optimiser(ensemble.parameters, ensemble.gradients, ensemble.multiplicities, settings)
    for k, loss in enumerate(trained.losses):
        batch = TASK.sample(4, rng)
        found = ensemble.gradient(batch.inputs[None, :, :, 0], batch.mask[None], batch.targets[None])
        rule.step(settings.rate_at(k))
        assert found.loss[0] == pytest.approx(loss, abs=1e-10)
    for a, b in zip(from_module(module).arrays(), ensemble.weights()[0].arrays(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_any_module_of_the_convention_learns() -> None:
    """The window knows the answer: weights (0, 1), error 0. Sign steps of size rate x end within one rate of it."""
    module = Window()
    settings = TrainingSettings(steps=800, batch_size=8, rate=0.05, evaluation_size=500)
    trained = train_module(module, TASK, 0, settings)
    assert trained.solved
    assert not trained.diverged
    np.testing.assert_allclose(module.weights.detach(), [0.0, 1.0], atol=0.05)
    # the error of weights (a, b) is E|a x + (b - 1) y| <= (|a| + |b - 1|) / 2
    assert trained.error <= 0.5 * (module.weights.detach() - torch.tensor([0.0, 1.0])).abs().sum().item() + 1e-9


def test_an_optimiser_of_the_callers_choice() -> None:
    module = Window()
    settings = TrainingSettings(steps=3, rate=0.5, evaluation_size=10)
    train_module(module, TASK, 0, settings, optimiser=lambda p: torch.optim.SGD(p, lr=9.0, weight_decay=100.0))
    other = Window()
    train_module(other, TASK, 0, settings)
    assert not torch.allclose(module.weights, other.weights)


def test_divergence_is_recorded() -> None:
    trained = train_module(Window(), TASK, 0, TrainingSettings(steps=3, rate=1e308, schedule="constant"))
    assert trained.diverged
    assert np.isnan(trained.error)
    assert not trained.solved


def test_bad_input_is_refused() -> None:
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got function; pass e.g. torch.nn.RNN"):
        train_module(lambda x: x, TASK, 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="module must have parameters to train, got none"):
        train_module(nn.Identity(), TASK, 0)
    with pytest.raises(ValueError, match="truncation must be None here, got 3"):
        train_module(Window(), TASK, 0, TrainingSettings(truncation=3))
    with pytest.raises(ValueError, match=r"module must map \(\d, \d, 1\) .*, got \(\d, \d+\); build"):
        train_module(nn.Sequential(nn.Linear(1, 2), nn.Flatten(1)), TASK, 0, TrainingSettings(steps=1))
