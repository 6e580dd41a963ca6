"""Least squares against the pseudoinverse, the normal equations and its own certificate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import RandomNetwork
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery import NotConvergedWarning, least_squares

EPS = np.finfo(float).eps
SIZES = [(60, 2, 10), (60, 4, 20), (30, 3, 10)]  # more nodes than inputs, fewer, as many


def problem(seed, M, L, N, basis=None):
    rng = np.random.default_rng(seed)
    operator = sequence_operator(RandomNetwork(M, L, "haar", seed=rng), N, "dense", basis)
    return operator, operator.matvec(rng.standard_normal(N * L)) + 0.1 * rng.standard_normal(M)


def iterative(monkeypatch):
    """Make the direct solver refuse every size."""
    import importlib

    monkeypatch.setattr(importlib.import_module("linmem.discrete.recovery.least_squares"), "DENSE_SIDE", 0)


@pytest.mark.parametrize("size", SIZES)
def test_direct_solution_is_that_of_the_pseudoinverse(size):
    operator, state = problem(0, *size)
    found = least_squares(operator, state)
    inverse = np.linalg.pinv(operator.matrix)
    singular = np.linalg.svd(operator.matrix, compute_uv=False)
    condition = singular[0] / singular[-1]
    wanted = inverse @ state
    # Backward stable: relative error of order dim cond eps for the solution, and cond^2 eps times the residual.
    residual = np.linalg.norm(state - operator.matrix @ wanted) / singular[0]
    bound = 100 * max(operator.shape) * EPS * (condition * np.linalg.norm(wanted) + condition**2 * residual)
    assert np.linalg.norm(found.coefficients.ravel() - wanted) <= bound
    assert (found.converged, found.iterations) == (True, 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direct", [True, False])
def test_ridge_solves_the_normal_equations(size, direct, monkeypatch):
    operator, state = problem(1, *size)
    ridge, tol = 0.05, 1e-12
    if not direct:
        iterative(monkeypatch)
    found = least_squares(operator, state, ridge=ridge, tol=tol)
    A = operator.matrix
    wanted = np.linalg.solve(A.T @ A + ridge * np.eye(operator.shape[1]), A.T @ state)
    # (A^T A + ridge)(c - c*) = -(A^T r - ridge c), whose norm is gap times the scale of the certificate.
    scale = np.sqrt((np.linalg.norm(A, 2) ** 2 + ridge) * 2 * found.objective)
    rounding = 100 * max(operator.shape) * EPS * np.linalg.norm(A, 2) * np.linalg.norm(state)
    assert found.gap <= tol
    assert np.linalg.norm(found.coefficients.ravel() - wanted) <= (tol * scale + rounding) / ridge
    assert found.penalty == ridge
    assert (found.iterations == 0) == direct


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SIZES), st.sampled_from([0.0, 1e-3, 1.0]))
def test_certificate_is_the_definition(seed, size, ridge):
    operator, state = problem(seed, *size)
    found = least_squares(operator, state, ridge=ridge)
    A, c = operator.matrix, found.coefficients.ravel()
    stacked = np.vstack([A, np.sqrt(ridge) * np.eye(c.size)])
    r = np.concatenate([state, np.zeros(c.size)]) - stacked @ c
    error = np.linalg.norm(stacked.T @ r) / (np.linalg.norm(stacked, 2) * np.linalg.norm(r))
    if ridge == 0:
        error = min(error, np.linalg.norm(r) / np.linalg.norm(state))
    # Both are evaluated with rounding errors of order (M + N L) eps, in units of ||r||, that do not agree.
    slack = 10 * sum(operator.shape) * EPS * (np.linalg.norm(state) / np.linalg.norm(r) if ridge else 1.0)
    assert found.gap == pytest.approx(error, abs=slack)
    assert found.objective == pytest.approx(0.5 * (r @ r), rel=1e-6, abs=sum(operator.shape) * EPS * (state @ state))


@pytest.mark.parametrize("size", SIZES)
def test_iterative_and_direct_agree(size, monkeypatch):
    operator, state = problem(2, *size)
    direct = least_squares(operator, state)
    iterative(monkeypatch)
    other = least_squares(operator, state, tol=1e-13)
    assert other.iterations > 0
    assert other.gap <= 1e-13
    singular = np.linalg.svd(operator.matrix, compute_uv=False)
    # The error of the iterate lies in the range of A^T: ||c - c*|| <= ||A^T r|| / s_min^2, or ||r|| / s_min if A c = b.
    reach = 1e-13 * np.linalg.norm(state) * (singular[0] / singular[-1] ** 2 + 1 / singular[-1])
    rounding = 1e3 * sum(operator.shape) * EPS * np.linalg.norm(state) * singular[0] / singular[-1] ** 2
    assert np.linalg.norm(other.coefficients - direct.coefficients) <= reach + rounding


@pytest.mark.parametrize("direct", [True, False])
def test_least_norm_solution_lies_in_the_range_and_ignores_the_basis(direct, monkeypatch):
    M, L, N = 40, 4, 20
    if not direct:
        iterative(monkeypatch)
    operator, state = problem(3, M, L, N)
    found = least_squares(operator, state)
    c = found.coefficients.ravel()
    outside = c - operator.matrix.T @ np.linalg.lstsq(operator.matrix.T, c)[0]
    assert np.linalg.norm(outside) <= 1e-12 * np.linalg.norm(c)
    Psi = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0]
    other = least_squares(operator.network, state, N, Psi, tol=1e-12)
    singular = np.linalg.svd(operator.matrix, compute_uv=False)
    assert np.linalg.norm(other.estimate - found.estimate) <= 3e-10 * np.linalg.norm(state) / singular[-1]


def test_not_converged_is_a_warning_with_the_backward_error(monkeypatch):
    iterative(monkeypatch)
    operator, state = problem(4, 60, 2, 10)
    with pytest.warns(NotConvergedWarning, match="least_squares stopped after 2 iterations") as caught:
        found = least_squares(operator, state, max_iter=2)
    assert caught[0].message.gap == found.gap > 1e-10
    assert not found.converged


@pytest.mark.parametrize("direct", [True, False])
def test_zero_state_gives_zero(direct, monkeypatch):
    if not direct:
        iterative(monkeypatch)
    operator, _ = problem(5, 60, 2, 10)
    found = least_squares(operator, np.zeros(60))
    assert (found.objective, found.gap, found.support_size) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ridge": -1.0}, "ridge must be >= 0"),
        ({"ridge": np.nan}, "ridge must be finite"),
        ({"tol": 0.0}, "tol must be > 0"),
        ({"max_iter": 0}, "max_iter must be >= 1"),
        ({"state": np.zeros(5)}, "state must have shape"),
        ({"state": [0, 0, 0, np.nan]}, "state must be finite"),
        ({"N": None}, r"N \(time steps to recover\) must be given"),
        ({"basis": np.ones((3, 3))}, "basis must be orthonormal"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    defaults = {"target": RandomNetwork(M=4, L=1, seed=0), "state": np.zeros(4), "N": 3}
    with pytest.raises(ValueError, match=message):
        least_squares(**(defaults | arguments))
