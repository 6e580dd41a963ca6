"""The algebraic curve against scipy's Lyapunov solver and the enclosure against high precision."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from linmem.capacity.estimators import algebraic_curve, krylov_matrix
from linmem.capacity.estimators.algebraic import monotone_enclosure
from linmem.capacity.linear import allpass_curve


def _system(N, radius, seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    return A * radius / np.abs(np.linalg.eigvals(A)).max(), rng.standard_normal(N)


def _truth(A, C, max_lag, digits=60):
    """MC from the definition, in many digits: doubling for G, then solves."""
    with mpmath.workdps(digits):
        a, c = mpmath.matrix(A.tolist()), mpmath.matrix(C.tolist())
        G, power = c * c.T, a
        for _ in range(10):  # 0.8^(2^10) is below 1e-98
            G = G + power * G * power.T
            power = power * power
        values = []
        for _ in range(max_lag + 1):
            values.append(float((c.T * mpmath.lu_solve(G, c))[0]))
            c = a * c
    return np.array(values)


def test_covariance_form_is_the_definition():
    A, C = _system(4, 0.7, 0)
    G = solve_discrete_lyapunov(A, np.outer(C, C))
    curve = algebraic_curve(A, C, 6)
    for lag, v in enumerate(krylov_matrix(A, C, 7).T):
        # Both solve with G: errors are its condition in rounding units.
        assert curve.values[lag] == pytest.approx(v @ np.linalg.solve(G, v), abs=1e-15 * curve.condition)


@pytest.mark.parametrize("form", ["covariance", "krylov"])
@pytest.mark.parametrize("N", [3, 12])
def test_enclosure_holds_against_many_digits(form, N):
    A, C = _system(N, 0.8, N)
    truth = _truth(A, C, 2 * N)
    curve = algebraic_curve(A, C, 2 * N, form=form)
    assert (curve.low <= truth + 1e-14).all()
    assert (truth <= curve.high + 1e-14).all()


@pytest.mark.parametrize("form", ["covariance", "krylov"])
def test_total_is_the_numerical_rank_which_is_too_small(form):
    A, C = _system(80, 0.9, 1)
    curve = algebraic_curve(A, C, 500, form=form)
    assert curve.values.sum() == pytest.approx(curve.rank, abs=0.05)  # of G: rounding over the tolerance, N eps
    assert curve.rank < 75
    truth = allpass_curve(np.linalg.eigvals(A), 500)
    assert np.abs(curve.values - truth).max() > 0.1
    assert (curve.low <= truth + 1e-12).all()
    assert (truth <= curve.high + 1e-12).all()


def test_unreached_states_are_not_counted():
    curve = algebraic_curve(np.diag([0.5, 0.5, 0.3]), [1.0, 1.0, 0.0], 5)
    assert curve.rank == 1
    assert curve.values == pytest.approx(0.75 * 0.25 ** np.arange(6), abs=1e-14)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=6), st.integers(0, 12))
def test_sharpened_ends_keep_every_true_curve(values, drop):
    truth = allpass_curve(values, 12)
    low = truth.copy()
    low[:drop] = 0.0  # a valid but poor lower end
    lower, upper = monotone_enclosure(low, np.ones(13), len(values))
    # rounding of the curve itself: a unit for each of the states, over 1 - |l|
    assert (lower <= truth + 1e-13).all()
    assert (truth <= upper + 1e-13).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "kalman"}, "form must be one of"),
        ({"tolerance": 2.0}, "tolerance must be < 1"),
        ({"max_lag": -1}, ">= 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        algebraic_curve([[0.5]], [1.0], **({"max_lag": 2} | options))
