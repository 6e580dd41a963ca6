"""Collisions of states, enclosures of trained networks and certified worst cases, against closed forms and torch."""

import mpmath
import numpy as np
import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.intervals import ball, bounds, precision
from linmem.trained import Architecture, LayerWeights, NetworkWeights, initial_weights, to_module
from linmem.trained.collision import BACKGROUNDS, StateMap, antipodal_collision, antipodal_pair
from linmem.trained.enclosure import BallStack, Jet
from linmem.trained.worst_case import worst_case_error

NETWORKS = [
    Architecture("rnn", 3),
    Architecture("rnn", 2, layers=2),
    Architecture("rnn", 2, layers=2, links="delayed", readout="linear"),
    Architecture("gru", 2),
    Architecture("lstm", 1, layers=2),
]
SCALE = 0.01


def shift_chain(cells: int) -> NetworkWeights:
    """Hands SCALE x from cell to cell; the answer is the last cell over SCALE: x_{q+1-cells}, nearly."""
    layer = LayerWeights(SCALE * np.eye(cells)[:, :1], np.eye(cells, k=-1), np.zeros(cells), np.zeros(cells))
    return NetworkWeights(Architecture(cells=cells, readout="linear"), (layer,), np.eye(cells)[-1] / SCALE)


def constant(architecture: Architecture, answer: float) -> NetworkWeights:
    """All weights zero but the bias of the read-out."""
    drawn = initial_weights(architecture, 0)
    layers = tuple(LayerWeights(*(np.zeros_like(a) for a in layer.arrays)) for layer in drawn.layers)
    return NetworkWeights(architecture, layers, np.zeros(architecture.cells), answer)


