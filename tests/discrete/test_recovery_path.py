"""Paths over the penalty against scikit-learn and the path's own geometry; batches against one-by-one solutions."""

import numpy as np
import pytest

from linmem.discrete.model import RandomNetwork, sparse_signal
from linmem.discrete.operators import normal_operator, sequence_operator
from linmem.discrete.recovery import lasso, lasso_batch, lasso_path

EPS = np.finfo(float).eps


def problem(seed=0, M=40, L=4, N=20, K=5):
    rng = np.random.default_rng(seed)
    operator = sequence_operator(RandomNetwork(M, L, seed=rng), N, "dense")
    return operator, operator.state(sparse_signal(N, L, K, rng=rng).sequence) + 0.02 * rng.standard_normal(M)


def fit_distance(operator, first, second):
    """||A (c - c')||^2 / 2 for two coefficient arrays."""
    return 0.5 * np.sum((operator.matrix @ (first - second).ravel()) ** 2)


def test_path_is_that_of_scikit_learn():
    from sklearn import linear_model

    operator, state = problem()
    path = lasso_path(operator, state, n_lams=12, ratio=1e-2, tol=1e-10)
    # scikit-learn divides the fit by the number of samples, M, and stops at a gap below tol ||b||^2.
    _, theirs, gaps = linear_model.lasso_path(
        operator.matrix, state, alphas=path.lams / operator.shape[0], tol=1e-12, max_iter=10**6
    )
    assert path.converged
    for recovery, other, gap in zip(path.recoveries, theirs.T, gaps, strict=True):
        # P(c) - min P >= ||A (c - c*)||^2 / 2, and both lie within their gaps of the minimum.
        reach = np.sqrt(1e-10 * recovery.objective) + np.sqrt(max(gap, 0.0) * operator.shape[0])
        distance = fit_distance(operator, recovery.coefficients, other.reshape(20, 4))
        assert distance <= (reach + 100 * EPS * np.linalg.norm(state)) ** 2


def test_breakpoints_are_those_of_lars():
    from sklearn import linear_model

    operator, state = problem(1)
    alphas, _, knots = linear_model.lars_path(operator.matrix, state, method="lasso")
    lams = alphas[1:6] * operator.shape[0]
    path = lasso_path(operator, state, lams=lams, tol=1e-13)
    for recovery, knot in zip(path.recoveries, knots.T[1:6], strict=True):
        # The support at each knot has at most K = 6 columns, of condition number below 10: 100 bounds the inverse Gram.
        bound = np.sqrt(100 * 2 * 1e-13 * recovery.objective) + 1e-10
        assert np.abs(recovery.coefficients.ravel() - knot).max() <= bound


def test_default_penalties_start_where_the_solution_vanishes():
    operator, state = problem(2)
    path = lasso_path(operator, state, n_lams=7, ratio=1e-2)
    largest = np.abs(operator.matrix.T @ state).max()
    assert path.lams == pytest.approx(largest * 10.0 ** (-np.arange(7) / 3), rel=100 * EPS)
    assert path.recoveries[0].support_size == 0
    assert path.recoveries[1].support_size > 0
    assert path.coefficients.shape == (7, 20, 4)


def test_l1_norm_rises_and_residual_falls_along_the_path():
    operator, state = problem(3)
    frame = lasso_path(operator, state, n_lams=10, tol=1e-9).to_frame()
    fit = frame.objective - frame.lam * frame.l1_norm
    # Monotone for exact solutions; the inexact ones are off by sqrt(gap), relatively.
    assert (np.diff(frame.l1_norm) >= -1e-4 * frame.l1_norm.max()).all()
    assert (np.diff(fit) <= 1e-4 * fit.max()).all()
    assert list(frame.columns[:5]) == ["lam", "objective", "gap", "iterations", "support_size"]
    assert (frame.gap <= 1e-9).all()


