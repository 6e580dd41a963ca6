"""Echo states: certified bounds against sampled trajectories, closed forms, eigenvalues; bad input."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linmem.capacity.models import (
    StateBox,
    TanhReservoir,
    contraction_bound,
    invariant_box,
    spectral_radius_bounds,
    uniform_contraction,
)


def _reservoir(rng, N, d=1, scale=1.0, leak=1.0):
    return TanhReservoir(scale * rng.standard_normal((N, N)), rng.standard_normal((N, d)), rng.standard_normal(N), leak)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1.0, 0.4]))
def test_the_lipschitz_constant_bounds_every_pair_of_trajectories(seed, N, leak):
    rng = np.random.default_rng(seed)
    network = _reservoir(rng, N, d=2, leak=leak)
    z = 3 * rng.standard_normal((4, 2))
    bound = contraction_bound(network, z)
    assert bound.low <= bound.high
    assert bound.high <= np.prod(bound.steps) * (1 + 1e-12)
    for _ in range(5):
        x, y = rng.uniform(-1, 1, (2, N))
        ends = [network.run(z, start=start)[-1] for start in (x, y)]
        # rounding of a run: 4 steps of N + 2 products of numbers below 20, times the growth of later steps
        slack = 1e-13 * (1 + np.prod(np.maximum(bound.steps, 1)))
        assert np.linalg.norm(ends[0] - ends[1]) <= bound.high * np.linalg.norm(x - y) + slack
        assert ((bound.box.low - slack <= ends[0]) & (ends[0] <= bound.box.high + slack)).all()


def test_without_recurrence_the_leak_alone_contracts():
    network = TanhReservoir(np.zeros((3, 3)), np.ones(3), leak=[0.25, 0.5, 0.75])
    bound = contraction_bound(network, np.ones(3))
    # (1 - a)^3 for the slowest neuron; trajectories from the corners give the mean over neurons
    assert bound.high == pytest.approx(0.75**3, rel=1e-12)
    assert bound.low == pytest.approx(math.sqrt((0.75**6 + 0.5**6 + 0.25**6) / 3), rel=1e-12)


def test_one_neuron_has_a_closed_form():
    network = TanhReservoir([[2.0]], [1.0])
    found = uniform_contraction(network, 3.0, 4.0, burn_in=1)
    # radii of balls have 30 bits: each of a few operations on radii of 4 adds 4e-9
    assert found.steps[0] == pytest.approx(2 / math.cosh(1.0) ** 2, rel=1e-7)  # the Lipschitz condition of Jaeger
    assert found.high == pytest.approx(2 / math.cosh(2 * math.tanh(1.0) + 3) ** 2, rel=1e-7)
    assert found.box.low[0] == pytest.approx(math.tanh(1.0), rel=1e-7)
    assert found.box.high[0] == pytest.approx(math.tanh(6.0), rel=1e-7)
    assert found.low <= found.high


def test_a_small_norm_contracts_whatever_the_input():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 6))
    network = TanhReservoir(0.9 * A / np.linalg.norm(A, 2), np.ones(6))
    found = uniform_contraction(network, -5.0, 5.0, burn_in=3)
    assert found.high == pytest.approx(0.9, rel=6 ** (1 / 2048) - 1 + 1e-9)  # zero input among them: Proposition 3(a)
    assert found.high >= 0.9 * (1 - 1e-14) >= found.low * (1 - 1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_two_boxes_hold_their_trajectories_apart(rho):
    network = TanhReservoir([[rho - 6.0, -12.0], [3.0, rho + 6.0]], [0.3, 0.3])
    corner = np.array([1.0, -1.0])
    boxes = [invariant_box(network, sign * corner, -1.0, 1.0) for sign in (1, -1)]
    z = np.random.default_rng(1).choice([-1.0, 1.0, 0.0, 0.3], 500)
    runs = [network.run(z, start=(box.low + box.high) / 2) for box in boxes]
    for box, states in zip(boxes, runs, strict=True):
        assert ((box.low - 1e-12 <= states) & (states <= box.high + 1e-12)).all()
    low, high = boxes[0].distance(boxes[1])
    apart = np.linalg.norm(runs[0] - runs[1], axis=1)
    assert low > 2
    assert low - 1e-12 <= apart.min() <= apart.max() <= high + 1e-12


def test_a_network_that_forgets_has_one_box():
    network = TanhReservoir([[0.3, 0.2], [-0.1, 0.4]], [0.1, 0.2])
    boxes = [invariant_box(network, sign * np.ones(2), -1.0, 1.0) for sign in (1, -1)]
    assert boxes[0].distance(boxes[1])[0] == 0.0
    assert boxes[0].high.max() < 0.6  # |x| <= |A| |x| + |C|: 0.6 solves the worse row


def test_the_cube_is_left_where_no_smaller_box_is_found():
    rotation = 1.5 * np.array([[0.6, -0.8], [0.8, 0.6]])  # a cycle: no fixed point attracts
    box = invariant_box(TanhReservoir(rotation, [1.0, 0.0]), [0.5, 0.5], 0.0, 0.0)
    assert box.low.tolist() == [-1, -1]
    assert box.high.tolist() == [1, 1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_distance_of_boxes_against_their_corners(seed, N):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.uniform(-1, 1, (2, 2, N)), axis=1)
    first, second = (StateBox(*pair) for pair in ends)
    low, high = first.distance(second)
    corners = [list(itertools.product(*zip(box.low, box.high, strict=True))) for box in (first, second)]
    largest = max(math.dist(a, b) for a in corners[0] for b in corners[1])
    assert high == pytest.approx(largest, rel=1e-14)
    nearest = np.clip((second.low + second.high) / 2, first.low, first.high)  # of the first, to a point of the second
    nearest = np.clip(np.clip(nearest, second.low, second.high), first.low, first.high)
    partner = np.clip(nearest, second.low, second.high)
    assert low == pytest.approx(math.dist(nearest, partner), abs=1e-14)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_spectral_radius_bounds_hold_the_eigenvalues(seed, N):
    A = np.random.default_rng(seed).standard_normal((N, N))
    low, high = spectral_radius_bounds(A)
    values, vectors = np.linalg.eig(A)
    radius, condition = np.abs(values).max(), np.linalg.cond(vectors)
    slack = 1e-14 * N * condition * np.linalg.norm(A, 2)  # Bauer-Fike
    assert low <= radius + slack
    assert radius - slack <= high <= radius * (N * condition) ** (2 / 1024) * (1 + 1e-12) + slack


def test_spectral_radius_of_a_nilpotent_matrix_is_zero_exactly():
    assert spectral_radius_bounds([[-4, -8], [2, 4]]) == (0.0, 0.0)
    assert np.abs(np.linalg.eigvals([[-4.0, -8.0], [2.0, 4.0000001]])).max() > 1e-4  # which eigenvalues cannot say


def test_bad_input_is_refused():
    network = TanhReservoir([[0.5]], [1.0])
    with pytest.raises(ValueError, match="low must be <= high"):
        uniform_contraction(network, 1.0, 0.0)
    with pytest.raises(ValueError, match="start must lie in"):
        invariant_box(network, [2.0], 0.0, 1.0)
    with pytest.raises(ValueError, match="burn_in must be >= 1"):
        uniform_contraction(network, 0.0, 1.0, burn_in=0)
    with pytest.raises(ValueError, match="1 feature"):
        contraction_bound(network, np.ones((3, 2)))
    with pytest.raises(ValueError, match="square"):
        spectral_radius_bounds([[1.0, 2.0]])
    with pytest.raises(ValueError, match="leak must lie in"):
        TanhReservoir([[0.5]], [1.0], leak=0.0)
    with pytest.raises(ValueError, match="bias must have shape"):
        TanhReservoir([[0.5]], [1.0], bias=[1.0, 2.0])
