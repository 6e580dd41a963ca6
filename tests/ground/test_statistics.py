"""Intervals: against closed forms, invariances, and their own promise of coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from linmem.statistics import (
    Interval,
    bonferroni_level,
    bootstrap_interval,
    difference_interval,
    mean_interval,
    median_ratio_interval,
    proportion_interval,
    slope_interval,
)

# A resolution of 2^-10 keeps sums exact, so that invariances hold to a few roundings.
grid = st.integers(-1000, 1000).map(lambda k: k / 1024)
samples = st.lists(grid, min_size=3, max_size=30)
EPS = np.finfo(float).eps


@given(samples, grid, st.sampled_from([0.25, 2.0, 8.0]))
def test_mean_moves_and_scales_with_the_samples(values, shift, factor):
    plain, moved = mean_interval(values), mean_interval([factor * v + shift for v in values])
    scale = factor * 2 + 1
    # t quantiles of 2 degrees of freedom reach 4.3, the standard deviation is a root of a sum of n terms
    tolerance = 100 * len(values) * math.sqrt(EPS) * scale if np.ptp(values) == 0 else 1000 * len(values) * EPS * scale
    assert moved.value == pytest.approx(factor * plain.value + shift, abs=tolerance)
    assert moved.width == pytest.approx(factor * plain.width, abs=tolerance)


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60), st.sampled_from([0.8, 0.95, 0.99]))
def test_proportion_ends_are_the_binomial_tails(draws, level):
    k, n = sum(draws), len(draws)
    found = proportion_interval(k, n, level)
    # Clopper-Pearson: each end is where the tail beyond the count has probability (1 - level)/2.
    if k > 0:
        assert stats.binom.sf(k - 1, n, found.low) == pytest.approx((1 - level) / 2, rel=1e-6)
    if k < n:
        assert stats.binom.cdf(k, n, found.high) == pytest.approx((1 - level) / 2, rel=1e-6)
    mirrored = proportion_interval(n - k, n, level)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


def test_mean_interval_covers_as_promised():
    rng, level, runs = np.random.default_rng(1), 0.9, 2000
    hits = sum(0.0 in mean_interval(rng.standard_normal(8), level) for _ in range(runs))
    # binomial count: five standard deviations, so that a right interval fails once in 10^6 seeds
    assert abs(hits / runs - level) < 5 * math.sqrt(level * (1 - level) / runs)


def test_slope_interval_covers_as_promised():
    rng, level, runs, x = np.random.default_rng(2), 0.9, 2000, np.arange(6.0)
    hits = sum(1.5 in slope_interval(x, 1.5 * x + rng.standard_normal(6), level) for _ in range(runs))
    assert abs(hits / runs - level) < 5 * math.sqrt(level * (1 - level) / runs)


@given(samples, grid)
def test_slope_of_an_exact_line(values, slope):
    x = np.arange(len(values))
    found = slope_interval(x, slope * x + values[0])
    assert found.value == pytest.approx(slope, abs=100 * EPS * (1 + abs(slope)) * len(values))


@given(st.integers(1, 10**6), st.floats(1e-9, 0.999))
def test_bonferroni_errors_add_up(count, error):
    assert (1 - bonferroni_level(count, error)) * count == pytest.approx(error, abs=2 * EPS * count)


@given(st.lists(grid, min_size=4, max_size=4), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_holds_wherever_both_quantities_lie_in_their_intervals(ends, share, other):
    (a, b), (c, d) = sorted(ends[:2]), sorted(ends[2:])
    found = difference_interval(Interval(a, a, b, 0.975, 9), Interval(d, c, d, 0.99, 7))
    x, y = a + share * (b - a), c + other * (d - c)
    assert found.low - 4 * EPS <= x - y <= found.high + 4 * EPS  # of numbers below 1, one rounding in each of four
    assert (found.low, found.value, found.high) == (a - d, a - d, b - c)  # the ends are attained
    assert found.n == 7
    assert found.level == pytest.approx(0.965)


def test_median_ratio_covers_as_promised():
    rng, level, runs = np.random.default_rng(4), 0.9, 300
    draws = ((np.exp(rng.standard_normal(40) + 1.0), np.exp(rng.standard_normal(40))) for _ in range(runs))
    hits = sum(math.e in median_ratio_interval(*draw, rng, level, resamples=400) for draw in draws)
    # the coverage of a percentile bootstrap of medians differs from its level by terms of order n^(-1/2); five standard
    # deviations of the binomial count besides
    assert hits / runs > level - 40**-0.5 - 5 * math.sqrt(level * (1 - level) / runs)
    assert hits < runs  # and it is no interval that holds everything


@given(samples, st.integers(0, 2**32))
def test_median_ratio_turns_over_and_scales(values, seed):
    x, y = np.exp(np.array(values)), np.exp(np.array(values[::-1][:3]))
    plain, scaled = (median_ratio_interval(above, y, seed, resamples=100) for above in (x, 8 * x))
    assert plain.value * np.median(y) == pytest.approx(np.median(x), rel=4 * EPS)
    assert (scaled.low, scaled.value, scaled.high) == (8 * plain.low, 8 * plain.value, 8 * plain.high)


def test_bootstrap_of_the_mean_agrees_with_students_interval():
    x = np.random.default_rng(3).standard_normal(400)
    found, exact = bootstrap_interval(x, np.mean, rng=0), mean_interval(x)
    # both are mean ± 1.96 s/sqrt(n) to O(1/n) and O(1/sqrt(resamples)): 5 % of the width is ten times that
    assert found.low == pytest.approx(exact.low, abs=0.05 * exact.width)
    assert found.high == pytest.approx(exact.high, abs=0.05 * exact.width)
    assert found == bootstrap_interval(x, np.mean, rng=0)


def test_bootstrap_of_constant_samples_is_a_point():
    found = bootstrap_interval([2.0, 2.0, 2.0], np.median, rng=0)
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0]), "at least 2 values, got 1"),
        (lambda: mean_interval([1.0, math.nan]), "samples must be finite, got nan at index"),
        (lambda: mean_interval([[1.0, 2.0]]), "must have 1 dimension"),
        (lambda: mean_interval([1.0, 2.0], level=95), "strictly between 0 and 1, got 95"),
        (lambda: proportion_interval(3, 2), "successes must be <= 2, got 3"),
        (lambda: proportion_interval(0, 0), "n must be >= 1"),
        (lambda: slope_interval([1, 1, 1], [1, 2, 3]), "x must not be constant"),
        (lambda: slope_interval([1, 2, 3], [1, 2]), "y must have shape"),
        (lambda: bootstrap_interval([1.0, 2.0], np.mean, rng=0, resamples=3), "resamples must be >= 100"),
        (lambda: Interval(0.0, 1.0, -1.0, 0.95, 1), "low must be <= high"),
        (lambda: bonferroni_level(0), "count must be >= 1, got 0"),
        (lambda: bonferroni_level(3, 1.0), "error must lie strictly between 0 and 1, got 1.0"),
        (lambda: difference_interval(*2 * [mean_interval([0, 1], 0.5)]), "levels must add up to more than 1"),
        (lambda: median_ratio_interval([1, 2], [0, 2], 0), "least value of below must be > 0"),
        (lambda: median_ratio_interval([1, 2], [1], 0), "below must hold at least 2 values"),
        (lambda: Interval(0.0, math.nan, 1.0, 0.95, 1), "low must be <= high"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_randomness_needs_a_seed():
    with pytest.raises(TypeError, match=r"integer seed or a numpy\.random\.Generator"):
        bootstrap_interval([1.0, 2.0], np.mean, rng=None)
