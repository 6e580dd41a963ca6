"""The certificate: its lemma, its formula in 50 digits, and what follows from its definition."""

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from linmem.continuous import (
    DeviationLoss,
    Displacement,
    certify_plateau,
    first_order_bound,
    hitting_times,
    loss,
    second_order_bound,
)
from linmem.continuous.dynamics import certify_confinement, descent_bound, hessian_bound, loss_floor, momentum_bound
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


@settings(max_examples=10)
@given(st.floats(10, 60), st.floats(0.3, 2.0), st.floats(0.02, 0.1))
def test_floats_agree_with_balls(centre, rate, delta):
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, rate]), GaussianBump(centre))
    for certificate in (second_order_bound(problem, delta), first_order_bound(problem, delta)):
        # logarithms of size 2 s mu <= 240: rounding of a few eps of that
        assert certificate.log_floating == pytest.approx(certificate.log_lower_bound, abs=1e-12)
        assert certificate.drop >= certificate.radius**2 / certificate.lower_bound * (1 - 1e-15)


def test_complex_rates_obey_the_lemma_with_their_real_parts():
    """Random spans of complex exponentials: the eigenvalue of two Cauchy matrices stays below the product."""
    rng = np.random.default_rng(5)
    for _ in range(30):
        n = int(rng.integers(1, 4))
        rates = rng.uniform(0.5, 2.0, n) + 1j * rng.uniform(-3, 3, n)
        s = float(rng.uniform(0.05, 0.95) * rates.real.min())
        sums = rates[:, None].conj() + rates
        largest = scipy.linalg.eigh(1 / (sums - 2 * s), 1 / sums, eigvals_only=True).max()
        bound = bounds(blaschke_product(rates.real.tolist(), s))[0] ** 2
        assert largest <= bound * (1 + 1e-14 * np.linalg.cond(1 / sums))


@settings(max_examples=8)
@given(st.lists(st.floats(-0.02, 0.02), min_size=4, max_size=4), st.floats(12, 40))
def test_misfit_in_fifty_digits(start, centre):
    fit = ExponentialSum([1.0, 0.5], [1.0, 2.0])
    problem = DeviationLoss(fit, GaussianBump(centre))
    second = second_order_bound(problem, 0.1, start)
    with mp.workdps(50):
        a, w = (
            [mp.mpf(x) + mp.mpf(d) for x, d in zip(p, q, strict=True)]
            for p, q in ((fit.amplitudes, start[:2]), (fit.rates, start[2:]))
        )
        weights, rates = [*a, mp.mpf(-1), mp.mpf(-0.5)], [*w, mp.mpf(1), mp.mpf(2)]
        square = sum(
            x * y / (u + v) for x, u in zip(weights, rates, strict=True) for y, v in zip(weights, rates, strict=True)
        )
        r, s = mp.mpf(second.radius), mp.mpf(second.exponent)
        product = mp.fprod((l + s) / (l - s) for l in (mp.mpf(1), mp.mpf(2), w[0] - r, w[1] - r))
        beta = product * mp.sqrt(mp.sqrt(mp.pi)) * mp.exp(-s * centre + s**2 / 2)
        exact = r**2 / (mp.sqrt(max(square, 0)) + beta) ** 2
        assert second.lower_bound <= exact * (1 + mp.mpf("1e-13"))  # the misfit is rounded up to a double
        assert second.lower_bound >= exact * (1 - mp.mpf("1e-13"))
    assert second.lower_bound <= second_order_bound(problem, 0.1).lower_bound * 1.3


def test_gradient_descent_needs_more_steps_than_its_certificate():
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(11.0))
    for step in (0.05, 0.3):
        proof = descent_bound(problem, step, 0.05)
        d, steps = np.zeros(4), 0
        while np.linalg.norm(d) < 0.05:
            d, steps = d - step * problem.gradient(d), steps + 1
        assert 1 < proof.lower_bound <= steps
    assert descent_bound(problem, 1e-6, 0.05).lower_bound * 1e-6 == pytest.approx(
        certify_plateau(problem, 0.05).lower_bound, rel=1e-4
    )
    with pytest.raises(ValueError, match="2/L"):
        descent_bound(problem, 2.0)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.01, 0.15))
