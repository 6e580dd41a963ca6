"""Functional norms: closed forms, quadrature, the extremal input run through the network, invariance."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.network import (
    LinearRNN,
    difference,
    energy_gain,
    extremal_input,
    functional_norm,
    gramian,
    random_network,
    respond,
    white_noise_norm,
)
from linmem.kernels import ComplexExponentialSum, ExponentialSum

seeds = st.integers(0, 2**32 - 1)
NORM_ERROR = (
    1e-11  # relative; the docstring says a few eps |c| |W^-1 U| a sign change: 1e-15 * 10 * 10 zeros, with reserve
)


def test_norm_of_a_damped_cosine_in_closed_form():
    """int e^{-at} |cos bt| dt: half periods are similar, sum of a geometric series."""
    a, b = 0.3, 2.0
    first = (a + b * np.exp(-a * np.pi / (2 * b))) / (a * a + b * b)
    half = b * (1 + np.exp(-a * np.pi / b)) * np.exp(-a * np.pi / (2 * b)) / (a * a + b * b)
    exact = first + half / (1 - np.exp(-a * np.pi / b))
    network = LinearRNN.from_kernel(ComplexExponentialSum([1.0], [a + 1j * b]))
    assert functional_norm(network) == pytest.approx(exact, rel=NORM_ERROR)


def test_norm_sums_the_kernels_of_all_inputs():
    first, second = ExponentialSum([1.0, -3.0, 2.5], [0.5, 1.0, 4.0]), ExponentialSum([-2.0], [0.1])
    network = LinearRNN.from_kernel(first, second)
    assert functional_norm(network) == pytest.approx(first.l1_norm() + second.l1_norm(), rel=NORM_ERROR)
    square = first.l2_norm() ** 2 + second.l2_norm() ** 2
    assert white_noise_norm(network) == pytest.approx(np.sqrt(square), rel=1e-13)


def test_rates_of_very_different_size_go_through_the_modes():
    kernel = ExponentialSum([1.0, -1.0], [1e-6, 1e3])
    assert functional_norm(LinearRNN.from_kernel(kernel)) == pytest.approx(kernel.l1_norm(), rel=1e-11)
    with pytest.raises(ValueError, match="shorter horizon"):
        extremal_input(LinearRNN.from_kernel(kernel))


@settings(max_examples=25)
@given(seeds, st.integers(1, 3))
def test_the_extremal_input_attains_the_norm_and_no_other_exceeds_it(seed, inputs):
    network = random_network(6, inputs, seed, margin=0.4)
    norm = functional_norm(network)
    best = extremal_input(network)
    attained = respond(network, best.inputs, best.times).outputs[-1]
    assert np.abs(best.inputs).max() <= 1
    assert attained == pytest.approx(norm, rel=NORM_ERROR)
    assert attained == pytest.approx(best.value, rel=NORM_ERROR)
    short = extremal_input(network, horizon=1.5)
    assert 0 <= norm - short.value <= short.tail
    others = np.random.default_rng(seed).choice([-1.0, 1.0], (50, *best.inputs.shape))
    assert np.abs(respond(network, others, best.times).outputs).max() <= norm * (1 + NORM_ERROR)


@settings(max_examples=25)
@given(seeds)
def test_norms_are_ordered_and_invariant(seed):
    network = random_network(5, 1, seed, margin=0.4)
    T = np.random.default_rng(seed).standard_normal((5, 5)) + 4 * np.eye(5)
    moved = network.transformed(T)
    slack = np.linalg.cond(T) ** 2
    assert functional_norm(moved) == pytest.approx(functional_norm(network), rel=NORM_ERROR * slack)
    assert white_noise_norm(moved) == pytest.approx(white_noise_norm(network), rel=1e-12 * slack)
    gain = energy_gain(network)
    static = abs(float(network.c @ np.linalg.solve(network.W, network.U[:, 0])))  # |rhohat(0)|
    assert static * (1 - 1e-9) <= gain <= functional_norm(network) * (1 + 1e-9)


@given(seeds)
def test_gramian_is_the_integral(seed):
    """Over [0, T] by a block exponential (Van Loan): int e^{Wt} U U^T e^{W^T t} dt = G - e^{WT} G e^{W^T T}."""
    network = random_network(4, 2, seed)
    n, T = 4, 1.3
    block = scipy.linalg.expm(np.block([[-network.W, network.U @ network.U.T], [np.zeros((n, n)), network.W.T]]) * T)
    integral = block[n:, n:].T @ block[:n, n:]
    G, E = gramian(network), scipy.linalg.expm(network.W * T)
    scale = np.linalg.norm(block, 2) ** 2 * np.abs(G).max()
    assert np.abs(G - E @ G @ E.T - integral).max() <= 1e-13 * scale


def test_difference_of_networks():
    first, second = random_network(3, 2, 1), random_network(4, 2, 2)
    t = np.linspace(0, 3, 7)
    error = difference(first, second)
    np.testing.assert_allclose(error.kernel(t), first.kernel(t) - second.kernel(t), atol=1e-13)
    assert functional_norm(difference(first, first)) <= 1e-13 * functional_norm(first)
    with pytest.raises(ValueError, match="as many inputs"):
        difference(first, random_network(3, 1, 1))


def test_two_zeros_between_two_samples_are_found():
    """s (s - a)(s - b) with s = e^{-t}: zeros at -log a and -log b, .02 apart, where samples are 1/12 apart."""
    a, b = 0.5, 0.5 * np.exp(-0.02)
    kernel = ExponentialSum([1.0, -(a + b), a * b], [3.0, 2.0, 1.0])
    network = LinearRNN.from_kernel(kernel)
    best = extremal_input(network)
    lags = (best.times[-1] - best.times[::-1])[1:-1]
    # a zero moves by the rounding of rho, 1e-16, over its slope there, .02/4
    np.testing.assert_allclose(lags, [-np.log(a), -np.log(b)], atol=1e-12)
    assert functional_norm(network) == pytest.approx(kernel.l1_norm(), rel=NORM_ERROR)
