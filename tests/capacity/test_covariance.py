"""State covariance: both methods against scipy, the sum over time, and the equation itself."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from linmem.capacity.linear.covariance import state_covariance

METHODS = ["smith", "schur"]


def system(N, d, radius, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    return A * (radius / np.abs(np.linalg.eigvals(A)).max()), rng.standard_normal((N, d))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("N", "d", "radius"), [(1, 1, 0.9), (5, 2, 0.5), (30, 1, 0.95), (30, 40, 0.99)])
def test_against_scipy_and_the_sum_over_time(method, N, d, radius):
    A, C = system(N, d, radius)
    found = state_covariance(A, C, method)
    other = solve_discrete_lyapunov(A, C @ C.T)
    power, total = C, C @ C.T
    for _ in range(int(40 / (1 - radius))):  # radius^(2 steps) < e^-80
        power = A @ power
        total = total + power @ power.T
    # Errors are 2^-52 times sum ||A^k||^2, at most N^2/(1 - radius)^2 = 1e7 here, relative to the norm.
    for reference in (other, total):
        assert np.abs(found - reference).max() < 2e-9 * np.abs(reference).max()
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("method", METHODS)
def test_close_to_instability(method):
    gap = 1e-10
    angle = np.linspace(0.1, 3.0, 6)
    blocks = [(1 - gap) * np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in angle]
    A = np.zeros((12, 12))
    for i, block in enumerate(blocks):
        A[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = block
    found = state_covariance(A, np.ones(12), method)
    # The trace of each block is 2/(1 - q^2), q = 1 - gap; entries rounded by 1e-16 move that by 1e-6 of it.
    traces = [np.trace(found[2 * i : 2 * i + 2, 2 * i : 2 * i + 2]) for i in range(6)]
    assert np.allclose(traces, 1 / gap, rtol=1e-5)


def test_a_vector_is_one_input():
    A, C = system(4, 1, 0.8)
    assert np.array_equal(state_covariance(A, C[:, 0]), state_covariance(A, C))
    assert np.array_equal(state_covariance(np.eye(3, k=-1), np.eye(3)[0]), np.eye(3))  # a delay line


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="method must be one of 'smith', 'schur', got 'shur'; did you mean 'schur'"):
        state_covariance([[0.5]], [1.0], "shur")
    with pytest.raises(ValueError, match="spectral radius of A must be < 1"):
        state_covariance([[1.5]], [1.0])
    with pytest.raises(ValueError, match=r"C must have shape \(N, d\) with N = 1 rows"):
        state_covariance([[0.5]], [1.0, 2.0])
