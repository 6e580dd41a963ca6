"""Restricted isometry: enumeration against singular values of the columns, the probe against enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.bounds import gaussian_deviation, rip_constant, rip_probe
from linmem.discrete.bounds import rip as rip_module
from linmem.discrete.model import RandomNetwork
from linmem.discrete.operators import normal_operator, sequence_operator
from linmem.statistics import mean_interval

EPS = np.finfo(float).eps


def _deviation(A, J):
    s = np.linalg.svd(A[:, J], compute_uv=False)
    low = s[-1] if len(s) == len(J) else 0.0
    return max(s[0] ** 2 - 1, 1 - low**2)


def _matrix(network, N, basis=None):
    return sequence_operator(network, N, basis=basis).columns(np.arange(N * network.L))


@pytest.mark.parametrize(("M", "L", "N", "K"), [(30, 3, 4, 1), (30, 3, 4, 2), (10, 2, 5, 3), (4, 2, 3, 5)])
@pytest.mark.parametrize("basis", [None, "dct"])
def test_constant_against_singular_values(M, L, N, K, basis):
    network = RandomNetwork(M, L, seed=M)
    A = _matrix(network, N, basis)
    expected = max(_deviation(A, list(J)) for J in itertools.combinations(range(N * L), K))
    # Eigenvalues of the Gram block err by K eps ||A_J||^2 plus the rounding of its entries, M N eps at most.
    assert rip_constant(network, K, N, basis) == pytest.approx(expected, abs=10 * M * N * EPS * (1 + expected))


def test_constant_grows_with_the_sparsity_up_to_the_whole_matrix():
    network = RandomNetwork(20, 2, seed=1)
    values = [rip_constant(network, K, 4) for K in range(1, 9)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(np.linalg.norm(_matrix(network, 4).T @ _matrix(network, 4) - np.eye(8), 2))


def test_constant_is_zero_for_a_unitary_map():
    # Angles 2 pi h / N and z with |z|^2 = 2/N make the columns of one stream the real DFT: orthonormal.
    N = 8
    network = RandomNetwork(N, 1, spectrum=2 * np.pi * (np.arange(N // 2) + 0.5) / N, seed=0)
    object.__setattr__(network, "modes", np.full((N // 2, 1), np.sqrt(2 / N), dtype=complex))
    assert rip_constant(network, 3, N) < 100 * EPS


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([None, "dct"]))
def test_probe_is_a_lower_bound_that_its_support_attains(seed, K, basis):
    network = RandomNetwork(8, 2, seed=seed)
    probe = rip_probe(network, K, 5, basis, samples=5, search=20, rng=seed)
    exact = rip_constant(network, K, 5, basis)
    assert probe.sampled[-1] * (1 - 1e-12) <= probe.lower_bound <= exact * (1 + 1e-12)
    assert probe.lower_bound == pytest.approx(_deviation(_matrix(network, 5, basis), probe.support), abs=1e-12)
    assert probe.lower_bound == pytest.approx(max(probe.extremes[1] - 1, 1 - probe.extremes[0]))
    assert (np.diff(probe.sampled) >= 0).all()


def test_search_often_finds_the_maximum():
    found = 0
    for seed in range(20):
        network = RandomNetwork(12, 3, seed=seed)
        exact = rip_constant(network, 3, 6)
        found += rip_probe(network, 3, 6, samples=20, search=40, rng=seed).lower_bound > exact * (1 - 1e-9)
    # 20 of 816 supports sampled: without the search the maximum is met in 1 of 40 networks.
    assert found >= 8


@pytest.mark.parametrize(
    ("kind", "K"), [("random", 10), ("single-stream", 7), ("joint", 8), ("joint", 10), ("joint", 3)]
)
def test_search_stays_within_the_kind_of_support(kind, K):
    N, L = 12, 4
    for seed in range(5):
        network = RandomNetwork(20, L, seed=seed)
        probe = rip_probe(network, K, N, support=kind, samples=4, search=30, rng=seed)
        assert len(np.unique(probe.support)) == K
        rows, streams = np.divmod(probe.support, L)
        if kind == "single-stream":
            assert len(set(streams)) == 1
        if kind == "joint":
            assert sorted(np.bincount(rows)[np.unique(rows)]) == sorted([L] * (K // L) + [K % L] * (K % L > 0))


@pytest.mark.parametrize(("kind", "basis"), [("random", None), ("single-stream", None), ("joint", "dct")])
def test_search_improves_on_samples(kind, basis):
    network = RandomNetwork(60, 5, seed=0)
    plain = rip_probe(network, 10, 30, basis, support=kind, samples=3, search=0, rng=1)
    better = rip_probe(network, 10, 30, basis, support=kind, samples=3, search=30, rng=1)
    assert plain.lower_bound == pytest.approx(plain.sampled[-1], rel=1e-12)
    assert np.array_equal(plain.sampled, better.sampled)
    assert better.lower_bound > plain.lower_bound


@pytest.mark.parametrize("basis", [None, "dct"])
def test_stored_and_gathered_blocks_agree(monkeypatch, basis):
    network = RandomNetwork(20, 3, seed=4)
    targets = [network, sequence_operator(network, 9, basis=basis), normal_operator(network, 9, basis=basis)]
    arguments = [(5, 9, basis), (5,), (5,)]
    stored = [rip_probe(t, *a, samples=6, rng=0) for t, a in zip(targets, arguments, strict=True)]
    pairs = rip_constant(network, 2, 9, basis)
    monkeypatch.setattr(rip_module, "STORED_COLUMNS", 0)
    gathered = [rip_probe(t, *a, samples=6, rng=0) for t, a in zip(targets, arguments, strict=True)]
    for probe in stored[1:] + gathered:
        assert probe.sampled == pytest.approx(stored[0].sampled, abs=1e-12)
        assert probe.lower_bound == pytest.approx(stored[0].lower_bound, abs=1e-12)
    assert rip_constant(network, 2, 9, basis) == pytest.approx(pairs, abs=1e-12)


def test_sampled_deviation_of_a_gaussian_map():
    # With one step A = Z, iid N(0, 1/M). The largest eigenvalue of its Gram blocks has mean m - 1.2065 s up to
    # O(K^{-2/3} s), m and s as below (Johnstone 2001, Theorem 1.1; -1.2065 is the mean of the Tracy-Widom law).
    M, n, K = 400, 400, 40
    samples = [rip_probe(RandomNetwork(M, n, seed=s), K, 1, samples=1, search=0, rng=s).sampled[0] for s in range(30)]
    root = np.sqrt(M - 1) + np.sqrt(K)
    scale = root * (1 / np.sqrt(M - 1) + 1 / np.sqrt(K)) ** (1 / 3) / M
    interval = mean_interval(samples, level=0.999)
    correction = K ** (-2 / 3) * scale
    assert interval.low - correction <= root**2 / M - 1 - 1.2065 * scale <= interval.high + correction
    assert interval.high < gaussian_deviation(K, M)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: rip_probe(net, 0, 4, rng=0), "K must be >= 1"),
        (lambda net: rip_probe(net, 9, 4, rng=0), "K must be <= 8"),
        (lambda net: rip_probe(net, 5, 4, support="single-stream", rng=0), "K must be <= 4"),
        (lambda net: rip_probe(net, 2, 4, support="jiont", rng=0), "did you mean 'joint'"),
        (lambda net: rip_probe(net, 2, 4, samples=0, rng=0), "samples must be >= 1"),
        (lambda net: rip_probe(net, 2, rng=0), "N .* must be given"),
        (lambda net: rip_probe(normal_operator(net, 4), 2, 4, "dct", rng=0), "leave both out"),
        (lambda net: rip_constant(net, 10, 50), "use rip_probe"),
        (lambda net: rip_constant(net, 9, 4), "K must be <= 8"),
        (lambda net: gaussian_deviation(0, 4), "K must be >= 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(RandomNetwork(6, 2, seed=0))
