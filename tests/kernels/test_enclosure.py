"""Certified norms must contain the exact ones: fractions, closed forms and 30-digit quadrature are the judges."""

import itertools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from flint import acb, arb, arb_poly, arb_series
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linmem.intervals import ball, bounds, from_lag_on, precision, root, up_to
from linmem.kernels import (
    Airy,
    ComplexExponentialSum,
    EnclosedKernel,
    ExponentialSum,
    GaussianBump,
    Kernel,
    Modulated,
    PowerLaw,
    Sine,
    Window,
    l1_enclosure,
    l2_enclosure,
)
from linmem.kernels.taylor import absolute_integral_bounds

EPS = np.finfo(float).eps
bump, law, one = GaussianBump(5.0, 0.75, -1.5), PowerLaw(0.5, 2.0, 3.0), ExponentialSum([1.0], [1.0])
KERNELS: dict[str, Kernel] = {
    "exponentials": ExponentialSum([1.0, -2.0, 0.5], [1.0, 2.0, 0.25]),
    "complex": ComplexExponentialSum([1.0, 2.0 - 1.0j], [0.5, 1.0 + 3.0j]),
    "bump": bump,
    "power law": law,
    "Airy": Airy(2.25, 4.0),
    "window": Window(2.0, -0.5, 1.0),
    "modulated": Modulated(bump, 3.0, 0.5),
    "sum": one + bump - 0.5 * Window(3.0),
    "delayed": (law - one).delayed(1.5),
    "faster": Airy(1.0, 3.0).time_scaled(3.0),
}
every = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())


def contains(interval: tuple[float, float], exact: object) -> bool:
    return mp.mpf(interval[0]) <= exact <= mp.mpf(interval[1])


@every
def test_enclosures_agree_with_the_floating_point_norms(kernel):
    for enclosure, norm in ((l1_enclosure(kernel), kernel.l1_norm()), (l2_enclosure(kernel), kernel.l2_norm())):
        assert 0 < enclosure[0] <= enclosure[1] <= enclosure[0] * (1 + 2e-10)
        # the quadrature sums ~1000 terms; a sum's square may cancel by the factor of its parts' squares
        assert enclosure[0] * (1 - 1e4 * EPS) <= norm <= enclosure[1] * (1 + 1e4 * EPS)


@every
@settings(max_examples=5)
@given(t=st.floats(0.0, 20.0))
def test_values_lie_in_their_balls(kernel, t):
    size = max(abs(float(kernel(t))), 1.0)
    for bits in (53, 128):
        with precision(bits):
            real, plane = kernel.enclose(ball(t)), kernel.enclose(acb(t)).real
            series = kernel.enclose(arb_series([ball(t), 1], prec=3))
            for x in (real, plane, series[0]):
                low, high = bounds(x)
                # the double is rounded, most in the argument of exp or Ai: 64 eps of the largest kernel
                assert low - 64 * EPS * size <= float(kernel(t)) <= high + 64 * EPS * size
            wide = kernel.enclose(ball(t).union(ball(t + 0.5)))
            for inside in (t + 0.125, t + 0.375):
                assert wide.overlaps(kernel.enclose(ball(inside)))


@every
@pytest.mark.parametrize("start", [0.0, 1.0, 2.5, 30.0])
def test_tails_contain_the_integrals(kernel, start):
    shifted = [x - start for x in kernel.knots() if x > start and x < 1e4] or [1.0]
    end = max(shifted)
    with mp.workdps(20):
        # pieces of the norms: what lies between `start` and the last panel edge below 1e4 is less than the tail
        nodes, weights = np.polynomial.legendre.leggauss(40)
        edges = np.union1d([0.0], shifted)
        half = np.diff(edges)[:, None] / 2
        t = start + edges[:-1, None] + half + half * nodes
        first = float((half * weights * np.abs(kernel(t))).sum())
        square = float((half * weights * kernel(t) ** 2).sum())
    with precision(128):
        tail, tail_square = bounds(kernel.tail(ball(start))), bounds(kernel.tail_square(ball(start)))
        rest, rest_square = bounds(kernel.tail(ball(start + end))), bounds(kernel.tail_square(ball(start + end)))
    # 1e-4: the kinks of |rho| inside a panel, of second order in the distance of the nodes
    assert tail[0] * (1 - 1e-4) <= first + rest[1] * (1 + 1e-4)
    assert first * (1 - 1e-4) <= tail[1]
    assert tail_square[0] * (1 - 1e-9) <= square + rest_square[1]
    assert square * (1 - 1e-9) <= tail_square[1]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 63), min_size=0, max_size=6), st.sampled_from([1e-3, 1e-10, 1e-14]))
