"""Kalman rank against rational arithmetic, constructions and minimal polynomials; residuals against QR in mpmath."""

from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import sympy
from flint import fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linmem.capacity.linear.krylov import PRIMES, kalman_rank, krylov_residuals, residues
from linmem.capacity.systems import haar_orthogonal, random_connectivity, random_mask


def _rational_rank(A, C):
    """Rank of the Krylov matrix in rational arithmetic."""
    A, C = np.asarray(A, dtype=float), np.asarray(C, dtype=float).reshape(len(A), -1)

    def exact(M):
        return fmpq_mat(*M.shape, [fmpq(*float(x).as_integer_ratio()) for x in M.ravel()])

    matrix, block = exact(A), exact(C)
    columns = []
    for _ in range(len(A)):
        columns += block.transpose().tolist()
        block = matrix * block
    return fmpq_mat(columns).rank()


def _systems(entries):
    sizes = st.tuples(st.integers(1, 6), st.integers(1, 2))
    return sizes.flatmap(
        lambda size: st.tuples(
            arrays(float, (size[0], size[0]), elements=entries), arrays(float, size, elements=entries)
        )
    ).filter(lambda pair: pair[1].any())


@settings(max_examples=50)
@given(_systems(st.sampled_from([0.0, 0.0, 0.0, 1.0, -0.5, 0.375])))
def test_rank_of_small_structured_systems(pair):
    assert kalman_rank(*pair) == _rational_rank(*pair)


@settings(max_examples=30)
@given(_systems(st.floats(-1e3, 1e3)))
def test_rank_of_small_systems_with_any_floats(pair):
    assert kalman_rank(*pair) == _rational_rank(*pair)


def _unimodular(N, rng):
    """An integer matrix of determinant 1 with its inverse, entries small: products of a few elementary ones."""
    T, inverse = np.eye(N), np.eye(N)
    for _ in range(2 * N):
        i, j = rng.choice(N, 2, replace=False)
        sign = rng.choice([-1.0, 1.0])
        T[i] += sign * T[j]
        inverse[:, j] -= sign * inverse[:, i]
    assert np.array_equal(T @ inverse, np.eye(N))
    return T, inverse


@pytest.mark.parametrize(("n", "rest"), [(1, 9), (7, 13), (20, 20), (39, 1)])
def test_rank_of_a_hidden_block(n, rest):
    # [[R, X], [0, U]] with C = (c, 0), R a companion matrix and c its unit vector: n dimensions are reached, no more.
    rng, N = np.random.default_rng(n), n + rest
    A = np.triu(rng.integers(-2, 3, (N, N)).astype(float))
    A[:n, :n] = np.eye(n, k=-1)
    A[:n, n - 1] = rng.integers(-2, 3, n)
    T, inverse = _unimodular(N, rng)
    A, C = T @ A @ inverse, T @ np.eye(N)[0]
    assert np.abs(A).max() < 2**50  # so that all products above were exact
    assert kalman_rank(A, C) == n


def test_rank_is_the_degree_of_the_minimal_polynomial():
    # With one input the rank is the degree of the common denominator of (z - A)^{-1} C.
    z = sympy.Symbol("z")
    cases = [
        (np.diag([1, 1, 2, 3]), [1, 1, 1, 0]),
        (np.array([[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 5]]), [0, 1, 1, 1]),
        (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), [1, 0, 0]),
        (np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), [1, 2, -3]),
    ]
    for A, C in cases:
        terms = (z * sympy.eye(len(A)) - sympy.Matrix(A)).LUsolve(sympy.Matrix(C))
        bottom = [sympy.denom(sympy.cancel(term)) for term in terms]
        assert kalman_rank(A, C) == sympy.degree(sympy.lcm_list(bottom), z)


def test_rank_where_floating_point_falls_short():
    A, C = random_connectivity(100, rng=0), random_mask(100, rng=1)
    assert kalman_rank(A, C) == 100  # rank modulo p is a lower bound: certain
    floating = kalman_rank(A, C, exact=False)
    assert floating < 95
    K = [C]
    for _ in range(99):
        K.append(A @ K[-1])
    scaled = np.array([k / np.linalg.norm(k) for k in K])
    # Columns scaled as they are made or afterwards: same numbers up to rounding, a few at the threshold.
    assert abs(floating - np.linalg.matrix_rank(scaled)) <= 3


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(-400, 400), st.integers(-400, 400))
def test_rank_does_not_change_with_powers_of_two(seed, a, c):
    rng = np.random.default_rng(seed)
    A = rng.choice([0.0, 0.0, 1.0, -3.0], (6, 6))
    C = rng.choice([0.0, 1.0], 6) + np.eye(6)[0]
    s = rng.integers(-300, 300, 6)
    turned = np.ldexp(A, s[:, None] - s[None, :])  # similarity by a diagonal of powers of two
    assert kalman_rank(turned, np.ldexp(C, s)) == _rational_rank(A, C)
    assert kalman_rank(np.ldexp(A, a), np.ldexp(C, c)) == _rational_rank(A, C)


