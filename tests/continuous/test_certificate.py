"""The certificate: its lemma, its formula in 50 digits, and what follows from its definition."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from linmem.continuous import (
    DeviationLoss,
    Displacement,
    certify_plateau,
    first_order_bound,
    hitting_times,
    second_order_bound,
)
from linmem.intervals import blaschke_product, bounds
from linmem.kernels import Airy, ExponentialSum, GaussianBump

FIT = ExponentialSum([1.0, 0.0], [1.0, 2.0])


@given(st.lists(st.floats(0.5, 3.0), min_size=1, max_size=4), st.floats(0.01, 0.99))
def test_blaschke_lemma(rates, share):
    """sup ||e^{st} f|| / ||f|| over span{e^{-l_j t}} is a generalised eigenvalue of two Cauchy matrices."""
    gaps = np.diff(np.sort(rates))
    assume(gaps.size == 0 or gaps.min() > 0.05)  # so that the Gram matrix keeps 1e-4 of relative accuracy
    l, s = np.array(rates), share * min(rates)
    gram, grown = 1 / (l[:, None] + l), 1 / (l[:, None] + l - 2 * s)
    largest = scipy.linalg.eigh(grown, gram, eigvals_only=True).max()
    bound = bounds(blaschke_product(rates, s))[0] ** 2
    condition = np.linalg.cond(gram)
    assert largest <= bound * (1 + 1e2 * condition * np.finfo(float).eps)
    if l.size == 1:  # one exponential: ||e^{st} f||^2/||f||^2 = l/(l - s), and the lemma says ((l+s)/(l-s))^2
        assert largest == pytest.approx(l[0] / (l[0] - s), rel=1e-12)


@pytest.mark.parametrize(
    ("centre", "published"), [(20.0, "1.7e6"), (40.0, "3.6e21"), (80.0, "2.4e54"), (160.0, "1.0e122")]
)
def test_published_certificates(centre, published):
    """The published digits are rounded down; a better maximum over r and s may only raise them a little."""
    certificate = certify_plateau(DeviationLoss(FIT, GaussianBump(centre)), delta=0.1)
    unit = 0.1 * 10.0 ** int(published.split("e")[1])
    assert float(published) <= certificate.lower_bound < float(published) + unit
    assert certificate.order == "second"


@settings(max_examples=12)
@given(st.floats(10, 60), st.floats(0.3, 3.0), st.floats(0.01, 0.2), st.floats(0.5, 1.5))
def test_balls_contain_the_formula(centre, rate, delta, width):
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, rate]), GaussianBump(centre, width, -1.5))
    second, first = second_order_bound(problem, delta), first_order_bound(problem, delta)
    with mp.workdps(50):
        r, s, w0 = mp.mpf(second.radius), mp.mpf(second.exponent), mp.mpf(width)
        product = mp.fprod((l + s) / (l - s) for l in (mp.mpf(1), 1 - r, rate - r))
        drop = product**2 * mp.mpf(1.5) ** 2 * w0 * mp.sqrt(mp.pi) * mp.exp(-2 * s * centre + (s * w0) ** 2)
        exact = r * r / drop
        assert second.lower_bound <= exact <= second.lower_bound * (1 + 1e-15)
        assert second.log_lower_bound <= mp.log(exact)
        r, squares = mp.mpf(first.radius), []
        for a, w in ((1, 1), (0, mp.mpf(rate))):
            u = w - r
            zeroth = (
                w0
                * mp.sqrt(mp.pi / 2)
                * mp.exp(-u * centre + (w0 * u) ** 2 / 2)
                * mp.erfc((w0 * u - centre / w0) / mp.sqrt(2))
            )
            slope = (centre - w0**2 * u) * zeroth + w0**2 * mp.exp(-((centre / w0) ** 2) / 2)
            squares += [(1.5 * zeroth) ** 2, ((a + r) * 1.5 * slope) ** 2]
        exact = r / (2 * mp.sqrt(sum(squares)))
        assert first.lower_bound <= exact <= first.lower_bound * (1 + 1e-15)
    assert 0 < second.radius <= delta
    assert 0 < first.radius <= delta


@settings(max_examples=6)
@given(st.floats(10, 60), st.floats(0.3, 2.0), st.floats(0.02, 0.1))
def test_the_bound_grows_with_delta_and_with_a_weaker_bump(centre, rate, delta):
    fit = ExponentialSum([1.0, 0.0], [1.0, rate])
    base = certify_plateau(DeviationLoss(fit, GaussianBump(centre)), delta)
    # maxima over nested sets, found to xatol = 1e-6 of the range: relative error of a flat maximum below 1e-6
    assert certify_plateau(DeviationLoss(fit, GaussianBump(centre)), 2 * delta).lower_bound >= base.lower_bound * (
        1 - 1e-6
    )
    weaker = second_order_bound(DeviationLoss(fit, GaussianBump(centre, amplitude=0.1)), delta)
    strong = second_order_bound(DeviationLoss(fit, GaussianBump(centre)), delta)
    assert weaker.lower_bound == pytest.approx(100 * strong.lower_bound, rel=1e-6)


def test_beyond_the_doubles_the_logarithm_goes_on():
    certificate = certify_plateau(DeviationLoss(FIT, GaussianBump(1000.0)))
    assert certificate.lower_bound == np.finfo(float).max
    assert certificate.log_lower_bound > 1900


@pytest.mark.parametrize(
    "fit", [ExponentialSum([0.5, 0.5], [1.0, 1.0]), ExponentialSum([1.0, 0.5, 0.0], [1.0, 3.0, 0.7])]
)
def test_the_bound_is_below_the_measured_time_for_other_starts(fit):
    problem = DeviationLoss(fit, GaussianBump(9.0))
    [hit] = hitting_times(problem, (Displacement(0.05),), end_time=1e12)
    assert certify_plateau(problem, 0.05).lower_bound < hit.time


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="remainder must be a GaussianBump"):
        certify_plateau(DeviationLoss(FIT, Airy(1.0, 2.0)))
    with pytest.raises(ValueError, match="delta must be > 0"):
        certify_plateau(DeviationLoss(FIT, GaussianBump(10.0)), delta=0.0)
