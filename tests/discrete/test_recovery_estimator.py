"""The estimators against scikit-learn's own checks, its Lasso and its model selection."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from linmem.discrete.model import RandomNetwork, sparse_signal
from linmem.discrete.operators import sequence_operator
from linmem.discrete.recovery import CertifiedLasso, NotConvergedWarning, SequenceLasso, lasso, relative_error


@parametrize_with_checks([CertifiedLasso(), CertifiedLasso(0.01, fit_intercept=False)])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.mark.parametrize("shape", [(30, 80), (80, 30)])
@pytest.mark.parametrize("intercept", [True, False])
def test_same_model_as_scikit_learn(shape, intercept):
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape) + 1.0
    y = X[:, :5] @ rng.standard_normal(5) + 3.0 + 0.1 * rng.standard_normal(shape[0])
    ours = CertifiedLasso(0.05, fit_intercept=intercept, tol=1e-12).fit(X, y)
    theirs = Lasso(0.05, fit_intercept=intercept, tol=1e-14, max_iter=10**6).fit(X, y)
    # ||X (w - w*)||^2 / 2n <= gap for both (X centred with an intercept).
    reach = np.sqrt(2 * ours.dual_gap_) + np.sqrt(2 * max(theirs.dual_gap_, 0.0))
    difference = (X - X.mean(axis=0) * intercept) @ (ours.coef_ - theirs.coef_) / np.sqrt(shape[0])
    assert np.linalg.norm(difference) <= reach + 1e-12 * np.linalg.norm(y)
    assert ours.gap_ <= 1e-12
    value = 0.5 * np.mean((y - ours.predict(X)) ** 2) + 0.05 * np.abs(ours.coef_).sum()
    assert ours.objective_ == pytest.approx(value, rel=1e-12)
    assert ours.dual_gap_ == pytest.approx(ours.gap_ * value, rel=1e-9)


def test_design_matrix_of_a_network_gives_the_lasso_of_the_network():
    network = RandomNetwork(40, 4, seed=0)
    state = network.simulate(sparse_signal(20, 4, 5, rng=1).sequence)
    X = sequence_operator(network, 20).columns(np.arange(80))
    model = CertifiedLasso(0.02 / 40, fit_intercept=False, tol=1e-10).fit(X, state)
    found = lasso(network, state, 20, lam=0.02, tol=1e-10)
    assert 40 * model.objective_ == pytest.approx(found.objective, rel=2e-10)


def test_cap_is_a_warning():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 60)), rng.standard_normal(30)
    with pytest.warns(NotConvergedWarning, match=r"CertifiedLasso\.fit stopped"):
        model = CertifiedLasso(1e-3, max_iter=2).fit(X, y)
    assert model.gap_ > 1e-6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"alpha": 0.0}, "alpha must be > 0"), ({"tol": -1.0}, "tol must be > 0"), ({"max_iter": 0}, "max_iter must be")],
)
def test_bad_parameters_are_refused_by_fit(parameters, message):
    with pytest.raises(ValueError, match=message):
        CertifiedLasso(**parameters).fit(np.eye(3), np.ones(3))


# -------------------------------------------------------------------------------------------------------- sequences
@pytest.fixture(scope="module")
def trials():
    """A network with states and flattened inputs of four trials."""
    rng = np.random.default_rng(5)
    network = RandomNetwork(60, 4, seed=rng)
    inputs = np.stack([sparse_signal(20, 4, 5, rng=rng).sequence for _ in range(4)])
    states = np.stack([network.simulate(S) for S in inputs]) + 0.02 * rng.standard_normal((4, 60))
    return network, states, inputs.reshape(4, -1)


def test_predicts_what_lasso_recovers(trials):
    network, states, inputs = trials
    model = SequenceLasso(network, 20, noise=0.02).fit(states)
    predicted = model.predict(states)
    for row, state in zip(predicted, states, strict=True):
        assert np.array_equal(row.reshape(20, 4), lasso(network, state, 20, noise=0.02).estimate)
    score = model.score(states, inputs)
    assert score == pytest.approx(1 - relative_error(predicted, inputs), rel=1e-12)
    assert model.score(states, inputs, sample_weight=[1, 0, 0, 0]) == pytest.approx(
        1 - relative_error(predicted[0], inputs[0]), rel=1e-12
    )
    assert [recovery.converged for recovery in model.recover(states)] == [True] * 4


def test_parameters_clone_and_set(trials):
    network, states, _ = trials
    model = SequenceLasso(network, 20, "canonical", lam=0.1, tol=1e-5)
    copy = clone(model)
    assert copy.get_params().keys() == model.get_params().keys()
    assert {name: value for name, value in copy.get_params().items() if name != "network"} == {
        "n_steps": 20,
        "basis": "canonical",
        "lam": 0.1,
        "noise": None,
        "tol": 1e-5,
        "max_iter": 50_000,
    }
    assert np.array_equal(copy.fit(states).predict(states), model.fit(states).predict(states))
    assert copy.set_params(lam=0.5).lam == 0.5


def test_grid_search_chooses_the_penalty(trials):
    network, states, inputs = trials
    grid = {"lam": [1e-3, 1e-2, 1.0]}
    search = GridSearchCV(SequenceLasso(network, 20, lam=1.0), grid, cv=2, error_score="raise").fit(states, inputs)
    # No learning: the score of a penalty is the mean over the folds of its score there.
    scores = [
        np.mean(
            [
                SequenceLasso(network, 20, lam=lam).fit(states[fold]).score(states[fold], inputs[fold])
                for fold in (slice(0, 2), slice(2, 4))
            ]
        )
        for lam in grid["lam"]
    ]
    assert search.cv_results_["mean_test_score"] == pytest.approx(scores, rel=1e-12)
    assert search.best_params_ == {"lam": grid["lam"][int(np.argmax(scores))]}
    assert search.best_params_["lam"] == 1e-2  # noise of .02: the middle one; 1 is beyond the largest correlation


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ({}, {}, "exactly one of lam and noise"),
        ({"lam": 1.0, "noise": 1.0}, {}, "exactly one of lam and noise"),
        ({"lam": 1.0}, {"X": np.ones((2, 5))}, "X must have shape"),
        ({"lam": 1.0}, {"y": np.ones((2, 5))}, "y must have shape"),
        ({"lam": 1.0, "n_steps": 0}, {}, "N must be >= 1"),
    ],
)
def test_bad_sequence_input_is_refused(parameters, arguments, message):
    defaults = {"network": RandomNetwork(4, 1, seed=0), "n_steps": 3}
    with pytest.raises(ValueError, match=message):
        SequenceLasso(**(defaults | parameters)).fit(**({"X": np.ones((2, 4))} | arguments))


def test_score_needs_an_input(trials):
    network, states, inputs = trials
    model = SequenceLasso(network, 20, lam=0.1).fit(states)
    with pytest.raises(ValueError, match="y must not be zero"):
        model.score(states, np.zeros_like(inputs))


def test_scikit_learn_is_loaded_on_first_use_only():
    code = (
        "import sys, linmem.discrete.recovery as r; assert 'sklearn' not in sys.modules; "
        "r.SequenceLasso; assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
