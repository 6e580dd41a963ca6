"""The normal operator against products with the stored matrix, exponential sums and other libraries."""

import numpy as np
import pylops
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, cg, eigsh

from linmem.discrete import RandomNetwork
from linmem.discrete.model import random_basis, temporal_basis
from linmem.discrete.operators import NormalOperator, normal_operator, sequence_operator, toeplitz
from linmem.discrete.operators.cost import SHORT
from linmem.discrete.operators.lags import lags
from linmem.discrete.operators.spreading import Spreading

EPS = np.finfo(float).eps
METHODS = ("dense", "gemm", "nufft", "toeplitz")


@st.composite
def problems(draw):
    """A network, a number of steps (on both sides of SHORT), a basis, the stored matrix and a generator."""
    M, L = 2 * draw(st.integers(1, 10)), draw(st.integers(1, 5))
    N = draw(st.one_of(st.integers(1, 15), st.sampled_from([SHORT, SHORT + 1, SHORT + 40])))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    spectrum = draw(st.sampled_from(["iid", "haar", "any"]))
    if spectrum == "any":
        spectrum = rng.uniform(-9, 9, M // 2)  # angles need not lie in [0, pi]
    network = RandomNetwork(M, L, spectrum, draw(st.sampled_from([1.0, 0.9])), seed=rng)
    basis = draw(st.sampled_from([None, "dct", "haar", "shared", "per stream"]))
    if basis in ("shared", "per stream"):
        basis = random_basis(N, streams=L if basis == "per stream" else None, rng=rng)
    return network, N, basis, sequence_operator(network, N, "dense", basis).matrix, rng


def tolerance(network, N):
    """Error of an entry of A^T A, of a Gram block or of its diagonal.

    In units of eps / 2 times B = max_lm sum_h |z_hl z_hm|: phases |w| N < 9 N and 9 for powers and products, in two
    columns and in the lags; M sums; with a basis N more for each of four products, and a factor N for the l1 norms of
    two atoms. The fast transforms add less than 9 (26 + 7 log2 P) (16 points and 10 roundings of the kernel, FFTs of
    relative error 7 log2 P, amplified by the deconvolution by at most e^2.2), finufft 1e-13 a transform.
    """
    size = np.abs(network.modes).T @ np.abs(network.modes)
    count = 4 * (9 * N + 9) + network.M + 4 * N + 9 * (26 + 7 * np.log2(4 * N + 64))
    return (count * EPS / 2 + 4e-13) * size.max() * N


@settings(max_examples=40, deadline=None)
@given(problems())
def test_every_representation_is_the_normal_matrix(problem):
    network, N, basis, A, rng = problem
    wanted, L = A.T @ A, network.L
    J = rng.integers(0, N * L, 6)
    batch = rng.standard_normal((3, N, L))
    bound = tolerance(network, N)
    for method in METHODS:
        normal = normal_operator(network, N, method, basis)
        assert normal.method == method
        assert np.abs(normal.gram(J) - wanted[np.ix_(J, J)]).max() <= bound
        assert np.abs(normal.diagonal().ravel() - np.diag(wanted)).max() <= bound
        assert np.abs(normal.columns(J) - A[:, J]).max() <= bound
        # A product sums N L entries of the matrix.
        products = (wanted @ batch.reshape(3, -1).T).T.reshape(batch.shape)
        limit = bound * np.abs(batch).sum(axis=(1, 2)).max()
        assert np.abs(normal.apply(batch) - products).max() <= limit
        assert np.abs(normal.apply(batch[0]) - products[0]).max() <= limit
        assert np.abs(normal @ batch.reshape(3, -1).T - products.reshape(3, -1).T).max() <= limit


@settings(max_examples=20, deadline=None)
@given(problems())
def test_packed_kernel_and_streamwise_gram_are_those_of_small_sizes(problem):
    network, N, basis, _, rng = problem
    J = rng.integers(0, N * network.L, 6)
    batch = rng.standard_normal((2, N, network.L))
    small = normal_operator(network, N, "toeplitz", basis)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SMALL", "STORED_LAGS"):
            patch.setattr(toeplitz, name, 0)
        patch.setattr(toeplitz, "CACHE", 7 * network.L**2)  # several blocks of frequencies
        large = normal_operator(network, N, "toeplitz", basis)
        assert large.kernel.dtype == np.float64
        assert small.kernel.dtype == np.complex128
        bound = tolerance(network, N)
        assert np.abs(large.gram(J) - small.gram(J)).max() <= bound
        assert np.abs(large.diagonal() - small.diagonal()).max() <= bound
        for X in (batch, batch[0]):
            assert np.abs(large.apply(X) - small.apply(X)).max() <= bound * np.abs(batch).sum()


@settings(max_examples=20, deadline=None)
@given(problems())
def test_symmetric_and_positive(problem):
    network, N, basis, _, rng = problem
    x, y = rng.standard_normal((2, N * network.L))
    for method in METHODS:
        normal = normal_operator(network, N, method, basis)
        limit = tolerance(network, N) * np.abs(x).sum() * np.abs(y).sum()
        assert abs((normal @ x) @ y - x @ (normal.T @ y)) <= limit
        assert x @ (normal @ x) >= -tolerance(network, N) * np.abs(x).sum() ** 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 17, 300]), st.integers(1, 40))
