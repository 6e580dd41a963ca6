"""Noise in state and read-out: against many-digit arithmetic, closed forms, limits, simulation."""

import numpy as np
import pytest
from exact_memory import noisy_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.capacity.extended import capacity_against_snr, multivariate_curves, noisy_capacity, noisy_curve
from linmem.capacity.linear import exact_curve
from linmem.capacity.systems import random_connectivity


def _system(N, kind, seed, radius=0.9):
    rng = np.random.default_rng(seed)
    return random_connectivity(N, kind, radius=radius, rng=rng), rng.standard_normal(N)


def _covariance(N, seed):
    X = np.random.default_rng(seed).standard_normal((N, 2 * N))
    return X @ X.T / (2 * N)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-16])
@pytest.mark.parametrize("where", ["state", "readout", "both"])
@pytest.mark.parametrize("kind", ["normal", "orthogonal"])
def test_curve_and_total_against_many_digits(kind, where, scale):
    N = 14
    A, C = _system(N, kind, seed=1)
    W = scale * _covariance(N, 2) * (where != "readout")
    V = scale * _covariance(N, 3) * (where != "state")
    found = noisy_capacity(A, C, first_lag=0, state_noise=W, readout_noise=V)
    values, total = noisy_memory(A, C, W, V, found.curve.max_lag)
    # Backward errors of N 2^-52 in the root of G, amplified by its condition; 16 roundings a step.
    assert np.abs(found.curve.values - values).max() <= 16 * N * 2.0**-52 * found.curve.condition
    assert ((found.curve.low <= values) & (values <= found.curve.high)).all()
    assert found.low <= total <= found.high


def test_variance_variances_and_matrix_mean_the_same():
    A, C = _system(6, "normal", seed=4)
    forms = (0.3, np.full(6, 0.3), 0.3 * np.eye(6))
    for name in ("state_noise", "readout_noise"):
        curves = [noisy_curve(A, C, 10, **{name: form}).values for form in forms]
        assert np.allclose(curves[0], curves[1], atol=1e-14)
        assert np.allclose(curves[0], curves[2], atol=1e-14)


