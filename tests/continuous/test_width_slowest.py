"""The slowest rate: formulas in 40 digits, the inequality behind them on random networks, and both sides of the law."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.approximation import powerlaw_sum, slowest_rate_bound
from linmem.kernels import ExponentialSum, PowerLaw
from linmem.kernels.enclosure import l1_enclosure


@settings(max_examples=25)
@given(st.floats(0.05, 2.0), st.floats(1e-6, 0.4), st.floats(1.0, 100.0))
def test_variation_bound_is_the_minimum_of_its_formula(omega, tolerance, variation):
    bound = slowest_rate_bound(PowerLaw(omega), tolerance, variation=variation)
    with mp.workdps(40):
        best = mp.inf
        for excess in np.geomspace(1e-5 * tolerance, (1 - tolerance) * 0.999, 400):
            rest = mp.mpf(tolerance) + mp.mpf(excess)
            best = min(best, mp.log(variation / mp.mpf(excess)) / (rest ** (-1 / mp.mpf(omega)) - 1))
        # the scan has ratios 1.04 between its points, so it misses the minimum by less than 1 %, and is above it
        assert 0.9 * float(best) <= bound <= float(best) * (1 + 1e-3)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0.05, 0.9), st.floats(0.1, 3.0))
def test_the_growth_lemma(seed, width, beta, gamma):
    """||e^{st} F|| <= ((w + 2c + s)/(w - s))^m ||e^{-ct} F|| on the span of m exponentials with rates >= w = 1."""
    rng = np.random.default_rng(seed)
    rates = 1.0 + rng.exponential(1.0, width)
    rates[0] = 1.0
    a = rng.normal(size=width)

    def norm(shift):
        return np.sqrt(np.real(a @ (a / (rates[:, None] + rates - 2 * shift)).sum(1)))

    factor = ((1 + 2 * gamma + beta) / (1 - beta)) ** width
    condition = np.sum(np.abs(np.multiply.outer(a, a)) / (rates[:, None] + rates - 2 * beta)) * 1e-15
    assert norm(beta) <= factor * norm(-gamma) + np.sqrt(condition)


@settings(max_examples=8)
@given(st.floats(0.2, 2.0), st.floats(1e-4, 0.3), st.floats(0.01, 100.0))
def test_no_construction_contradicts_the_bounds(omega, tolerance, scale):
    kernel = PowerLaw(omega, scale)
    result = powerlaw_sum(kernel, tolerance=tolerance)
    slowest = min(result.fit.rates)
    assert slowest <= slowest_rate_bound(kernel, tolerance, variation=1 + tolerance)
    assert slowest <= slowest_rate_bound(kernel, tolerance, width=result.width)


def test_laguerre_functions_show_that_the_width_matters():
    """t^{m-1} e^{-wt} remembers for the time m/w: a bound for all widths at once would be contradicted."""
    kernel, tolerance = PowerLaw(0.5), 0.1
    by_width = [slowest_rate_bound(kernel, tolerance, width=m) for m in (1, 2, 4, 8, 16, 64, 256)]
    assert np.all(np.diff(by_width) > 0)
    # linear in m, with the slope 2/T at a time T before R(T) = tolerance, that is T < 99
    slopes = np.diff(by_width) / np.diff([1, 2, 4, 8, 16, 64, 256])
    assert 2 / 99 <= slopes[-1] <= slopes[0] <= 10 * 2 / 99


def test_fast_rates_with_large_amplitudes_escape_the_variation_bound():
    """Reweighted least squares with rates >= 0.15: within the tolerance; positive sums need a rate below 0.121."""
    kernel, tolerance = PowerLaw(0.5), 0.15
    rates = np.geomspace(0.15, 7.5, 16)
    u = np.linspace(0.0, np.log(1e6), 4001)
    columns, jacobian = np.exp(-np.multiply.outer(np.expm1(u), rates)), np.exp(u)
    target, weights, a = kernel(np.expm1(u)), jacobian, np.zeros(16)
    for _ in range(15):
        root = np.sqrt(weights)[:, None]
        a = np.linalg.lstsq(columns * root, target * root[:, 0], rcond=1e-13)[0]
        residual = np.abs(columns @ a - target)
        weights = jacobian / np.maximum(residual, 1e-6 * residual.max())
    fit = ExponentialSum(a, rates)
    assert l1_enclosure(kernel - fit, 1e-4)[1] <= tolerance
    assert slowest_rate_bound(kernel, tolerance, variation=1 + tolerance) < 0.13 < min(fit.rates)
    assert min(fit.rates) <= slowest_rate_bound(kernel, tolerance, variation=float(np.sum(np.abs(a) / rates)))
    assert min(fit.rates) <= slowest_rate_bound(kernel, tolerance, width=16)


def test_units_and_errors():
    unit, slow = PowerLaw(0.3), PowerLaw(0.3, scale=10.0, mass=-2.0)
    for arguments in ({"width": 5}, {"variation": 2.0}):
        assert slowest_rate_bound(slow, 0.01, **arguments) == pytest.approx(
            slowest_rate_bound(unit, 0.01, **arguments) / 10, rel=1e-12
        )
    with pytest.raises(ValueError, match="exactly one of width and variation"):
        slowest_rate_bound(unit, 0.01)
    with pytest.raises(ValueError, match="tolerance must be < 1"):
        slowest_rate_bound(unit, 1.5, width=3)
    with pytest.raises(ValueError, match="variation must be >= 1 - tolerance"):
        slowest_rate_bound(unit, 0.1, variation=0.5)
    with pytest.raises(TypeError, match="PowerLaw"):
        slowest_rate_bound(ExponentialSum([1.0], [1.0]), 0.1, width=3)
