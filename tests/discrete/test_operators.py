"""Operators against the simulation, each other and the definition of the adjoint."""

import pickle

import numpy as np
import pylops
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator, lsmr, lsqr, svds

from linmem.discrete import DenseOperator, GemmOperator, RandomNetwork, sequence_operator, sparse_signal
from linmem.discrete.operators import NufftOperator, cost

EPS = np.finfo(float).eps


@st.composite
def problems(draw):
    """A network, a number of steps, a temporal basis or None, and a generator for inputs."""
    M, L, N = 2 * draw(st.integers(1, 10)), draw(st.integers(1, 5)), draw(st.integers(1, 15))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    spectrum, q = draw(st.sampled_from(["iid", "haar"])), draw(st.sampled_from([1.0, 0.8]))
    basis = np.linalg.qr(rng.standard_normal((N, N)))[0] if draw(st.booleans()) else None
    return RandomNetwork(M, L, spectrum, q, seed=rng), N, basis, rng


def tolerance(network, N, C, basis):
    """Rounding of operator and recursion: each of the N L terms |z psi c| passes at most (pi + 9) N + N L + 3 L + 12
    roundings of eps / 2 (see _rounding_bound in verification/charles2018), N more with a basis."""
    Psi = np.eye(N) if basis is None else np.abs(basis)
    size = (np.abs(network.modes) @ (Psi @ np.abs(C)).T).sum(1).max()
    return ((np.pi + 10) * N + N * network.L + 3 * network.L + 12) * EPS / 2 * size


@given(problems())
def test_dense_gemm_and_simulation_agree(problem):
    network, N, basis, rng = problem
    C = rng.standard_normal((N, network.L))
    S = C if basis is None else basis @ C
    simulated = network.simulate(S)
    for method in ("dense", "gemm"):
        operator = sequence_operator(network, N, method, basis)
        assert np.abs(operator @ C.ravel() - simulated).max() <= tolerance(network, N, C, basis)


def absolute(network, N, basis):
    """The matrix with all terms of its entries taken absolutely: |g_r z_r| + |g_i z_i| over |g_r z_i| + |g_i z_r|."""
    G = network.modal_powers(N) if basis is None else network.modal_powers(N) @ basis
    gr, gi = np.abs(G.real)[:, :, None], np.abs(G.imag)[:, :, None]
    zr, zi = np.abs(network.modes.real)[:, None, :], np.abs(network.modes.imag)[:, None, :]
    return np.vstack([gr * zr + gi * zi, gr * zi + gi * zr]).reshape(network.M, -1)


@given(problems())
def test_adjoint(problem):
    network, N, basis, rng = problem
    s, x = rng.standard_normal(N * network.L), rng.standard_normal(network.M)
    # Both sides sum the same stored numbers, with at most N L + L + M + 4 roundings of eps / 2 on each term and side.
    bound = (N * network.L + network.L + network.M + 4) * EPS * (np.abs(x) @ absolute(network, N, basis) @ np.abs(s))
    for kind in (DenseOperator, GemmOperator):
        operator = kind(network, N, basis)
        assert abs((operator @ s) @ x - s @ (operator.T @ x)) <= bound


@given(problems())
def test_columns_are_impulse_responses(problem):
    network, N, basis, rng = problem
    size = N * network.L
    for method in ("dense", "gemm"):
        operator = sequence_operator(network, N, method, basis)
        matrix = operator.columns(np.arange(size))
        for j in rng.choice(size, size=min(3, size), replace=False):
            unit = np.zeros(size)
            unit[j] = 1.0
            C = unit.reshape(N, network.L)
            response = network.simulate(operator.sequence(unit))
            assert np.abs(matrix[:, j] - response).max() <= tolerance(network, N, C, basis)


@given(problems())
def test_columns_of_an_orthogonal_network_keep_their_norm(problem):
    network, N, basis, _ = problem
    if network.q != 1.0 or basis is not None:
        return
    norms = np.linalg.norm(sequence_operator(network, N, "gemm").columns(np.arange(N * network.L)), axis=0)
    wanted = np.tile(np.linalg.norm(network.Z, axis=0), N)  # ||W^a z|| = ||z||
    assert np.abs(norms - wanted).max() <= (np.pi * N + 12) * EPS * wanted.max()


