"""Training engines against torch on the unrolled networks, and what they promise about legs and batches."""

import numpy as np
import pytest
import torch

from linmem.continuous.learning import (
    DivergenceError,
    LinearNetworks,
    SampledLoss,
    SequenceTask,
    TanhNetworks,
    curve_rows,
    kernel_curves,
    lorenz96_data,
    lorenz_curves,
    random_networks,
    random_tanh_networks,
    running_mean,
    train_linear,
    train_tanh,
    waiting_steps,
)
from linmem.kernels import Airy, ExponentialSum

EPS = np.finfo(float).eps
AIRY = Airy(2.25, 4.0)


def unrolled(networks: LinearNetworks, target: np.ndarray, dt: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """J and its gradient by torch autograd on h_{k+1} = e^{W dt} h_k, one step after the other."""
    W, U, c = (torch.tensor(x, requires_grad=True) for x in (networks.W, networks.U, networks.c))
    E, h, loss = torch.linalg.matrix_exp(W * dt), U, torch.zeros(len(U), dtype=torch.float64)
    for value in target:
        loss = loss + dt * ((c * h).sum(1) - value) ** 2
        h = (E @ h[:, :, None])[:, :, 0]
    loss = loss + 0.0 * h.sum(1)  # one sample alone does not see W
    return loss.detach().numpy(), [g.numpy() for g in torch.autograd.grad(loss.sum(), (W, U, c))]


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 8, 17, 100, 256])
def test_sampled_gradient_against_the_unrolled_recursion(points):
    networks, objective = random_networks(6, [0, 1, 2]), SampledLoss.of(AIRY, 0.1, points)
    value, gradient = objective.value_and_gradient(networks)
    loss, expected = unrolled(networks, objective.target, 0.1)
    # e^{Wt} and h stay O(1) on [0, 25.6]: K terms of the loss, each of up to K roundings, weighted by dt
    atol = 0.1 * points**2 * EPS * 10
    np.testing.assert_allclose(value, loss, rtol=0, atol=atol)
    for mine, theirs in zip((gradient.W, gradient.U, gradient.c), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=atol)
    np.testing.assert_array_equal(objective.values(networks), value)


def test_sampled_loss_tends_to_the_integral():
    """The rectangle rule has the error dt/2 (f(0) - f(T)) + O(dt^2): halving dt halves it. J in closed form."""
    exact = 4 / 4 - 2 * 2 / 3 + 1 / 2
    network = LinearNetworks([[[-2.0]]], [[1.0]], [[2.0]])
    errors = [
        SampledLoss.of(ExponentialSum([1.0], [1.0]), 0.1 / 2**k, 300 * 2**k).values(network)[0] - exact
        for k in range(3)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.2)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)


def test_one_step_of_descent_falls_by_the_square_of_the_gradient():
    networks, objective = random_networks(6, [0]), SampledLoss.of(AIRY)
    value, gradient = objective.value_and_gradient(networks)
    square = sum(float((g**2).sum()) for g in (gradient.W, gradient.U, gradient.c))
    ratios = []
    for rate in (1e-4, 1e-5):
        after = objective.values(train_linear(networks, objective, 1, rate).networks)[0]
        ratios.append((value[0] - after) / (rate * square))
    assert abs(ratios[1] - 1) < 0.2 * abs(ratios[0] - 1)  # first order: the remainder is proportional to the rate
    assert ratios[1] == pytest.approx(1, abs=1e-2)


def test_descent_in_legs_and_in_other_company():
    objective = SampledLoss.of(AIRY)
    whole = train_linear(random_networks(6, [3, 4]), objective, 50, record_every=10)
    legs = train_linear(random_networks(6, [3, 4]), objective, 25, record_every=10)
    legs = train_linear(legs, objective, 25, record_every=10)
    np.testing.assert_array_equal(whole.networks.W, legs.networks.W)
    assert whole.steps.tolist() == [0, 10, 20, 30, 40, 50]
    assert legs.steps.tolist() == [0, 10, 20, 25, 30, 40, 50]
    np.testing.assert_array_equal(np.delete(legs.losses, 3, axis=0), whole.losses)
    alone = train_linear(random_networks(6, [4]), objective, 50, record_every=10)
    # the first 50 steps change the weights by little; rounding of the batched products may differ by a few eps a step
    np.testing.assert_allclose(alone.losses[:, 0], whole.losses[:, 1], rtol=1e-11)
    assert train_linear(whole, objective, 0).steps.tolist() == whole.steps.tolist()


