"""Responses: exactness for held inputs, orders of convergence, scipy.signal, splitting, superposition, refusals."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import StateSpace, cont2discrete, dlsim, lsim

from linmem.continuous.network import LinearRNN, random_network, respond, respond_path

EPS = np.finfo(float).eps
seeds = st.integers(0, 2**32 - 1)
NETWORK = random_network(5, 2, 11, margin=0.4)
ROUNDING = (
    1e-12  # 200 steps of matrices of order 9 with entries of order 1: 200 * 9 * 9 * eps = 4e-12, states of order .1
)


def test_one_held_input_against_the_variation_of_constants():
    """h(D) = e^{WD} h_0 + W^{-1} (e^{WD} - 1) U x."""
    h0, x, D = np.arange(5.0), np.array([1.0, -2.0]), 0.7
    E = scipy.linalg.expm(NETWORK.W * D)
    exact = E @ h0 + np.linalg.solve(NETWORK.W, (E - np.eye(5)) @ NETWORK.U @ x)
    np.testing.assert_allclose(respond(NETWORK, [x], [0.0, D], h0).states[1], exact, atol=1e3 * EPS * 5)


def test_ramp_in_closed_form():
    """dh/dt = -h + t has h = t - 1 + e^{-t}, also on a grid that is not uniform."""
    times = np.array([0.0, 0.1, 0.35, 2.0, 2.001, 9.0])
    found = respond(LinearRNN([[-1.0]], [1.0], [1.0]), times, times, hold="first").outputs
    np.testing.assert_allclose(found, times + np.expm1(-times), atol=20 * EPS * 9)


@pytest.mark.parametrize(("hold", "scipy_hold"), [("zero", "zoh"), ("first", "foh")])
def test_against_scipy_discretisation(hold, scipy_hold):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2))
    system = NETWORK.to_system()
    found = respond(NETWORK, x if hold == "first" else x[:-1], 0.15, hold=hold).outputs
    A, B, C, D, dt = cont2discrete((system.A, system.B, system.C, system.D), 0.15, scipy_hold)
    # the polygon in scipy's states starts from h - F_2/D x_0 instead of h
    start = np.zeros(5)
    if hold == "first":
        block = np.zeros((9, 9))
        block[:5, :5], block[:5, 5:7], block[5:7, 7:] = NETWORK.W * 0.15, NETWORK.U * 0.15, np.eye(2)
        start = -scipy.linalg.expm(block)[:5, 7:] @ x[0]
    _, peer, _ = dlsim(StateSpace(A, B, C, D, dt=dt), x, x0=start)
    assert np.abs(found - peer[:, 0]).max() <= ROUNDING
    _, other, _ = lsim(system, x, 0.15 * np.arange(200), interp=hold == "first")
    assert np.abs(found - other).max() <= ROUNDING


@given(seeds)
def test_splitting_an_interval_and_two_legs_change_nothing(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.05, 1.0, 9))
    for hold, x in (("zero", rng.standard_normal((8, 2))), ("first", rng.standard_normal((9, 2)))):
        whole = respond(NETWORK, x, times, hold=hold)
        if hold == "zero":
            split = respond(NETWORK, np.repeat(x, 2, axis=0), np.union1d(times, (times[1:] + times[:-1]) / 2))
            assert np.abs(split.states[::2] - whole.states).max() <= ROUNDING
        first = respond(NETWORK, x[: 4 + (hold == "first")], times[:5], hold=hold)
        second = respond(NETWORK, x[4:], times[4:], first.states[-1], hold=hold)
        assert np.abs(second.states - whole.states[4:]).max() <= ROUNDING


@given(seeds)
def test_superposition_batches_and_similarity(seed):
    rng = np.random.default_rng(seed)
    x, starts = rng.standard_normal((3, 6, 2)), rng.standard_normal((3, 5))
    batch = respond(NETWORK, x, 0.3, starts)
    single = [respond(NETWORK, x[i], 0.3, starts[i]).outputs for i in range(3)]
    assert np.abs(batch.outputs - np.array(single)).max() <= ROUNDING
    mixed = respond(NETWORK, x[0] - 2 * x[1], 0.3, starts[0] - 2 * starts[1]).outputs
    assert np.abs(mixed - single[0] + 2 * single[1]).max() <= 10 * ROUNDING
    T = rng.standard_normal((5, 5)) + 4 * np.eye(5)
    moved = respond(NETWORK.transformed(T), x[0], 0.3, T @ starts[0]).outputs
    assert np.abs(moved - single[0]).max() <= ROUNDING * np.linalg.cond(T) ** 2


def test_impulse_response_is_the_kernel():
    """A pulse of height 1/D on [0, D): y(t) = (1/D) int_{t-D}^t rho = rho(t - D/2) + O(D^2)."""
    errors = []
    for D in (0.02, 0.01):
        y = respond(NETWORK, [[1 / D, 0.0], [0.0, 0.0]], [0.0, D, 2.0]).outputs[-1]
        errors.append(abs(y - NETWORK.kernel(2.0 - D / 2)[0]))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def smooth(t):
    t = np.asarray(t)
    return np.stack([np.sin(1.3 * t), np.cos(0.4 * t) * t], axis=-1)


@pytest.fixture(scope="module")
def exact():
    return respond_path(NETWORK, smooth, [0.0, 4.0], tolerance=1e-10)


@pytest.mark.parametrize(("samples", "order"), [("left", 1), ("middle", 2), ("polygon", 2)])
def test_order_of_convergence_on_smooth_inputs(samples, order, exact):
    errors = []
    for count in (64, 128, 256):
        times = np.linspace(0.0, 4.0, count + 1)
        x = {"left": smooth(times[:-1]), "middle": smooth((times[1:] + times[:-1]) / 2), "polygon": smooth(times)}
        hold = "first" if samples == "polygon" else "zero"
        errors.append(abs(respond(NETWORK, x[samples], times, hold=hold).outputs[-1] - exact.outputs[-1]))
    # the next term of the error expansion is one order higher: with 64 steps it moves the slope by a few percent
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), order, atol=0.1)
    assert exact.error <= errors[-1] / 100


def test_a_path_with_a_jump_and_its_error_estimate():
    network = LinearRNN([[-1.0]], [1.0], [1.0])
    times = np.linspace(0.0, 3.0, 13)
    found = respond_path(network, lambda t: float(t >= 1.1), times, breaks=[1.1])
    exact = np.where(times >= 1.1, -np.expm1(-np.maximum(times - 1.1, 0)), 0.0)
    assert np.abs(found.outputs - exact).max() <= 10 * max(found.error, 1e-8)
    assert 0 < found.error < 1e-6
    held = respond(NETWORK, [[1.0, 0.0]], [0.0, 2.0], np.ones(5))
    path = respond_path(NETWORK, lambda _: [1.0, 0.0], [0.0, 2.0], np.ones(5))
    assert abs(held.outputs[-1] - path.outputs[-1]) <= 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [0.0, 1.0, 2.0]), r"shape \(\.\.\., K, 2\)"),
        (([[1.0, 2.0]], [0.0]), "must have 2 entries for 1 inputs"),
        (([[1.0, 2.0]], [1.0, 0.0]), "ascending"),
        (([[1.0, 2.0]], -0.1), "ascending"),
        (([[1.0, 2.0]], 0.1, [1.0]), "start must have shape"),
        (([[1.0, 2.0]], 0.1, None, "cubic"), "hold must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        respond(NETWORK, *arguments)
