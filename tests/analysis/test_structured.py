"""Structured input recovered from one state: the map, the hard limits, and the order of structures."""

import numpy as np
import pytest

from linmem.analysis.structured import structured_recall, unrolled
from linmem.analysis.unrolled import columns_of, linear_error, linear_horizon
from linmem.discrete.bounds import nuclear_statistical_dimension, statistical_dimension


def _rotation(n: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def test_the_map_is_that_of_the_network() -> None:
    rng = np.random.default_rng(0)
    A, B, z = 0.3 * rng.normal(size=(4, 4)), rng.normal(size=(4, 2)), rng.normal(size=(7, 2))
    state = np.zeros(4)
    for step in z:
        state = A @ state + B @ step
    assert np.allclose(unrolled(A, B, 7) @ z.ravel(), state, atol=1e-12)
    assert np.array_equal(unrolled(A, B[:, 0], 3), unrolled(A, B[:, :1], 3))


def test_a_delay_line_holds_n_steps_of_anything_and_no_more() -> None:
    """Three non-zeros in N steps, all but the last 12 gone: nothing beats the state's length by much."""
    found = structured_recall(np.eye(12, k=-1), np.eye(12)[0], sparsity=3, trials=12, rng=0)
    assert found.trials[0].share.value == 1.0  # N = 12: the state is the input
    # the chance that all three are recent is above 1/2 for N <= 15 only, and a lost one is small in few draws
    assert 12 <= found.horizon <= 20
    assert found.unstructured == 12
    assert not found.capped


def test_sparse_input_is_held_longer_than_the_state_is_wide() -> None:
    n, K = 24, 5
    found = structured_recall(
        _rotation(n, 1), np.random.default_rng(2).normal(size=n), sparsity=K, trials=8, longest=200, rng=3
    )
    assert found.horizon > 1.5 * n
    # predicted is the turning point of the statistical dimension
    assert statistical_dimension(K, found.predicted) <= n < statistical_dimension(K, found.predicted + 1)
    # phase transition: above and below it by a factor of two
    assert 0.5 < found.horizon / found.predicted < 2
    assert all(trial.gap <= 1e-6 for trial in found.trials)


def test_tones_are_not_held() -> None:
    """A tone resonates with few of the modes of an orthogonal network: hardly more than n steps."""
    n = 24
    A, B = _rotation(n, 1), np.random.default_rng(2).normal(size=n)
    sparse = structured_recall(A, B, "sparse", sparsity=5, trials=6, longest=200, rng=3)
    tones = structured_recall(A, B, "joint tones", sparsity=5, trials=6, longest=200, rng=3)
    assert tones.horizon < 0.6 * sparse.horizon
    assert tones.predicted == sparse.predicted  # the prediction knows the number of unknowns only


def test_low_rank_input() -> None:
    n, d = 24, 4
    B = np.random.default_rng(5).normal(size=(n, d))
    found = structured_recall(_rotation(n, 4), B, "low rank", sparsity=1, trials=4, longest=12, noise=1e-2, rng=6)
    assert found.horizon > found.unstructured == 6
    assert nuclear_statistical_dimension(1, found.predicted, d) <= n
    assert 0.5 < found.horizon / found.predicted < 1.5


def test_a_forgetful_network_holds_little() -> None:
    B = np.random.default_rng(2).normal(size=20)
    kept = structured_recall(_rotation(20, 1), B, sparsity=3, trials=6, longest=80, rng=0)
    lost = structured_recall(0.7 * _rotation(20, 1), B, sparsity=3, trials=6, longest=80, rng=0)
    assert lost.horizon < kept.horizon
    nothing = structured_recall(np.zeros((20, 20)), B, sparsity=3, trials=6, longest=80, rng=0)
    assert nothing.horizon <= 4  # one step is held


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="low rank needs at least 2 input streams"):
        structured_recall(np.eye(3), np.ones(3), "low rank", rng=0)
    with pytest.raises(ValueError, match="A must be square"):
        structured_recall(np.ones((2, 3)), np.ones(2), rng=0)
    with pytest.raises(ValueError, match="structure must be one of"):
        structured_recall(np.eye(3), np.ones(3), "tones", rng=0)
    with pytest.raises(ValueError, match="longest must be >= 5"):
        structured_recall(np.eye(3), np.ones(3), sparsity=5, longest=2, rng=0)


def test_the_error_of_the_best_linear_estimate_is_that_of_regression() -> None:
    """Wiener's estimate, from its normal equations: ``tr(I - M^T (M M^T + s^2)^{-1} M) / Nd``."""
    rng = np.random.default_rng(4)
    A, B = 0.4 * rng.normal(size=(5, 5)), rng.normal(size=(5, 2))
    for steps, noise in ((1, 0.1), (2, 0.01), (6, 0.3)):
        M = unrolled(A, B, steps)
        sigma = noise * np.linalg.norm(M) / np.sqrt(5)
        gain = M.T @ np.linalg.inv(M @ M.T + sigma**2 * np.eye(5))
        exact = np.trace(np.eye(2 * steps) - gain @ M) / (2 * steps)
        # cond(M M^T + s^2) < 1e5 here, so that the inverse is good to 1e-10
        assert abs(linear_error(A, B, steps, noise) - exact) < 1e-9


def test_a_rotation_holds_n_inputs_of_any_kind_and_a_leak_fewer() -> None:
    """Orthonormal columns: error ``noise^2 / (1 + noise^2)`` up to N = n. Powers of 0.3: 0.3^6 is below the noise."""
    n = 12
    assert linear_horizon(np.roll(np.eye(n), 1, axis=0), np.eye(n)[0], 0.01, 1e-3) == n
    assert linear_horizon(0.3 * np.eye(n, k=-1), np.eye(n)[0], 0.01, 1e-3) < n
    assert linear_horizon(np.zeros((3, 3)), np.zeros(3), 0.01, 1e-3) == 0
    turned = columns_of(np.roll(np.eye(n), 1, axis=0))
    assert (turned.condition, turned.coherence) == (1.0, 0.0)
    assert columns_of(np.ones((3, 2))).condition > 1e15
    assert columns_of(np.ones((1, 2))).condition == np.inf
    assert columns_of(np.zeros((2, 2))).coherence == 0.0
    found = structured_recall(0.3 * np.eye(n, k=-1), np.eye(n)[0], sparsity=2, trials=4, rng=0)
    assert found.linear < n
    assert found.columns.coherence == 0.0  # inputs never mix in a delay line,
    assert found.columns.condition == pytest.approx(0.3**-11)  # they fade
