"""Sparse recall: state evolution against quadrature, limits and simulation; the simulation against least squares."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from linmem.discrete.model import RandomNetwork
from linmem.discrete.recall import (
    conditional_error,
    lasso_recall,
    omission_variance,
    optimal_lasso_recall,
    recall_error,
    recall_penalty,
    recall_trial,
)
from linmem.discrete.recall.evolution import thresholded
from linmem.discrete.recall.simulation import run_length
from linmem.discrete.recovery import default_penalty, lasso
from linmem.statistics import mean_interval


@pytest.mark.parametrize(
    ("t", "alpha", "variance", "p"), [(0.5, 1.2, 2.0, 0.1), (2.0, 0.0, 1.0, 0.7), (1.0, 3.0, 0.01, 1.0)]
)
def test_thresholded_moments_against_quadrature(t, alpha, variance, p):
    theta, v2 = alpha * math.sqrt(t), variance + t
    share = variance / v2  # E[u | y] = share y, variance of u given y: share t

    def soft(y):
        return math.copysign(max(abs(y) - theta, 0.0), y)

    def integral(f, scale):
        ends = 12 * scale
        return quad(f, -ends, ends, points=[-theta, theta], epsabs=1e-13, epsrel=1e-12, limit=200)[0]

    loud = integral(
        lambda y: ((soft(y) - share * y) ** 2 + share * t) * norm.pdf(y, scale=math.sqrt(v2)), math.sqrt(v2)
    )
    still = integral(lambda y: soft(y) ** 2 * norm.pdf(y, scale=math.sqrt(t)), math.sqrt(t))
    mse, active = thresholded(t, alpha, np.array([variance]), p)
    assert mse[0] == pytest.approx(p * loud + (1 - p) * still, rel=1e-9)
    expected = 2 * (p * norm.sf(theta, scale=math.sqrt(v2)) + (1 - p) * norm.sf(theta, scale=math.sqrt(t)))
    assert active[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30),
    st.sampled_from([0.7, 0.9, 0.97]),
    st.floats(1e-3, 0.5),
    st.floats(0.01, 1.0),
    st.floats(0.01, 3.0),
    st.sampled_from(["iid", "haar"]),
)
def test_fixed_point_solves_both_equations(N, q, sigma, p, factor, spectrum):
    M, L = 100, 4
    lam = factor * recall_penalty(N, M, L, q, sigma, p, spectrum=spectrum)
    found = lasso_recall(N, M, L, q, sigma, p, lam=lam, spectrum=spectrum)
    t = found.effective_noise**2
    mse, active = thresholded(t, found.threshold / found.effective_noise, q ** (2.0 * np.arange(N)), p)
    share = (L + (spectrum == "iid")) / M
    floor = omission_variance(N, M, L, q, math.sqrt(p), spectrum=spectrum) + sigma**2
    # brentq stops at 1e-12 in log t and 1e-11 in alpha; the laws' slopes stay below 1e4 here.
    assert t == pytest.approx(floor + share * mse.sum(), rel=1e-7)
    assert lam == pytest.approx(found.threshold * (1 - share * active.sum()), rel=1e-6)
    assert found.active == pytest.approx(active.mean(), rel=1e-9)


@pytest.mark.parametrize("N", [1, 6, 20])
@pytest.mark.parametrize("spectrum", ["iid", "haar"])
def test_no_penalty_and_dense_input_is_least_squares(N, spectrum):
    M, L, q, sigma = 400, 8, 0.9, 0.05
    found = lasso_recall(N, M, L, q, sigma, 1.0, lam=1e-9, spectrum=spectrum)
    law = recall_error(N, M, L, q, sigma, spectrum=spectrum)
    # Same fixed point but for the 1 of k = N L + 1 (Haar), a relative 1/(M - N L); the penalty shifts 1e-9 / 1e-2.
    tolerance = 1e-5 if spectrum == "iid" else 1.01 / (M - N * L - 1)
    assert found.error == pytest.approx(law, rel=tolerance)


def test_scale_and_penalty():
    one = lasso_recall(10, 100, 6, 0.9, 0.02, 0.1)
    two = lasso_recall(10, 100, 6, 0.9, 0.06, 0.1, 3.0)  # everything three times as large
    assert two.error == pytest.approx(one.error, rel=1e-9)
    assert two.threshold == pytest.approx(3 * one.threshold, rel=1e-9)
    noise = math.sqrt(0.02**2 + omission_variance(10, 100, 6, 0.9, math.sqrt(0.1)))
    assert one.penalty == default_penalty(noise, 60)


def test_optimum_is_the_least_of_the_given_lengths():
    lengths = [4, 8, 12, 16, 24, 40]
    optimum = optimal_lasso_recall(200, 20, 0.85, 0.01, 0.1, lengths=lengths)
    errors = [lasso_recall(N, 200, 20, 0.85, 0.01, 0.1).error for N in lengths]
    assert optimum.error == min(errors)
    assert optimum.length == lengths[int(np.argmin(errors))]
    assert optimum.interior


def test_simulated_least_squares_has_the_conditional_expectation():
    # Many states of one law: the mean over trials of error - its expectation given the network is zero.
    M, L, q, sigma, lengths = 40, 3, 0.8, 0.1, [2, 6, 10]
    trials, expected = [], []
    for seed in range(150):
        trials.append(recall_trial(M, L, q, sigma, lengths, rng=seed).least_squares)
        network = RandomNetwork(M, L, "iid", q, seed=int(np.random.default_rng(seed).integers(2**63)))
        expected.append([conditional_error(network, N, sigma).window for N in lengths])
    ratio = np.array(trials) / np.array(expected)
    for column in ratio.T:
        assert 1.0 in mean_interval(column, level=0.999)


def test_sparse_inputs_have_the_stated_variance():
    # Least squares knows nothing of sparsity: the same relative error for the same mean square.
    settings_ = (60, 4, 0.8, 0.05, [4])
    dense = [recall_trial(*settings_, rng=seed).least_squares[0] for seed in range(80)]
    sparse = [recall_trial(*settings_, density=0.25, s=2.0, rng=seed + 500).least_squares[0] for seed in range(80)]
    low, high = mean_interval(dense, level=0.999), mean_interval(sparse, level=0.999)
    assert low.low <= high.high
    assert high.low <= low.high


def test_lasso_against_state_evolution():
    M, L, q, sigma, p = 120, 30, 0.8, 0.01, 0.1
    lengths = [3, 6, 10]  # N L = 90, 180, 300 around M
    found = np.array(
        [recall_trial(M, L, q, sigma, lengths, density=p, sparse=True, rng=seed).lasso for seed in range(30)]
    )
    for N, column in zip(lengths, found.T, strict=True):
        predicted = lasso_recall(N, M, L, q, sigma, p).error
        # State evolution is exact for large M; 25 % covers corrections of order 1/sqrt(M) and of second order in N/M.
        interval = mean_interval(column, level=0.999)
        assert interval.low <= 1.25 * predicted
        assert interval.high >= 0.75 * predicted


def test_same_seed_same_trial():
    first = recall_trial(40, 8, 0.8, 0.05, [3, 8], density=0.2, sparse=True, rng=7)
    again = recall_trial(40, 8, 0.8, 0.05, [3, 8], density=0.2, sparse=True, rng=7)
    assert np.array_equal(first.lasso, again.lasso)
    assert first.gap.max() <= 1e-6
    assert np.isfinite(first.least_squares[0])
    assert np.isnan(first.least_squares[1])  # N L = 64 > M - 2: the LASSO alone recalls
    assert np.isfinite(first.lasso[1])


def test_unscaled_problem_is_the_weighted_one():
    # lam sum |u| with u = q^age s is the LASSO on s with weights q^age: both find one minimum of one objective.
    N, q, tol = 12, 0.9, 1e-8
    network, unscaled = RandomNetwork(40, 6, q=q, seed=3), RandomNetwork(40, 6, q=1.0, seed=3)
    state = 0.3 * np.random.default_rng(0).standard_normal(40)
    decay = np.repeat(q ** np.arange(N - 1, -1, -1.0)[:, None], 6, axis=1)
    one = lasso(unscaled, state, N, lam=0.02, tol=tol)
    two = lasso(network, state, N, lam=0.02, weights=decay, tol=tol)
    assert two.objective == pytest.approx(one.objective, rel=2 * tol)
    # P - min P >= ||A (u - u')||^2 / 2, for each of the two against the minimiser.
    difference = network.simulate(two.estimate) - unscaled.simulate(one.estimate)
    assert difference @ difference <= 2 * 4 * tol * one.objective


def test_what_came_before_the_run_is_below_rounding():
    for q in (0.5, 0.9, 0.99):
        assert q ** run_length(q) <= 2.0**-53 < q ** (run_length(q) - 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lasso_recall(5, 100, 6, 1.0, 0.1, 0.1), "q must be < 1"),
        (lambda: lasso_recall(5, 100, 6, 0.9, 0.1, 0.0), "density must be > 0"),
        (lambda: lasso_recall(5, 100, 6, 0.9, 0.1, 1.5), "density must be <= 1"),
        (lambda: lasso_recall(5, 100, 6, 0.9, 0.1, 0.1, lam=0.0), "lam must be > 0"),
        (lambda: lasso_recall(5, 100, 6, 0.9, -0.1, 0.1), "sigma must be >= 0"),
        (lambda: lasso_recall(0, 100, 6, 0.9, 0.1, 0.1), "N must be >= 1"),
        (lambda: lasso_recall(5, 99, 6, 0.9, 0.1, 0.1), "M must be even"),
        (lambda: optimal_lasso_recall(100, 6, 0.9, 0.1, 0.1, lengths=[]), "lengths must be ascending and not empty"),
        (lambda: optimal_lasso_recall(100, 6, 0.9, 0.1, 0.1, lengths=[3, 3]), "lengths must be ascending"),
        (lambda: recall_trial(100, 6, 0.9999, 0.1, [5], rng=0), "q must be at most 0.9996"),
        (lambda: recall_trial(100, 6, 1.0, 0.1, [5], rng=0), "q must be < 1"),
        (lambda: recall_trial(100, 6, 0.9, 0.0, [5], sparse=True, rng=0), "sigma must be > 0"),
        (lambda: recall_trial(100, 6, 0.9, 0.1, [], rng=0), "lengths must not be empty"),
        (lambda: recall_trial(100, 6, 0.9, 0.1, [0], rng=0), "lengths must be >= 1"),
        (lambda: recall_trial(100, 6, 0.9, 0.1, [5], spectrum="gue", rng=0), "spectrum must be one of"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