@settings(max_examples=25)
@given(N=st.integers(1, 9), radius=st.floats(0.1, 0.98), noise=st.floats(1e-3, 1e3))
def test_closed_form_of_the_ring(N, radius, noise):
    # Input in one state of a ring: step r of the round trip has signal variance a^r / (1 - a^N), a = radius^2.
    A, C, a = radius * np.roll(np.eye(N), 1, axis=0), np.eye(N)[0], radius**2
    r = np.arange(N)
    shares = 1 / (1 + noise / (1 - a) * (1 - a**N) / a**r)
    found = noisy_capacity(A, C, first_lag=0, state_noise=noise)
    assert abs(found.value - shares.sum()) < 1e-10
    lag = np.arange(found.curve.max_lag + 1)
    assert np.allclose(found.curve.values, (a ** (lag // N * N)) * (1 - a**N) * shares[lag % N], atol=1e-11)


def test_state_noise_is_further_inputs():
    A, C = _system(8, "normal", seed=5)
    root = np.linalg.cholesky(0.2 * _covariance(8, 6))
    noisy = noisy_curve(A, C, 20, state_noise=root @ root.T)
    inputs = multivariate_curves(A, np.column_stack([C, root]), 20)
    assert np.allclose(noisy.values, inputs.values[0], atol=1e-12)


@pytest.mark.parametrize("kind", ["state", "readout"])
def test_limits_and_monotony_in_the_signal_to_noise_ratio(kind):
    N = 8
    A, C = _system(N, "orthogonal", seed=7)
    table = capacity_against_snr(A, C, 10.0 ** np.arange(-8, 17), kind, first_lag=0)
    assert (np.diff(table.value) > -1e-9).all()
    assert ((table.low <= table.value) & (table.value <= table.high)).all()
    assert abs(table.value.iloc[-1] - N) < 1e-6
    # Small ratios: the capacity is proportional to the ratio, with a relative error of at most the capacity itself.
    assert abs(table.value[0] / table.value[1] * 10 - 1) < 1e-5
    weak = noisy_curve(A, C, 20, **{f"{kind}_noise": 1e-13})
    assert np.abs(weak.values - exact_curve(A, C, 20).values).max() < 1e-6


@pytest.mark.parametrize("first_lag", [0, 1, 3])
@pytest.mark.parametrize("kind", ["state", "readout"])
def test_decomposition_agrees_with_one_ratio_at_a_time(kind, first_lag):
    A, C = _system(12, "normal", seed=8)
    shape = _covariance(12, 9)
    table = capacity_against_snr(A, C, [1e-2, 1.0, 1e2, 1e5], kind, shape=shape, first_lag=first_lag)
    for row in table.itertuples():
        one = noisy_capacity(A, C, first_lag=first_lag, **{f"{kind}_noise": row.noise * shape})
        assert abs(one.value - row.value) <= (one.high - one.low) + (row.high - row.low)
    power = C @ C if kind == "state" else np.trace(_stationary(A, C))
    assert np.allclose(table.noise, power / (table.snr * np.trace(shape)))


def _stationary(A, C):
    from scipy.linalg import solve_discrete_lyapunov

    return solve_discrete_lyapunov(A, np.outer(C, C))


def test_finite_sums_and_remainder():
    A, C = _system(7, "normal", seed=10, radius=0.7)
    everything = noisy_capacity(A, C, state_noise=0.1)
    part = noisy_capacity(A, C, max_lag=6, state_noise=0.1)
    assert part.last_lag == 6
    assert abs(part.value + part.remainder - everything.value) < 1e-12
    assert abs(part.value - part.curve.values[1:].sum()) < 1e-14


def test_unreached_states_count_as_noise():
    A, C = 0.5 * np.eye(2), np.array([1.0, 0.0])
    assert noisy_capacity(A, C, first_lag=0, state_noise=1.0).value == pytest.approx(0.5)


def test_simulated_memory_with_both_noises():
    rng = np.random.default_rng(11)
    A, C = _system(4, "normal", seed=12, radius=0.8)
    T, x, X = 40_000, np.zeros(4), np.empty((40_000, 4))
    z, w, v = rng.standard_normal(T), 0.5 * rng.standard_normal((T, 4)), 0.7 * rng.standard_normal((T, 4))
    for t in range(T):
        x = A @ x + C * z[t] + w[t]
        X[t] = x + v[t]
    curve = noisy_curve(A, C, 4, state_noise=0.25, readout_noise=0.49)
    for tau in range(5):
        target = z[100 - tau : T - tau]
        residual = target - X[100:] @ np.linalg.lstsq(X[100:], target, rcond=None)[0]
        assert abs(1 - residual.var() / target.var() - curve.values[tau]) < 5 / np.sqrt(T)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({}, "exact_curve"),
        ({"state_noise": 0.0}, "exact_curve"),
        ({"state_noise": -1.0}, "variances >= 0"),
        ({"readout_noise": [1.0, 2.0, 3.0]}, "variances or a"),
        ({"readout_noise": [[1.0, 0.5], [0.4, 1.0]]}, "symmetric"),
        ({"state_noise": [[1.0, 2.0], [2.0, 1.0]]}, "semidefinite"),
        ({"state_noise": np.eye(3)}, "shape"),
    ],
)
def test_refuses_bad_noise(noise, message):
    A, C = 0.5 * np.eye(2), np.array([1.0, 0.0])
    with pytest.raises(ValueError, match=message):
        noisy_curve(A, C, 3, **noise)
    with pytest.raises(ValueError, match=message):
        noisy_capacity(A, C, **noise)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], "state"), "snr"),
        (([1.0, 0.0], "state"), "snr"),
        (([1.0], "output"), "kind"),
    ],
)
def test_refuses_bad_ratios(arguments, message):
    with pytest.raises(ValueError, match=message):
        capacity_against_snr([[0.5]], [1.0], *arguments)
    with pytest.raises(ValueError, match="shape"):
        capacity_against_snr(0.5 * np.eye(2), [1.0, 0.0], [1.0], "readout", shape=[1.0, 0.0])
