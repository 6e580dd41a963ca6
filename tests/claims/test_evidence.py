"""Verdicts are computed: against the definition point by point, and for numbers that are none."""

import math
import operator

import numpy as np
import pandas as pd
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from linmem.claims import Evidence, Measurement, Scale, Verdict
from linmem.statistics import Interval, mean_interval, proportion_interval

finite = st.floats(-1e6, 1e6)
HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@given(finite, finite, finite, st.sampled_from(sorted(HOLDS)))
def test_verdict_against_every_point_of_the_interval(a, b, bound, relation):
    low, high = min(a, b), max(a, b)
    found = Measurement("m", low, relation, bound, low, high).verdict
    points = [low, high, *([bound] if low <= bound <= high else []), (low + high) / 2]
    truth = {HOLDS[relation](point, bound) for point in points}
    if found is Verdict.HOLDS:
        assert truth == {True}
    elif found is Verdict.FAILS:
        assert truth == {False}
    else:
        assert truth == {True, False}


@given(finite, finite, finite, finite)
def test_verdict_of_a_range(a, b, c, d):
    (low, high), (first, last) = sorted((a, b)), sorted((c, d))
    found = Measurement("m", low, "in", (first, last), low, high).verdict
    inside, apart = first <= low and high <= last, high < first or low > last
    assert found is (Verdict.HOLDS if inside else Verdict.FAILS if apart else Verdict.INCONCLUSIVE)


def test_the_three_outcomes():
    assert Measurement("m", 1, "<", 2, 0.5, 1.5).verdict is Verdict.HOLDS
    assert Measurement("m", 3, "<", 2, 2.5, 3.5).verdict is Verdict.FAILS
    assert Measurement("m", 2, "<", 2, 1.5, 2.5).verdict is Verdict.INCONCLUSIVE


def test_evidence_combines():
    good, bad, open_ = (Measurement(n, v, "<", 2, v - 1, v + 1) for n, v in (("g", 0.0), ("b", 4.0), ("o", 2.0)))
    assert Evidence([good]).verdict is Verdict.HOLDS
    assert Evidence([good, open_]).verdict is Verdict.INCONCLUSIVE
    assert Evidence([good, open_, bad]).verdict is Verdict.FAILS


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")])
@pytest.mark.parametrize("place", ["value", "bound", "low", "high", "both ends"])
def test_a_number_that_is_not_finite_is_an_error(number, place):
    arguments = {"value": 1.0, "relation": "<", "bound": 2.0, "low": 0.0, "high": 3.0}
    arguments |= dict.fromkeys(("low", "high"), number) if place == "both ends" else {place: number}
    with pytest.raises(ValueError, match="must be finite"):
        Measurement("m", **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relation": "~"}, "must be one of '<'"),
        ({"low": 1.5, "high": 2.0}, "must contain its value"),
        ({"relation": "in", "bound": 1.0}, "needs a .low, high. pair"),
        ({"relation": "in", "bound": (2.0, 1.0)}, "must be ordered"),
        ({"level": 1.5}, "strictly between 0 and 1"),
        ({"n": 0}, "n must be >= 1"),
    ],
)
def test_bad_measurements_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Measurement("m", **({"value": 1.0, "relation": "<", "bound": 2.0} | change))


def test_evidence_needs_measurements_with_distinct_names():
    with pytest.raises(ValueError, match="at least one measurement"):
        Evidence([])
    with pytest.raises(ValueError, match="distinct names"):
        Evidence([Measurement("m", 1, "<", 2), Measurement("m", 1, "<", 2)])


def test_exact_numbers_of_computer_algebra_are_taken():
    assert Measurement("m", sympy.Rational(1, 4), "==", sympy.Rational(1, 4)).verdict is Verdict.HOLDS


def test_from_interval_keeps_level_and_samples():
    interval = mean_interval([1.0, 2.0, 3.0])
    made = Measurement.from_interval("mean", interval, "in", (-1.0, 5.0))
    assert (made.low, made.high, made.level, made.n) == (interval.low, interval.high, 0.95, 3)
    assert isinstance(interval, Interval)


def test_means_and_shares_carry_the_intervals_of_the_statistics():
    values = [1.0, 2.0, 4.0]
    mean = Measurement.of_mean("m", values, "<", 3.0, 0.9)
    assert mean == Measurement.from_interval("m", mean_interval(values, 0.9), "<", 3.0)
    for hits in ([True, False, True], np.array([True, False, True]), pd.Series([True, False, True], index=[5, 6, 7])):
        share = Measurement.of_share("s", hits, ">", 0.5, 0.9)
        assert share == Measurement.from_interval("s", proportion_interval(2, 3, 0.9), ">", 0.5)


@pytest.mark.parametrize("hits", [[1, 0], [0.2], [[True], [False]], [None]])
def test_shares_are_of_truths(hits):
    with pytest.raises(TypeError, match="hits of 's' must be a list of True and False"):
        Measurement.of_share("s", hits, ">", 0.5)


def test_scale_names():
    assert Scale.of("paper").pick(quick=1, paper=2) == 2
    with pytest.raises(ValueError, match="did you mean 'quick'"):
        Scale.of("quik")