def test_given_penalties_are_solved_in_descending_order():
    operator, state = problem(4)
    path = lasso_path(operator, state, lams=[0.01, 0.3, 0.1])
    assert path.lams.tolist() == [0.3, 0.1, 0.01]
    assert [recovery.penalty for recovery in path.recoveries] == [0.3, 0.1, 0.01]
    for recovery in path.recoveries:
        alone = lasso(operator, state, lam=recovery.penalty)
        assert recovery.objective == pytest.approx(alone.objective, rel=1e-6)


def test_weights_shift_the_start_of_the_path():
    operator, state = problem(5)
    weights = np.linspace(0.5, 2.0, 80).reshape(20, 4)
    path = lasso_path(operator, state, weights=weights, n_lams=4)
    assert path.lams[0] == pytest.approx((np.abs(operator.matrix.T @ state) / weights.ravel()).max(), rel=100 * EPS)
    assert path.recoveries[0].support_size == 0
    # Weighted l1 is plain l1 of the coefficients w c with columns a_i / w_i.
    last = path.recoveries[-1]
    c = last.coefficients.ravel()
    value = 0.5 * np.sum((operator.matrix @ c - state) ** 2) + path.lams[-1] * weights.ravel() @ np.abs(c)
    assert last.objective == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("given", [{"lam": 0.02}, {"noise": 0.02}, {"lam": [0.05, 0.02, 0.01]}])
def test_batch_is_one_by_one(given):
    operator, _ = problem(6)
    states = np.stack([problem(seed)[1] for seed in (6, 7, 8)])
    found = lasso_batch(operator.network, states, operator.N, **given)
    for row, (recovery, state) in enumerate(zip(found, states, strict=True)):
        single = {name: value[row] if isinstance(value, list) else value for name, value in given.items()}
        alone = lasso(operator.network, state, operator.N, **single)
        # The same computation in the same order: equal, not only close.
        assert np.array_equal(recovery.coefficients, alone.coefficients)
        assert (recovery.penalty, recovery.gap) == (alone.penalty, alone.gap)


def test_batch_shares_a_normal_operator():
    operator, state = problem(7)
    normal = normal_operator(operator.network, operator.N)
    (found,) = lasso_batch(operator, state[None], lam=0.02, normal=normal)
    assert found.objective == pytest.approx(lasso(operator, state, lam=0.02).objective, rel=1e-6)
    assert found.build_seconds == 0.0


def test_empty_batch():
    operator, _ = problem(0)
    assert lasso_batch(operator, np.zeros((0, 40)), lam=1.0) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lams": [0.1, 0.0]}, "lams must hold positive penalties"),
        ({"lams": []}, "lams must hold positive penalties"),
        ({"lams": [0.1, np.nan]}, "lams must be finite"),
        ({"n_lams": 1}, "n_lams must be >= 2"),
        ({"ratio": 1.0}, "ratio must be < 1"),
        ({"ratio": 0.0}, "ratio must be > 0"),
        ({"state": np.zeros(4)}, "lams must be given with a state of zeros"),
        ({"weights": np.zeros((3, 1))}, "weights must be > 0"),
        ({"tol": -1.0}, "tol must be > 0"),
        ({"state": np.ones(5)}, "state must have shape"),
    ],
)
def test_bad_path_is_refused(arguments, message):
    defaults = {"target": RandomNetwork(M=4, L=1, seed=0), "state": np.ones(4), "N": 3}
    with pytest.raises(ValueError, match=message):
        lasso_path(**(defaults | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of lam and noise"),
        ({"lam": [1.0, 2.0, 3.0]}, "lam must be one number or one for each of the 2 states"),
        ({"lam": [1.0, 0.0]}, "lam must be > 0"),
        ({"lam": 1.0, "states": np.ones(4)}, "states must have shape"),
        ({"lam": 1.0, "states": np.ones((2, 5))}, "states must have shape"),
        ({"lam": 1.0, "states": [[0, 0, 0, np.inf]]}, r"states must be finite, got inf at index \(0, 3\)"),
    ],
)
def test_bad_batch_is_refused(arguments, message):
    defaults = {"target": RandomNetwork(M=4, L=1, seed=0), "states": np.ones((2, 4)), "N": 3}
    with pytest.raises(ValueError, match=message):
        lasso_batch(**(defaults | arguments))