def test_powers_of_two_do_not_fall_together_modulo_the_primes():
    # Modulo the Mersenne prime 2^31 - 1 both eigenvalues would be 1.
    assert kalman_rank(np.diag([1.0, 2.0**-31]), [1.0, 1.0]) == 2
    assert kalman_rank(np.diag(2.0 ** np.arange(-60.0, 60.0)), np.ones(120)) == 120
    for p in PRIMES:
        assert sympy.isprime(p)
        assert sympy.isprime((p - 1) // 2)
        assert p < 2**31


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_residues_of_all_doubles(values):
    for p in PRIMES:
        for value, found in zip(values, residues(np.array(values), p), strict=True):
            ratio = Fraction(value)
            assert 0 <= found < p
            assert (int(found) * ratio.denominator - ratio.numerator) % p == 0


def test_several_inputs():
    rng = np.random.default_rng(0)
    A, C = np.diag(np.repeat(np.arange(1, 9) / 16, 5)), rng.standard_normal((40, 3))
    assert [kalman_rank(A, C[:, :d]) for d in (1, 2, 3)] == [8, 16, 24]  # each eigenvalue is excited once by each input
    ladder = np.eye(30, k=-1)  # the number of blocks has to grow to 30: the second input is of no use
    assert kalman_rank(ladder, np.eye(30)[:, [0, 29]]) == 30
    assert kalman_rank(ladder, np.c_[np.eye(30)[0], np.zeros(30)]) == 30
    assert kalman_rank(ladder, np.eye(30)[:, [20, 25]]) == 10


def test_residuals_against_high_precision():
    A, C = random_connectivity(12, rng=3), random_mask(12, rng=4)
    with mpmath.workdps(60):
        K = [mpmath.matrix(C.tolist())]
        for _ in range(11):
            K.append(mpmath.matrix(A.tolist()) * K[-1])
        basis, norms = [], []
        for k in K:
            for q in basis:
                k = k - q * (q.T * k)[0]
            norms.append(mpmath.norm(k))
            basis.append(k / norms[-1])
        expected = [norms[0], *(float(b / a) for a, b in pairwise(norms))]
    # Backward error 2^-52 N ||A||, amplified along the process by at most ||A||/h at each step: 1e3 here.
    assert np.allclose(krylov_residuals(A, C), np.array(expected, dtype=float), rtol=1e-10)


def test_residuals_end_where_the_space_ends():
    Q = haar_orthogonal(8, 0)
    A, C = Q @ np.diag([0.1, 0.1, 0.5, 0.5, 0.9, 0.9, 0.9, 0.3]) @ Q.T, Q @ np.ones(8)
    found = krylov_residuals(A, C)
    assert np.all(found[:4] > 1e-2)
    assert not found[4:].any()
    assert np.allclose(krylov_residuals(Q.T @ A @ Q, np.ones(8))[:4], found[:4], rtol=1e-12)  # the same in other axes
    assert np.allclose(krylov_residuals(np.eye(4, k=-1), np.eye(4)[0]), 1.0, rtol=0, atol=1e-15)
    assert krylov_residuals([[0.5]], [-3.0]).tolist() == [3.0]
    A, C = random_connectivity(5, rng=0), random_mask(5, rng=1)
    tiny = krylov_residuals(np.ldexp(A, -800), np.ldexp(C, -700))  # squares of such entries are 0
    assert np.allclose(np.ldexp(tiny, [700, 800, 800, 800, 800]), krylov_residuals(A, C), rtol=1e-12)


@pytest.mark.parametrize(
    ("A", "C", "message"),
    [
        (np.ones((2, 3)), [1, 1], "square"),
        (np.eye(2), [1, 1, 1], "shape"),
        (np.eye(2), [0, 0], "zero"),
        ([[np.nan, 0], [0, 1]], [1, 1], "finite"),
    ],
)
@pytest.mark.parametrize("function", [kalman_rank, krylov_residuals])
def test_refused(function, A, C, message):
    with pytest.raises(ValueError, match=message):
        function(A, C)
