"""Correlated input: against many-digit arithmetic, closed forms, white input, truncated sequences, simulation."""

import numpy as np
import pytest
from exact_memory import filtered_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.capacity.extended import autocovariance_curve, stationary_capacity, stationary_curve
from linmem.capacity.linear import exact_curve
from linmem.capacity.systems import StationaryInput, random_connectivity

MODELS = [
    StationaryInput(ar=[0.6]),
    StationaryInput(ar=[0.5, 0.3], ma=[0.4]),
    StationaryInput(ma=[1.0]),  # spectral density zero at half the sampling rate
    StationaryInput(ar=[-0.9]),
    StationaryInput(ar=[1.8, -0.9]),  # narrow band: condition of the covariance 10^3 to 10^4
]


def _system(N, kind, seed, radius=0.9):
    rng = np.random.default_rng(seed)
    return random_connectivity(N, kind, radius=radius, rng=rng), rng.standard_normal(N)


def _density(model):
    """Spectral density of an ARMA model on a grid, normalised to mean 1."""
    w = np.exp(-2j * np.pi * np.arange(4096) / 4096)
    S = np.abs(np.polyval([*reversed(model.ma), 1], w) / np.polyval([*(-a for a in reversed(model.ar)), 1], w)) ** 2
    return S / S.mean()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["normal", "orthogonal"])
def test_curve_against_many_digits(kind, model):
    N = 16
    A, C = _system(N, kind, seed=1)
    curve = stationary_curve(A, C, model, 40)
    exact = filtered_memory(A, C, *model.state_space(), 40)
    # Orthonormal coordinates: what remains is the condition of G, at most max S / min S.
    assert np.abs(curve.values - exact).max() <= 2.0**-52 * (16 * N + curve.condition)
    assert ((curve.low <= exact) & (exact <= curve.high)).all()
    assert curve.rank == N


@pytest.mark.parametrize("model", MODELS)
def test_condition_is_bounded_by_the_range_of_the_spectral_density(model):
    S = _density(model)
    for kind in ("normal", "orthogonal", "cyclic"):
        curve = stationary_curve(*_system(12, kind, seed=2), model, 0)
        assert curve.condition <= S.max() / S.min() * (1 + 1e-9)


@settings(max_examples=25)
@given(a=st.floats(-0.9, 0.9), phi=st.floats(-0.9, 0.9), tau=st.integers(0, 5))
def test_one_state_with_exponential_correlation(a, phi, tau):
    # var x = (1 + a phi) / ((1 - a^2)(1 - a phi)), E x_t z_{t-tau} = sum_j a^j phi^|tau-j|
    j = np.arange(600)
    c = float((a**j * phi ** np.abs(tau - j)).sum())
    variance = (1 + a * phi) / ((1 - a**2) * (1 - a * phi))
    curve = stationary_curve([[a]], [2.0], ([[phi]], [np.sqrt(1 - phi**2)], [1.0]), tau)
    assert abs(curve.values[tau] - c**2 / variance) < 1e-12


@pytest.mark.parametrize("N", [1, 4])
def test_more_than_N_for_a_delay_line(N):
    phi = 0.8
    found = stationary_capacity(np.eye(N, k=-1), np.eye(N)[0], StationaryInput(ar=[phi]), first_lag=0)
    # The last N inputs are known; earlier ones through the oldest of them alone: phi^2 + phi^4 + ..
    assert abs(found.value - (N + phi**2 / (1 - phi**2))) < 1e-11
    assert found.low <= found.value <= found.high
    assert found.remainder == 0
    assert found.last_lag is None


def test_less_than_N_where_the_input_lacks_the_frequency():
    tuned_away = stationary_capacity([[-0.99]], [1.0], StationaryInput(ar=[0.9]), first_lag=0)
    assert tuned_away.value < 0.5


@pytest.mark.parametrize("model", MODELS)
def test_total_is_bounded_by_the_largest_density(model):
    N = 10
    found = stationary_capacity(*_system(N, "normal", seed=3), model, first_lag=0)
    assert found.value <= N * _density(model).max() * (1 + 1e-6)


def test_capacity_is_the_sum_of_the_curve():
    A, C = _system(10, "normal", seed=4, radius=0.8)
    model = StationaryInput(ar=[0.5], ma=[0.3])
    values = stationary_curve(A, C, model, 400).values
    for first in (0, 1, 4):
        everything = stationary_capacity(A, C, model, first_lag=first)
        assert abs(everything.value - values[first:].sum()) < 1e-10
        part = stationary_capacity(A, C, model, max_lag=12, first_lag=first)
        assert abs(part.value - values[first:13].sum()) < 1e-12
        assert abs(part.remainder - values[13:].sum()) < 1e-10


