"""The LASSO solver on plain matrices: optimality, other libraries, exactness of the parametric phase, cost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, lars_path

from linmem.discrete.recovery.core import solve
from linmem.discrete.recovery.parametric import finish, refined
from linmem.discrete.recovery.proximal import Point
from linmem.discrete.recovery.quadratic import Quadratic, from_matrix

EPS = np.finfo(float).eps


def instance(seed, m, n, K, ratio, weighted=False):
    """A Gaussian matrix with unit columns in expectation, a noisy state of a K-sparse vector, penalties."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((m, n)) / np.sqrt(m)
    truth = np.zeros(n)
    truth[rng.choice(n, K, replace=False)] = rng.standard_normal(K)
    y = X @ truth + 0.01 * rng.standard_normal(m)
    p = ratio * np.abs(X.T @ y).max() * (rng.uniform(0.5, 2.0, n) if weighted else np.ones(n))
    return X, y, p


def violation(X, y, p, x):
    """Largest violation of the optimality conditions ``g_j = p_j sign x_j``, ``|g_j| <= p_j`` off the support."""
    g = X.T @ (y - X @ x)
    return float(np.where(x != 0, np.abs(g - p * np.sign(x)), np.maximum(np.abs(g) - p, 0)).max() / p.min())


def solve_lasso_matrix(X, y, p, tol, start=None):
    return solve(from_matrix(X, y, p), tol, 50_000, start)


def problem(X, y, p):
    G = X.T @ X

    def residual(x):
        r = y - X @ x
        return r, X.T @ r

    return Quadratic(lambda x: G @ x, lambda J: G[np.ix_(J, J)], residual, X.T @ y, float(y @ y), p, min(X.shape))


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10**6),
    st.integers(2, 60),
    st.integers(1, 120),
    st.floats(0.02, 1.2),
    st.sampled_from([0.9, 0.1, 1e-2, 1e-3]),
    st.booleans(),
)
def test_gap_is_reached_and_bounds_the_residual_of_the_exact_solution(seed, m, n, density, ratio, weighted):
    X, y, p = instance(seed, m, n, min(n, max(1, int(density * m))), ratio, weighted)
    found = solve_lasso_matrix(X, y, p, tol=1e-6)
    assert found.converged
    assert 0 <= found.gap <= 1e-6
    tight = solve_lasso_matrix(X, y, p, tol=1e-10)
    assert tight.converged
    # P(x) - min P >= ||X (x - x*)||^2 / 2, for both points.
    distance = 0.5 * np.sum((X @ (found.x - tight.x)) ** 2)
    bound = (np.sqrt(found.gap * found.objective) + np.sqrt(tight.gap * tight.objective)) ** 2
    assert distance <= bound * (1 + 1e-6) + 100 * EPS * float(y @ y)
    assert tight.objective <= found.objective * (1 + 1e-10 + 10 * EPS)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("m", "n", "K", "ratio"), [(50, 120, 8, 1e-2), (80, 100, 60, 1e-3), (120, 60, 20, 1e-2)])
def test_against_coordinate_descent(m, n, K, ratio, weighted):
    X, y, p = instance(3, m, n, K, ratio, weighted)
    found = solve_lasso_matrix(X, y, p, tol=1e-12)
    model = Lasso(alpha=p.min() / m, fit_intercept=False, tol=1e-14, max_iter=10**6)
    scale = p / p.min()
    theirs = model.fit(X / scale, y).coef_ / scale
    value = 0.5 * np.sum((y - X @ theirs) ** 2) + p @ np.abs(theirs)
    assert found.objective <= value * (1 + 1e-12)
    assert found.objective == pytest.approx(value, rel=1e-9)


def test_zero_is_the_solution_from_the_largest_correlation_on():
    X, y, p = instance(0, 30, 50, 5, 1.0)
    assert not solve_lasso_matrix(X, y, p * (1 + 1e-12), tol=1e-6).x.any()
    assert solve_lasso_matrix(X, y, p * 0.99, tol=1e-6).x.any()


@pytest.mark.parametrize("ratio", [0.5, 0.05, 0.02])
def test_the_parametric_phase_agrees_with_lars_from_any_guess(ratio):
    X, y, p = instance(1, 60, 150, 10, ratio)
    alphas, _, path = lars_path(X, y * 60, method="lasso", alpha_min=p[0])  # their penalty is 1/2n, ours 1/2
    exact = path[:, -1] / 60
    assert alphas[-1] == pytest.approx(p[0], rel=1e-12)
    rng = np.random.default_rng(0)
    quadratic = problem(X, y, p)
    for size in (1, 5, 30):  # guesses that have nothing to do with the solution
        guess = np.zeros(150)
        guess[rng.choice(150, size, replace=False)] = rng.standard_normal(size)
        outcome = finish(quadratic, Point(guess, quadratic.apply(guess)), allowed=2000)
        assert outcome.point is not None
        assert violation(X, y, p, outcome.point.x) <= 1e-9
        np.testing.assert_allclose(outcome.point.x, exact, atol=1e-9 * np.abs(exact).max())


