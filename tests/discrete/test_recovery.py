"""LASSO against optimality conditions, closed forms, an interior-point solver and its own certificate."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete import (
    NotConvergedWarning,
    RandomNetwork,
    default_penalty,
    lasso,
    oracle,
    relative_error,
    sequence_operator,
    sparse_signal,
)

EPS = np.finfo(float).eps


def problem(seed, M=40, L=4, N=20, K=5, level=0.05):
    """Operator, noisy state, and a penalty that is a fraction of the one that gives zero."""
    rng = np.random.default_rng(seed)
    network = RandomNetwork(M, L, seed=rng)
    operator = sequence_operator(network, N, "dense")
    clean = network.simulate(sparse_signal(N, L, K, rng=rng).sequence)
    state = clean + level * np.linalg.norm(clean) / np.sqrt(M) * rng.standard_normal(M)
    return operator, state, 0.05 * np.abs(operator.T @ state).max()


def objective(operator, state, a, lam):
    return 0.5 * np.sum((operator.matrix @ a - state) ** 2) + lam * np.abs(a).sum()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1e-6, 1e-9]))
def test_gap_bounds_the_distance_to_a_much_better_solution(seed, tol):
    operator, state, lam = problem(seed)
    coarse, fine = (lasso(operator, state, lam=lam, tol=t) for t in (tol, 1e-13))
    assert coarse.gap <= tol
    # fine.objective exceeds the minimum by 1e-13 at most, and each objective is a sum rounded to about (M + N L) eps.
    rounding = 1e-13 + 200 * EPS
    assert (coarse.objective - fine.objective) / coarse.objective <= coarse.gap + rounding
    assert coarse.objective >= fine.objective * (1 - rounding)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_optimality_conditions(seed):
    operator, state, lam = problem(seed)
    found = lasso(operator, state, lam=lam, tol=1e-13)
    a = found.coefficients.ravel()
    g = operator.matrix.T @ (state - operator.matrix @ a)
    # ||A (a - a*)||^2 / 2 <= gap P, so the correlations are off by at most ||column|| sqrt(2 gap P).
    slack = np.linalg.norm(operator.matrix, axis=0).max() * np.sqrt(2 * 1e-13 * found.objective)
    assert np.abs(g).max() <= lam + 2 * slack
    # The terms lam |a_i| - g_i a_i are the gap: where a_i is not small, g_i is lam sign(a_i).
    complementarity = lam * np.abs(a) - g * a
    assert np.abs(complementarity).max() <= 1e-13 * found.objective + 2 * slack * np.abs(a).max()
    assert found.objective == pytest.approx(objective(operator, state, a, lam), rel=200 * EPS)


@pytest.mark.parametrize("seed", range(3))
def test_against_cvxpy(seed):
    import cvxpy as cp

    operator, state, lam = problem(seed)
    found = lasso(operator, state, lam=lam, tol=1e-12)
    a = cp.Variable(operator.shape[1])
    cost = 0.5 * cp.sum_squares(operator.matrix @ a - state) + lam * cp.norm1(a)
    cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
    theirs = objective(operator, state, a.value, lam)
    # CLARABEL stops at a relative gap of 1e-8; ours is within 1e-12.
    assert -1e-12 <= (theirs - found.objective) / found.objective <= 1e-6
    # ||A (a - a')||^2 / 2 <= (sqrt(gap) + sqrt(gap'))^2 P
    fit = 0.5 * np.sum((operator.matrix @ (a.value - found.coefficients.ravel())) ** 2)
    excess = max(theirs / found.objective - 1, 0) + 1e-12
    assert fit <= (np.sqrt(1e-12) + np.sqrt(excess)) ** 2 * found.objective


@settings(deadline=None)
@given(st.integers(0, 10**6), st.floats(1.0, 10.0))
def test_a_penalty_at_or_above_the_largest_correlation_gives_exactly_zero(seed, factor):
    operator, state, _ = problem(seed)
    found = lasso(operator, state, lam=factor * np.abs(operator.rmatvec(state)).max())
    assert not found.coefficients.any()
    # The clip of the dual scale at 1 is exact up to one rounding of lam / max: gap = (1 - c)^2 P.
    assert found.gap <= (4 * EPS) ** 2
    assert found.iterations == 0


def test_a_penalty_just_below_the_largest_correlation_does_not():
    operator, state, _ = problem(0)
    found = lasso(operator, state, lam=0.99 * np.abs(operator.T @ state).max(), tol=1e-10)
    assert found.support_size >= 1


def test_orthonormal_map_gives_soft_thresholding():
    # One stream, one mode per frequency 2 pi k / N: rescaled to |z_h|^2 = 2/N the columns are orthonormal.
    N = 16
    network = RandomNetwork(M=N, L=1, spectrum=2 * np.pi * (np.arange(N // 2) + 0.5) / N, seed=0)
    object.__setattr__(network, "modes", np.sqrt(2 / N) * network.modes / np.abs(network.modes))
    operator = sequence_operator(network, N, "dense")
    # Columns W^a z: <W^a z, W^b z> = 2/N sum_h cos(w_h (a - b)) = 0 for these frequencies.
    assert np.abs(operator.matrix.T @ operator.matrix - np.eye(N)).max() <= 4 * (np.pi * N + 8) * EPS
    state, lam = np.random.default_rng(0).standard_normal(N), 0.4
    c = operator.T @ state
    wanted = np.sign(c) * np.maximum(np.abs(c) - lam, 0)
    found = lasso(operator, state, lam=lam, tol=1e-13)
    # ||a - a*|| = ||A (a - a*)|| <= sqrt(2 gap P)
    assert np.linalg.norm(found.coefficients.ravel() - wanted) <= np.sqrt(2 * 1e-13 * found.objective)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_permuting_the_streams_permutes_the_estimate(seed):
    operator, state, lam = problem(seed)
    order = np.random.default_rng(seed).permutation(operator.L)
    other = RandomNetwork(operator.network.M, operator.L, operator.network.frequencies, seed=0)
    object.__setattr__(other, "modes", operator.network.modes[:, order])
    first = lasso(operator, state, lam=lam, tol=1e-12)
    second = lasso(other, state, operator.N, lam=lam, tol=1e-12)
    difference = (first.coefficients[:, order] - second.coefficients).ravel()
    matrix = sequence_operator(other, operator.N, "dense").matrix
    assert 0.5 * np.sum((matrix @ difference) ** 2) <= 4 * 1e-12 * first.objective + (200 * EPS) ** 2 * (state @ state)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6))
def test_scaling_state_and_penalty_scales_the_estimate(seed, scale):
    operator, state, lam = problem(seed)
    first = lasso(operator, state, lam=lam, tol=1e-12)
    second = lasso(operator, scale * state, lam=scale * lam, tol=1e-12)
    difference = (first.coefficients - second.coefficients / scale).ravel()
    assert (
        0.5 * np.sum((operator.matrix @ difference) ** 2)
        <= 4 * 1e-12 * first.objective + (200 * EPS * np.linalg.norm(state)) ** 2
    )


def test_basis_and_method_do_not_matter_to_the_minimum():
    N, L, M = 20, 4, 40
    Psi = np.linalg.qr(np.random.default_rng(0).standard_normal((N, N)))[0]
    network, signal = RandomNetwork(M, L, seed=1), sparse_signal(N, L, 4, Psi, rng=2)
    state = network.simulate(signal.sequence)
    objectives = []
    for method in ("dense", "gemm"):
        found = lasso(sequence_operator(network, N, method, Psi), state, lam=1e-3, tol=1e-10)
        assert np.abs(found.estimate - Psi @ found.coefficients).max() <= 4 * N * EPS * np.abs(found.coefficients).sum()
        objectives.append(found.objective)
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-10)
    assert relative_error(found.estimate, signal.sequence) < 1e-3  # K = 4 of 80 with M = 40: far inside the limit


def test_small_penalty_tends_to_the_oracle_without_noise():
    network, signal = RandomNetwork(60, 5, seed=0), sparse_signal(20, 5, 4, rng=1)
    state = network.simulate(signal.sequence)
    exact = oracle(network, state, signal.support, N=20)
    errors = [
        relative_error(lasso(network, state, 20, lam=lam, tol=1e-9).estimate, exact) for lam in (1e-2, 1e-3, 1e-4)
    ]
    # With the support settled the bias is lam (A_J^T A_J)^{-1} sign: the squared error falls by 100 per decade.
    assert errors[1] / errors[2] == pytest.approx(100, rel=0.05)


def test_not_converged_is_a_warning_that_carries_the_gap():
    operator, state, lam = problem(0)
    with pytest.warns(NotConvergedWarning, match="after 3 iterations at relative duality gap") as caught:
        found = lasso(operator, state, lam=lam, max_iter=3)
    assert not found.converged
    assert found.iterations == 3
    assert caught[0].message.gap == found.gap > 1e-6
    a = found.coefficients.ravel()
    best = lasso(operator, state, lam=lam, tol=1e-12).objective
    assert found.objective - best <= found.gap * found.objective  # the certificate is valid there as well
    assert found.objective == pytest.approx(objective(operator, state, a, lam), rel=200 * EPS)


def test_converged_is_silent():
    operator, state, lam = problem(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lasso(operator, state, lam=lam).converged


def test_zero_state_gives_zero():
    operator, _, _ = problem(0)
    found = lasso(operator, np.zeros(40), lam=0.1)
    assert (found.objective, found.gap, found.support_size) == (0.0, 0.0, 0)


def test_noise_sets_the_penalty():
    operator, state, _ = problem(0)
    found = lasso(operator, state, noise=0.02)
    assert found.penalty == default_penalty(0.02, 80) == 0.25 * 0.02 * np.sqrt(2 * np.log(80))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of lam and noise"),
        ({"lam": 1.0, "noise": 1.0}, "exactly one of lam and noise"),
        ({"lam": 0.0}, "lam must be > 0"),
        ({"noise": 0.0}, "noise must be > 0"),
        ({"lam": 1.0, "N": None}, r"N \(time steps to recover\) must be given"),
        ({"lam": 1.0, "state": np.zeros(5)}, "state must have shape"),
        ({"lam": 1.0, "state": [0, 0, 0, np.nan]}, "state must be finite"),
        ({"lam": 1.0, "tol": 0.0}, "tol must be > 0"),
        ({"lam": 1.0, "max_iter": 0}, "max_iter must be >= 1"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    defaults = {"target": RandomNetwork(M=4, L=1, seed=0), "state": np.zeros(4), "N": 3}
    with pytest.raises(ValueError, match=message):
        lasso(**(defaults | arguments))


def test_an_operator_has_its_own_size():
    operator, state, lam = problem(0)
    with pytest.raises(ValueError, match="an operator has its own N = 20"):
        lasso(operator, state, N=19, lam=lam)


def test_error_relative_to_nothing_is_refused():
    with pytest.raises(ValueError, match="truth must not be zero"):
        relative_error([1.0], [0.0])
