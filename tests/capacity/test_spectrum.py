"""Checks of (A, C), eigenvalues with their condition, and sums over powers: quadrature, exact similarity, scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard, matrix_balance, solve_discrete_lyapunov

from linmem.capacity.linear.cascade import allpass_coefficients
from linmem.capacity.linear.powers import power_sum, resolvent_norm
from linmem.capacity.linear.spectrum import check_stable, check_system, eigenvalues, input_mask


def turned(T):
    """A dense matrix with exactly the spectrum of T, whose size is a power of 4: H / sqrt(N) has dyadic entries."""
    H = hadamard(len(T)) / np.sqrt(len(T))
    A = H @ T @ H.T
    assert np.array_equal(H.T @ A @ H, T)  # nothing was rounded
    return A


@pytest.mark.parametrize(
    ("A", "C", "error", "message"),
    [
        (np.eye(2)[:1], [1.0, 1.0], ValueError, r"A must be a square matrix \(N, N\), got shape \(1, 2\)"),
        (np.zeros((0, 0)), [], ValueError, "A must be a square matrix"),
        ([[1.0, 2.0], [3.0]], [1.0, 1.0], TypeError, "A must be a rectangular array"),
        ([[0.5, np.nan], [0.0, 0.5]], [1.0, 1.0], ValueError, r"A must be finite, got nan at index \(0, 1\)"),
        ([[0.5j]], [1.0], TypeError, r"A must be real.*\[\[Re A, -Im A\], \[Im A, Re A\]\]"),
        ([[0.5]], [1.0j], TypeError, "C must be real"),
        ([["a"]], [1.0], TypeError, "A must hold real numbers"),
        ([[0.5]], [1.0, 2.0], ValueError, r"C must have shape \(N,\) = \(1,\).* got \(2,\)"),
        ([[0.5]], 1.0, ValueError, r"C must have shape .* got \(\)"),
        (np.eye(2) / 2, np.ones((1, 2)), ValueError, r"C must have shape .* got \(1, 2\)"),
        (np.eye(2) / 2, [0.0, 0.0], ValueError, "C must not be all zero"),
        (np.eye(2) / 2, [0.0, np.inf], ValueError, "C must be finite"),
        ([[2.0]], [1.0], ValueError, r"spectral radius of A must be < 1 .* got 2; scale A by 0.9/2 = 0.45"),
        ([[1.0]], [1.0], ValueError, "got 1; scale A by 0.9/1 = 0.9"),
        ([[0.0, 1.0], [-1.0, 0.0]], [1.0, 0.0], ValueError, "got 1; scale"),
        (np.eye(2) * 1e300, [1.0, 0.0], ValueError, "got 1e.300; scale"),
    ],
)
def test_bad_systems_are_refused(A, C, error, message):
    with pytest.raises(error, match=message):
        check_system(A, C)


def test_masks_of_several_inputs():
    assert input_mask("C", np.ones((3, 2)), 3, inputs="many").shape == (3, 2)
    assert check_system(np.eye(3) / 2, [1, 2, 3], inputs="many")[1].shape == (3, 1)
    with pytest.raises(ValueError, match=r"shape \(N, d\) with N = 3 rows"):
        input_mask("C", np.ones((2, 3)), 3, inputs="many")
    with pytest.raises(ValueError, match="inputs must be one of"):
        input_mask("C", np.ones(3), 3, inputs="two")
    assert check_system([[5.0]], [1.0], stable=False)[0][0, 0] == 5.0


def test_radius_is_that_of_the_eigenvalues():
    assert check_stable(turned(np.diag([0.875, -0.5, 0.25, 0.125]))) == pytest.approx(0.875, abs=1e-14)  # symmetric
    assert check_stable([[1 - 1e-12]]) == 1 - 1e-12
    with pytest.raises(ValueError, match="got 1; scale"):
        check_stable(turned(np.eye(16)))


def test_feed_forward_networks_have_exact_eigenvalues():
    rng = np.random.default_rng(0)
    order = rng.permutation(30)
    values = rng.uniform(-0.9, 0.9, 30)
    T = np.triu(rng.standard_normal((30, 30)), 1) + np.diag(values)
    found = eigenvalues(T[np.ix_(order, order)])
    assert np.array_equal(np.sort(found.values.real), np.sort(values))
    assert (found.condition, found.components, found.error) == (0.0, 30, 0.0)
    shuffled = rng.permutation(50)
    assert not eigenvalues(np.eye(50, k=-1)[np.ix_(shuffled, shuffled)]).values.any()


def test_components_are_taken_one_by_one():
    rng = np.random.default_rng(1)
    blocks = [rng.standard_normal((n, n)) for n in (1, 4, 1, 3)]
    A = np.zeros((9, 9))
    start = 0
    for block in blocks:
        A[start : start + len(block), start : start + len(block)] = block
        A[start : start + len(block), start + len(block) :] = 1.0
        start += len(block)
    found = eigenvalues(A)
    alone = np.concatenate([np.linalg.eigvals(block) for block in blocks])
    assert found.components == 4
    # Two runs of LAPACK on the same blocks, once balanced: eigenvalues of condition below 100.
    assert np.allclose(np.sort_complex(found.values), np.sort_complex(alone), rtol=0, atol=1e-12)
    symmetric = eigenvalues(blocks[1] + blocks[1].T)
    assert not symmetric.values.imag.any()


@pytest.mark.parametrize("N", [6, 40])  # summed exactly, and interpolated
@pytest.mark.parametrize("radius", [0.5, 0.95])
def test_resolvent_norm_is_the_mean_over_the_circle(N, radius):
    A = np.random.default_rng(N).standard_normal((N, N))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    angle = np.exp(2j * np.pi * np.arange(512) / 512)  # the rule of 512 points errs by radius^512 < 1e-11
    mean = np.mean([np.linalg.norm(np.linalg.inv(np.eye(N) - z * A)) ** 2 for z in angle])
    found = resolvent_norm(A, radius) ** 2
    if N == 6:
        assert found == pytest.approx(mean, rel=1e-9)
    else:
        assert mean * (1 - 1e-3) <= found <= 1.7 * mean  # the larger end of each doubling stands for all of it


def test_power_sum_is_the_solution_of_the_stein_equation():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((12, 12))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    Q = A @ A.T
    other = solve_discrete_lyapunov(A, Q)
    assert np.abs(power_sum(A, Q) - other).max() < 1e-11 * np.abs(other).max()  # sum of ||A^k||^2 is below 1e4
    assert np.isinf(power_sum(np.array([[3.0]]), np.eye(1))).all()
    assert np.isinf(resolvent_norm(3.0 * np.eye(40), 3.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(0.2, 0.97))
def test_condition_bounds_the_change_of_the_allpass(seed, N, radius):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    found = eigenvalues(A)
    x, y = rng.standard_normal((2, N))
    balanced, (scales, _) = matrix_balance(A, permute=False, separate=True)  # what the condition is built on
    for E in (rng.standard_normal((N, N)), np.outer(x, y)):
        size = 1e-8 * np.linalg.norm(A) / np.linalg.norm(E)
        share = size * np.linalg.norm(E * scales / scales[:, None]) / np.linalg.norm(balanced)
        changed = np.linalg.eigvals(A + size * E)
        lags = int(40 / (1 - radius))  # the rest of both series is below e^-40
        change = allpass_coefficients(changed, lags) - allpass_coefficients(found.values, lags)
        bound = 2 * share * found.condition
        assert np.linalg.norm(change) <= bound + bound**2 + 1e-12  # second order and rounding
