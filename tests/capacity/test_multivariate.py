"""Several inputs: against many-digit arithmetic, single-input curves, block structure, invariance, simulation."""

import numpy as np
import pytest
from exact_memory import input_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.capacity.extended import input_normal_form, multivariate_capacity, multivariate_curves
from linmem.capacity.linear import exact_curve
from linmem.capacity.systems import random_connectivity


def _system(N, d, kind, seed, radius=0.95):
    rng = np.random.default_rng(seed)
    if kind == "nilpotent":
        A = np.triu(rng.standard_normal((N, N)), 1)
    elif kind == "defective":
        A = 0.8 * np.eye(N) + np.eye(N, k=1)
        A *= 0.5
    elif kind == "symmetric":
        A = rng.standard_normal((N, N))
        A = A + A.T
        A *= radius / np.abs(np.linalg.eigvalsh(A)).max()
    else:
        A = random_connectivity(N, kind, radius=radius, rng=rng)
    return A, rng.standard_normal((N, d))


CASES = [
    ("normal", 20, 1), ("normal", 20, 2), ("normal", 24, 3), ("orthogonal", 20, 2), ("cyclic", 16, 2),
    ("symmetric", 20, 2), ("nilpotent", 16, 2), ("defective", 12, 2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "N", "d"), CASES)
def test_curves_and_their_intervals_against_many_digits(kind, N, d):
    A, C = _system(N, d, kind, seed=N + d)
    curves = multivariate_curves(A, C, 2 * N)
    exact = input_memory(A, C, 2 * N).T
    # The chain is made of N unitary factors applied once each: errors of a few N 2^-52, whatever the condition of G.
    # Eigenvalues of the nilpotent and the Jordan block are exact here, because the matrices are triangular.
    assert np.abs(curves.values - exact).max() <= 16 * N * 2.0**-52
    assert (curves.low <= exact).all()
    assert (exact <= curves.high).all()
    assert np.allclose(curves.joint, exact.sum(axis=0), rtol=0, atol=d * 16 * N * 2.0**-52)


@pytest.mark.parametrize("kind", ["sparse-conditioned", "nilpotent", "defective"])
def test_interval_holds_the_truth_where_eigenvalues_are_ill_conditioned(kind):
    A, C = _system(16, 2, kind, seed=5)
    H = np.linalg.qr(np.random.default_rng(6).standard_normal((16, 16)))[0]
    A = H @ A @ H.T
    curves = multivariate_curves(A, C, 40)
    exact = input_memory(A, C, 40).T
    assert (curves.low <= exact).all()
    assert (exact <= curves.high).all()
    assert (curves.high - curves.low).max() < 1e-3


def test_correlated_inputs_against_many_digits():
    A, C = _system(16, 3, "normal", seed=1)
    Sigma = np.array([[2.0, 0.9, 0.3], [0.9, 1.0, -0.2], [0.3, -0.2, 0.5]])
    curves = multivariate_curves(A, C, 30, Sigma)
    exact = input_memory(A, C, 30, Sigma).T
    assert np.abs(curves.values - exact).max() <= 16 * 16 * 2.0**-52
    assert ((curves.low <= exact) & (exact <= curves.high)).all()
    assert curves.values.sum() > curves.joint.sum() + 0.1  # correlated inputs are remembered through each other


def test_copies_of_one_input_are_remembered_like_one():
    A, C = _system(12, 1, "normal", seed=2)
    one = exact_curve(A, C[:, 0], 40)
    curves = multivariate_curves(A, np.hstack([0.5 * C, 0.5 * C]), 40, np.ones((2, 2)))
    assert np.allclose(curves.values, one.values, atol=1e-12)
    assert np.allclose(curves.joint, one.values, atol=1e-12)


@pytest.mark.parametrize("kind", ["normal", "orthogonal", "cyclic", "sparse"])
def test_one_input_is_the_exact_curve(kind):
    A, C = _system(30, 1, kind, seed=3)
    one = exact_curve(A, C[:, 0], 90)
    many = multivariate_curves(A, C[:, 0], 90)
    assert (np.abs(many.values[0] - one.values) <= (one.high - one.low) + (many.high - many.low)[0]).all()
    assert many.rank == one.rank


def test_inputs_of_separate_networks_do_not_see_each_other():
    (A, B), (C, D) = zip(_system(8, 1, "normal", 4), _system(5, 1, "orthogonal", 5), strict=True)
    whole = np.block([[A, np.zeros((8, 5))], [np.zeros((5, 8)), B]])
    mask = np.block([[C, np.zeros((8, 1))], [np.zeros((5, 1)), D]])
    curves = multivariate_curves(whole, mask, 30)
    assert np.allclose(curves.values[0], exact_curve(A, C[:, 0], 30).values, atol=1e-11)
    assert np.allclose(curves.values[1], exact_curve(B, D[:, 0], 30).values, atol=1e-11)
    assert np.allclose(multivariate_capacity(whole, mask, 0).values, [8, 5], atol=1e-10)


def _rank(A, C):
    """Rank of the block Krylov matrix in exact rational arithmetic."""
    from flint import fmpq, fmpq_mat

    def exact(M):
        return fmpq_mat([[fmpq(*float(x).as_integer_ratio()) for x in row] for row in M])

    block, A_, columns = exact(C), exact(A), []
    for _ in range(len(A)):
        columns.append(block)
        block = A_ * block
    return fmpq_mat([[c[i, j] for c in columns for j in range(c.ncols())] for i in range(len(A))]).rank()


