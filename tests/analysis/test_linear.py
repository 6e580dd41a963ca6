"""Linearisations against 50-digit derivatives, torch's, impulse responses, and invariances."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from linmem.analysis import linearise, state_model
from linmem.capacity.linear import exact_curve
from linmem.capacity.models import TanhReservoir
from linmem.trained import Architecture, initial_weights, to_module


def sigma(a):
    return 1 / (1 + mp.exp(-a))


def one_cell(kind, w, x, u):
    """One step of one cell written out with mpmath; w holds weight_ih, weight_hh, bias_ih, bias_hh, one row a gate."""
    W, U, b, d = w
    a = [W[k] * u + b[k] + U[k] * x[0] + d[k] for k in range(len(W))]
    if kind == "rnn":
        return [mp.tanh(a[0])]
    if kind == "lstm":
        s = sigma(a[1]) * x[1] + sigma(a[0]) * mp.tanh(a[2])
        return [sigma(a[3]) * mp.tanh(s), s]
    r, z = sigma(a[0]), sigma(a[1])
    n = mp.tanh(W[2] * u + b[2] + r * (U[2] * x[0] + d[2]))
    return [(1 - z) * n + z * x[0]]


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("point", [0.5, -1.3])
def test_one_cell_to_fifty_digits(kind, point):
    layer = initial_weights(Architecture(kind, 1), rng=3).layers[0]
    found = linearise(initial_weights(Architecture(kind, 1), rng=3), point)
    w, n = [[mp.mpf(float(v)) for v in array.ravel()] for array in layer.arrays], len(found.A)
    with mp.workdps(50):
        u = mp.mpf(point)
        x = [mp.mpf(float(v)) for v in found.state]
        for _ in range(400):
            x = one_cell(kind, w, x, u)
        slope = [
            [
                mp.diff(lambda v, i=i, j=j: one_cell(kind, w, [v if k == j else x[k] for k in range(n)], u)[i], x[j])
                for j in range(n)
            ]
            for i in range(n)
        ]
        inward = [mp.diff(lambda v, i=i: one_cell(kind, w, x, v)[i], u) for i in range(n)]
    # Newton's method ends at rounding; slopes move by less than 10 times what the fixed point does
    np.testing.assert_allclose(found.state, np.array(x, dtype=float), atol=1e-14)
    np.testing.assert_allclose(found.A, np.array(slope, dtype=float), atol=1e-13)
    np.testing.assert_allclose(found.B[:, 0], np.array(inward, dtype=float), atol=1e-13)
    np.testing.assert_array_equal(found.c, [1.0, 0.0][:n])


@pytest.mark.parametrize("cell", ["rnn", "relu", "lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_stacks_have_the_derivatives_that_torch_finds(cell, layers):
    torch.manual_seed(layers)
    kinds = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU, "relu": lambda *a: nn.RNN(*a, nonlinearity="relu")}
    module = kinds[cell](2, 3, layers)
    found = linearise(module, [0.3, 0.8])
    module.double()

    def step(x, u):
        blocks = x.reshape(-1, 1, 3)
        state = (blocks[:layers], blocks[layers:]) if cell == "lstm" else blocks
        after = module(u.reshape(1, 1, 2), state)[1]
        return torch.cat([part.flatten() for part in (after if cell == "lstm" else (after,))])

    x, u = torch.from_numpy(found.state), torch.tensor([0.3, 0.8], dtype=torch.float64)
    by_x, by_u = torch.autograd.functional.jacobian(step, (x, u))
    np.testing.assert_allclose(step(x, u).detach().numpy(), found.state, atol=1e-14)
    np.testing.assert_allclose(found.A, by_x.numpy(), atol=1e-14)
    np.testing.assert_allclose(found.B, by_u.numpy(), atol=1e-14)
    # differences: truncation (2^-11 w)^4 with weights w below 1, rounding 2^-53/2^-11
    assert found.jacobian_error < 1e-9
    assert found.residual < 1e-14


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_delayed_links_have_the_derivatives_of_their_step(cell):
    weights = initial_weights(Architecture(cell, 3, 3, "delayed"), rng=1)
    found = linearise(weights)
    assert found.jacobian_error < 1e-9  # against differences of linmem.trained's own step
    np.testing.assert_array_equal(linearise(to_module(weights)).A, found.A)
    # layer 3 sees neither the input nor layer 1 within one step
    np.testing.assert_array_equal(found.B[3:9], 0.0)
    np.testing.assert_array_equal(found.A[6:9, 0:3], 0.0)
    same = linearise(initial_weights(Architecture(cell, 3, 3), rng=1))
    assert (same.B[6:9] != 0).all()


class Leaky(nn.Module):
    def __init__(self):
        super().__init__()
        self.inward, self.across = nn.Linear(1, 4), nn.Linear(4, 4)

    def forward(self, x, state=None):
        h, rows = torch.zeros(len(x), 4) if state is None else state, []
        for t in range(x.shape[1]):
            h = 0.7 * h + 0.3 * torch.tanh(self.inward(x[:, t]) + self.across(h))
            rows.append(h)
        return torch.stack(rows, dim=1), h


def test_modules_of_other_kinds_are_differentiated_by_torch():
    torch.manual_seed(0)
    module = Leaky()
    found = linearise(module)
    W, U = module.across.weight.detach().double().numpy(), module.inward.weight.detach().double().numpy()
    shift = (module.inward.bias + module.across.bias).detach().double().numpy()
    slope = 1.0 - np.tanh(W @ found.state + 0.5 * U[:, 0] + shift) ** 2
    np.testing.assert_allclose(
        found.A, 0.7 * np.eye(4) + 0.3 * slope[:, None] * W, atol=1e-8
    )  # biases added in float32
    np.testing.assert_allclose(found.B, 0.3 * slope[:, None] * U, atol=1e-8)
    projected = linearise(nn.LSTM(1, 4, 2, proj_size=2))
    assert projected.A.shape == (12, 12)
    assert projected.jacobian_error < 1e-9


class Headed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.GRU(1, 3, batch_first=True), nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize(
    "model",
    [
        lambda: nn.LSTM(1, 3, 2),
        Headed,
        lambda: TanhReservoir([[0.5, 0.3], [-0.3, 0.5]], [1.0, 0.2], bias=0.1, leak=[0.4, 1.0]),
        lambda: (np.diag([0.5, -0.8]), [1.0, 1.0]),
    ],
    ids=["lstm", "nonlinear head", "reservoir", "system"],
)
def test_the_kernel_is_the_response_to_a_small_push(model):
    network = state_model(model())
    if network.answer is None:
        network = state_model(network, readout=np.arange(1.0, network.state_size + 1))
    found, count, e = linearise(network), 12, 2.0**-13
    push = np.full((2, count, 1), 0.5)
    push[:, 0, 0] += [e, -e]
    up, down = network.answers(network.run(push, initial=found.state))
    # central differences: e^2 = 1.5e-8 times third derivatives of a dozen smooth steps with weights below 1
    np.testing.assert_allclose((up - down) / (2 * e), found.kernel(count), atol=1e-6)


def test_systems_are_their_own_linearisation():
    rng = np.random.default_rng(5)
    A, B, C = 0.3 * rng.standard_normal((4, 4)), rng.standard_normal((4, 1)), rng.standard_normal((1, 4))
    found = linearise(scipy.signal.StateSpace(A, B, C, np.zeros((1, 1)), dt=1), 2.0)
    np.testing.assert_array_equal(found.A, A)
    np.testing.assert_array_equal(found.B, B)
    np.testing.assert_allclose(found.state, np.linalg.solve(np.eye(4) - A, 2.0 * B[:, 0]), atol=1e-13)
    impulse = scipy.signal.dimpulse((A, B, C, np.zeros((1, 1)), 1), n=11)[1][0][1:, 0]  # scipy answers a step later
    np.testing.assert_allclose(found.kernel(10), impulse, atol=1e-13)
    np.testing.assert_array_equal(found.memory_curve(20).values, exact_curve(A, B, 20).values)
    assert found.radius == pytest.approx(np.abs(np.linalg.eigvals(A)).max())


def test_a_delay_line_remembers_its_length_and_answers_at_its_end():
    n = 6
    found = linearise((np.eye(n, k=-1), np.eye(n)[0], np.eye(n)[-1]))
    np.testing.assert_array_equal(found.kernel(9), np.eye(9)[n - 1])
    np.testing.assert_array_equal(found.memory_curve(8).values, [1.0] * n + [0.0] * 3)
    assert (found.radius, found.stable) == (0.0, True)


def test_several_inputs_have_a_kernel_each():
    rng = np.random.default_rng(2)
    A, B, C = 0.2 * rng.standard_normal((3, 3)), rng.standard_normal((3, 2)), rng.standard_normal(3)
    both = linearise((A, B, C), [0.1, 0.9])
    np.testing.assert_allclose(both.kernel(5)[:, 1], linearise((A, B[:, 1], C)).kernel(5), atol=1e-14)
    with pytest.raises(ValueError, match="multivariate_curves"):
        both.memory_curve(3)


def moved(model, T):
    """The same network in the coordinates T x."""
    back = np.linalg.inv(T)

    def jacobian(x, u):
        A, B = model.jacobian(back @ x, u)
        return T @ A @ back, T @ B

    return dataclasses.replace(
        model,
        step=lambda x, u: model.step(x @ back.T, u) @ T.T,
        answer=lambda x: model.answer(x @ back.T),
        initial=T @ model.initial,
        jacobian=jacobian,
        gradient=None,
    )


@settings(max_examples=12)
@given(st.sampled_from(["rnn", "lstm", "gru"]), st.integers(0, 2**31))
def test_coordinates_change_neither_kernel_nor_spectrum(cell, seed):
    rng = np.random.default_rng(seed)
    model = state_model(initial_weights(Architecture(cell, 2, 2), rng))
    n = model.state_size
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    T = left @ np.diag(rng.uniform(0.5, 2.0, n)) @ right  # condition 4 at most
    one, other = linearise(model), linearise(moved(model, T))
    # fixed points to 1e-15 (Newton), n products of condition 4, slopes of the answer by differences: 1e-12
    np.testing.assert_allclose(other.kernel(15), one.kernel(15), atol=1e-10)
    np.testing.assert_allclose(other.state, T @ one.state, atol=1e-11)
    np.testing.assert_allclose(np.trace(other.A), np.trace(one.A), atol=1e-11)
    np.testing.assert_allclose(np.linalg.det(other.A), np.linalg.det(one.A), atol=1e-11)


@settings(max_examples=12)
@given(st.integers(0, 2**31), st.floats(-2.0, 2.0))
def test_differences_stand_in_for_derivatives_that_are_not_given(seed, point):
    model = state_model(initial_weights(Architecture("gru", 3), seed))
    exact = linearise(model, point)
    plain = linearise(dataclasses.replace(model, jacobian=None, gradient=None), point)
    # truncation (2^-11 w)^4 < 1e-12 for weights w < 2, rounding 2^-53/2^-11 ~ 2e-13, times a few
    for name in ("A", "B", "c"):
        np.testing.assert_allclose(getattr(plain, name), getattr(exact, name), atol=1e-10)


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity", "sigmoid"])
def test_reservoirpy_nodes(activation):
    nodes = pytest.importorskip("reservoirpy.nodes")
    node = nodes.Reservoir(6, lr=0.5, sr=0.6, bias=0.4, activation=activation, rc_connectivity=0.6, seed=2)
    node.run(np.zeros((1, 1)))
    found = linearise(node, 0.7)
    W, Win = node.W.toarray(), node.Win.toarray()
    drive = W @ found.state + 0.7 * Win[:, 0] + np.ravel(node.bias)
    sigmoid = 1 / (1 + np.exp(-drive))
    slopes = {
        "tanh": 1 / np.cosh(drive) ** 2,
        "relu": (drive > 0) * 1.0,
        "identity": np.ones(6),
        "sigmoid": sigmoid * (1 - sigmoid),
    }
    slope = 0.5 * slopes[activation][:, None]
    np.testing.assert_allclose(found.A, 0.5 * np.eye(6) + slope * W, atol=1e-11)
    np.testing.assert_allclose(found.B, slope * Win, atol=1e-11)
