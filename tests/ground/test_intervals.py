"""Balls must contain the exact number: exact fractions and 50-digit mpmath values are the judges."""

import math
from fractions import Fraction

import mpmath as mp
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from linmem.intervals import ball, blaschke_product, bounds, gaussian_moments, precision

numbers = st.floats(-1e6, 1e6)


def inside(x: arb, exact: mp.mpf) -> bool:
    low, high = bounds(x)
    return mp.mpf(low) <= exact <= mp.mpf(high)


@given(numbers)
def test_a_float_is_converted_exactly(x):
    assert bounds(ball(x)) == (x, x)
    assert bounds(ball(Fraction(x))) == (x, x)


@given(numbers, numbers, numbers.filter(lambda x: abs(x) > 1e-3), st.integers(8, 120))
def test_arithmetic_encloses_the_exact_fraction(x, y, z, bits):
    exact = (Fraction(x) - Fraction(y)) * Fraction(x) / Fraction(z) + Fraction(y) ** 2
    with precision(bits):
        low, high = bounds((ball(x) - ball(y)) * ball(x) / ball(z) + ball(y) ** 2)
    assert low == -math.inf or Fraction(low) <= exact
    assert high == math.inf or exact <= Fraction(high)


@given(st.decimals(-1000, 1000, places=6))
def test_a_string_is_the_decimal_number(x):
    low, high = bounds(ball(str(x)))
    assert Fraction(low) <= Fraction(x) <= Fraction(high)
    assert high <= math.nextafter(
        math.nextafter(low, math.inf), math.inf
    )  # two ulps: outward rounding of a 53-bit ball


def test_precision_is_restored_and_sharpens():
    before = ctx.prec
    with pytest.raises(ZeroDivisionError), precision(200):
        raise ZeroDivisionError
    assert ctx.prec == before
    with precision(20):
        coarse = ball(2).sqrt()
    with precision(200):
        fine = ball(2).sqrt()
    assert coarse.contains(fine)
    assert not fine.contains(coarse)


def test_bounds_beyond_the_doubles():
    with precision(100):
        huge, tiny = ball(1e308) ** 3, ball(1e-308) ** 3
    assert bounds(huge) == (1.7976931348623157e308, math.inf)
    assert bounds(-huge) == (-math.inf, -1.7976931348623157e308)
    low, high = bounds(tiny)
    assert low == 0.0
    assert 0 < high < 1e-300


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "one", "nan", "1/0"])
def test_what_is_no_finite_number_is_refused(bad):
    with pytest.raises(ValueError, match="x must be"):
        ball(bad)


@pytest.mark.parametrize("bad", [True, None, [1.0]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match="x must be a number"):
        ball(bad)


@given(st.floats(0, 60), st.floats(0.3, 3), st.floats(0.01, 20), st.sampled_from([53, 128]))
def test_gaussian_moments_contain_the_integrals(mu, s, w, bits):
    with precision(bits):
        zeroth, first = gaussian_moments(mu, s, 1.5, w)
    with mp.workdps(60):
        x = (mp.mpf(s) * w - mp.mpf(mu) / s) / mp.sqrt(2)
        exact = mp.mpf(1.5) * s * mp.sqrt(mp.pi / 2) * mp.exp(-mp.mpf(w) * mu + (mp.mpf(s) * w) ** 2 / 2) * mp.erfc(x)
        slope = (mu - mp.mpf(s) ** 2 * w) * exact + mp.mpf(s) ** 2 * mp.mpf(1.5) * mp.exp(-((mp.mpf(mu) / s) ** 2) / 2)
        assert inside(zeroth, exact)
        assert inside(first, slope)


def test_gaussian_moment_is_the_integral_itself():
    """The formula against quadrature, so that formula and reference above cannot share a mistake."""
    with precision(128):
        zeroth, first = gaussian_moments(3, 2, 1, "0.7")
    with mp.workdps(40):
        for k, x in ((0, zeroth), (1, first)):
            exact = mp.quad(lambda t: t**k * mp.exp(-mp.mpf("0.7") * t - (t - 3) ** 2 / 8), [0, 2, 4, 8, 16, 30])  # noqa: B023
            assert inside(x, exact)


def test_blaschke_factors():
    assert blaschke_product([2, "0.5"], "0.25").contains(ball(Fraction(9, 7) * 3))
    assert blaschke_product([], 0.5) == 1
    for exponent in (0, 0.5, 0.7, -0.1):
        with pytest.raises(ValueError, match="0 < s < every rate"):
            blaschke_product([1.0, 0.5], exponent)
