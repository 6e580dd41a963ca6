"""The bias of the plain estimate: formula against its definition, sum rules, and simulation."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from linmem.capacity.estimators import (
    plain_curve,
    sampled_curve,
    sampling_bias,
    simulate_states,
    traces,
    washout_length,
)
from linmem.capacity.linear import allpass_curve
from linmem.statistics import mean_interval


def _leaky(N):
    return np.diag(np.linspace(0.3, 0.95, N))


def test_plain_curve_is_the_published_loop():
    rng = np.random.default_rng(0)
    X, z = rng.standard_normal((200, 3)), rng.standard_normal(200)
    found = plain_curve(X, z, 70)
    for lag in (0, 1, 69, 70):
        b = X[lag:].T @ z[: 200 - lag]
        assert found[lag] == pytest.approx(b @ np.linalg.solve(X.T @ X, b) / (z @ z), abs=1e-13)


def test_traces_are_those_of_the_powers():
    A = np.random.default_rng(1).standard_normal((5, 5)) / 5
    expected = [np.trace(np.linalg.matrix_power(A, h)) for h in range(8)]
    assert traces(np.linalg.eigvals(A), 7) == pytest.approx(expected, abs=1e-12)


def test_bias_is_the_long_run_variance_written_out():
    """sum_h tr(A^h) E[e_0 e_h] from covariances of the network, without any all-pass function."""
    A, C, T, M = _leaky(3), np.array([1.0, -2.0, 0.5]), 10**6, 12
    G = solve_discrete_lyapunov(A, np.outer(C, C))
    found = sampling_bias(np.diag(A), T, M)
    L = 400
    responses = np.array([np.linalg.matrix_power(A, k) @ C for k in range(L)])
    for lag in (0, 1, 5, 12):
        weights = np.linalg.solve(G, responses[lag])
        residual = -(responses @ weights)  # impulse response of z_{t-lag} - a . x_t
        residual[lag] += 1
        covariance = np.correlate(residual, residual, "full")[L - 1 :]
        t = traces(np.diag(A), L - 1)
        expected = (t[0] * covariance[0] + 2 * (t[1:] * covariance[1:]).sum()) / (T - M)
        assert found[lag] == pytest.approx(expected, rel=1e-3)  # (1 - h/T) and 0.95^400 left out


def test_sum_rules():
    values, T, M = np.diag(_leaky(6)), 10**9, 4000
    bias = sampling_bias(values, T, M) * (T - M)
    t = traces(values, M)
    assert bias[-1] == pytest.approx(6, rel=1e-5)  # no memory: N rows of chance, whatever the correlation
    assert bias.sum() == pytest.approx(6 * (M + 1 - 6) - 2 * (t[1:] ** 2).sum(), rel=1e-5)
    f, MC = 1 - np.arange(M + 1) / T, allpass_curve(values, M)
    padded = sampling_bias(values, T, M, rows="padded")
    assert padded == pytest.approx((f**2 - 1) * MC + f * (bias + (1 - f) * 6 * MC) / T, abs=1e-20, rel=1e-12)


@pytest.mark.parametrize("rows", ["padded", "common"])
@pytest.mark.parametrize("network", ["rotation", "leaky"])
def test_simulated_inflation_is_the_predicted_one(network, rows):
    rng = np.random.default_rng(2)
    N, T, M = (20, 1000, 80) if network == "rotation" else (4, 1000, 40)
    A = 0.9 * np.linalg.qr(rng.standard_normal((N, N)))[0] if network == "rotation" else _leaky(N)
    values, w = np.linalg.eigvals(A), washout_length(A)
    exact, totals, tails = allpass_curve(values, M), [], []
    for _ in range(120):
        z = rng.standard_normal(T + w)
        X = simulate_states(A, np.ones(N), z)[w:]
        plain = plain_curve(X, z[w:], M) if rows == "padded" else sampled_curve(X, z[w:], M, blocks=5).plain
        totals.append((plain - exact)[1:].sum())
        tails.append((plain - exact)[-10:].sum())
    bias = sampling_bias(values, T, M, rows=rows)
    n = T if rows == "padded" else T - M
    memory = N / n * (1 + 2 * sum(traces(values, 50)[1:] ** 2) / N**2)  # states per independent row
    for samples, predicted in ((totals, bias[1:].sum()), (tails, bias[-10:].sum())):
        interval = mean_interval(samples, 0.999)
        second = 2 * memory * N * len(bias) / n  # next order in N/T
        assert interval.low - second <= predicted <= interval.high + second
        assert second < 0.25 * N * len(bias) / n


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="rows must be one of"):
        sampling_bias([0.5], 100, 5, rows="paded")
    with pytest.raises(ValueError, match="max_lag must be <= 99"):
        sampling_bias([0.5], 100, 100)
    with pytest.raises(ValueError, match="T must exceed N = 10"):
        plain_curve(np.ones((10, 10)), np.ones(10), 1)
    with pytest.raises(ValueError, match="not be all zero"):
        plain_curve(np.ones((10, 1)), np.zeros(10), 1)
