"""Statistical dimension and LASSO prediction against Monte Carlo, limits and the other form of the same law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete import (
    RandomNetwork,
    default_penalty,
    lasso_prediction,
    oracle,
    oracle_error,
    relative_noise,
    sequence_operator,
    sparse_signal,
    sparse_trial,
    sparsity_limit,
    statistical_dimension,
    subdifferential_distance,
)
from linmem.statistics import mean_interval


def _distances(g, K, tau):
    """dist^2(g, tau d||a||_1) for a = (1,..,1,0,..,0) with K ones, rows of g."""
    return ((g[:, :K] - tau) ** 2).sum(1) + (np.maximum(np.abs(g[:, K:]) - tau, 0) ** 2).sum(1)


@pytest.mark.parametrize(("K", "n", "tau"), [(3, 20, 0.7), (10, 20, 1.5), (1, 50, 2.0)])
def test_distance_against_monte_carlo(K, n, tau):
    g = np.random.default_rng(K).standard_normal((20_000, n))
    assert subdifferential_distance(tau, K, n) in mean_interval(_distances(g, K, tau), level=0.999)


@pytest.mark.parametrize(("K", "n"), [(5, 50), (20, 50), (45, 50)])
def test_statistical_dimension_against_monte_carlo(K, n):
    g = np.random.default_rng(K).standard_normal((4000, n))
    # The exact dimension is E min_tau dist^2; min over a grid errs upward by at most the curvature K + n times step^2.
    grid = np.linspace(0, 4, 161)
    exact = mean_interval(np.min([_distances(g, K, tau) for tau in grid], axis=0), level=0.999)
    value = statistical_dimension(K, n)
    assert exact.low - 2 * n * (4 / 160 / 2) ** 2 <= value  # an upper bound ...
    assert value <= exact.high + 2 * math.sqrt(n / K)  # ... within 2 sqrt(n/K): Amelunxen et al., Theorem 4.3


@given(st.integers(1, 10_000))
def test_limits(n):
    assert statistical_dimension(0, n) == 0.0
    assert statistical_dimension(n, n) == n


@given(st.integers(2, 5000), st.data())
def test_minimum_is_below_every_other_scale_and_above_the_sparsity(n, data):
    K, tau = data.draw(st.integers(1, n)), data.draw(st.floats(0, 10))
    value = statistical_dimension(K, n)
    assert value <= subdifferential_distance(tau, K, n) * (1 + 1e-12)
    assert K * (1 - 1e-12) <= value <= n * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5000), st.floats(0.01, 1.0))
def test_limit_inverts_the_dimension(n, ratio):
    M = ratio * n
    # brentq stops at 1e-12 n in K; the slope d delta / d K <= 1 + tau^2 is below 100 for every ratio used here.
    assert statistical_dimension(sparsity_limit(M, n), n) == pytest.approx(M, abs=100 * 1e-12 * n + 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 2000), st.floats(0.1, 0.9), st.floats(0.05, 0.95), st.floats(0.05, 3.0))
def test_prediction_solves_the_state_evolution(n, gamma, fraction, penalty):
    M = max(2, round(gamma * n))
    K = fraction * sparsity_limit(M, n)
    found = lasso_prediction(K, n, M, penalty)
    J = subdifferential_distance(found.threshold, K, n)
    noise = math.sqrt(
        1 + found.error
    )  # effective noise in units of sigma: te^2 = sigma^2 + te^2 J/M = sigma^2 (1 + error)
    assert noise**2 == pytest.approx(1 + noise**2 * J / M, rel=1e-9)
    # tau to 1e-12 absolute; the law's slope in tau grows near the ends of the stable range, like 1/(M - J).
    assert found.threshold * noise * (1 - found.active / M) == pytest.approx(penalty, rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 2000), st.floats(0.1, 0.9), st.floats(0.05, 0.9), st.floats(0.05, 3.0))
def test_no_penalty_beats_the_statistical_dimension(n, gamma, fraction, penalty):
    M = max(2, round(gamma * n))
    K = fraction * sparsity_limit(M, n)
    delta = statistical_dimension(K, n)
    assert lasso_prediction(K, n, M, penalty).error >= delta / (M - delta) * (1 - 1e-9)


def test_prediction_is_infinite_beyond_the_limit():
    assert lasso_prediction(sparsity_limit(200, 400) + 1, 400, 200, 0.9).error == math.inf


@pytest.mark.parametrize("K", [12, 40])
def test_prediction_against_recovery_with_a_gaussian_map(K):
    # With one time step A = Z, exactly the iid N(0, 1/M) map of the prediction. Amplitudes N(0, 1), relative noise .01:
    # less than a hundredth of them lie below the threshold, so this is the low-noise limit within a percent.
    M, n = 160, 320
    trials = [sparse_trial(M, n, 1, K, rng=seed) for seed in range(15)]
    prediction = lasso_prediction(K, n, M, default_penalty(1.0, n)).error
    assert prediction in mean_interval([trial.rmse / trial.noise_rmse for trial in trials], level=0.999)


def test_oracle_error_is_the_mean_error_of_the_oracle():
    network = RandomNetwork(M=40, L=4, seed=0)
    operator, signal = sequence_operator(network, 20), sparse_signal(20, 4, 8, rng=1)
    clean, rng, sigma = network.simulate(signal.sequence), np.random.default_rng(2), 0.1
    errors = []
    for _ in range(2000):
        estimate = oracle(operator, clean + sigma * rng.standard_normal(40), signal.support)
        errors.append(((estimate - signal.sequence) ** 2).sum())
    assert oracle_error(operator, signal.support, sigma) in mean_interval(errors, level=0.999)


def test_relative_noise_has_the_asked_length():
    state = np.arange(1.0, 30.0)
    noise = relative_noise(state, 0.01, rng=0)
    assert np.linalg.norm(noise) == pytest.approx(0.01 * np.linalg.norm(state), rel=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistical_dimension(11, 10), "K must be <= n = 10"),
        (lambda: statistical_dimension(-1, 10), "K must be >= 0"),
        (lambda: statistical_dimension(1, 0), "n must be >= 1"),
        (lambda: sparsity_limit(11, 10), "M must be <= n = 10"),
        (lambda: sparsity_limit(0, 10), "M must be > 0"),
        (lambda: lasso_prediction(1, 10, 5, 0.0), "penalty must be > 0"),
        (lambda: subdifferential_distance(math.nan, 1, 10), "tau must be finite"),
        (lambda: oracle(RandomNetwork(M=2, L=1, seed=0), [0, 0], [0, 1, 2], N=5), "support must have at most M = 2"),
        (lambda: sparse_trial(M=4, L=1, N=2, K=1, rng=0, level=0.0), "level must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
