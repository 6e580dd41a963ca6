"""Exact memory curves: certified enclosures, closed forms, exactly known spectra of hundreds of states, invariances."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from scipy.signal import lfilter

from linmem.capacity.linear import (
    allpass_coefficients,
    allpass_curve,
    enclosed_curve,
    exact_capacity,
    exact_curve,
    reachable_part,
)

EPS = 2.0**-52


def normal(N, radius, rng):
    A = rng.standard_normal((N, N))
    return A * (radius / np.abs(np.linalg.eigvals(A)).max())


def orthogonal(N, rng):
    return np.linalg.qr(rng.standard_normal((N, N)))[0]


def jordan(N, value, step):
    return np.diag(np.full(N, value)) + step * np.eye(N, k=1)


def turned(T):
    """A dense matrix with exactly the spectrum of T, whose size is a power of 4: H / sqrt(N) has dyadic entries."""
    H = hadamard(len(T)) / np.sqrt(len(T))
    A = H @ T @ H.T
    assert np.array_equal(H.T @ A @ H, T)  # nothing was rounded
    return A


def dyadic(values):
    """Rounded to multiples of 2^-20, so that products with +-1 and sums of hundreds are exact."""
    return np.round(np.asarray(values) * 2.0**20) * 2.0**-20


def precise(eigenvalues, max_lag, digits=80):
    """1 - sum_{m <= tau} |b_m|^2 by multiplying the factors as power series, in many digits."""
    with mpmath.workdps(digits):
        b = [mpmath.mpc(0)] * (max_lag + 1)
        b[0] = mpmath.mpc(1)
        for value in eigenvalues:
            l, previous, before = mpmath.mpc(complex(value)), mpmath.mpc(0), mpmath.mpc(0)
            for m in range(max_lag + 1):
                previous = l * previous + before - mpmath.conj(l) * b[m]
                before, b[m] = b[m], previous
        rest, curve = mpmath.mpf(1), []
        for x in b:
            rest -= abs(x) ** 2
            curve.append(float(rest))
    return np.array(curve)


@pytest.mark.parametrize(
    "values",
    [
        [0.5],
        [0.9] * 6,
        [0.0] * 4 + [0.7, -0.7],
        [0.6 + 0.7j, 0.6 - 0.7j, -0.3, 0.99],
        [0.3j, 0.2 + 0.1j],  # of a complex network: no conjugate pairs
        [0.9 + 1e-9j, 0.9 - 1e-9j, 0.9 + 2e-9j, 0.9 - 2e-9j],
    ],
)
def test_cascade_is_the_tail_of_the_product(values):
    # N additions of units of rounding each; relative errors of 1 - |l| do not show in absolute terms.
    bound = 4 * EPS * (len(values) + 2)
    assert np.abs(allpass_curve(values, 30) - precise(values, 30)).max() <= bound
    b = allpass_coefficients(values, 2000)
    assert np.abs(1 - np.cumsum(np.abs(b) ** 2)[:31] - precise(values, 30)).max() <= 10 * bound
    assert np.sum(np.abs(b) ** 2) == pytest.approx(1.0, abs=1e-13)  # 0.99^4000 is below 1e-17; else shorter


def test_coefficients_are_an_impulse_response():
    A = normal(6, 0.8, np.random.default_rng(0))
    p = np.poly(A)  # characteristic polynomial, descending
    impulse = np.r_[1.0, np.zeros(50)]
    # B(z) = z^N p(1/z) reversed: numerator ascending is p ascending, the denominator z^N p(1/z) is p descending.
    other = lfilter(p[::-1], p, impulse)
    found = allpass_coefficients(np.linalg.eigvals(A), 50)
    assert np.abs(found.imag).max() < 1e-14
    assert np.allclose(found.real, other, rtol=0, atol=1e-12)  # coefficients up to (1 + .8)^6 = 34, twice


@given(st.floats(-0.999, 0.999), st.integers(0, 20))
def test_one_state(a, lag):
    curve = exact_curve([[a]], [2.0], lag)
    assert curve.values == pytest.approx((1 - a * a) * a ** (2.0 * np.arange(lag + 1)), rel=1e-12, abs=1e-300)
    assert exact_capacity([[a]], [2.0]).value == pytest.approx(a * a, abs=1e-15)


@pytest.mark.parametrize("N", [1, 2, 7, 50])
@pytest.mark.parametrize("r", [0.5, 0.9, 1 - 1e-9])
def test_ring_and_delay_line(N, r):
    rng = np.random.default_rng(N)
    tau = np.arange(3 * N)
    ring = exact_curve(r * np.roll(np.eye(N), 1, axis=0), rng.standard_normal(N), 3 * N - 1)
    fade = r ** (2 * N)
    law = -math.expm1(2 * N * math.log(r)) * fade ** (tau // N)
    assert ((ring.low <= law) & (law <= ring.high)).all()
    assert np.abs(ring.values - law).max() < 1e-13  # normal: condition 1, some hundred units of rounding
    total = exact_capacity(r * np.roll(np.eye(N), 1, axis=0), rng.standard_normal(N))
    assert total.value == pytest.approx(N - 1 + fade, abs=1e-13)
    delay = exact_curve(r * np.eye(N, k=-1), np.eye(N)[0], 3 * N - 1)
    assert np.array_equal(delay.values, (tau < N).astype(float))
    assert delay.condition == 0.0


def families(N, rng):
    G, Q = rng.standard_normal((N, N)), orthogonal(N, rng)
    radius = rng.choice([0.5, 0.9, 0.99, 1 - 1e-6, 1 - 1e-9])
    low = min(radius, 0.9)
    yield "normal", normal(N, radius, rng)
    yield "orthogonal", radius * Q
    yield "symmetric", (G + G.T) * (radius / np.abs(np.linalg.eigvalsh(G + G.T)).max())
    yield "triangular, turned", Q @ (np.triu(G, 1) / math.sqrt(N) + np.diag(rng.uniform(-low, low, N))) @ Q.T
    yield "Jordan block", jordan(N, 0.5, 0.25)
    yield "Jordan block, turned", Q @ jordan(N, 0.5, 0.25) @ Q.T
    yield "delay line, turned", Q @ np.eye(N, k=1) @ Q.T
    D = np.exp(3 * rng.standard_normal(N))
    yield "badly scaled", normal(N, low, rng) * D / D[:, None]
    yield "positive", np.abs(G) * (radius / np.abs(np.linalg.eigvals(np.abs(G))).max())


def test_stated_error_covers_the_certified_curve():
    rng = np.random.default_rng(0)
    outside = cases = 0
    for N in (2, 3, 5, 8, 12, 12):
        for _, A in families(N, rng):
            C = rng.standard_normal(N)
            truth = enclosed_curve(A, C, 3 * N, digits=40)
            found = exact_curve(A, C, 3 * N)
            assert found.rank == truth.rank == N
            cases += 1
            outside += not ((found.low <= truth.high) & (truth.low <= found.high)).all()
            # A bound that says nothing would pass too: half of the width is at most 1e-8 here.
            assert (found.high - found.low).max() < 2e-8
    assert cases == 54
    assert outside == 0


@pytest.mark.parametrize("N", [64, 256])
def test_exactly_known_spectra_of_hundreds_of_states(N):
    rng = np.random.default_rng(N)
    angle = rng.uniform(0, np.pi, N // 2)
    rotations = np.zeros((N, N))
    pairs = []
    for i, (a, b) in enumerate(zip(dyadic(0.95 * np.cos(angle)), dyadic(0.95 * np.sin(angle)), strict=True)):
        rotations[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[a, b], [-b, a]]
        pairs += [a + 1j * b, a - 1j * b]
    diagonal = dyadic(rng.uniform(-0.9, 0.9, N))
    strict = np.triu(dyadic(rng.standard_normal((N, N)) * 0.5 / math.sqrt(N)), 1)
    C = rng.standard_normal(N)
    lags = 3 * N
    for T, values, limit in (
        (rotations, pairs, 1e-12),  # orthogonal-like
        (rotations + np.triu(strict, 2), pairs, 1e-11),  # non-normal
        (np.diag(diagonal) + strict, diagonal, 1e-11),
        (jordan(N, 0.25, 0.5), [0.25] * N, 1e-12),  # defective: eigenvalues are computed with errors of 1/4 and more
        (np.eye(N, k=1), [0.0] * N, 1e-12),  # nilpotent
    ):
        A = turned(T)
        # Reached or not is decided elsewhere; the cascade of the exact eigenvalues is the truth (N units of rounding).
        found = exact_curve(A, C, lags, reachable=reachable_part(A, C, tolerance=0.0))
        truth = allpass_curve(values, lags)
        slack = 2 * N * EPS
        assert ((found.low - slack <= truth) & (truth <= found.high + slack)).all()
        assert np.abs(found.values - truth).max() < limit


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0.1, 0.99))
@example(1, 5, 0.99)
def test_neutral_to_mask_and_coordinates(seed, N, radius):
    rng = np.random.default_rng(seed)
    A = normal(N, radius, rng)
    C = rng.standard_normal(N)
    curve = exact_curve(A, C, 4 * N)
    S = np.eye(N) + 0.3 * rng.standard_normal((N, N)) / math.sqrt(N)
    condition = np.linalg.cond(S)
    assume(condition < 10)
    turned_curve = exact_curve(np.linalg.solve(S, A @ S), np.linalg.solve(S, C), 4 * N)
    other_mask = exact_curve(A, rng.standard_normal(N), 4 * N)
    assert np.array_equal(curve.values, other_mask.values)  # the very same eigenvalues
    # Forming S^-1 A S rounds A by a few units times the condition of S; the stated error is per unit, 16 units wide.
    slack = condition * N * (curve.high - curve.low + turned_curve.high - turned_curve.low)
    assert (np.abs(curve.values - turned_curve.values) <= slack).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 0.95), st.floats(0.0, math.pi)), min_size=1, max_size=6))
def test_falls_from_one_minus_the_determinant_and_sums_to_N(polar):
    values = np.array([r * np.exp(s * 1j * angle) for r, angle in polar for s in (1, -1)])
    N = len(values)
    curve = allpass_curve(values, 1200)  # 0.95^2400 < 1e-53
    units = 20 * EPS * N
    assert (np.diff(curve) <= units).all()
    assert (curve >= 0).all()
    assert curve[0] == pytest.approx(1 - np.prod(np.abs(values) ** 2), abs=units)
    assert curve.sum() == pytest.approx(N, abs=1200 * units)


def test_only_what_the_input_reaches_counts():
    rng = np.random.default_rng(3)
    A, C = normal(5, 0.9, rng), rng.standard_normal(5)
    twice = exact_curve(np.kron(np.eye(2), A), np.r_[C, C], 20)
    once = exact_curve(A, C, 20)
    assert (twice.rank, twice.states, once.rank) == (5, 10, 5)
    assert (np.abs(twice.values - once.values) <= 0.5 * (twice.high - twice.low + once.high - once.low)).all()
    blind = exact_curve(np.diag([0.5, 0.9]), [1.0, 0.0], 3)
    assert blind.rank == 1
    assert blind.values == pytest.approx(0.75 * 0.25 ** np.arange(4), rel=1e-14)
    known = reachable_part(np.kron(np.eye(2), A), np.r_[C, C])
    assert np.array_equal(exact_curve(np.kron(np.eye(2), A), np.r_[C, C], 20, reachable=known).values, twice.values)


@pytest.mark.parametrize("size", [2.0**40, 2.0**600])
@pytest.mark.filterwarnings("error")
def test_entries_of_any_size(size):
    A = np.array([[0.5, size], [0.125 / size, 0.25]])
    found, truth = exact_curve(A, [1 / size, 1.0], 6), enclosed_curve(A, [1 / size, 1.0], 6)
    assert ((found.low <= truth.high) & (truth.low <= found.high)).all()
    assert (found.high - found.low).max() < 1e-12  # balanced, A is well-conditioned: [[1/2, 1/4], [1/2, 1/4]] or so


def test_where_rounding_decides_the_curve_says_so():
    A = turned(jordan(64, 0.25, 1.25))  # the curve that is computed is wrong by 2e-4, the bound is beyond 1
    found = exact_curve(A, np.ones(64), 5, reachable=reachable_part(A, np.ones(64), tolerance=0.0))
    assert found.error.startswith("none: the eigenvalues are too ill-conditioned")
    assert np.array_equal(found.high - found.low, np.full(6, 2.0))


def test_capacity_over_any_range_of_lags():
    rng = np.random.default_rng(4)
    A, C = normal(6, 0.9, rng), rng.standard_normal(6)
    total = exact_capacity(A, C)
    part = exact_capacity(A, C, max_lag=10)
    assert (total.first_lag, total.last_lag, total.remainder) == (1, None, 0.0)
    assert total.value == pytest.approx(5 + np.linalg.det(A) ** 2, abs=1e-13)
    assert total.low <= 5 + np.linalg.det(A) ** 2 <= total.high
    assert part.value + part.remainder == pytest.approx(total.value, abs=1e-13)
    assert part.value == pytest.approx(part.curve.values[1:].sum())
    assert exact_capacity(A, C, first_lag=0).value == 6.0
    later = exact_capacity(A, C, first_lag=4)
    assert later.value == pytest.approx(total.value - total.curve.values[1:4].sum(), abs=1e-13)
    assert later.low <= later.value <= later.high


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: allpass_curve([1.0], 3), ValueError, r"eigenvalues must have modulus < 1, got \(1\+0j\)"),
        (lambda: allpass_curve([0.5, np.nan], 3), ValueError, "eigenvalues must have modulus < 1"),
        (lambda: allpass_curve([[0.5]], 3), TypeError, "eigenvalues must be a vector of numbers"),
        (lambda: allpass_curve(["a"], 3), TypeError, "eigenvalues must be a vector of numbers"),
        (lambda: allpass_coefficients([0.5], -1), ValueError, "max_lag must be >= 0"),
        (lambda: exact_curve([[1.2]], [1.0], 3), ValueError, "got 1.2; scale A by 0.9/1.2 = 0.75"),
        (lambda: exact_curve(np.diag([0.5, 1.2]), [1.0, 0.0], 3), ValueError, "spectral radius of A must be < 1"),
        (lambda: exact_curve([[0.5]], [1.0], 2.5), TypeError, "max_lag must be an integer"),
        (lambda: exact_capacity([[0.5]], [1.0], 2, first_lag=3), ValueError, "max_lag must be >= 3, got 2"),
        (lambda: exact_capacity([[0.5]], 1.0), ValueError, r"C must have shape \(N,\)"),
        (lambda: exact_capacity([[0.5]], [1.0], first_lag=-1), ValueError, "first_lag must be >= 0"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