def test_the_exact_norm_of_a_polynomial_in_an_exponential(zeros, tolerance):
    """rho = e^{-t} prod_i (e^{-t} - z_i): with x = e^{-t}, ||rho||_1 = int_0^1 |prod (x - z_i)| dx, in fractions."""
    roots = sorted(Fraction(z, 64) for z in zeros)  # double zeros and clusters included
    coefficients = [Fraction(1)]
    for z in roots:
        coefficients = [a - z * b for a, b in zip([0, *coefficients], [*coefficients, 0], strict=True)]

    def primitive(x: Fraction) -> Fraction:
        return sum((c * x ** (j + 1) / (j + 1) for j, c in enumerate(coefficients)), Fraction(0))

    edges = [Fraction(0), *roots, Fraction(1)]
    first = sum(abs(primitive(b) - primitive(a)) for a, b in itertools.pairwise(edges))
    # int x^{-1} (x prod)^2 dx: the measure dt = dx/x
    square = sum(a * b / (i + j + 2) for i, a in enumerate(coefficients) for j, b in enumerate(coefficients))
    kernel = ExponentialSum([float(c) for c in coefficients], np.arange(1.0, len(coefficients) + 1))
    low, high = l1_enclosure(kernel, tolerance)
    assert Fraction(low) <= first <= Fraction(high)
    assert high - low <= 1.1 * max(tolerance, 4 * EPS) * low
    low, high = l2_enclosure(kernel, tolerance)
    assert Fraction(low) ** 2 <= square <= Fraction(high) ** 2
    assert high - low <= 1.1 * max(tolerance, 4 * EPS) * low


@settings(max_examples=25)
@given(st.floats(1e-30, 1e-3), st.floats(1e-2, 1e3), st.floats(-1, 1), st.floats(0.01, 100))
def test_rates_thirty_decades_apart(slow, fast, amplitude, ratio):
    kernel = ExponentialSum([amplitude * slow, -ratio * slow], [slow, fast])
    if amplitude == 0:
        return
    with mp.workdps(60):
        a, b = mp.mpf(kernel.amplitudes[0]), mp.mpf(kernel.amplitudes[1])
        mass = [a / mp.mpf(slow), b / mp.mpf(fast)]
        exact = abs(sum(mass))
        if a * b < 0 and abs(b) > abs(a):
            zero = mp.log(-b / a) / (mp.mpf(fast) - mp.mpf(slow))
            after = mass[0] * mp.exp(-slow * zero) + mass[1] * mp.exp(-fast * zero)
            exact = abs(sum(mass) - after) + abs(after)
        assert contains(l1_enclosure(kernel), exact)


@pytest.mark.parametrize(("omega", "step", "first", "last"), [(1.0, 1.0, -8.0, 2.0), (0.3, 0.8, -20.0, 2.4)])
def test_a_fit_of_a_power_law(omega, step, first, last):
    """Trapezoid sums of the Gamma integral: the L1 error against 30-digit quadrature, the L2 error in closed form."""
    x = np.arange(first, last, step)
    fit = ExponentialSum(omega * step * np.exp((1 + omega) * x - np.exp(x)) / float(mp.gamma(1 + omega)), np.exp(x))
    difference = PowerLaw(omega) - fit
    terms = [(mp.mpf(a), mp.mpf(w)) for a, w in zip(fit.amplitudes, fit.rates, strict=True)]
    with mp.workdps(30):
        om = mp.mpf(omega)
        cross = 2 * sum(a * om * mp.hyperu(1, 1 - om, w) for a, w in terms)
        square = om**2 / (1 + 2 * om) - cross + sum(a * c / (w + v) for a, w in terms for c, v in terms)
        assert contains(l2_enclosure(difference), mp.sqrt(square))

        def primitive(t: mp.mpf) -> mp.mpf:
            return -((1 + t) ** -om) + sum(a / w * mp.exp(-w * t) for a, w in terms)

        def rho(t: mp.mpf) -> mp.mpf:
            return om * (1 + t) ** (-1 - om) - sum(a * mp.exp(-w * t) for a, w in terms)

        grid = np.append(0.0, np.geomspace(1e-3, 60 / fit.rates[0], 4000))
        values = difference(grid)
        flips = np.flatnonzero(values[:-1] * values[1:] < 0)
        zeros = [mp.findroot(rho, (grid[i], grid[i + 1]), solver="anderson") for i in flips]
        points = [primitive(t) for t in (mp.mpf(0), *zeros)] + [mp.mpf(0)]
        exact = sum(abs(b - a) for a, b in itertools.pairwise(points))
        low, high = l1_enclosure(difference)
        assert contains((low, high), exact)
        assert high - low <= 1e-10 * high
    assert len(flips) >= 10