def torch_run(weights: NetworkWeights, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Top layer's outputs at every step, and the answer after the last one, in float64."""
    output, _ = to_module(weights, torch.float64).requires_grad_(False)(inputs[:, :, None])
    readout = torch.tensor(np.asarray(weights.readout_weight, dtype=np.float64))
    return output, output[:, -1] @ readout + weights.readout_bias


# --- the search ------------------------------------------------------------------------------------------------------


@given(n=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_pair_of_a_map_with_a_linear_odd_part_is_its_kernel(n: int, seed: int) -> None:
    """F = A d + even terms: F(1/2 + d) = F(1/2 - d) iff A d = 0, whatever the even terms are."""
    rng = np.random.default_rng(seed)
    A, Q = rng.standard_normal((n, n + 1)), rng.standard_normal((n, n + 1, n + 1))

    def states(y: np.ndarray) -> np.ndarray:
        d = y - 0.5
        return d @ A.T + np.einsum("kij,bi,bj->bk", Q, d, d) + np.cos(d[:, :1])

    y = antipodal_pair(states, n + 1)
    kernel = np.linalg.svd(A)[2][-1]
    kernel *= 0.5 / np.abs(kernel).max()
    assert np.abs(y - 0.5).max() == 0.5
    # slopes by differences have errors of 1e-10, which Newton's method does not pass on: only rounding is left,
    # magnified by the condition of A, below 1e4 for all but one in 1e4 draws
    assert min(np.abs(y - 0.5 - kernel).max(), np.abs(y - 0.5 + kernel).max()) < 1e-8


def test_a_curve_that_bends_is_followed_to_the_boundary() -> None:
    """The zeros of d_1 - 8 d_0 (d_0 - .3)(d_0 + .3) and of d_2 - d_0^3 meet the boundary at d_0 = 1/2 only."""

    def states(y: np.ndarray) -> np.ndarray:
        a, b, c = (y - 0.5).T
        return np.column_stack([b - 8 * a * (a - 0.3) * (a + 0.3), c - a**3 + a**2])

    d = antipodal_pair(states, 3) - 0.5
    d *= np.sign(d[0])
    # b(1/2) = 8/2 * .2 * .8 = .64 > 1/2: the curve leaves through b = 1/2, at the root a of 8 a (a^2 - .09) = 1/2
    a = max(root.real for root in np.roots([8.0, 0.0, -8.0 * 0.09, -0.5]) if abs(root.imag) < 1e-12)
    assert d == pytest.approx([a, 0.5, a**3], abs=1e-9)


def test_bad_maps_are_refused() -> None:
    def first(y: np.ndarray) -> np.ndarray:
        return y[:, :1]

    with pytest.raises(ValueError, match="size - 1 = 2 values, got 1"):
        antipodal_pair(first, 3)
    with pytest.raises(RuntimeError, match="max_steps"):
        antipodal_pair(first, 2, step=0.01, max_steps=2)


# --- the certificate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", NETWORKS, ids=str)
@pytest.mark.parametrize("beyond", [1, 3])
def test_a_collision_holds_up_in_torch(architecture: Architecture, beyond: int) -> None:
    """Answers, errors and continued states of the two sequences, with torch's modules in float64."""
    weights, n = initial_weights(architecture, 5), architecture.state_variables
    p = n + beyond
    pair = antipodal_collision(weights, p, stop=p + 2)
    assert len(pair.first) - p == pair.coordinate
    assert pair.stop <= len(pair.first) <= pair.stop + n
    assert abs(pair.first[pair.coordinate] - pair.second[pair.coordinate]) == 1.0
    assert np.array_equal(pair.first[pair.stop :], pair.second[pair.stop :])
    changed = np.flatnonzero(pair.first != pair.second)
    assert changed.min() >= pair.stop - p
    assert changed.max() <= pair.stop - p + n
    both = np.stack([pair.first, pair.second])
    top, answers = torch_run(weights, torch.tensor(both))
    # float64 rounding of some 10 steps with weights below 1
    assert answers.numpy() == pytest.approx([sum(ends) / 2 for ends in pair.answers], abs=1e-12)
    assert pair.residual < 1e-9
    assert float((top[0, pair.stop - 1] - top[1, pair.stop - 1]).abs().max()) <= pair.residual + 1e-13
    errors = np.abs(answers.numpy() - both[:, pair.coordinate])
    assert pair.worst_error_low == pytest.approx(errors.max(), abs=1e-12)
    assert pair.worst_error_low >= 0.5 - 1e-9
    assert np.array_equal(pair.worse, both[errors.argmax()])


def test_the_constant_attains_the_limit() -> None:
    """A network that answers 1/2 errs by 1/2 at most, and by 1/2 where the collision is: the bound is sharp."""
    for architecture in NETWORKS:
        pair = antipodal_collision(constant(architecture, 0.5), architecture.state_variables + 1)
        assert pair.worst_error_low == 0.5
        assert pair.residual == 0.0


def test_where_one_background_fails_others_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An LSTM whose output gate is always open: h = tanh(s), so that one of its two variables tells nothing new."""
    inputs, recurrent = np.array([[2.58], [3.0], [5.16], [2.5]]), np.array([[0.21], [0.54], [-5.49], [2.92]])
    layer = LayerWeights(inputs, recurrent, np.array([-3.35, 0.24, 0.92, 14.5]), np.zeros(4))
    network = NetworkWeights(Architecture("lstm"), (layer,))
    pair = antipodal_collision(network, 3)
    assert pair.worst_error_low > 0.5 - 1e-6
    again = worst_case_error(network, 3).collision
    assert again is not None
    assert again.background == pair.background
    tried: list[float] = []

    def refuse_two(states: StateMap, size: int) -> np.ndarray:
        tried.append(float(states.keywords["background"]))  # pyright: ignore
        if len(tried) < 3:
            raise RuntimeError("lost")
        return antipodal_pair(states, size)

    monkeypatch.setattr("linmem.trained.collision.antipodal_pair", refuse_two)
    pair = antipodal_collision(initial_weights(Architecture(cells=2), 0), 3)
    assert tried == list(BACKGROUNDS[:3])
    assert pair.background == BACKGROUNDS[2]
    assert set(pair.first[:7]) == {BACKGROUNDS[2]}
    tried.clear()
    with pytest.raises(RuntimeError, match="lost"):
        antipodal_collision(initial_weights(Architecture(cells=2), 0), 3, background=0.5)


def test_no_collision_is_promised_within_the_state() -> None:
    weights = initial_weights(Architecture("lstm", 2), 0)
    with pytest.raises(ValueError, match="position must be > n = 4 state variables, got 4"):
        antipodal_collision(weights, 4)
    with pytest.raises(ValueError, match="stop must be >= 6"):
        antipodal_collision(weights, 6, stop=5)


# --- enclosures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", NETWORKS, ids=str)
def test_answers_and_slopes_are_enclosed(architecture: Architecture) -> None:
    """On a box of inputs: values and derivatives by torch's autograd at points of the box lie in the balls."""
    weights, rng, radius = initial_weights(architecture, 2), np.random.default_rng(0), 2.0**-4
    centre = np.round(rng.random(4) * 8) / 8
    with precision(100):
        stack = BallStack(weights)
        state = stack.start().varying(4)
        for k, c in enumerate(centre):
            state = stack.step(state, Jet(arb(float(c), radius), tuple(arb(int(i == k)) for i in range(4))))
        answer = stack.answer(state)
        value, slopes = bounds(answer.value), [bounds(slope) for slope in answer.slopes]
        at = stack.answer(stack.run(stack.start(), [float(c) for c in centre])).value
        exact = bounds(at)
    assert exact[1] - exact[0] < 1e-15
    points = np.vstack([centre, centre + radius * rng.uniform(-1, 1, (50, 4))])
    inputs = torch.tensor(points, requires_grad=True)
    _, answers = torch_run(weights, inputs)
    gradients = torch.autograd.grad(answers.sum(), inputs)[0].numpy()
    given_answers = answers.detach().numpy()
    assert given_answers[0] == pytest.approx(exact[0], abs=1e-13)
    rounding = 1e-13  # of torch's float64
    assert value[0] - rounding <= given_answers.min()
    assert given_answers.max() <= value[1] + rounding
    assert value[1] - value[0] < 4 * radius * 4 * 2  # slopes below 2 in 4 inputs, and as much again for overestimation
    for k, (low, high) in enumerate(slopes):
        assert low - rounding <= gradients[:, k].min()
        assert gradients[:, k].max() <= high + rounding


def test_jets_follow_the_rules_of_derivatives() -> None:
    """The derivative of x tanh(x) sigma(x) at .3, by hand and by mpmath."""
    with precision(100):
        x = Jet(ball(0.3), (arb(1),))
        product = x * x.tanh() * x.logistic()
        low, high = bounds(product.slopes[0])
    t = mpmath.mpf(0.3)
    sigma = 1 / (1 + mpmath.exp(-t))
    expected = float(sigma * (mpmath.tanh(t) + t / mpmath.cosh(t) ** 2 + t * mpmath.tanh(t) * (1 - sigma)))
    assert low - 1e-15 <= expected <= high + 1e-15
    assert high - low < 1e-14


# --- worst cases -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_the_worst_case_of_a_shift_chain_is_that_of_iterated_tanh(cells: int) -> None:
    """At p = n the answer is tanh(tanh(.. SCALE x)) / SCALE: its error grows with x, so that x = 1 is the worst."""
    found = worst_case_error(shift_chain(cells), cells, level=None, tolerance=1e-6)
    x = mpmath.mpf(SCALE)
    for _ in range(cells):
        x = mpmath.tanh(x)
    exact = float(1 - x / SCALE)  # 1e-4 cells / 3; SCALE and 1/SCALE as doubles cost 1e-16 relatively
    assert found.low - 1e-14 <= exact <= found.high + 1e-14
    assert found.high - found.low <= 1e-6
    assert found.collision is None
    beyond = worst_case_error(shift_chain(cells), cells + 1)
    assert beyond.low >= 0.5 - 1e-9
    assert beyond.collision is not None


@pytest.mark.parametrize("architecture", [Architecture("rnn", 2), Architecture("lstm", 1)], ids=["rnn", "lstm"])
def test_no_sampled_error_exceeds_the_upper_bound(architecture: Architecture) -> None:
    weights, rng, p = initial_weights(architecture, 1), np.random.default_rng(1), 2
    found = worst_case_error(weights, p, stop=6, background=0.25, level=None, tolerance=0.02)
    worst = 0.0
    for j in range(p):
        sequences = np.full((2000, 6 + j), 0.25)
        sequences[:, 4:6] = rng.random((2000, 2))
        sequences[:4, 4:6] = [[0, 0], [0, 1], [1, 0], [1, 1]]
        answers = torch_run(weights, torch.tensor(sequences))[1].numpy()
        worst = max(worst, float(np.abs(answers - sequences[:, 4 + j]).max()))
    assert worst <= found.high + 1e-12
    assert worst >= found.low - 0.05  # a grid of 2000 points and the corners comes near
    assert found.high - found.low <= 0.02
    _, answer = torch_run(weights, torch.tensor(found.sequence[None]))
    asked = found.sequence[len(found.sequence) - p]
    assert abs(float(answer[0]) - asked) == pytest.approx(found.low, abs=1e-12)


def test_the_search_stops_when_the_question_is_answered() -> None:
    chain = shift_chain(2)
    assert worst_case_error(chain, 2).boxes == 1  # below 1/2 at once
    assert worst_case_error(constant(Architecture(cells=2), 0.5), 2).low == 0.5
    assert worst_case_error(initial_weights(Architecture(cells=2), 0), 2, level=None, max_boxes=5).boxes <= 6
    with pytest.raises(ValueError, match="tolerance must be > 0"):
        worst_case_error(chain, 2, tolerance=0.0)
