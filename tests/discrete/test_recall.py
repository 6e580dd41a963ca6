"""Recall of infinite input: formula and exact conditional error against sampling, series, limits and other routes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import minimize_scalar
from scipy.stats import special_ortho_group

from linmem.discrete.model import RandomNetwork, haar_frequencies
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recall import (
    closed_form_length,
    conditional_error,
    conditional_errors,
    linear_recall_error,
    omission_variance,
    omitted_covariance,
    optimal_recall,
    recall_error,
    single_step_error,
)
from linmem.statistics import mean_interval

SPECTRA = ("iid", "haar")


def _products(M, d, count, spectrum, rng):
    """Squared products of two columns of one stream d ages apart, and of two streams."""
    H = M // 2
    same, other = [], []
    for _ in range(count):
        w = haar_frequencies(M, rng) if spectrum == "haar" else rng.uniform(0, np.pi, H)
        z, y = rng.standard_normal((2, 2, H)) / np.sqrt(M)
        turned = (z[0] + 1j * z[1]) * np.exp(1j * w * d)
        same.append((np.conj(z[0] + 1j * z[1]) @ turned).real ** 2)
        other.append((np.conj(y[0] + 1j * y[1]) @ turned).real ** 2)
    return np.array(same), np.array(other)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_second_moments_of_products_of_columns(spectrum, d):
    M = 24
    same, other = _products(M, d, 3000, spectrum, np.random.default_rng(d))
    trace = M if spectrum == "iid" else d + (d % 2 == 0)  # E (tr R^d)^2
    double = 0 if spectrum == "iid" else 1  # E tr R^{2d}
    assert (trace + M + double) / M**2 in mean_interval(same, level=0.999)
    assert 1 / M in mean_interval(other, level=0.999)


def test_moments_of_traces_of_haar_rotations_against_scipy():
    M, rng = 12, np.random.default_rng(0)
    R = special_ortho_group.rvs(M, size=2000, random_state=rng)
    for d in (1, 2, 3):
        trace = np.trace(np.linalg.matrix_power(R, d), axis1=1, axis2=2)
        assert d + (d % 2 == 0) in mean_interval(trace**2, level=0.999)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_omission_variance_is_the_sum_over_omitted_ages(spectrum):
    M, L, q, s = 60, 3, 0.8, 1.7
    c = 1 if spectrum == "iid" else 0
    series = sum((L + c) / M * s * s * q ** (2 * n) for n in range(4, 400))  # the rest is below q^800
    assert omission_variance(4, M, L, q, s, spectrum=spectrum) == pytest.approx(series, rel=1e-13)


@pytest.mark.parametrize(("M", "L"), [(20, 1), (20, 2), (24, 6)])
def test_single_step_is_the_exact_mean_over_networks(M, L):
    rng = np.random.default_rng(M + L)
    found = [conditional_error(RandomNetwork(M, L, q=0.9, seed=rng), 1, sigma=0.5).window for _ in range(800)]
    assert single_step_error(M, L, 0.9, 0.5) in mean_interval(found, level=0.999)


@given(st.integers(1, 200), st.integers(1, 500), st.floats(0.01, 0.999))
def test_formula_is_exact_to_first_order_for_one_step(L, extra, q):
    M = 2 * (L + extra)
    ratio = single_step_error(M, L, q, 0.0) / recall_error(1, M, L, q, 0.0)
    assert 1 - 4 / (M + 2) - 1e-12 <= ratio <= 1 + 1e-12  # proved in the docstring; 1e-12 for rounding
    noise = single_step_error(M, L, q, 1.0) - single_step_error(M, L, q, 0.0)
    assert noise == pytest.approx(M / (M - L - 1), rel=1e-9)  # differences of doubles of size up to 1/(1-q^2)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_formula_against_the_exact_conditional_error(spectrum):
    # The formula neglects terms of relative order k/M = .09 in the omission part (iid); for Haar .02 was left.
    M, L, N, q = 200, 2, 6, 0.9
    rng = np.random.default_rng(1)
    found = [conditional_error(RandomNetwork(M, L, spectrum, q, seed=rng), N, 1.0) for _ in range(300)]
    omission = mean_interval([part.omission.mean() for part in found], level=0.999)
    law = recall_error(N, M, L, q, 0.0, spectrum=spectrum)
    assert omission.low <= (1 + 0.09) * law
    assert omission.high >= (1 - 0.09) * law
    wrong = law * (L / (L + 1) if spectrum == "iid" else (L + 1) / L)
    assert wrong not in omission
    noise = recall_error(N, M, L, q, 1.0, spectrum=spectrum) - law
    recall = mean_interval([part.recall.mean() for part in found], level=0.999)
    assert recall.low <= 1.01 * noise  # second order: (k/M)^2 = .008
    assert recall.high >= 0.99 * noise


def test_covariance_solves_the_lyapunov_equation():
    network = RandomNetwork(30, 3, q=0.95, seed=0)
    other = 4.0 * solve_discrete_lyapunov(network.W, network.Z @ network.Z.T)
    assert np.abs(omitted_covariance(network, 0, 2.0) - other).max() < 1e-10 * np.abs(other).max()
    shift = np.linalg.matrix_power(network.W, 5)
    assert np.abs(omitted_covariance(network, 5, 2.0) - shift @ other @ shift.T).max() < 1e-10 * np.abs(other).max()


def test_conditional_error_against_the_textbook_formula():
    network, N, sigma, s = RandomNetwork(40, 3, q=0.9, seed=1), 6, 0.3, 2.0
    A = sequence_operator(network, N, "dense").matrix  # on s, oldest step first
    P = np.linalg.pinv(A)
    omitted = np.diag(P @ omitted_covariance(network, N, s) @ P.T).reshape(N, 3) / s**2
    noise = sigma**2 * np.diag(P @ P.T).reshape(N, 3) / s**2
    found = conditional_error(network, N, sigma, s)
    # P is accurate to 2^-53 times the condition of A, here below 100; two such products.
    assert np.allclose(found.omission, omitted, rtol=1e-11)
    assert np.allclose(found.recall, noise, rtol=1e-11)
    assert found.window == pytest.approx((omitted + noise).mean(), rel=1e-11)


def test_conditional_error_is_the_mean_over_inputs():
    network, N, sigma = RandomNetwork(20, 2, q=0.7, seed=2), 4, 0.1
    rng, T = np.random.default_rng(3), 60  # 0.7^120 < 1e-18 of the variance lies before the run
    P = np.linalg.pinv(sequence_operator(network, N, "dense").matrix)
    long = sequence_operator(network, T, "dense").matrix
    S = rng.choice([-1.0, 1.0], size=(2000, T * 2))  # not Gaussian: only the variance counts
    states = S @ long.T + sigma * rng.standard_normal((2000, 20))
    errors = ((states @ P.T - S[:, -N * 2 :]) ** 2).mean(axis=1)
    assert conditional_error(network, N, sigma).window in mean_interval(errors, level=0.999)


def test_stable_where_the_powers_of_q_are_not():
    # q^{-2N} = 1e24: a solution with the scaled columns would lose everything. Scaled by hand, it must agree.
    network, N = RandomNetwork(60, 1, "haar", q=0.25, seed=0), 20
    found = conditional_error(network, N, sigma=1.0)
    angle = np.multiply.outer(network.frequencies, np.arange(N - 1, -1, -1))
    A = np.exp(1j * angle) * network.modes
    P = np.linalg.pinv(np.vstack([A.real, A.imag]))
    expected = (P**2).sum(axis=1) * 0.25 ** (-2.0 * np.arange(N - 1, -1, -1))
    assert np.allclose(found.recall[:, 0], expected, rtol=1e-11)
    assert np.isfinite(found.per_input).all()


def test_one_factorisation_serves_all_lengths():
    network = RandomNetwork(50, 2, q=0.9, seed=4)
    for N, found in zip((3, 20, 9), conditional_errors(network, [3, 20, 9], 0.2), strict=True):
        single = conditional_error(network, N, 0.2)
        assert np.allclose(found.per_input, single.per_input, rtol=1e-10)  # condition of the map below 1e3
    assert conditional_errors(network, [], 0.2) == []


def test_linear_recall_against_regression():
    network, N, sigma = RandomNetwork(16, 2, q=0.8, seed=5), 12, 0.2
    A = sequence_operator(network, N, "dense").matrix
    C = omitted_covariance(network, N) + sigma**2 * np.eye(16)
    posterior = np.linalg.inv(np.eye(24) + A.T @ np.linalg.solve(C, A))  # Bayes for Gaussian input
    found = linear_recall_error(network, N, sigma)
    assert np.allclose(found.ravel(), np.diag(posterior), rtol=1e-9)  # condition of C about 1e3, twice
    assert found.mean() >= 1 - 16 / 24


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 0.97), st.floats(1e-4, 0.3), st.integers(1, 20), st.sampled_from(SPECTRA))
def test_optimum_is_the_least_of_all_lengths(q, sigma, L, spectrum):
    M = 200
    optimum = optimal_recall(M, L, q, sigma, spectrum=spectrum)
    assert optimum.lengths[-1] * L < M - 1 <= (optimum.lengths[-1] + 1) * L
    assert optimum.error == optimum.errors.min() == recall_error(optimum.length, M, L, q, sigma, spectrum=spectrum)


def _error(N, M, L, q, sigma):
    """E(N) for real N, iid angles."""
    y = q ** (-2 * N)
    noise = (L + 1) / y / (M * (1 - q * q)) + sigma**2
    return M / (M - N * (L + 1)) * noise * (y - 1) / N


@pytest.mark.parametrize(
    ("M", "L", "q", "sigma"), [(10**6, 2, 0.9, 1e-4), (10**5, 8, 0.8, 1e-3), (10**6, 1, 0.7, 1e-5)]
)
def test_closed_form_and_its_excess(M, L, q, sigma):
    closed = closed_form_length(M, L, q, sigma)
    best = minimize_scalar(
        lambda N: math.log(_error(N, M, L, q, sigma)), bounds=(0.5 * closed, 1.5 * closed), method="bounded",
        options={"xatol": 1e-9},
    ).x  # fmt: skip
    rate, x = -2 * math.log(q), closed * -2 * math.log(q)
    excess = closed * q ** (2 * closed) + closed * (L + 1) / (rate * (M - closed * (L + 1)))
    # Second order: squares of both shifts in x over x, and x^2 e^{-2x}; the minimiser is flat to sqrt(eps) x.
    second = 4 * (rate * excess) ** 2 + x * x * math.exp(-2 * x)
    assert abs(closed - best - excess) <= second / rate + 1e-6 * closed
    optimum = optimal_recall(M, L, q, sigma, longest=int(2 * closed))
    assert abs(optimum.length - best) <= 1
    assert optimum.closed_form == closed
    assert optimum.closed_form_excess == pytest.approx(excess, rel=0.2)  # taken at the integer


def test_limits_of_the_formula():
    assert closed_form_length(100, 2, 0.9, 0.0) == math.inf
    assert recall_error(40, 100, 2, 0.9, 0.1) == math.inf  # N (L + 1) >= M
    assert math.isfinite(recall_error(40, 100, 2, 0.9, 0.1, spectrum="haar"))
    assert recall_error(3, 100, 2, 0.9, 0.2, 2.0) == pytest.approx(recall_error(3, 100, 2, 0.9, 0.1), rel=1e-14)
    assert not optimal_recall(100, 2, 0.9, 10.0).interior


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recall_error(1, 100, 2, 1.0, 0.1), "q must be < 1 .at q = 1 no state of an infinite input exists"),
        (lambda: recall_error(1, 100, 2, -0.5, 0.1), "q must be > 0"),
        (lambda: recall_error(1, 100, 2, math.nan, 0.1), "q must be finite"),
        (lambda: recall_error(50, 100, 2, 0.9, 0.1), "N L must be < M - 1 = 99 .* recall at most 49 steps"),
        (lambda: recall_error(0, 100, 2, 0.9, 0.1), "N must be >= 1"),
        (lambda: recall_error(1, 100, 2, 0.9, -0.1), "sigma must be >= 0"),
        (lambda: recall_error(1, 100, 2, 0.9, 0.1, 0.0), "s must be > 0"),
        (lambda: recall_error(1, 101, 2, 0.9, 0.1), "M must be even"),
        (lambda: recall_error(1, 100, 0, 0.9, 0.1), "L must be >= 1"),
        (lambda: recall_error(1, 100, 2, 0.9, 0.1, spectrum="gue"), "spectrum must be one of"),
        (lambda: optimal_recall(4, 5, 0.9, 0.1), "N L must be < M - 1 = 3"),
        (lambda: optimal_recall(100, 5, 0.9, 0.1, longest=30), "N L must be < M - 1"),
        (lambda: omission_variance(-1, 100, 2, 0.9), "N must be >= 0"),
        (lambda: single_step_error(4, 3, 0.9, 0.1), "N L must be < M - 1"),
        (lambda: conditional_error(RandomNetwork(10, 1, seed=0), 2, 0.1), "q must be < 1"),
        (lambda: conditional_error(RandomNetwork(10, 1, q=0.9, seed=0), 9, 0.1), "N L must be < M - 1"),
        (lambda: conditional_error(RandomNetwork(10, 1, q=0.9, seed=0), 2, -0.1), "sigma must be >= 0"),
        (lambda: linear_recall_error(RandomNetwork(10, 1, q=0.9, seed=0), 2, 0.0), "sigma must be > 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
