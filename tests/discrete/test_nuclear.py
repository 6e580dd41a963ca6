"""Nuclear-norm recovery against optimality conditions, closed forms, an interior-point solver and its certificate."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import RandomNetwork, low_rank_signal, relative_noise
from linmem.discrete.operators import normal_operator, sequence_operator
from linmem.discrete.recovery import (
    NotConvergedWarning,
    default_nuclear_penalty,
    low_rank_oracle_error,
    low_rank_trial,
    nuclear,
    relative_error,
)

EPS = np.finfo(float).eps
FINE = 1e-11
SHAPES = [(60, 4, 20), (60, 20, 6)]  # M, L, N: more steps than streams, and fewer


def problem(seed, M=60, L=4, N=20, R=1, level=0.05):
    """Operator, noisy state, and a penalty that is a fraction of the one that gives zero."""
    rng = np.random.default_rng(seed)
    network = RandomNetwork(M, L, seed=rng)
    operator = sequence_operator(network, N, "dense")
    clean = network.simulate(low_rank_signal(N, L, R, rng=rng).sequence)
    state = clean + relative_noise(clean, level, rng=rng)
    return operator, state, 0.03 * np.linalg.norm((operator.T @ state).reshape(N, L), 2)


def objective(operator, state, S, lam):
    fit = 0.5 * np.sum((operator.matrix @ np.ravel(S) - state) ** 2)
    return fit + lam * np.linalg.svd(S, compute_uv=False).sum()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1e-4, 1e-7]), st.sampled_from(SHAPES))
def test_gap_bounds_the_distance_to_a_much_better_solution(seed, tol, shape):
    operator, state, lam = problem(seed, *shape)
    coarse, fine = (nuclear(operator, state, lam=lam, tol=t) for t in (tol, FINE))
    assert coarse.gap <= tol
    assert coarse.objective == pytest.approx(objective(operator, state, coarse.estimate, lam), rel=1e-12)
    # fine exceeds the minimum by at most 1e-11 of it; an objective is a sum of about M + N L terms.
    rounding = FINE + 200 * EPS
    assert (coarse.objective - fine.objective) / coarse.objective <= coarse.gap + rounding
    assert coarse.objective >= fine.objective * (1 - rounding)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
def test_optimality_conditions(seed, shape):
    operator, state, lam = problem(seed, *shape)
    found = nuclear(operator, state, lam=lam, tol=FINE)
    r = state - operator.matrix @ found.coefficients.ravel()
    g = (operator.matrix.T @ r).reshape(found.estimate.shape)
    # ||A (S - S*)||^2 / 2 <= gap P, so g is off by at most ||A|| sqrt(2 gap P) in operator norm.
    slack = np.linalg.norm(operator.matrix, 2) * np.sqrt(2 * FINE * found.objective)
    assert np.linalg.norm(g, 2) <= lam + slack
    # At a minimiser <g, S> = lam ||S||_*: with the bound on ||g||, g is lam U V^T on the singular vectors of S.
    norm = np.linalg.svd(found.estimate, compute_uv=False).sum()
    alignment = lam * norm - np.vdot(g, found.estimate)
    assert abs(alignment) <= FINE * found.objective + 2 * slack * norm
    singular = np.linalg.svd(found.estimate, compute_uv=False)
    assert found.rank == np.sum(singular > 1e-10 * singular[0])


@pytest.mark.parametrize("seed", range(2))
def test_against_cvxpy(seed):
    import cvxpy as cp

    operator, state, lam = problem(seed, M=40, L=5, N=9)
    found = nuclear(operator, state, lam=lam, tol=FINE)
    S = cp.Variable((9, 5))
    cost = 0.5 * cp.sum_squares(operator.matrix @ cp.vec(S, order="C") - state) + lam * cp.normNuc(S)
    cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
    theirs = objective(operator, state, S.value, lam)
    # CLARABEL stops at a relative gap of 1e-8; ours is within 1e-11.
    assert -FINE <= (theirs - found.objective) / found.objective <= 1e-6
    fit = 0.5 * np.sum((operator.matrix @ (S.value - found.estimate).ravel()) ** 2)
    excess = max(theirs / found.objective - 1, 0) + FINE
    assert fit <= (np.sqrt(FINE) + np.sqrt(excess)) ** 2 * found.objective


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(1.0, 10.0), st.sampled_from(SHAPES))
def test_a_penalty_at_or_above_the_largest_singular_value_gives_exactly_zero(seed, factor, shape):
    operator, state, _ = problem(seed, *shape)
    N, L = operator.N, operator.L
    largest = np.linalg.norm(operator.rmatvec(state).reshape(N, L), 2)
    # Two computations of a largest singular value agree to some N L roundings.
    found = nuclear(operator, state, lam=factor * largest * (1 + N * L * EPS))
    assert not found.estimate.any()
    assert found.rank == 0
    assert found.iterations == 0
    assert found.gap <= (2 * N * L * EPS) ** 2


def test_a_penalty_just_below_the_largest_singular_value_does_not():
    operator, state, _ = problem(0)
    largest = np.linalg.norm((operator.T @ state).reshape(20, 4), 2)
    assert nuclear(operator, state, lam=0.99 * largest, tol=1e-10).rank >= 1


def test_orthonormal_map_gives_singular_value_thresholding():
    # One stream for each mode and frequencies 2 pi (h + 1/2) / N: a unitary map of each stream, so A^T A = I.
    N, L = 8, 3
    M = N * L
    grid = np.tile(2 * np.pi * (np.arange(N // 2) + 0.5) / N, L)
    network = RandomNetwork(M=M, L=L, spectrum=grid, seed=0)
    modes = np.zeros((M // 2, L), dtype=complex)
    modes[np.arange(M // 2), np.arange(M // 2) // (N // 2)] = np.sqrt(2 / N)
    object.__setattr__(network, "modes", modes)
    operator = sequence_operator(network, N, "dense")
    assert np.abs(operator.matrix.T @ operator.matrix - np.eye(M)).max() <= 4 * (np.pi * N + 8) * EPS
    state, lam = np.random.default_rng(0).standard_normal(M), 1.5
    U, s, Vt = np.linalg.svd((operator.T @ state).reshape(N, L), full_matrices=False)
    wanted = (U * np.maximum(s - lam, 0)) @ Vt
    found = nuclear(operator, state, lam=lam, tol=FINE)
    assert found.rank == np.sum(s > lam)
    # ||S - S*|| = ||A (S - S*)|| <= sqrt(2 gap P)
    assert np.linalg.norm(found.estimate - wanted) <= np.sqrt(2 * FINE * found.objective)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_rotating_the_streams_rotates_the_estimate(seed):
    # A'(S) = A(S Q^T) for modes z Q, and ||S Q^T||_* = ||S||_*: the minimiser for z Q is S Q.
    operator, state, lam = problem(seed)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
    network = RandomNetwork(60, 4, spectrum=operator.network.frequencies, seed=0)
    object.__setattr__(network, "modes", operator.network.modes @ Q)
    one = nuclear(operator, state, lam=lam, tol=FINE)
    two = nuclear(network, state, 20, lam=lam, tol=FINE)
    assert two.objective == pytest.approx(one.objective, rel=2 * FINE + 200 * EPS)
    difference = operator.matrix @ (two.estimate @ Q.T - one.estimate).ravel()
    assert 0.5 * difference @ difference <= 4.01 * FINE * one.objective  # (2 sqrt(gap P))^2


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 10.0))
def test_scaling_state_and_penalty_scales_the_estimate(seed, factor):
    operator, state, lam = problem(seed)
    one = nuclear(operator, state, lam=lam, tol=FINE)
    two = nuclear(operator, factor * state, lam=factor * lam, tol=FINE)
    assert two.objective == pytest.approx(factor**2 * one.objective, rel=2 * FINE + 200 * EPS)


def test_a_shared_basis_does_not_change_the_problem():
    operator, state, lam = problem(3)
    plain = nuclear(operator, state, lam=lam, tol=FINE)
    turned = nuclear(sequence_operator(operator.network, 20, basis="dct"), state, lam=lam, tol=FINE)
    difference = operator.matrix @ (plain.estimate - turned.estimate).ravel()
    assert 0.5 * difference @ difference <= 4.01 * FINE * plain.objective


@pytest.mark.parametrize("shape", SHAPES)
def test_a_warm_start_leads_to_the_same_minimiser_and_to_fewer_steps(shape):
    operator, state, lam = problem(1, *shape)
    normal = normal_operator(operator.network, operator.N)
    cold = nuclear(operator, state, lam=lam, tol=1e-9, normal=normal)
    near = nuclear(operator, state, lam=1.01 * lam, tol=1e-9, normal=normal)
    warm = nuclear(operator, state, lam=lam, tol=1e-9, start=near.coefficients, normal=normal)
    difference = operator.matrix @ (warm.estimate - cold.estimate).ravel()
    assert 0.5 * difference @ difference <= 4.01e-9 * cold.objective
    again = nuclear(operator, state, lam=lam, tol=1e-8, start=cold.coefficients)
    assert again.iterations <= 1
    assert warm.rank == cold.rank


def test_a_very_small_penalty_interpolates_with_its_certificate():
    operator, state, lam = problem(2, M=40, L=4, N=20)
    found = nuclear(operator, state, lam=1e-4 * lam, tol=1e-6)
    assert found.gap <= 1e-6
    assert np.linalg.norm(operator.matrix @ found.estimate.ravel() - state) <= 1e-3 * np.linalg.norm(state)


def test_reaching_the_cap_is_a_warning_with_the_gap():
    operator, state, lam = problem(0)
    with pytest.warns(NotConvergedWarning) as caught:
        found = nuclear(operator, state, lam=lam, max_iter=3)
    assert not found.converged
    assert found.gap > 1e-6
    assert caught[0].message.gap == found.gap
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nuclear(operator, state, lam=lam)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": 0.0}, "lam must be > 0"),
        ({"lam": -1.0}, "lam must be > 0"),
        ({"lam": np.nan}, "lam must be finite"),
        ({"lam": None}, "exactly one of lam and noise"),
        ({"noise": 1.0}, "exactly one of lam and noise"),
        ({"lam": None, "noise": 0.0}, "noise must be > 0"),
        ({"tol": 0.0}, "tol must be > 0"),
        ({"max_iter": 0}, "max_iter must be >= 1"),
        ({"state": np.ones(59)}, "state must have shape"),
        ({"state": np.full(60, np.nan)}, "state must be finite"),
        ({"start": np.zeros((4, 20))}, "start must have shape"),
        ({"start": np.full((20, 4), np.inf)}, "start must be finite"),
        ({"N": 21}, "own N"),
        ({"normal": normal_operator(RandomNetwork(60, 4, seed=1), 20)}, "normal must belong"),
    ],
)
def test_bad_input_is_refused(change, message):
    operator, state, lam = problem(0)
    with pytest.raises(ValueError, match=message):
        nuclear(operator, **({"state": state, "lam": lam} | change))


def test_a_basis_for_each_stream_is_refused():
    operator, state, lam = problem(0)
    basis = np.stack([np.eye(20)] * 4)
    with pytest.raises(ValueError, match="all streams share"):
        nuclear(sequence_operator(operator.network, 20, basis=basis), state, lam=lam)


def test_default_penalty_is_a_quarter_of_the_operator_norm_of_noise():
    # The largest singular value of an N x L Gaussian matrix is sqrt N + sqrt L up to O(N^(-1/6)).
    G = np.random.default_rng(0).standard_normal((400, 225))
    assert 4 * default_nuclear_penalty(1.0, 225, 400) == pytest.approx(np.linalg.norm(G, 2), rel=0.03)
    with pytest.raises(ValueError, match="noise must be > 0"):
        default_nuclear_penalty(0.0, 2, 3)


def test_oracle_error_is_the_mean_error_of_least_squares_on_the_tangent_space():
    M, L, N, R, sigma = 80, 4, 10, 1, 0.3
    rng = np.random.default_rng(0)
    network = RandomNetwork(M, L, seed=rng)
    S = low_rank_signal(N, L, R, rng=rng).sequence
    A = sequence_operator(network, N, "dense").matrix
    U, _, Vt = np.linalg.svd(S)
    P = np.kron(U[:, :R] @ U[:, :R].T, np.eye(L)) + np.kron(np.eye(N), Vt[:R].T @ Vt[:R])
    P -= np.kron(U[:, :R] @ U[:, :R].T, Vt[:R].T @ Vt[:R])  # the projection onto the tangent space
    wanted = sigma**2 * np.trace(np.linalg.pinv(P @ A.T @ A @ P, rcond=1e-10, hermitian=True))
    assert low_rank_oracle_error(network, S, sigma) == pytest.approx(wanted, rel=1e-8)


def test_oracle_refuses_what_the_state_cannot_determine():
    network = RandomNetwork(20, 4, seed=0)
    with pytest.raises(ValueError, match="degrees of freedom"):
        low_rank_oracle_error(network, low_rank_signal(20, 4, 1, rng=0).sequence, 1.0)
    with pytest.raises(ValueError, match="must not be zero"):
        low_rank_oracle_error(network, np.zeros((5, 4)), 1.0)


def test_trial_is_reproducible_and_recovers():
    one, two = (low_rank_trial(M=200, L=8, N=20, R=1, rng=5) for _ in range(2))
    assert one == two
    assert one.gap <= 1e-6
    assert one.oracle_rmse < one.rmse < 1e-3
    assert low_rank_trial(M=20, L=4, N=20, R=1, rng=0).oracle_rmse == np.inf
    with pytest.raises(ValueError, match="level must be > 0"):
        low_rank_trial(M=20, L=4, N=20, R=1, rng=0, level=0.0)
    with pytest.raises(ValueError, match="R must be"):
        low_rank_trial(M=20, L=4, N=20, R=5, rng=0)


def test_low_rank_input_is_recovered_without_noise():
    network = RandomNetwork(300, 10, seed=0)
    S = low_rank_signal(40, 10, 2, rng=1).sequence
    found = nuclear(network, network.simulate(S), 40, lam=1e-6)
    assert relative_error(found.estimate, S) < 1e-10
    assert found.rank == 2