@given(problems())
def test_a_time_shift_is_a_power_of_W(problem):
    network, N, _, rng = problem
    S = rng.standard_normal((N, network.L))
    later = np.vstack([S, np.zeros((2, network.L))])
    x = sequence_operator(network, N).state(S)
    y = sequence_operator(network, N + 2).state(later)
    size = (np.abs(network.modes) @ np.abs(S).T).sum(1).max()
    bound = 2 * ((np.pi + 1) * (N + 2) + N * network.L + 20) * EPS * size
    assert np.abs(network.W @ network.W @ x - y).max() <= bound


@settings(max_examples=20)
@given(problems())
def test_coefficients_and_sequence_are_inverse(problem):
    network, N, basis, rng = problem
    operator = sequence_operator(network, N, basis=basis)
    S = rng.standard_normal((N, network.L))
    # Two products with a matrix orthonormal to about N eps.
    assert np.abs(operator.sequence(operator.coefficients(S)) - S).max() <= 40 * N * EPS * np.abs(S).sum()


def test_operators_are_scipy_operators():
    operator = sequence_operator(RandomNetwork(M=6, L=2, seed=0), N=4)
    assert isinstance(operator, LinearOperator)
    assert operator.shape == (6, 8)
    # scipy composes them: the matrix of A^T A, column by column, against the stored matrix (8 terms deep).
    gram = (operator.T @ operator) @ np.eye(8)
    matrix = operator.columns(np.arange(8))
    assert np.abs(gram - matrix.T @ matrix).max() <= 2 * 8 * EPS * (np.abs(matrix).T @ np.abs(matrix)).max()


NUFFT = 1e-12
"""Relative l2 error of a transform of up to 300 steps: 1e-13 asked of finufft, (pi + 1) N eps / 2 < 1.5e-13 of phases,
with a margin of four for the norm that finufft's tolerance refers to."""


@settings(max_examples=30, deadline=None)
@given(problems(), st.integers(0, 3))
def test_nufft_is_the_operator_and_its_columns(problem, kind):
    network, N, basis, rng = problem
    N = N if kind == 0 or basis is not None else 20 * N
    if kind == 1 and basis is not None:
        basis = np.linalg.qr(rng.standard_normal((network.L, N, N)))[0]
    if kind == 2:
        basis = "dct"
    nufft, gemm = NufftOperator(network, N, basis), GemmOperator(network, N, basis)
    s, x = rng.standard_normal(N * network.L), rng.standard_normal(network.M)
    # ||A s|| is at most ||z||_F sqrt(N) ||s||; the error of a transform is relative to its own terms, not to the sum.
    size = np.linalg.norm(network.modes) * np.sqrt(N)
    assert np.linalg.norm(nufft @ s - gemm @ s) <= NUFFT * size * np.linalg.norm(s)
    assert np.linalg.norm(nufft.T @ x - gemm.T @ x) <= NUFFT * size * np.linalg.norm(x)
    assert abs((nufft @ s) @ x - s @ (nufft.T @ x)) <= NUFFT * size * np.linalg.norm(s) * np.linalg.norm(x)
    J = rng.integers(0, N * network.L, 5)
    assert np.abs(nufft.columns(J) - gemm.columns(J)).max() <= NUFFT * size


def test_nufft_can_be_sent_to_another_process():
    nufft = NufftOperator(RandomNetwork(M=6, L=2, q=0.9, seed=0), 4, "haar")
    assert (pickle.loads(pickle.dumps(nufft)) @ np.ones(8) == nufft @ np.ones(8)).all()


@settings(max_examples=20, deadline=None)
@given(problems())
def test_products_with_blocks_are_products_with_their_columns(problem):
    network, N, basis, rng = problem
    X, Y = rng.standard_normal((N * network.L, 3)), rng.standard_normal((network.M, 3))
    bound = (N * network.L + network.L + network.M + 4) * EPS * absolute(network, N, basis)
    for kind in (DenseOperator, GemmOperator):
        operator = kind(network, N, basis)
        columns = np.stack([operator @ x for x in X.T], axis=1)
        assert (np.abs(operator @ X - columns) <= bound @ np.abs(X)).all()
        columns = np.stack([operator.T @ y for y in Y.T], axis=1)
        assert (np.abs(operator.T @ Y - columns) <= bound.T @ np.abs(Y)).all()