def test_divergence_is_reported():
    with pytest.raises(DivergenceError, match="smaller rate"):
        train_linear(random_networks(4, [0]), SampledLoss.of(AIRY), 200, rate=50.0)


class TanhModule(torch.nn.Module):
    """h_{k+1} = h_k + dt tanh(W h_k + U x_k + b), y = c.h, as a torch user writes it."""

    def __init__(self, networks: TanhNetworks, index: int, dt: float):
        super().__init__()
        self.W, self.U, self.b, self.c = (
            torch.nn.Parameter(torch.tensor(x[index])) for x in (networks.W, networks.U, networks.b, networks.c)
        )
        self.dt = dt

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, answers = torch.zeros(len(x), len(self.b), dtype=torch.float64), []
        for k in range(x.shape[1]):
            h = h + self.dt * torch.tanh(h @ self.W.T + x[:, k, None] * self.U + self.b)
            answers.append(h @ self.c)
        return torch.stack(answers, dim=1)


def sequences(count: int, S: int = 2, T: int = 30) -> SequenceTask:
    x = np.random.default_rng(0).standard_normal((S, count, T))
    return SequenceTask(x, np.roll(x, 3, axis=2), 0.2, skip=5)


def test_tanh_gradient_against_autograd():
    networks, task = random_tanh_networks(5, [0, 1]), sequences(3)
    networks = TanhNetworks(networks.W, networks.U, networks.U / 2, networks.c)
    value, gradient = task.value_and_gradient(networks)
    for s in range(2):
        module = TanhModule(networks, s, 0.2)
        x, y = (torch.tensor(array[s]) for array in (task.inputs, task.targets))
        loss = ((module(x) - y)[:, 5:] ** 2).mean()
        loss.backward()
        atol = 30 * 30 * 10 * EPS  # T steps, each entering the later ones, states of size up to 10
        assert abs(value[s] - loss.item()) <= atol
        for name in ("W", "U", "b", "c"):
            expected = getattr(module, name).grad.numpy()
            np.testing.assert_allclose(getattr(gradient, name)[s], expected, rtol=0, atol=atol)


def test_adam_against_torch():
    """20 steps on batches of 2 out of 3 sequences, in two legs."""
    networks, task = random_tanh_networks(5, [0, 1]), sequences(3)
    training = train_tanh(networks, task, 8, rate=1e-2, batch_size=2)
    training = train_tanh(training, task, 12, rate=1e-2, batch_size=2)
    for s in range(2):
        module = TanhModule(networks, s, 0.2)
        optimiser = torch.optim.Adam(module.parameters(), lr=1e-2)
        for k in range(20):
            chosen = [2 * k % 3, (2 * k + 1) % 3]
            x, y = (torch.tensor(array[s][chosen]) for array in (task.inputs, task.targets))
            optimiser.zero_grad()
            loss = ((module(x) - y)[:, 5:] ** 2).mean()
            assert training.losses[k, s] == pytest.approx(loss.item() / task.variances[s], rel=1e-9)
            loss.backward()
            optimiser.step()
        # Adam divides by the gradient's size: rounding of a small gradient (1e-12 relative) moves by rate * 1e-12
        np.testing.assert_allclose(training.networks.W[s], module.W.detach().numpy(), rtol=0, atol=1e-10)
    assert training.steps.tolist() == list(range(21))


def test_tanh_networks_do_not_depend_on_their_company():
    x = np.random.default_rng(1).standard_normal((3, 20))
    task = SequenceTask(x, np.cumsum(x, axis=1), 0.2)
    together = train_tanh(random_tanh_networks(4, [7, 8, 9]), task, 20)
    alone = train_tanh(random_tanh_networks(4, [9]), task, 20)
    np.testing.assert_allclose(alone.losses[:, 0], together.losses[:, 2], rtol=1e-10)


