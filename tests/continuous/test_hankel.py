"""Hankel singular values against mpmath, balanced truncation (Lyapunov equations), and what they must obey."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.approximation import count_above, hankel_matrix, hankel_singular_values, powerlaw_sum
from linmem.kernels import ComplexExponentialSum, ExponentialSum, PowerLaw

EPS = np.finfo(float).eps


def by_lyapunov(W, U, c):
    """Singular values from the Gramians: eigenvalues of P Q, W P + P W^T + U U^T = 0, W^T Q + Q W + c c^T = 0."""
    P = scipy.linalg.solve_continuous_lyapunov(W, -np.outer(U, U))
    Q = scipy.linalg.solve_continuous_lyapunov(W.T, -np.outer(c, c))
    return np.sqrt(np.sort(np.abs(np.linalg.eigvals(P @ Q)))[::-1])


def realisation(fit):
    """W, U, c in real 1x1 and 2x2 blocks."""
    blocks, inputs, outputs = [], [], []
    for a, w in zip(np.array(fit.amplitudes), np.array(fit.rates), strict=True):
        if np.imag(w) == 0:
            blocks.append([[-np.real(w)]])
            inputs += [1.0]
            outputs += [np.real(a)]
        else:  # Re(a e^{-wt}) = e^{-alpha t} (Re a cos bt + Im a sin bt)
            blocks.append([[-w.real, w.imag], [-w.imag, -w.real]])
            inputs += [1.0, 0.0]
            outputs += [a.real, -a.imag]
    return scipy.linalg.block_diag(*blocks), np.array(inputs), np.array(outputs)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 4), st.integers(0, 3))
def test_against_balanced_truncation(seed, real, pairs):
    rng = np.random.default_rng(seed)
    rates = np.concatenate([np.geomspace(0.3, 9.0, real), rng.uniform(0.2, 2.0, pairs) + 1j * np.arange(1, pairs + 1)])
    if rates.size == 0:
        return
    fit = ComplexExponentialSum(rng.normal(size=rates.size) + 1j * rng.normal(size=rates.size), rates)
    values, reference = hankel_singular_values(fit), by_lyapunov(*realisation(fit))
    assert values.size == fit.state_size
    # the reference takes square roots of eigenvalues of P Q: absolute error about sqrt(n eps) ||P|| ||Q|| scale
    np.testing.assert_allclose(values, reference, rtol=0, atol=100 * np.sqrt(EPS) * values[0])


def test_relative_accuracy_against_eighty_digits():
    fit = powerlaw_sum(PowerLaw(0.5), tolerance=1e-3).fit
    values = hankel_singular_values(fit)
    with mp.workdps(80):
        a, w = [mp.mpf(x) for x in fit.amplitudes], [mp.mpf(x) for x in fit.rates]
        exact = mp.eigsy(
            mp.matrix(
                [[mp.sqrt(x * y) / (u + v) for y, v in zip(a, w, strict=True)] for x, u in zip(a, w, strict=True)]
            ),
            eigvals_only=True,
        )
        exact = np.array([float(e) for e in sorted(exact, reverse=True)])
    assert exact[-1] < 1e-5 * exact[0]
    # factor entries are products of up to 4 n roundings, Jacobi adds a few n: 10 n eps
    np.testing.assert_allclose(values, exact, rtol=10 * values.size * EPS, atol=0)


def test_values_below_rounding_of_the_largest():
    """Rates 1 and 1 + d: sigma_2 is about d^2, which no eigenvalue solver sees in the plain matrix."""
    d = 2.0**-30
    values = hankel_singular_values(ExponentialSum([1.0, 1.0], [1.0, 1.0 + d]))
    # trace = 1/2 + 1/(2(1+d)), determinant = d^2/(4 (1+d) (2+d)^2)
    assert values[0] == pytest.approx(1.0, rel=1e-9)
    assert values[1] == pytest.approx(d**2 / (4 * (1 + d) * (2 + d) ** 2) / values[0], rel=1e-14)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(0.01, 100.0))
def test_invariances_and_norms(seed, factor):
    rng = np.random.default_rng(seed)
    a, w = rng.normal(size=5), rng.uniform(0.1, 5.0, 5)
    fit = ExponentialSum(a, w)
    values = hankel_singular_values(fit)
    slack = 1e-12 * np.abs(a / w).sum()
    # rho(t) -> c rho(ct) leaves the operator unitarily equivalent
    scaled = hankel_singular_values(ExponentialSum(factor * a, factor * w))
    np.testing.assert_allclose(scaled, values, rtol=0, atol=slack)
    assert values[0] <= fit.l1_norm() + slack
    # Hilbert-Schmidt norm: int t rho^2 dt = sum_ij a_i a_j/(w_i + w_j)^2
    square = a @ (a / (w[:, None] + w) ** 2).sum(1)
    assert (values**2).sum() == pytest.approx(square, rel=1e-9, abs=slack**2)
    # the complex code on a real sum
    complex_values = hankel_singular_values(ComplexExponentialSum.from_real(fit))
    np.testing.assert_allclose(complex_values, values, rtol=0, atol=slack)


def test_equal_rates_and_zero_amplitudes():
    values = hankel_singular_values(ExponentialSum([1.0, 0.0, 2.0, -1.0], [1.0, 5.0, 1.0, 3.0]))
    np.testing.assert_allclose(values, hankel_singular_values(ExponentialSum([3.0, -1.0], [1.0, 3.0])), rtol=1e-13)
    assert hankel_singular_values(ExponentialSum([0.0], [1.0])).size == 0


@pytest.mark.parametrize(
    "fit",
    [
        powerlaw_sum(PowerLaw(1.0), tolerance=1e-3).fit,
        ExponentialSum([1.0, -2.0, 0.5, 0.25], [0.5, 1.0, 2.0, 2.0]),
        ComplexExponentialSum([1.0 + 0.5j, -2.0, 0.3j], [1.0 + 2.0j, 0.5, 0.7 - 1.0j]),
    ],
)
def test_the_rigorous_matrix_has_these_values(fit):
    matrix, radius, copies = hankel_matrix(fit)
    assert np.array_equal(matrix, matrix.T)
    assert 0 < radius < 1e-13
    found = np.linalg.svd(matrix, compute_uv=False)[::copies]
    values = hankel_singular_values(fit)
    np.testing.assert_allclose(found, values[: found.size], rtol=0, atol=1e-13)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.0, 0.3))
def test_count_above_is_never_too_large_and_rarely_too_small(seed, n, radius):
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    values = rng.normal(size=n)
    matrix = Q @ np.diag(values) @ Q.T
    matrix = (matrix + matrix.T) / 2
    threshold = 0.5
    count = count_above(matrix, radius, threshold)
    assert count <= int((np.abs(values) - radius > threshold - 1e-12).sum())
    assert count >= int((np.abs(values) - radius > threshold + 1e-10).sum())


def test_count_above_does_not_trust_the_eigensolver(monkeypatch):
    """With garbage for eigenvectors the count falls; it never exceeds the truth."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 12))
    A = A + A.T
    truth = int((np.abs(np.linalg.eigvalsh(A)) > 1.0).sum())
    vectors = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    monkeypatch.setattr(scipy.linalg, "eigh", lambda *args, **kwargs: (np.full(12, 5.0), vectors))
    assert count_above(A, 0.0, 1.0) == 0 < truth
    monkeypatch.setattr(scipy.linalg, "eigh", lambda *args, **kwargs: (np.full(12, 5.0), np.eye(12)))
    assert count_above(np.diag(np.r_[np.full(3, 5.0), np.full(9, 0.1)]), 0.0, 1.0) == 3


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="exponential sum or a power law"):
        hankel_singular_values(lambda t: t)
    with pytest.raises(ValueError, match="exactly symmetric"):
        count_above(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.0, 1.0)
    with pytest.raises(ValueError, match="threshold must be > 0"):
        count_above(np.eye(2), 0.0, 0.0)
