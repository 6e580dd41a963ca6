"""Rows of recoveries that share a network: the same problems set up by hand, solved by other software."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.discrete.model import RandomNetwork, low_rank_signal, sparse_signal, temporal_basis
from linmem.discrete.operators import DenseOperator
from linmem.discrete.recovery import NotConvergedWarning, default_penalty, low_rank_row, sparse_row

M, L, N = 40, 4, 20


def by_hand(rng, signal, matrix, level):
    """State, sigma and relative noise energy, from the generator in the order that the docstring promises."""
    clean = matrix @ signal.sequence.ravel()
    direction = rng.standard_normal(len(clean))
    noise = level * np.linalg.norm(clean) * direction / np.linalg.norm(direction)
    return clean + noise, np.linalg.norm(noise) / np.sqrt(len(clean)), np.sum(noise**2) / np.sum(signal.sequence**2)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize(("basis", "support"), [("canonical", "random"), ("dct", "joint")])
def test_sparse_row_solves_the_problems_it_names(basis, support, normalised):
    from sklearn.linear_model import Lasso

    counts, level, tol = [1, 4, 7], 0.05, 1e-9
    network = RandomNetwork(M, L, seed=0)
    row = sparse_row(
        network, N, counts, rng=5, basis=basis, support=support, normalised=normalised, level=level, tol=tol, trial=3
    )
    rng, plain = np.random.default_rng(5), DenseOperator(network, N).matrix
    Psi = temporal_basis(basis, N, L)
    A = np.array([plain @ Psi.synthesis(e.reshape(N, L)).ravel() for e in np.eye(N * L)]).T
    weights = np.linalg.norm(A, axis=0) if normalised else np.ones(N * L)
    for K, found in zip(counts, row, strict=True):
        signal = sparse_signal(N, L, K, basis, support=support, rng=rng)
        state, sigma, noise = by_hand(rng, signal, plain, level)
        lam = default_penalty(sigma, N * L)
        # Unit penalty weights on scaled columns; scikit-learn divides the square by the number of rows.
        other = Lasso(alpha=lam / M, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(A / weights, state)
        a = other.coef_ / weights
        theirs = 0.5 * np.sum((state - A @ a) ** 2) + lam * np.sum(weights * np.abs(a))
        zero = 0.5 * np.sum(state**2)
        assert (found.nodes, found.streams, found.steps, found.complexity, found.trial) == (M, L, N, K, 3)
        assert found.gap <= tol
        # ours exceeds the minimum by tol of itself, theirs by far less; the noise is the same up to rounding
        assert found.objective * zero <= theirs * (1 + 2 * tol)
        assert found.objective * zero >= theirs * (1 - 1e-6)
        assert found.noise_rmse == pytest.approx(noise, rel=1e-10)
        S = Psi.synthesis(a.reshape(N, L))
        # ||A (a - a')||^2 / 2 <= gap P; on the active columns A is injective, here with singular values above 0.1.
        distance = np.sqrt(2 * (tol + 1e-10) * theirs) / 0.1
        size = np.linalg.norm(signal.sequence)
        assert abs(np.sqrt(found.rmse) - np.linalg.norm(S - signal.sequence) / size) <= 2 * distance / size


@pytest.mark.parametrize("temporal", ["gaussian", "sinusoidal"])
def test_low_rank_row_solves_the_problems_it_names(temporal):
    import cvxpy as cp

    ranks, level = [1, 2], 0.05
    network = RandomNetwork(60, 5, seed=1)
    row = low_rank_row(network, 14, ranks, rng=2, temporal=temporal, level=level, trial=1)
    rng, matrix = np.random.default_rng(2), DenseOperator(network, 14).matrix
    for R, found in zip(ranks, row, strict=True):
        signal = low_rank_signal(14, 5, R, temporal, rng=rng)
        state, sigma, noise = by_hand(rng, signal, matrix, level)
        S = cp.Variable((14, 5))
        lam = 0.25 * sigma * (np.sqrt(14) + np.sqrt(5))
        cost = 0.5 * cp.sum_squares(matrix @ cp.vec(S, order="C") - state) + lam * cp.normNuc(S)
        theirs = cp.Problem(cp.Minimize(cost)).solve(solver=cp.CLARABEL)
        assert (found.nodes, found.streams, found.steps, found.complexity, found.trial) == (60, 5, 14, R, 1)
        assert found.gap <= 1e-6
        # CLARABEL stops at a relative gap of 1e-8, and ours is within 1e-6 of the minimum.
        assert found.objective * 0.5 * np.sum(state**2) == pytest.approx(theirs, rel=1.1e-6)
        assert found.noise_rmse == pytest.approx(noise, rel=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["random", "joint", "single-stream"]), st.floats(0.001, 0.5))
def test_what_every_row_satisfies(seed, support, level):
    network = RandomNetwork(M, L, seed=seed)
    for found in sparse_row(network, N, [2, 6], rng=seed, support=support, level=level):
        assert found.gap <= 1e-6
        # the zero estimate has objective 1 in the units of the row
        assert 0 < found.objective <= 1 / (1 - 1e-6)
        # ||e|| = level ||A(S)|| and ||A(S)|| <= ||A|| ||S||
        norm = np.linalg.norm(DenseOperator(network, N).matrix, 2)
        assert 0 < found.noise_rmse <= (level * norm) ** 2 * (1 + 1e-9)


def test_a_row_is_its_recoveries_one_after_the_other():
    network = RandomNetwork(M, L, seed=0)
    together = sparse_row(network, N, [2, 5], rng=1)
    rng = np.random.default_rng(1)
    apart = [sparse_row(network, N, [K], rng=rng)[0] for K in (2, 5)]
    assert together == apart


def test_a_missed_gap_is_in_the_row_and_warned_about():
    network = RandomNetwork(M, L, seed=0)
    with pytest.warns(NotConvergedWarning):
        (sparse,) = sparse_row(network, N, [20], rng=0, max_iter=1)
    with pytest.warns(NotConvergedWarning):
        (low,) = low_rank_row(network, N, [2], rng=0, max_iter=1)
    assert sparse.gap > 1e-6
    assert low.gap > 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sparse_row(network, N, [20], rng=0)[0].gap <= 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda network: sparse_row(network, N, [0], rng=0), "nonzeros must be >= 1"),
        (lambda network: sparse_row(network, N, [N * L + 1], rng=0), "K must be <="),
        (lambda network: sparse_row(network, N, [1], rng=0, level=0.0), "level must be > 0"),
        (lambda network: sparse_row(network, N, [1], rng=0, basis="sines"), "basis must be one of"),
        (lambda network: sparse_row(network, N, [1], rng=0, support="all"), "support must be one of"),
        (lambda network: low_rank_row(network, N, [L + 1], rng=0), "R must be <="),
        (lambda network: low_rank_row(network, N, [1], rng=0, level=-1.0), "level must be > 0"),
        (lambda network: low_rank_row(network, N, [1], rng=0, temporal="square"), "temporal must be one of"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(RandomNetwork(M, L, seed=0))
