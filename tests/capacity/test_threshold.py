"""Significance: error rates under independence by simulation, the corrections against scipy and order statistics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linmem.capacity.information import critical_p_value, information_capacity, p_values
from linmem.capacity.information.moments import Capacities
from linmem.capacity.information.threshold import (
    critical_capacity,
    shuffle_count,
    shuffle_shifts,
    shuffled_critical,
)
from linmem.statistics import proportion_interval


def _unrelated(seed, T=1500, N=4):
    """Strongly correlated states that have never seen the input, and the input."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((T, N))
    states = np.empty((T, N))
    x = np.zeros(N)
    for t in range(T):
        x = 0.9 * x + noise[t]
        states[t] = x
    return states, rng.uniform(-1, 1, T)


def test_family_wise_error_under_independence():
    false, runs = 0, 40
    for seed in range(runs):
        found = information_capacity(*_unrelated(seed), 2, 8, level=0.9)
        false += bool(found.significant.any())
    # Nominal rate 0.1; a threshold that ignored the number of functions (54) would err in nearly every run.
    assert proportion_interval(false, runs, level=0.999).low < 0.1


def test_shuffles_agree_with_the_bound_where_both_hold():
    states, z = _unrelated(0, T=2500)
    states = np.column_stack([states, z, np.roll(z, 2) * z])
    bound = information_capacity(states[2:], z[2:], 2, 6)
    family, again = (
        information_capacity(states[2:], z[2:], 2, 6, threshold="shuffle", shuffles=39, rng=0) for _ in range(2)
    )
    assert again.critical == family.critical  # seeded
    rate = information_capacity(states[2:], z[2:], 2, 6, threshold="shuffle", correction="fdr", rng=0)
    for found in (bound, family, rate):
        assert found.total == bound.total
        best = found.to_frame(significant_only=True).head(2)
        assert sorted(best["lags"]) == [(0,), (0, 2)]
        np.testing.assert_allclose(best["plug_in"], 1.0, rtol=1e-12)
    # 40 times the 2nd smallest of 39 minima over 35 uniform p-values follows Gamma(2)/35: probability 1e-3 outside.
    assert 0.02 < family.critical / bound.critical < 5


def test_floor_is_exact_for_white_functions_of_nothing():
    """Under independence E C = r/(n - 1), and the floors must average to it: 400 functions, 8 independent series."""
    ratio = []
    for seed in range(8):
        states, z = _unrelated(seed, T=1200)
        found = information_capacity(states, z, 3, 8)
        ratio.append(found.measured.floor.mean() * (found.rows - 1) / found.rank)
    error = np.std(ratio, ddof=1) / np.sqrt(len(ratio))
    assert abs(np.mean(ratio) - 1) < 5 * error + 0.01
    assert error < 0.05


def test_p_values_are_the_f_law_and_invert():
    found = Capacities(np.array([0.03, 0.2]), np.array([0.01, 0.02]), np.array([2.0, 5.0]), np.zeros((2, 20)))
    expected = stats.f.sf([3.0, 10.0], [2.0, 5.0], [38.0, 95.0])
    np.testing.assert_allclose(p_values(found), expected, rtol=1e-10)
    for p in (0.3, 1e-4):
        at = Capacities(critical_capacity(found, p), found.floor, found.freedom, found.influence)
        np.testing.assert_allclose(p_values(at), p, rtol=1e-8)
    assert np.isinf(critical_capacity(found, 0.0)).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.5, 0.99))
def test_false_discovery_rate_against_scipy_adjusted_p_values(values, level):
    p = np.array(values)
    critical = critical_p_value(p, level, "fdr")
    adjusted = stats.false_discovery_control(p)
    clear = np.abs(adjusted - (1 - level)) > 1e-12  # where rounding cannot decide
    if clear.all():
        passed = adjusted < 1 - level
        assert critical == (p[passed].max() if passed.any() else 0.0)


def test_shuffle_threshold_is_an_order_statistic():
    rng = np.random.default_rng(0)
    shuffled = rng.uniform(size=(39, 10))
    minima = np.sort(shuffled.min(axis=1))
    critical = shuffled_critical(np.ones(10), shuffled, 0.95, "bonferroni")  # the 2nd smallest of 39
    assert minima[0] < critical < minima[1]
    assert critical == np.nextafter(minima[1], 0)
    some = np.concatenate([np.full(3, 1e-6), rng.uniform(0.2, 1, 7)])
    assert shuffled_critical(some, shuffled, 0.9, "fdr") == 1e-6
    assert shuffled_critical(rng.uniform(0.2, 1, 10), shuffled, 0.9, "fdr") == 0.0


@pytest.mark.parametrize(("level", "count"), [(0.5, 1), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_shuffle_count(level, count):
    assert shuffle_count(level) == count
    with pytest.raises(ValueError, match=f"at least {count}"):
        shuffled_critical(np.ones(2), np.ones((count - 1, 2)), level, "bonferroni")


def test_shifts_stay_away_from_the_memory():
    shifts = shuffle_shifts(np.random.default_rng(0), 100, 30, 20)
    assert shifts.min() >= 30
    assert shifts.max() <= 70
    assert len(set(shifts.tolist())) == 20
    with pytest.raises(ValueError, match="longer series"):
        shuffle_shifts(np.random.default_rng(0), 100, 49, 20)