@pytest.mark.parametrize(
    ("A", "C"),
    [
        (np.diag([0.5, 0.5, 0.5, 0.25]), np.array([[1.0, 0], [0, 1], [1, 1], [1, 2]])),  # eigenvalue thrice, two inputs
        (0.5 * np.eye(4), np.eye(4)[:, :2]),
        (0.5 * np.eye(5, k=-1), np.eye(5)[:, [2, 3]]),  # two states before the inputs
        (np.kron(np.diag([0.5, 0.25]), np.eye(3, k=1)), np.ones((6, 2))),
        (np.diag([0.5, 0.25, -0.5]), np.array([[1.0, 2], [1, 2], [0, 0]])),
    ],
)
def test_joint_capacity_is_the_dimension_that_the_inputs_reach(A, C):
    rank = _rank(A, C)
    assert multivariate_curves(A, C, 3).rank == rank
    found = multivariate_capacity(A, C, first_lag=0)
    assert found.joint == rank
    assert abs(found.values.sum() - rank) < 1e-12
    assert abs(multivariate_curves(A, C, 200).joint.sum() - rank) < 1e-12  # radius .5: nothing is left


def test_capacity_is_the_sum_of_the_curve():
    A, C = _system(10, 2, "normal", seed=7, radius=0.8)
    Sigma = [[1.0, 0.4], [0.4, 1.0]]
    curves = multivariate_curves(A, C, 300, Sigma)  # .8^600 is nothing
    for first in (0, 1, 5):
        found = multivariate_capacity(A, C, first, Sigma)
        assert np.allclose(found.values, curves.values[:, first:].sum(axis=1), atol=1e-10)
        assert abs(found.joint - curves.joint[first:].sum()) < 1e-10
        assert found.joint_low <= found.joint <= found.joint_high


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), N=st.integers(1, 8), d=st.integers(1, 3))
def test_change_of_coordinates_and_mixing_of_the_inputs(seed, N, d):
    rng = np.random.default_rng(seed)
    A, C = _system(N, d, "normal", seed, radius=0.7)
    S = np.eye(N) + 0.3 * rng.standard_normal((N, N)) / np.sqrt(N)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    curves = multivariate_curves(A, C, 10)
    moved = multivariate_curves(S @ A @ np.linalg.inv(S), S @ C, 10)
    mixed = multivariate_curves(A, C @ Q, 10)
    assert np.allclose(moved.values, curves.values, atol=1e-6)
    assert np.allclose(mixed.joint, curves.joint, atol=1e-8)
    assert (curves.values <= 1 + 1e-12).all()
    assert (np.diff(curves.joint) <= 1e-12).all()


def test_normal_form_has_orthonormal_rows_and_the_eigenvalues():
    A, C = _system(20, 3, "normal", seed=8)
    normal, B = input_normal_form(A, C).matrices()
    assert np.abs(normal @ normal.conj().T + B @ B.conj().T - np.eye(20)).max() < 1e-14
    assert np.allclose(np.poly(np.diag(normal)), np.poly(A), atol=1e-12)


def test_simulated_memory_of_each_input():
    rng = np.random.default_rng(9)
    A, C = _system(6, 2, "normal", seed=9, radius=0.8)
    T, x = 40_000, np.zeros(6)
    z, X = rng.standard_normal((T, 2)), np.empty((T, 6))
    for t in range(T):
        x = X[t] = A @ x + C @ z[t]
    curves = multivariate_curves(A, C, 4)
    for tau in range(5):
        residual = z[100 - tau : T - tau] - X[100:] @ np.linalg.lstsq(X[100:], z[100 - tau : T - tau], rcond=None)[0]
        # 1 - R^2 has a standard deviation of at most 1 / sqrt(T) (2 sqrt(R^2) (1 - R^2) / sqrt(T)), and a bias N/T.
        assert np.abs(1 - residual.var(axis=0) / z.var(axis=0) - curves.values[:, tau]).max() < 5 / np.sqrt(T)


def test_frame_and_single_curves():
    curves = multivariate_curves(0.5 * np.eye(2), np.eye(2), 3)
    frame = curves.to_frame()
    assert list(frame.columns) == ["input", "lag", "value", "low", "high"]
    assert len(frame) == 8
    assert np.array_equal(curves.curve(1).values, frame[frame["input"] == 1].value)
    with pytest.raises(ValueError, match="i must be <= 1"):
        curves.curve(2)


@pytest.mark.parametrize(
    ("A", "C", "covariance", "message"),
    [
        (np.eye(2), np.eye(2), None, "radius"),
        (0.5 * np.eye(2), np.ones((3, 2)), None, "rows"),
        (0.5 * np.eye(2), np.zeros((2, 2)), None, "zero"),
        (0.5 * np.eye(2), np.eye(2), [[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        (0.5 * np.eye(2), np.eye(2), [[1.0, 2.0], [2.0, 1.0]], "semidefinite"),
        (0.5 * np.eye(2), np.eye(2), [[1.0, 0.0], [0.0, 0.0]], "positive variances"),
        (0.5 * np.eye(2), np.eye(2), np.eye(3), "shape"),
    ],
)
def test_refuses_bad_input(A, C, covariance, message):
    with pytest.raises(ValueError, match=message):
        multivariate_curves(A, C, 3, covariance)
    with pytest.raises(ValueError, match=message):
        multivariate_capacity(A, C, 0, covariance)


def test_eigenvalues_that_rounding_moves_over_the_unit_circle_are_refused():
    N = 12
    A = 40.0 * np.eye(N, k=1)  # nilpotent; in other coordinates its computed eigenvalues are of size 40 2^(-52/12) > 1
    H = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0]
    with pytest.raises(ValueError, match=r"unit circle|radius"):
        multivariate_curves(H @ A @ H.T, np.ones((N, 2)), 3)
