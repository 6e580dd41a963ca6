"""Structured input and noise: supports, ranks, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linmem.discrete.model import (
    RandomNetwork,
    final_noise,
    low_rank_signal,
    random_basis,
    sparse_signal,
    step_noise,
)

EPS = np.finfo(float).eps
sizes = {"N": st.integers(1, 12), "L": st.integers(1, 5), "seed": st.integers(0, 10**6)}


@given(**sizes, fraction=st.floats(0, 1))
def test_joint_support_uses_the_same_atoms_in_all_streams(N, L, seed, fraction):
    K = int(fraction * N * L)
    signal = sparse_signal(N, L, K, support="joint", rng=seed)
    users = np.sort(np.count_nonzero(signal.coefficients, axis=1))[::-1]
    whole, rest = divmod(K, L)
    assert users.tolist() == ([L] * whole + [rest] * (rest > 0) + [0] * N)[:N]
    assert (signal.support == np.flatnonzero(signal.coefficients)).all()


@given(**sizes, fraction=st.floats(0, 1))
def test_single_stream_support_lies_in_one_stream(N, L, seed, fraction):
    K = int(fraction * N)
    signal = sparse_signal(N, L, K, support="single-stream", rng=seed)
    assert sorted(np.count_nonzero(signal.coefficients, axis=0))[::-1] == [K] + [0] * (L - 1)
    assert (signal.support == np.flatnonzero(signal.coefficients)).all()


@pytest.mark.parametrize("support", ["random", "joint", "single-stream"])
def test_supports_are_uniform(support):
    # Each of the N L positions is equally likely: the number of hits in T trials is binomial (T, K/(N L)); with
    # 12 positions two-sided at 1e-5 each the test errs with probability 1.2e-4, once, as the seed is fixed.
    N, L, K, trials, rng = 4, 3, 4, 1000, np.random.default_rng(0)
    hits = np.zeros(N * L, dtype=int)
    for _ in range(trials):
        hits[sparse_signal(N, L, K, support=support, rng=rng).support] += 1
    low, high = stats.binom.interval(1 - 1e-5, trials, K / (N * L))
    assert low <= hits.min()
    assert hits.max() <= high


@settings(max_examples=20, deadline=None)
@given(**sizes, name=st.sampled_from(["canonical", "dct", "dft", "haar", "streams"]))
def test_sequence_is_synthesised_from_the_coefficients(N, L, seed, name):
    basis = random_basis(N, streams=L, rng=seed) if name == "streams" else name
    signal = sparse_signal(N, L, N, basis, rng=seed)
    # An orthonormal synthesis keeps the norm, to N eps for each of its sums.
    energy = np.linalg.norm(signal.coefficients)
    assert abs(np.linalg.norm(signal.sequence) - energy) <= 20 * N * EPS * energy
    assert len(signal.support) == np.count_nonzero(signal.coefficients) == N


def test_amplitudes_are_standard_normal():
    signal = sparse_signal(100, 50, 4000, rng=0)
    assert stats.kstest(signal.coefficients.ravel()[signal.support], "norm").pvalue > 1e-3


@given(**sizes, data=st.data(), kind=st.sampled_from(["gaussian", "sinusoidal"]))
def test_low_rank_signals_are_products_of_their_factors(N, L, seed, data, kind):
    R = data.draw(st.integers(1, min(N, L)))
    signal = low_rank_signal(N, L, R, kind, rng=seed)
    assert signal.temporal.shape == (N, R)
    assert signal.streams.shape == (L, R)
    assert (signal.sequence == signal.temporal @ signal.streams.T).all()
    assert np.linalg.matrix_rank(signal.sequence) <= R


def test_sinusoidal_factors_are_single_tones():
    # cos(w n + phase) solves s[n+1] + s[n-1] = 2 cos(w) s[n]; the phase w n <= 60 pi is rounded to a relative eps.
    T = low_rank_signal(60, 5, 5, "sinusoidal", rng=0).temporal
    turn = (T[2:] + T[:-2]) / (2 * T[1:-1])
    middle = np.abs(T[1:-1]).argmax(axis=0)
    cosine = turn[middle, np.arange(5)]
    assert np.abs(T[2:] + T[:-2] - 2 * cosine * T[1:-1]).max() <= 16 * 60 * np.pi * EPS
    assert len(set(cosine.round(6))) == 5
    assert (np.abs(cosine) < 1).all()


def test_users_factors_are_taken():
    T = np.linspace(0.0, 1.0, 6).reshape(3, 2)
    signal = low_rank_signal(3, 4, 2, T, rng=0)
    assert (signal.temporal == T).all()
    assert (signal.streams == np.random.default_rng(0).standard_normal((4, 2))).all()


@given(st.integers(1, 6), st.integers(1, 30), st.sampled_from([1.0, 1 - 1e-9, 0.9, 0.3]), st.integers(0, 10**6))
def test_covariance_that_noise_of_each_step_leaves(H, N, q, seed):
    network = RandomNetwork(M=2 * H, L=1, q=q, seed=seed)
    power, covariance = np.eye(2 * H), np.zeros((2 * H, 2 * H))
    for _ in range(N):
        covariance += power @ power.T
        power = network.W @ power
    # Each power of W carries 2 H eps for each factor, and N terms of size <= 1 are added.
    wanted = final_noise(network, N, 0.5) ** 2 / 0.25 * np.eye(2 * H)
    assert np.abs(covariance - wanted).max() <= (4 * H * N + 8) * N * EPS


def test_step_noise_leaves_white_noise_of_the_predicted_size():
    network, rng = RandomNetwork(M=20, L=1, q=0.8, seed=0), np.random.default_rng(1)
    N, sigma, trials = 7, 0.3, 400
    rest = np.zeros((N, 1))
    states = np.array([network.simulate(rest, step_noise(network, N, sigma, rng=rng)) for _ in range(trials)])
    standard = states / final_noise(network, N, sigma)
    # Sum of 8000 squares of standard normals; products of neighbouring entries have mean 0 and variance 1.
    low, high = stats.chi2.interval(1 - 1e-4, standard.size)
    assert low <= (standard**2).sum() <= high
    products = standard[:, 1:] * standard[:, :-1]
    assert abs(products.mean()) <= 4 / np.sqrt(products.size)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparse_signal(4, 3, 13, rng=0), "K must be <= N L = 12"),
        (lambda: sparse_signal(4, 3, 13, support="joint", rng=0), "K must be <= N L = 12"),
        (lambda: sparse_signal(4, 3, 5, support="single-stream", rng=0), "K must be <= N = 4"),
        (lambda: sparse_signal(4, 3, -1, rng=0), "K must be >= 0"),
        (lambda: sparse_signal(4, 3, 1, support="jiont", rng=0), "did you mean 'joint'"),
        (lambda: sparse_signal(4, 3, 1, 2 * np.eye(4), rng=0), "orthonormal"),
        (lambda: low_rank_signal(4, 3, 4, rng=0), r"R must be <= min\(N, L\) = 3"),
        (lambda: low_rank_signal(4, 3, 0, rng=0), "R must be >= 1"),
        (lambda: low_rank_signal(4, 3, 2, "gausian", rng=0), "did you mean 'gaussian'"),
        (lambda: low_rank_signal(4, 3, 2, np.ones((4, 3)), rng=0), r"shape \(4, 2\)"),
        (lambda: low_rank_signal(4, 3, 2, np.ones((4, 2)), rng=0), "independent columns, got rank 1"),
        (lambda: low_rank_signal(4, 3, 1, np.full((4, 1), np.nan), rng=0), "must be finite"),
        (lambda: step_noise(RandomNetwork(2, 1, seed=0), 3, -1.0, rng=0), "sigma must be >= 0"),
        (lambda: step_noise(RandomNetwork(2, 1, seed=0), 0, 1.0, rng=0), "N must be >= 1"),
        (lambda: final_noise(RandomNetwork(2, 1, seed=0), 3, float("nan")), "sigma must be finite"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