@pytest.mark.parametrize(("m", "ratio"), [(60, 0.02), (12, 1e-4)])  # the second: supports as large as the rank
def test_the_path_from_zero_is_that_of_the_lasso(m, ratio):
    X, y, p = instance(3, m, 150, 10, ratio)
    quadratic, zero = problem(X, y, p), np.zeros(150)
    outcome = finish(quadratic, Point(zero, zero), allowed=1000, scale=quadratic.vanishing_factor())
    alphas, _, path = lars_path(X, y * m, method="lasso", alpha_min=p[0])
    assert alphas[-1] == pytest.approx(p[0], rel=1e-9)
    assert outcome.point is not None
    np.testing.assert_allclose(outcome.point.x, path[:, -1] / m, atol=1e-8 * np.abs(path[:, -1] / m).max())
    assert outcome.breakpoints <= len(alphas) + 1  # as many corners as least-angle regression finds


def test_the_parametric_phase_passes_no_breakpoint_from_the_right_support():
    X, y, p = instance(2, 60, 150, 10, 0.01)
    exact = solve_lasso_matrix(X, y, p, tol=1e-12).x
    near = exact * (1 + 0.01 * np.random.default_rng(0).standard_normal(150))
    quadratic = problem(X, y, p)
    outcome = finish(quadratic, Point(near, quadratic.apply(near)), allowed=150)
    assert outcome.point is not None
    assert outcome.breakpoints <= 10  # off-support bounds may be touched on the way
    np.testing.assert_allclose(outcome.point.x, exact, atol=1e-10 * np.abs(exact).max())


def test_the_parametric_phase_gives_up_where_it_is_told_to():
    X, y, p = instance(2, 60, 150, 10, 0.001)
    guess = np.random.default_rng(0).standard_normal(150) * (np.arange(150) < 40)
    quadratic = problem(X, y, p)
    assert finish(quadratic, Point(guess, quadratic.apply(guess)), allowed=3).point is None


def test_a_singular_block_is_no_failure():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 20))
    X = np.hstack([X, X])  # every column twice: no unique solution, the same minimum
    y = rng.standard_normal(30)
    double, single = solve_lasso_matrix(X, y, 0.5, tol=1e-8), solve_lasso_matrix(X[:, :20], y, 0.5, tol=1e-8)
    assert double.converged
    assert double.objective == pytest.approx(single.objective, rel=3e-8)


def test_a_newton_step_with_the_true_residual_removes_rounding():
    X, y, p = instance(4, 60, 150, 10, 1e-3)
    exact = solve_lasso_matrix(X, y, p, tol=1e-12).x
    disturbed = exact * (1 + 1e-5 * np.random.default_rng(0).standard_normal(150))
    quadratic = problem(X, y, p)
    mended = refined(quadratic, Point(disturbed, quadratic.apply(disturbed)))
    assert violation(X, y, p, mended.x) <= 1e-9 < violation(X, y, p, disturbed)


@pytest.mark.parametrize("level", [1e-6, 1e-10])
def test_tiny_noise_is_resolved_although_the_quadratic_form_cancels(level):
    rng = np.random.default_rng(0)
    X, truth = rng.standard_normal((60, 120)) / np.sqrt(60), np.zeros(120)
    truth[:6] = rng.standard_normal(6)
    y = X @ truth + level * rng.standard_normal(60)
    found = solve_lasso_matrix(X, y, level, tol=1e-6)
    assert found.converged
    # The LASSO at lam = level lies within a few noise levels: ||x - truth||_inf <= lam ||G_JJ^-1||_inf + noise, K = 6.
    assert np.abs(found.x - truth).max() <= 50 * level


def test_start_changes_the_path_not_the_solution():
    X, y, p = instance(5, 60, 150, 10, 1e-2)
    cold = solve_lasso_matrix(X, y, p, tol=1e-11)
    for start in (cold.x, np.ones(150), -cold.x):
        warm = solve_lasso_matrix(X, y, p, tol=1e-11, start=start)
        np.testing.assert_allclose(warm.x, cold.x, atol=1e-8 * np.abs(cold.x).max())
    assert solve_lasso_matrix(X, y, p, tol=1e-6, start=cold.x).iterations <= 1


def test_a_cap_returns_the_best_point_with_its_true_gap():
    X, y, p = instance(6, 60, 150, 55, 1e-3)
    found = solve(problem(X, y, p), 1e-8, max_iter=15)
    assert not found.converged
    assert found.iterations <= 16
    r = y - X @ found.x
    g = X.T @ r
    s = min(1 / (np.abs(g) / p).max(), float(y @ r) / float(r @ r))
    primal, dual = 0.5 * r @ r + p @ np.abs(found.x), s * float(y @ r) - 0.5 * s * s * float(r @ r)
    assert found.gap == pytest.approx((primal - dual) / primal, rel=1e-9)