def test_jumps_lie_where_they_are():
    """1 - e^{-t} inside a window of irrational place, and a sum with rational breaks that are no doubles."""
    kernel = Window(1.1, 1.0, 0.7) - one
    end = Fraction(0.7) + Fraction(1.1)
    assert kernel.breaks() == (Fraction(0.7), end)
    with mp.workdps(40):
        start, stop = mp.mpf(0.7), mp.mpf(end.numerator) / end.denominator
        exact = 1 - mp.exp(-start) + (stop - start) - mp.exp(-start) + 2 * mp.exp(-stop)
        assert contains(l1_enclosure(kernel), exact)
        third = Window(1.0).time_scaled(3.0)
        assert third.breaks() == (Fraction(1, 3),)
        difference = third.delayed(0.5) - third
        low, high = l1_enclosure(difference)
        assert contains((low, high), mp.mpf(2) / 3)
        assert high - low < 1e-10


def test_what_vanishes_and_what_cannot_be_resolved_gets_a_valid_enclosure():
    low, high = l1_enclosure(one - one)
    assert low == 0
    assert high < 1e-30
    nearly = ExponentialSum([1.0, -1.0], [1.0, 1.0 + EPS])
    assert contains(l1_enclosure(nearly), mp.mpf(1) - 1 / (1 + mp.mpf(EPS)))


def test_rounding_is_met_with_more_bits():
    """Amplitudes of 1e40 that cancel to 1 in 256 bits: at 128 bits nothing would be left."""
    parts = ExponentialSum([1.0], [1.0]) + 1e40 * one.delayed(0.0) - 1e40 * ExponentialSum([1.0], [1.0])
    low, high = l1_enclosure(parts)
    assert low <= 1 <= high
    assert high - low < 1e-9


@example([0.0, 0.015625, 1.0])  # a zero at the end of a piece on which the slope nearly vanishes
@example([1e-3, 0.0625, 1.0])
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_absolute_integral_of_a_polynomial(coefficients):
    with precision(128):
        polynomial = arb_poly([ball(c) for c in coefficients])
        low, high = absolute_integral_bounds(polynomial, arb(2) ** -60)
    h = 2.0**-12
    x = np.arange(-1 + h / 2, 1, h)
    value = h * float(np.abs(np.polynomial.polynomial.polyval(x, coefficients)).sum())
    # midpoint rule: h^2/12 |P''| with |P''| <= 170 in all, and h^2 |P'|/4 with |P'| <= 36 at each of <= 7 zeros
    assert bounds(low)[0] <= value + 80 * h * h
    assert value <= bounds(high)[1] + 80 * h * h
    assert bounds(high - low)[1] <= 1e-15


def test_refusals():
    with pytest.raises(ValueError, match="kernel must be integrable, got Sine"):
        l1_enclosure(one + Sine(1.0))
    with pytest.raises(ValueError, match="kernel must be square integrable, got Sine"):
        l2_enclosure(Sine(2.0))
    with pytest.raises(TypeError, match="kernel must be enclosable in ball arithmetic"):
        l1_enclosure(np.sin)
    with pytest.raises(ValueError, match="relative_tolerance must be > 0"):
        l1_enclosure(one, 0.0)
    assert isinstance(KERNELS["delayed"], EnclosedKernel)
    assert not PowerLaw(1.0).enclose(acb(-2)).is_finite()


def test_helpers_of_one_sided_balls():
    with precision(64):
        assert bounds(up_to(ball(3))) == pytest.approx((0.0, 3.0), abs=1e-8)
        assert bounds(root(up_to(ball(4))))[0] <= 0
        hull = from_lag_on(ball(1).union(ball(3)), 2, lambda t: 0 * t + 5)
        assert hull.contains(arb(0))
        assert hull.contains(arb(5))
        series = from_lag_on(arb_series([ball(1).union(ball(3)), 1], prec=2), 2, lambda t: 7 * t)
        assert series[1].contains(arb(0))
        assert series[1].contains(arb(7))