@pytest.mark.parametrize("kind", ["normal", "cyclic", "sparse"])
def test_white_input_gives_the_exact_curve(kind):
    A, C = _system(20, kind, seed=5)
    exact = exact_curve(A, C, 60)
    for curve in (stationary_curve(A, C, StationaryInput(), 60), autocovariance_curve(A, C, [2.5, 0.0], 60)):
        allowed = (curve.high - curve.low) + (exact.high - exact.low)
        assert (np.abs(curve.values - exact.values) <= allowed).all()
        assert curve.rank == exact.rank


def test_input_scale_and_mask_do_not_matter():
    A, C = _system(12, "normal", seed=6)
    F, g, h = StationaryInput(ar=[0.7], ma=[-0.2]).state_space()
    values = stationary_curve(A, C, (F, g, h), 20).values
    assert np.allclose(stationary_curve(A, C, (F, 3 * g, h), 20).values, values, atol=1e-12)
    assert np.allclose(stationary_curve(A, _system(12, "normal", 7)[1], (F, g, h), 20).values, values, atol=1e-10)


@pytest.mark.parametrize("ma", [[0.5], [0.4, -0.3, 0.2], [1.0]])
def test_autocovariance_of_a_moving_average_is_exact(ma):
    A, C = _system(14, "normal", seed=8)
    model = StationaryInput(ma=ma)
    from_sequence = autocovariance_curve(A, C, model.autocovariance(len(ma)), 30)
    from_model = stationary_curve(A, C, model, 30)
    assert np.allclose(from_sequence.values, from_model.values, atol=1e-12 * from_model.condition)


@pytest.mark.parametrize("K", [4, 8, 16])
def test_truncation_bound_holds_the_truth(K):
    A, C = _system(10, "normal", seed=9)
    phi = 0.4
    gamma = phi ** np.arange(K + 1)
    curve = autocovariance_curve(A, C, gamma, 25, tail=phi ** (K + 1) / (1 - phi))
    truth = stationary_curve(A, C, StationaryInput(ar=[phi]), 25).values
    assert ((curve.low <= truth) & (truth <= curve.high)).all()
    assert np.abs(curve.values - truth).max() > 1e-10  # cutting off does matter
    assert K < 16 or (curve.high - curve.low).max() < 1e-3


def test_tail_beyond_the_least_eigenvalue_says_nothing():
    curve = autocovariance_curve([[0.5]], [1.0], [1.0, 0.4], 3, tail=0.6)
    assert (curve.low == 0).all()
    assert (curve.high == 1).all()


def test_band_limited_input_loses_rank():
    k = np.arange(1, 400)
    gamma = np.r_[1.0, np.sin(0.2 * np.pi * k) / (0.2 * np.pi * k) * np.exp(-((k / 40) ** 2) / 2)]
    curve = autocovariance_curve(*_system(24, "orthogonal", seed=10), gamma, 10)
    # Density below 2^-52 of its largest value at frequencies above .2 pi + 8.5 / 40: most eigenvalues lie there.
    assert 2 <= curve.rank < 24
    assert (curve.high == 1).all()
    assert curve.low.min() >= 0


def test_simulated_memory():
    A, C = _system(5, "normal", seed=11, radius=0.8)
    model, T = StationaryInput(ar=[0.7]), 60_000
    z, x = model.sample(T, rng=12), np.zeros(5)
    X = np.empty((T, 5))
    for t in range(T):
        x = X[t] = A @ x + C * z[t]
    curve = stationary_curve(A, C, model, 6)
    for tau in range(7):
        target = z[100 - tau : T - tau]
        residual = target - X[100:] @ np.linalg.lstsq(X[100:], target, rcond=None)[0]
        # Correlated samples: at most (1 + .7^2) / (1 - .7^2) = 3 times the variance of white ones, 1/T.
        assert abs(1 - residual.var() / target.var() - curve.values[tau]) < 5 * np.sqrt(3 / T)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (([[1.0]], [1.0], [1.0]), "radius"),
        (([[0.5]], [1.0, 2.0], [1.0]), "shape"),
        (([[0.5]], [0.0], [1.0]), "variance"),
        (([[0.5]], [1.0]), "three"),
    ],
)
def test_refuses_bad_models(source, message):
    with pytest.raises(ValueError, match=message):
        stationary_curve([[0.5]], [1.0], source, 3)


@pytest.mark.parametrize(
    ("gamma", "tail", "message"),
    [
        ([], 0.0, "gamma_0"),
        ([0.0, 0.1], 0.0, "gamma_0"),
        ([1.0, 0.6], 0.0, "taper"),
        ([1.0, np.nan], 0.0, "finite"),
        ([1.0], -1.0, "tail"),
    ],
)
def test_refuses_bad_autocovariances(gamma, tail, message):
    with pytest.raises(ValueError, match=message):
        autocovariance_curve([[0.5]], [1.0], gamma, 3, tail)


def test_refuses_bad_networks():
    with pytest.raises(ValueError, match="radius"):
        stationary_curve([[1.5]], [1.0], StationaryInput(), 3)
    with pytest.raises(ValueError, match="max_lag"):
        stationary_capacity([[0.5]], [1.0], StationaryInput(), max_lag=0, first_lag=1)
