"""Basis-pursuit denoising against interior points, SPGL1, the LASSO with the same solution, and its own certificate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import RandomNetwork, relative_noise, sparse_signal
from linmem.discrete.operators import normal_operator, sequence_operator
from linmem.discrete.recovery import NotConvergedWarning, basis_pursuit_denoising, lasso, relative_error

EPS = np.finfo(float).eps


def problem(seed, M=40, L=4, N=20, K=5, level=0.05):
    rng = np.random.default_rng(seed)
    operator = sequence_operator(RandomNetwork(M, L, seed=rng), N, "dense")
    signal = sparse_signal(N, L, K, rng=rng)
    clean = operator.state(signal.sequence)
    noise = relative_noise(clean, level, rng=rng)
    return operator, clean + noise, float(np.linalg.norm(noise)), signal


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1e-2, 0.1, 0.5]), st.sampled_from([0.5, 1.0, 1.5]))
def test_feasible_and_certified_by_an_independent_dual_point(seed, level, factor):
    operator, state, length, _ = problem(seed, level=level)
    sigma = factor * length
    found = basis_pursuit_denoising(operator, state, noise_level=sigma)
    assert found.gap <= 1e-6
    c = found.coefficients.ravel()
    r = state - operator.matrix @ c
    assert np.linalg.norm(r) <= sigma * (1 + 1e-12) + 100 * EPS * np.linalg.norm(state)
    assert found.objective == pytest.approx(np.abs(c).sum(), rel=1e-12)
    # Every y with |A^T y| <= 1 bounds the minimum from below; the residual direction is one that was tested.
    y = r / np.abs(operator.matrix.T @ r).max()
    lower = state @ y - sigma * np.linalg.norm(y)
    # The difference cancels: rounding of b.y, whose size is ||c||_1 + sigma ||y||.
    slack = 100 * EPS * (np.linalg.norm(state) * np.linalg.norm(y) + found.objective)
    assert found.objective - lower <= found.gap * found.objective + slack


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_the_lasso_at_its_penalty_has_the_same_solution(seed):
    operator, state, sigma, _ = problem(seed)
    found = basis_pursuit_denoising(operator, state, noise_level=sigma, tol=1e-10)
    twin = lasso(operator, state, lam=found.penalty, tol=1e-12)
    c = found.coefficients.ravel()
    value = 0.5 * np.sum((state - operator.matrix @ c) ** 2) + found.penalty * np.abs(c).sum()
    # For b.y - sigma ||y|| at y = r / lam the LASSO's own gap is lam times this one, plus (sigma - rho)^2 / 2 at most.
    assert value - twin.objective <= 2e-10 * found.penalty * found.objective + 1e-12 * twin.objective + 100 * EPS * (
        state @ state
    )


@pytest.mark.parametrize(("level", "factor"), [(0.1, 1.0), (0.1, 3.0), (1e-2, 1.0), (1e-2, 0.3)])
def test_against_an_interior_point_solver(level, factor):
    import cvxpy as cp

    operator, state, length, _ = problem(7, level=level)
    found = basis_pursuit_denoising(operator, state, noise_level=factor * length)
    c = cp.Variable(operator.shape[1])
    constraint = cp.norm(operator.matrix @ c - state) <= factor * length
    theirs = cp.Problem(cp.Minimize(cp.norm1(c)), [constraint]).solve(solver=cp.CLARABEL)
    # Ours is within 1e-6 of the minimum; CLARABEL's own tolerance on gap and feasibility is 1e-8.
    assert -1e-6 <= (found.objective - theirs) / theirs <= 2e-6


def test_against_spgl1():
    spgl1 = pytest.importorskip("spgl1")
    operator, state, sigma, _ = problem(8, level=0.05)
    found = basis_pursuit_denoising(operator, state, noise_level=sigma, tol=1e-9)
    c, r, _, _ = spgl1.spg_bpdn(operator.matrix, state, sigma, opt_tol=1e-7, bp_tol=1e-7, iter_lim=20000)
    # SPGL1 satisfies the constraint to its tolerance: a residual longer by delta lowers the minimum by ||y|| delta.
    y = 1 / found.penalty * sigma
    excess = abs(np.linalg.norm(r) - sigma)
    assert excess <= 1e-5 * sigma
    assert abs(np.abs(c).sum() - found.objective) <= 1e-5 * found.objective + y * excess


def test_small_noise_level_is_basis_pursuit():
    operator, _, _, signal = problem(9, K=4)
    clean = operator.state(signal.sequence)
    found = basis_pursuit_denoising(operator, clean, noise_level=1e-9 * float(np.linalg.norm(clean)))
    # K = 4 of 80 with M = 40 is far inside the limit: the least l1 norm is that of the input itself.
    assert relative_error(found.estimate, signal.sequence) < 1e-10
    assert found.objective == pytest.approx(np.abs(signal.coefficients).sum(), rel=2e-6)


def test_large_noise_level_gives_zero():
    operator, state, _, _ = problem(10)
    found = basis_pursuit_denoising(operator, state, noise_level=float(np.linalg.norm(state)))
    assert (found.objective, found.gap, found.support_size, found.iterations) == (0.0, 0.0, 0, 0)


def test_objective_falls_with_the_noise_level_as_its_dual_says():
    operator, state, sigma, _ = problem(11)
    low, high = (
        basis_pursuit_denoising(operator, state, noise_level=level, tol=1e-9) for level in (sigma, 1.001 * sigma)
    )
    # The value is convex in sigma with derivative -||y|| = -sigma / lam (van den Berg and Friedlander, Theorem 2.1).
    slope = (high.objective - low.objective) / (0.001 * sigma)
    slack = 2e-9 * low.objective / (0.001 * sigma)
    assert -sigma / low.penalty - slack <= slope <= -1.001 * sigma / high.penalty + slack


def test_normal_operator_may_be_shared():
    operator, state, sigma, _ = problem(12)
    normal = normal_operator(operator.network, operator.N)
    shared = basis_pursuit_denoising(operator, state, noise_level=sigma, normal=normal)
    alone = basis_pursuit_denoising(operator, state, noise_level=sigma)
    assert shared.objective == pytest.approx(alone.objective, rel=2e-6)


def test_cap_is_a_warning():
    operator, state, sigma, _ = problem(13)
    with pytest.warns(NotConvergedWarning, match="basis_pursuit_denoising stopped after") as caught:
        found = basis_pursuit_denoising(operator, state, noise_level=0.1 * sigma, max_iter=2)
    assert not found.converged
    assert caught[0].message.gap == found.gap > 1e-6


def test_level_below_least_squares_is_refused():
    operator, state, _, _ = problem(14, M=80, L=2, N=10)  # 20 inputs, 80 nodes: most of the noise cannot be fitted
    smallest = np.linalg.norm(state - operator.matrix @ np.linalg.lstsq(operator.matrix, state)[0])
    with pytest.raises(ValueError, match="noise_level must exceed the residual of least squares"):
        basis_pursuit_denoising(operator, state, noise_level=0.99 * smallest)
    assert basis_pursuit_denoising(operator, state, noise_level=1.01 * smallest).converged


def test_level_below_what_a_degenerate_network_reaches_is_refused():
    network = RandomNetwork(8, 1, np.full(4, 0.5), seed=0)  # equal angles: 8 nodes, but rank 2
    with pytest.raises(ValueError, match="noise_level must be at least the residual of least squares"):
        basis_pursuit_denoising(network, np.arange(8.0), N=12, noise_level=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise_level": 0.0}, "noise_level must be > 0 and .* for basis pursuit without noise pass a small one"),
        ({"noise_level": 1e-20}, "noise_level must be > 0 and at least"),
        ({"noise_level": -1.0}, "noise_level must be >= 0"),
        ({"noise_level": np.inf}, "noise_level must be finite"),
        ({"tol": 0.0}, "tol must be > 0"),
        ({"max_iter": 0}, "max_iter must be >= 1"),
        ({"state": np.zeros(5)}, "state must have shape"),
        ({"state": [0, 0, 0, np.nan]}, "state must be finite"),
        ({"N": None}, r"N \(time steps to recover\) must be given"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    defaults = {"target": RandomNetwork(M=4, L=1, seed=0), "state": np.ones(4), "N": 3, "noise_level": 0.1}
    with pytest.raises(ValueError, match=message):
        basis_pursuit_denoising(**(defaults | arguments))
