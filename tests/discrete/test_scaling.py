"""Fits of scaling laws against exact laws, an independent least-squares routine, and their nominal coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import curve_fit

from linmem.discrete.bounds import growth_power, power_law, statistical_dimension
from linmem.statistics import Interval, proportion_interval

Z = float(stats.norm.ppf(0.975))


def measured(sizes, errors):
    """Intervals that stand for normal ln M50 with the given standard deviations."""
    sizes, errors = np.asarray(sizes, float), np.broadcast_to(errors, np.shape(sizes))
    pairs = zip(sizes, errors, strict=True)
    return [Interval(m, m * np.exp(-Z * e), m * np.exp(Z * e), level=0.95, n=60) for m, e in pairs]


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 100))
def test_exact_power_laws_come_back(p, q, constant):
    x = np.array([(2, 30), (4, 30), (8, 60), (2, 90), (4, 15)], float)
    law = power_law(x, measured(constant * x[:, 0] ** p * x[:, 1] ** q, 0.02))
    # a linear system of condition number below 1e3 in numbers below 20: 1e-10 leaves three digits
    assert [e.value for e in law.exponents] == pytest.approx([p, q], abs=1e-10)
    assert law.constant == pytest.approx(constant, rel=1e-9)
    assert law.misfit < 1e-15


def test_exponent_and_error_are_those_of_weighted_least_squares():
    rng = np.random.default_rng(1)
    x = np.array([5.0, 10, 20, 40, 80])
    errors = np.array([0.03, 0.02, 0.02, 0.01, 0.02])
    M = 3 * x**0.8 * np.exp(errors * rng.standard_normal(5))
    found, covariance = curve_fit(lambda t, a, b: a + b * t, np.log(x), np.log(M), sigma=errors, absolute_sigma=True)
    law = power_law(x, measured(M, errors))
    assert law.misfit < 1.0  # so the interval is that of the errors alone
    assert law.exponents[0].value == pytest.approx(found[1], rel=1e-6)
    assert law.exponents[0].high - law.exponents[0].value == pytest.approx(Z * np.sqrt(covariance[1, 1]), rel=1e-6)


def test_misfit_widens_the_interval():
    x = np.array([1.0, 2, 4, 8])
    bent = np.exp(np.log(x) ** 2)
    law, smooth = power_law(x, measured(bent, 0.01)), power_law(x, measured(x, 0.01))
    assert law.misfit > 100
    assert law.exponents[0].width == pytest.approx(smooth.exponents[0].width * np.sqrt(law.misfit), rel=1e-9)


@pytest.mark.parametrize("law", ["power", "growth"])
def test_coverage(law):
    """Normal errors of known size: at least 95 %, as the widening never narrows; 300 repetitions."""
    rng = np.random.default_rng(5)
    x = np.geomspace(10, 320, 6)
    truth = 5 * x**0.3 if law == "power" else 4 + 9 * np.log(x)
    inside = 0
    for _ in range(300):
        sizes = measured(truth * np.exp(0.015 * rng.standard_normal(6)), 0.015)
        inside += (0.3 in power_law(x, sizes).exponents[0]) if law == "power" else (0.0 in growth_power(x, sizes).power)
    assert proportion_interval(inside, 300, level=0.999).high > 0.95


def test_a_logarithm_and_a_power_are_told_apart():
    x = np.geomspace(500, 8000, 5)
    log = growth_power(x, measured(40 * np.log(x / 40), 0.01))
    assert 0.0 in log.power
    assert log.power.high < log.power_law.low
    assert log.advantage > 9
    power = growth_power(x, measured(30 * x**0.25, 0.01))
    assert 0.25 in power.power
    assert power.power.low > 0
    assert power.advantage < -9


def test_growth_power_is_the_minimum_of_its_chi_square():
    x = np.geomspace(500, 8000, 5)
    delta = np.array([statistical_dimension(40, round(n)) for n in x])
    errors = 0.02
    M = delta * np.exp(errors * np.random.default_rng(2).standard_normal(5))
    growth = growth_power(x, measured(M, errors))
    scaled = x / stats.gmean(x)

    def model(t, a, b, p):
        return a + b * np.expm1(p * np.log(t)) / p

    found, _ = curve_fit(model, scaled, M, p0=(M.mean(), 40.0, 0.1), sigma=errors * M)
    assert growth.power.value == pytest.approx(found[2], abs=6 / 1200)  # the grid's spacing
    # at the ends of the interval the best chi-square is the minimum plus z^2
    best = np.sum(((model(scaled, *found) - M) / (errors * M)) ** 2)
    for end in (growth.power.low, growth.power.high):
        fixed, _ = curve_fit(lambda t, a, b, p=end: model(t, a, b, p), scaled, M, p0=found[:2], sigma=errors * M)
        excess = np.sum(((model(scaled, *fixed, end) - M) / (errors * M)) ** 2) - best
        assert excess == pytest.approx(Z**2 * max(1.0, best / 2), rel=0.05)  # linear interpolation over a grid cell


def test_bad_input():
    good = measured([1.0, 2, 4, 8], 0.1)
    open_ended = [*good[:3], Interval(8.0, 4.0, np.inf, level=0.95, n=9)]
    mixed = [*good[:3], Interval(8.0, 4.0, 9.0, level=0.9, n=9)]
    for factors, sizes, message in [
        ([1, 2, 4], good, "one row a size"),
        ([0, 1, 2, 4], good, "must be > 0"),
        ([1, 1, 1, 1], good, "collinear"),
        ([[1, 2], [2, 4], [4, 8], [8, 16]], good, "collinear"),
        ([1, 2], good[:2], "at least 3 sizes"),
        ([1, 2, 4, 8], open_ended, "open one"),
        ([1, 2, 4, 8], mixed, "one level"),
        ([1, 2, 4, 8], [*good[:3], Interval(8.0, 8.0, 8.0, level=0.95, n=9)], "width > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            power_law(factors, sizes)
    with pytest.raises(ValueError, match="at least 4 sizes"):
        growth_power([1, 2, 4], good[:3])