def test_spreading_sums_exponentials(seed, N, H):
    rng = np.random.default_rng(seed)
    w, p = rng.uniform(-9, 9, H), rng.standard_normal((H, 2, 2)).view(complex)[:, :, 0]
    lag = np.concatenate([np.arange(N), np.arange(1 - N, 0)])
    exact = np.real(np.exp(1j * np.outer(lag, w)) @ p)
    # |w d| < 9 N: phases lose 9 N eps; aliasing and the deconvolved roundings of the grid as in ``tolerance``.
    bound = (2 * 9 * N + 9 * (26 + 7 * np.log2(4 * N + 64)) + H) * EPS / 2 + 1e-15
    assert np.abs(Spreading(w, N).sums(np.ascontiguousarray(p)) - exact).max() <= bound * np.abs(p).sum(axis=0).max()


def test_lags_come_once_for_each_pair():
    for L in (1, 3, 20):
        pairs = [pair for l, m, _ in lags(RandomNetwork(M=4, L=L, seed=0), 3) for pair in zip(l, m, strict=True)]
        assert sorted(pairs) == [(l, m) for l in range(L) for m in range(l, L)]


@settings(max_examples=20, deadline=None)
@given(problems(), st.integers(1, 12))
def test_largest_is_near_an_eigenvalue_and_at_the_top_when_run_to_the_end(problem, steps):
    network, N, basis, A, _ = problem
    normal = normal_operator(network, N, "toeplitz", basis)
    eigenvalues = np.linalg.eigvalsh(A.T @ A)
    top = eigenvalues[-1]
    # No Ritz value exceeds the largest eigenvalue, and no residual of a unit vector does, as none is negative.
    assert 0 < normal.largest(steps) <= 2 * top * (1 + 1e-9)
    if 1 < N * network.L <= 40:
        # In exact arithmetic N L steps end at the largest eigenvalue; rounding repeats eigenvalues, it adds none.
        assert normal.largest(10 * N * network.L) == pytest.approx(top, rel=1e-6)


def test_scipy_and_pylops_take_the_operator():
    network = RandomNetwork(M=60, L=2, seed=0)
    normal = normal_operator(network, 12, "toeplitz", "haar")
    matrix = normal @ np.eye(24)
    assert isinstance(normal, LinearOperator)
    assert isinstance(normal, NormalOperator)
    assert pylops.utils.dottest(pylops.aslinearoperator(normal), 24, 24, rtol=1e-10)
    right = np.arange(24.0)
    solution, info = cg(normal, right, rtol=1e-12, maxiter=1000)
    assert info == 0
    assert np.linalg.norm(matrix @ solution - right) <= 1e-10 * np.linalg.norm(right)
    top = eigsh(normal, k=1, return_eigenvectors=False, v0=np.ones(24))[0]
    assert top == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-9)


def test_products_do_not_depend_on_the_number_of_nodes():
    few, many = (normal_operator(RandomNetwork(M, 3, seed=0), 50, "toeplitz") for M in (20, 2000))
    assert few.kernel.shape == many.kernel.shape


def test_auto_takes_toeplitz_when_large():
    assert normal_operator(RandomNetwork(M=600, L=20, seed=0), 100).method == "toeplitz"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "toeplits"}, ValueError, "method must be one of.*did you mean 'toeplitz'"),
        ({"N": 0}, ValueError, "N must be >= 1"),
        ({"N": 4.0}, TypeError, "N must be an integer"),
        ({"products": -1}, ValueError, "products must be > 0"),
        ({"network": np.eye(4)}, TypeError, "network must be a RandomNetwork"),
        ({"basis": temporal_basis("dct", 5)}, ValueError, "basis must"),
        ({"basis": np.eye(4)[None].repeat(3, axis=0)}, ValueError, "basis must"),
    ],
)
def test_bad_normal_operator_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        normal_operator(**({"network": RandomNetwork(M=4, L=2, seed=0), "N": 4, "method": "toeplitz"} | arguments))


@pytest.mark.parametrize("indices", [[8], [-1], [0.5], [[0]]])
def test_bad_gram_index_is_refused(indices):
    for method in METHODS:
        with pytest.raises(ValueError, match="indices must be a vector of integers"):
            normal_operator(RandomNetwork(M=4, L=2, seed=0), 4, method).gram(indices)


def test_largest_needs_a_step():
    with pytest.raises(ValueError, match="steps must be >= 1"):
        normal_operator(RandomNetwork(M=4, L=2, seed=0), 4).largest(0)


@pytest.mark.parametrize("q", [1.0, 0.9])
def test_blocks_in_a_shared_basis_stay_the_same_when_the_whole_matrix_is_kept(q):
    network = RandomNetwork(M=40, L=3, q=q, seed=0)
    normal = normal_operator(network, 8, "toeplitz", "dct")
    J = np.array([0, 2, 5, 11, 17, 23])
    first = normal.gram(J)
    for _ in range(20):  # by then the blocks have cost more than the whole
        later = normal.gram(J)
    A = normal.columns(J)
    # Entries are sums of M, and of at most 4 N L, products of numbers whose squares sum to a column's norm squared.
    bound = (40 + 4 * 24) * np.finfo(float).eps * np.sum(A**2, axis=0).max()
    assert np.abs(first - A.T @ A).max() <= bound
    assert 0 < np.abs(later - A.T @ A).max() <= bound  # another summation, not the same numbers