def test_hessian_bound_over_the_ball(seed, radius):
    rng = np.random.default_rng(seed)
    problem = DeviationLoss(ExponentialSum(rng.normal(size=3), rng.uniform(0.4, 3, 3)), GaussianBump(8.0, 1.0, 2.0))
    start = 0.1 * rng.normal(size=6)
    bound = hessian_bound(problem, radius, start)
    for _ in range(20):
        direction = rng.normal(size=6)
        d = start + radius * rng.uniform() * direction / np.linalg.norm(direction)
        assert np.linalg.norm(problem.hessian(d), 2) <= bound


def test_momentum_stays_longer_than_its_certificate():
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(12.0))
    for friction, argument in ((0.0, None), (2.0, 2.0)):

        def heavy_ball(_, state, friction=friction):
            return np.concatenate([state[4:], -friction * state[4:] - problem.gradient(state[:4])])

        def moved(_, state):
            return np.linalg.norm(state[:4]) - 0.1

        moved.terminal = True
        run = scipy.integrate.solve_ivp(heavy_ball, (0, 1e4), np.zeros(8), events=moved, rtol=1e-6, atol=1e-10)
        proof = momentum_bound(problem, 0.1, argument)
        assert 0.5 < proof.lower_bound < run.t_events[0][0]
    flow = certify_plateau(problem, 0.1).lower_bound
    assert momentum_bound(problem, 0.1).lower_bound == pytest.approx(np.sqrt(flow / 2), rel=1e-14)
    assert momentum_bound(problem, 0.1, 100.0).lower_bound == pytest.approx(100 * flow, rel=1e-14)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(6, 30))
def test_no_network_is_below_the_loss_floor(seed, centre):
    """The best amplitudes for random rates above the slowest one, by least squares on the closed loss."""
    rng = np.random.default_rng(seed)
    bar, bump, slowest = ExponentialSum([1.0], [1.0]), GaussianBump(centre), 0.4
    rates = slowest + rng.exponential(0.3, 3)
    target = bump + bar
    amplitudes = np.linalg.lstsq(1 / (rates[:, None] + rates), target.laplace(rates), rcond=1e-10)[0]
    floor = loss_floor(bar, bump, 3, slowest)
    assert floor <= loss(amplitudes, rates, target) + 1e-10  # rounding of the plain loss with amplitudes up to 1e4
    assert 0 <= floor <= bump.l2_norm() ** 2
    assert loss_floor(bar, bump, 3, 0.8) >= floor


def test_confinement_is_a_wall():
    """On the certified sphere the loss is above the start; with a spare neuron there is no proof."""
    problem = DeviationLoss(ExponentialSum([1.0], [1.0]), GaussianBump(18.0))
    proof = certify_confinement(problem)
    rng = np.random.default_rng(1)
    for direction in rng.normal(size=(200, 2)):
        assert problem.drop(proof.radius * direction / np.linalg.norm(direction)) < 0
    gram = problem.hessian(np.zeros(2))  # 2 Gamma, up to the curvature of the bump, 18^2 e^{-18} sqrt(2 pi e)
    assert proof.eigenvalue[0] == pytest.approx(np.linalg.eigvalsh(gram / 2)[0], abs=1e-4)
    inside = [problem.hessian(proof.radius * d / np.linalg.norm(d)) for d in rng.normal(size=(50, 2))]
    assert 0 < proof.convexity <= min(np.linalg.eigvalsh(h)[0] for h in inside)
    free = certify_confinement(DeviationLoss(FIT, GaussianBump(18.0)))
    assert free.radius is None
    assert free.margin < 1
    assert free.eigenvalue[0] == 0.0
