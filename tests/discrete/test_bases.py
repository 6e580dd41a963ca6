"""Temporal bases against their formulas, each other, and the law of a random rotation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import RandomNetwork, TemporalBasis, random_basis, temporal_basis
from linmem.discrete.operators import sequence_operator
from linmem.statistics import mean_interval

EPS = np.finfo(float).eps
FAST = ["dct", "dft", "haar"]
steps = st.integers(1, 300)  # on both sides of the switch from matrix products to fast transforms


def dct_formula(N):
    n, k = np.arange(N)[:, None], np.arange(N)
    return np.sqrt((2.0 - (k == 0)) / N) * np.cos(np.pi * k * (2 * n + 1) / (2 * N))


def dft_formula(N):
    n = np.arange(N)
    atoms = [np.full(N, N**-0.5)]
    for f in range(1, (N + 1) // 2):
        atoms += [np.sqrt(2 / N) * np.cos(2 * np.pi * f * n / N), np.sqrt(2 / N) * np.sin(2 * np.pi * f * n / N)]
    return np.array(atoms + ([(-1.0) ** n / np.sqrt(N)] if N % 2 == 0 else [])).T


def haar_formula(N):
    """Breadth-first bisection, one atom at a time."""
    atoms, parts = [np.full(N, N**-0.5)], [(0, N)]
    while parts:
        begin, end = parts.pop(0)
        if end - begin < 2:
            continue
        middle = begin + -(-(end - begin) // 2)
        difference = np.zeros(N)
        difference[begin:middle], difference[middle:end] = 1 / (middle - begin), -1 / (end - middle)
        atoms.append(difference / np.linalg.norm(difference))
        parts += [(begin, middle), (middle, end)]
    return np.array(atoms).T


@settings(max_examples=30, deadline=None)
@given(steps)
def test_named_bases_are_their_formulas(N):
    # Phases up to pi N, each rounded to a relative eps, move an entry of size <= sqrt(2/N) by at most pi sqrt(2 N) eps;
    # the formulas and the transforms (log2 N additions) are both that far from the truth.
    bound = (4 * np.pi * np.sqrt(2 * N) + 20) * EPS
    assert np.abs(temporal_basis("dct", N).matrix - dct_formula(N)).max() <= bound
    assert np.abs(temporal_basis("dft", N).matrix - dft_formula(N)).max() <= bound
    assert np.abs(temporal_basis("haar", N).matrix - haar_formula(N)).max() <= 8 * EPS


@settings(max_examples=30, deadline=None)
@given(steps, st.sampled_from(FAST), st.integers(0, 10**6))
def test_named_bases_are_orthonormal_and_fast_transforms_are_their_matrix(N, name, seed):
    basis, C = temporal_basis(name, N), np.random.default_rng(seed).standard_normal((2, N, 3))
    # Sums of N products of unit vectors: N eps; the entries themselves are good to 30 sqrt(N) eps (see above).
    bound = (4 * N + 60 * np.sqrt(N)) * EPS
    assert np.abs(basis.matrix.T @ basis.matrix - np.eye(N)).max() <= bound
    size = np.linalg.norm(C, axis=-2).max()
    S = basis.synthesis(C)
    assert np.abs(S - basis.matrix @ C).max() <= bound * size
    assert np.abs(basis.analysis(S) - C).max() <= 2 * bound * size
    assert np.abs(np.linalg.norm(S, axis=-2) - np.linalg.norm(C, axis=-2)).max() <= bound * size
    assert S.dtype == np.float64


def test_haar_of_a_length_that_is_no_power_of_two():
    wanted = np.array([[1, 1, 1], [1, 1, -1], [1, -2, 0]]) / np.sqrt([3.0, 6.0, 2.0])
    assert np.abs(temporal_basis("haar", 3).matrix - wanted).max() <= 4 * EPS


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 3), st.integers(0, 10**6))
def test_a_basis_of_each_stream_acts_stream_by_stream(N, L, batch, seed):
    basis = random_basis(N, streams=L, rng=seed)
    C = np.random.default_rng(seed).standard_normal((batch,) * (batch > 0) + (N, L))
    S = basis.synthesis(C)
    for l, Psi in enumerate(basis.matrix):
        # Sums of N products, in another order.
        assert np.abs(S[..., l] - C[..., l] @ Psi.T).max() <= 2 * N * EPS * np.abs(C).sum()
    assert np.abs(basis.analysis(S) - C).max() <= 100 * N * EPS * np.abs(C).sum()


def test_random_basis_has_the_law_of_a_random_rotation():
    # On O(N), N >= 2, the trace has mean 0 and second moment 1; Q of a QR decomposition alone has a biased diagonal.
    traces = np.trace(random_basis(5, streams=4000, rng=0).matrix, axis1=1, axis2=2)
    for sample, moment in ((traces, 0.0), (traces**2, 1.0)):
        interval = mean_interval(sample, level=0.999)
        assert interval.low < moment < interval.high


@pytest.mark.parametrize("name", FAST)
def test_operators_take_a_basis_by_name(name):
    network = RandomNetwork(M=8, L=2, seed=0)
    by_name = sequence_operator(network, 5, "gemm", basis=name)
    by_matrix = sequence_operator(network, 5, "dense", basis=temporal_basis(name, 5).matrix)
    c = np.random.default_rng(1).standard_normal(10)
    # Ten terms of size at most |c| each, in two orders.
    assert np.abs(by_name.matvec(c) - by_matrix.matvec(c)).max() <= 40 * EPS * np.abs(c).sum()
    assert by_name.basis.name == name


def test_a_basis_passes_through_and_names_are_found():
    basis = temporal_basis("dct", 6)
    assert temporal_basis(basis, 6) is basis
    assert temporal_basis(None, 6).canonical
    assert not basis.canonical
    assert not basis.per_stream
    assert (temporal_basis("canonical", 3).matrix == np.eye(3)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: temporal_basis("dcd", 4), "did you mean 'dct'"),
        (lambda: temporal_basis(np.ones((4, 4)), 4), "must be orthonormal"),
        (lambda: temporal_basis(dct_formula(4).round(6), 4), "must be orthonormal"),
        (lambda: temporal_basis(np.full((4, 4), np.nan), 4), "must be finite"),
        (lambda: temporal_basis(np.eye(3), 4), r"shape \(4, 4\)"),
        (lambda: temporal_basis(np.eye(4)[:, :3], 4), r"shape \(4, 4\)"),
        (lambda: temporal_basis("dct", 0), "N must be >= 1"),
        (lambda: temporal_basis(temporal_basis("dct", 5), 4), "N = 4 steps, got one for N = 5"),
        (lambda: temporal_basis(random_basis(4, streams=2, rng=0), 4, 3), "L = 3 streams, got 2"),
        (lambda: temporal_basis(np.stack([np.eye(4)] * 2), 4, 3), "L = 3 streams, got 2"),
        (lambda: temporal_basis(np.stack([np.eye(4), 2 * np.eye(4)]), 4, 2), "must be orthonormal"),
        (lambda: temporal_basis(np.empty((0, 4, 4)), 4, 0), "L >= 1"),
        (lambda: TemporalBasis(4, "matrix"), "basis must be one of"),
        (lambda: TemporalBasis(4, "matrix", np.eye(4)[None, None]), r"\(L, N, N\)"),
        (lambda: random_basis(4, streams=0, rng=0), "streams must be >= 1"),
    ],
)
def test_wrong_bases_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
