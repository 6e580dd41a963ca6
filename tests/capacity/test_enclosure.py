"""Certified memory curves: against exact rational arithmetic, closed forms, and what no certificate may accept."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat

from linmem.capacity.linear.enclosure import determining_states, enclosed_allpass, enclosed_balls, enclosed_curve
from linmem.intervals import precision


def rational_curve(A, C, max_lag):
    """MC_tau by solving the Stein equation for G as N^2 linear equations in exact fractions."""
    N = len(C)
    a = [[Fraction(float(x)) for x in row] for row in A]
    c = [Fraction(float(x)) for x in C]
    system = [[Fraction(i == k) - a[i // N][k // N] * a[i % N][k % N] for k in range(N * N)] for i in range(N * N)]
    right = [c[i // N] * c[i % N] for i in range(N * N)]

    def exact(rows):
        return fmpq_mat(len(rows), len(rows[0]), [fmpq(x.numerator, x.denominator) for row in rows for x in row])

    G = exact(system).solve(exact([[x] for x in right]))
    gram = fmpq_mat(N, N, list(G.entries()))
    state, matrix, curve = exact([[x] for x in c]), exact(a), []
    for _ in range(max_lag + 1):
        curve.append((state.transpose() * gram.solve(state))[0, 0])
        state = matrix * state
    return curve


@pytest.mark.parametrize("N", [1, 2, 4, 5])
def test_balls_contain_the_rational_curve(N):
    rng = np.random.default_rng(N)
    A = np.round(rng.uniform(-0.4, 0.4, (N, N)), 2)  # row sums below 1 in modulus for some, stable for all here
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    C = rng.standard_normal(N)
    balls, rest, rank = enclosed_balls(A, C, 6, digits=80)
    curve = enclosed_curve(A, C, 6)
    assert rank == N
    assert (sum(balls) + rest).contains(N)
    for ball, exact, low, high in zip(balls, rational_curve(A, C, 6), curve.low, curve.high, strict=True):
        with precision(2000):  # of the conversion
            assert ball.contains(arb(exact))
        assert ball.rad() < 1e-80
        assert Fraction(low) <= Fraction(int(exact.p), int(exact.q)) <= Fraction(high)
        assert high - low <= 2 * np.spacing(high)  # two ulp: nothing but the rounding to doubles


@pytest.mark.parametrize("N", [1, 3, 12])
def test_allpass_is_the_curve_of_a_controllable_system(N):
    rng = np.random.default_rng(N)
    A = rng.standard_normal((N, N))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    balls, _, rank = enclosed_balls(A, rng.standard_normal(N), 3 * N, digits=100)
    assert rank == N
    for curve, allpass in zip(balls, enclosed_allpass(A, 3 * N, digits=100), strict=True):
        with precision(1000):
            assert abs(curve - allpass) < arb(10) ** -99


def test_closed_forms():
    a = 0.75
    one = enclosed_curve([[a]], [3.0], 5)
    truth = (1 - a * a) * a ** (2 * np.arange(6))  # exact in doubles for a = 3/4
    assert ((one.low <= truth) & (truth <= one.high)).all()
    delay = enclosed_curve(np.eye(6, k=-1), np.eye(6)[0], 8)
    assert ((delay.low <= np.r_[np.ones(6), np.zeros(3)]) & (np.r_[np.ones(6), np.zeros(3)] <= delay.high)).all()
    assert (delay.rank, delay.method, delay.states) == (6, "enclosure", 6)


@pytest.mark.parametrize(
    ("A", "C", "rank"),
    [
        (np.diag([0.5, 0.5, 0.25]), [1.0, 2.0, 3.0], 2),
        (np.diag([0.5, 0.5, 0.25]), [1.0, -1.0, 0.0], 1),
        ([[0.5, 1.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.9]], [1.0, 0.0, 0.0], 1),
        ([[0.5, 1.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]], [1.0, 1.0, 1.0], 2),
        (np.eye(5, k=-1), np.eye(5)[2], 3),
    ],
)
def test_uncontrollable_systems_are_reduced_exactly(A, C, rank):
    curve = enclosed_curve(A, C, 3000)
    assert curve.rank == rank
    assert len(determining_states(np.asarray(A, dtype=float), np.asarray(C, dtype=float))) == rank
    # The sum is the rank; beyond lag 3000 nothing is left (0.5^6000), and the intervals add up.
    assert curve.low.sum() - 1e-12 <= rank <= curve.high.sum() + 1e-12
    balls, rest, _ = enclosed_balls(A, C, 1)
    assert (sum(balls) + rest).contains(rank)


def test_a_change_in_the_last_digit_makes_it_controllable():
    A = np.diag([0.5, np.nextafter(0.5, 1), 0.25])
    assert enclosed_curve(A, np.ones(3), 2).rank == 3


def test_entries_of_any_size():
    D = np.diag(2.0 ** np.array([-300, 0, 200]))
    A = np.array([[0.5, 0.25, 0.0], [0.0, -0.5, 0.5], [0.125, 0.0, 0.25]])
    plain = enclosed_curve(A, np.ones(3), 4)
    scaled = enclosed_curve(np.linalg.inv(D) @ A @ D, np.linalg.inv(D) @ np.ones(3), 4)
    assert (np.abs(plain.values - scaled.values) <= 2 * np.spacing(plain.values)).all()  # intervals of two ulp each


def test_radius_close_to_one():
    gap = 1e-12
    curve = enclosed_curve([[1 - gap]], [1.0], 1)
    exact = 1 - Fraction(1 - gap) ** 2
    assert Fraction(curve.low[0]) <= exact <= Fraction(curve.high[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: enclosed_curve([[1.0]], [1.0], 2), "spectral radius of A must be < 1"),
        (lambda: enclosed_curve([[0.0, 1.0], [-1.0, 0.0]], [1.0, 0.0], 2), "spectral radius of A must be < 1"),
        (lambda: enclosed_curve([[0.6, 0.8], [-0.8, 0.7]], [1.0, 0.0], 2), "spectral radius of A must be < 1"),
        (lambda: enclosed_curve([[0.5]], [1.0], -1), "max_lag must be >= 0"),
        (lambda: enclosed_curve([[0.5]], [1.0], 1, digits=0), "digits must be >= 1"),
        (lambda: enclosed_curve([[0.5]], [0.0], 1), "C must not be all zero"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