@pytest.mark.parametrize("method", ["dense", "gemm", "nufft"])
def test_other_libraries_take_the_operator(method):
    network = RandomNetwork(M=200, L=2, seed=0)
    operator = sequence_operator(network, 10, method, "dct")
    matrix = operator @ np.eye(20)  # as cvxpy's users do
    assert np.abs(matrix - operator.columns(np.arange(20))).max() <= NUFFT * np.linalg.norm(network.modes) * np.sqrt(10)
    assert aslinearoperator(operator) is operator
    wrapped = pylops.aslinearoperator(operator)
    assert pylops.utils.dottest(wrapped, 200, 20, rtol=1e-10)
    truth = np.random.default_rng(0).standard_normal(20)
    state = operator @ truth
    condition = np.linalg.cond(matrix)  # about 2
    for solution in (
        lsqr(operator, state, atol=1e-10, btol=1e-10)[0],
        lsmr(operator, state, atol=1e-10, btol=1e-10)[0],
        wrapped / state,  # conjugate gradients to 1e-6 by default
    ):
        assert np.linalg.norm(solution - truth) <= condition**2 * 1e-6 * np.linalg.norm(truth)
    largest = svds(operator, k=1, return_singular_vectors=False, rng=np.random.default_rng(0))[0]
    assert largest == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-8)


def test_auto_follows_the_cost_model():
    sizes = [(10, 2, 5), (1200, 40, 100), (12_000, 40, 1000), (120_000, 40, 10_000), (400, 1, 4000)]
    for M, L, N in sizes:
        for products in (1, 100, 10**4):
            chosen = cost.cheapest(cost.METHODS, M, N, L, products)
            needed = {method: cost.storage(method, M, N, L) for method in cost.METHODS}
            assert needed[chosen] <= cost.STORAGE
            times = [cost.seconds(m, M, N, L, products) for m in cost.METHODS if needed[m] <= cost.STORAGE]
            assert cost.seconds(chosen, M, N, L, products) == min(times)
    assert isinstance(sequence_operator(RandomNetwork(M=10, L=2, seed=0), 5), DenseOperator)
    assert isinstance(sequence_operator(RandomNetwork(M=1000, L=20, seed=0), 50), GemmOperator)
    assert isinstance(sequence_operator(RandomNetwork(M=1000, L=2, seed=0), 5000), NufftOperator)


def test_auto_keeps_to_the_least_memory_where_nothing_fits():
    assert cost.cheapest(("dense", "gemm"), 10**6, 10**6, 10, 100) == "gemm"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "gem"}, "method must be one of.*did you mean 'gemm'"),
        ({"N": 0}, "N must be >= 1"),
        ({"basis": np.ones((4, 4))}, "basis must be orthonormal"),
        ({"basis": np.eye(3)}, "basis must have shape"),
        ({"basis": "haarr"}, "basis must be one of 'canonical'.*did you mean 'haar'"),
        ({"basis": np.eye(4)[None].repeat(2, axis=0)}, "basis must .*got.*2"),
        ({"products": 0}, "products must be > 0"),
    ],
)
def test_bad_operator_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence_operator(**({"network": RandomNetwork(M=4, L=1, seed=0), "N": 4} | arguments))


@pytest.mark.parametrize("indices", [[4], [-1], [0.5], [[0]]])
def test_bad_column_index_is_refused(indices):
    for method in ("dense", "gemm", "nufft"):
        with pytest.raises(ValueError, match="indices must be a vector of integers"):
            sequence_operator(RandomNetwork(M=4, L=1, seed=0), 4, method).columns(indices)


@given(st.integers(1, 8), st.integers(1, 4), st.data())
def test_sparse_signal_has_K_nonzeros_where_it_says(N, L, data):
    K = data.draw(st.integers(0, N * L))
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0]
    signal = sparse_signal(N, L, K, basis, rng=data.draw(st.integers(0, 100)))
    assert (np.flatnonzero(signal.coefficients.ravel()) == signal.support).all()
    assert len(signal.support) == K
    assert np.linalg.norm(signal.sequence) == pytest.approx(np.linalg.norm(signal.coefficients), rel=100 * N * EPS)


def test_more_nonzeros_than_coefficients_are_refused():
    with pytest.raises(ValueError, match=r"K must be <= N L = 6.*got 7"):
        sparse_signal(3, 2, 7, rng=0)