def test_lorenz_data_are_drawn_from_each_seed_alone():
    one = lorenz_curves(8, 1, [0, 1], 4, state_size=3, sequences=4, samples=20, skip=5)
    two = lorenz_curves(8, 1, [1], 4, state_size=3, sequences=4, samples=20, skip=5)
    np.testing.assert_allclose(one.losses[:, 1], two.losses[:, 0], rtol=1e-10)
    weights, data = np.random.default_rng(1).spawn(2)
    found = lorenz96_data(8, 1, 4, 20, data, step=0.2)
    task = SequenceTask(found.inputs[..., 0], found.outputs[..., 0], 0.2, 5)
    value, _ = task.value_and_gradient(random_tanh_networks(3, [weights]))
    np.testing.assert_allclose(one.losses[0, 1], value[0] / task.variances[0], rtol=1e-10)


def test_curves_stop_at_their_level():
    early = kernel_curves(ExponentialSum([1.0], [0.5]), [0, 1], 400, level=0.5, state_size=4)
    full = kernel_curves(ExponentialSum([1.0], [0.5]), [0, 1], 400, state_size=4)
    assert int(early.steps[-1]) % 50 == 0
    assert int(early.steps[-1]) < int(full.steps[-1]) == 400
    np.testing.assert_array_equal(early.losses, full.losses[: len(early.losses)])
    waits = waiting_steps(full.steps, full.losses, 0.5)
    assert np.all(waits <= early.steps[-1])
    rows = curve_rows(full, target="one")
    assert {row["seed"] for row in rows} == {0, 1}
    assert {0, 1, 10, 100, 400} <= {row["step"] for row in rows if row["seed"] == 1}
    assert all(row["loss"] == full.losses[row["step"], row["seed"]] for row in rows if row["step"] < 10)
    learned = lorenz_curves(8, 0, [0], 200, level=0.9, state_size=4, sequences=8, samples=40, skip=5)
    assert learned.steps[-1] in (50, 100, 150, 200)


def test_running_mean_and_waiting_steps():
    losses = np.random.default_rng(0).random((30, 2)) + np.linspace(1, 0, 30)[:, None]
    means = running_mean(losses, 7)
    for k in range(30):
        np.testing.assert_allclose(means[k], losses[max(0, k - 6) : k + 1].mean(axis=0), rtol=1e-13)
    waits = waiting_steps(np.arange(30), losses, 0.9, window=7)
    for s in range(2):
        first = next(k for k in range(6, 30) if means[k, s] <= 0.9)
        assert waits[s] == first
    assert waiting_steps([0, 1], [[0.1], [0.1]], 0.5, window=3).tolist() == [np.inf]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: random_networks(4, []), ValueError, "at least one seed"),
        (lambda: LinearNetworks(np.zeros((2, 3, 3)), np.zeros((2, 2)), np.zeros((2, 3))), ValueError, "U must have"),
        (lambda: SampledLoss(np.zeros(4), 0.1), ValueError, "must not be all zero"),
        (lambda: SampledLoss.of(AIRY, points=0), ValueError, "points must be >= 1"),
        (lambda: train_linear(random_networks(2, [0]), SampledLoss.of(AIRY), -1), ValueError, "steps must be >= 0"),
        (lambda: SequenceTask(np.ones((2, 5)), np.ones((2, 5)), 0.2), ValueError, "targets must vary"),
        (lambda: SequenceTask(np.ones((2, 5)), np.ones((2, 4)), 0.2), ValueError, "targets must have shape"),
        (lambda: sequences(3).value_and_gradient(random_tanh_networks(2, [0])), ValueError, "for one or for all of 1"),
        (lambda: train_tanh(random_tanh_networks(2, [0, 1]), sequences(3), 1, batch_size=4), ValueError, "batch_size"),
        (
            lambda: TanhNetworks(np.zeros((1, 2, 2)), np.zeros((1, 2)), np.zeros((1, 1)), np.zeros((1, 2))),
            ValueError,
            "b",
        ),
    ],
)
def test_bad_input_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()
