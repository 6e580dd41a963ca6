"""The entry point: flow, slow flow and certificates together; starts; certificates below what is measured."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.dynamics import (
    DeviationLoss,
    Displacement,
    LossDrop,
    certify_plateau,
    deviation_problem,
    first_order_bound,
    gradient_flow,
    hitting_run,
    plateau,
    second_order_bound,
)
from linmem.kernels import Airy, ExponentialSum, GaussianBump

BAR = ExponentialSum([1.0], [1.0])
FIT = ExponentialSum([1.0, 0.0], [1.0, 0.5])


def test_flow_and_certificates_together():
    bump = GaussianBump(10.0)
    problem = DeviationLoss(FIT, bump)
    result, run = plateau(BAR, bump, FIT), hitting_run(problem, (Displacement(0.1), LossDrop(0.01)))
    assert (result.escape, result.loss_drop) == run.hits
    assert result.statistics == run.statistics
    assert result.statistics.steps > 0
    assert result.rounding == run.rounding
    assert result.certificate == certify_plateau(problem, 0.1)
    assert result.second_order == second_order_bound(problem, 0.1)
    assert result.first_order == first_order_bound(problem, 0.1)
    assert result.certificate.lower_bound == max(result.first_order.lower_bound, result.second_order.lower_bound)
    assert result.certificate.lower_bound < result.escape.time < result.loss_drop.time
    assert result.method == "ode"


def test_auto_takes_the_slow_flow_far_out():
    near, far = (plateau(BAR, GaussianBump(mu), FIT, loss_fraction=None) for mu in (30.0, 60.0))
    assert (near.method, far.method) == ("ode", "reduced")
    assert near.loss_drop is None
    reduced = plateau(BAR, GaussianBump(30.0), FIT, method="reduced")
    assert abs(reduced.escape.log_time - near.escape.log_time) <= reduced.escape.log_error + near.escape.log_error
    assert reduced.loss_drop.time > reduced.escape.time


def test_beyond_the_doubles():
    result = plateau(BAR, GaussianBump(2000.0), FIT)
    assert result.escape.time == math.inf
    assert result.escape.reached
    assert result.certificate.log_lower_bound < result.escape.log_time
    # the logarithm of C omega^2 e^{2 c0/omega} without its constant, which lies within e^{+-10}
    assert result.escape.log_time == pytest.approx(2000 - 2 * math.log(2000), abs=10)


@settings(max_examples=3)
@given(st.floats(0.35, 2.5), st.floats(7, 13), st.floats(0.5, 1.3), st.floats(0.02, 0.15), st.floats(-2, 2))
def test_certificates_lie_below_the_measured_times(rate, centre, width, delta, amplitude):
    start = ExponentialSum([1.0 if abs(amplitude) < 0.1 else amplitude, 0.0], [1.1, rate])
    bar = ExponentialSum(start.amplitudes[:1], start.rates[:1])
    result = plateau(bar, GaussianBump(centre, width), start, delta, "ode", end_time=1e15, loss_fraction=None)
    end = result.escape.time if result.escape.reached else 1e15
    assert result.certificate.lower_bound <= end + result.escape.error


def test_a_misfit_relaxes_and_leaves_a_shifted_plateau():
    """Ten per cent too much in a_1 is gone after O(1) time; what stays is a shift of the spare rate, which sets tau."""
    bump, start = GaussianBump(22.0), ExponentialSum([1.1, 0.0], [1.0, 0.5])
    misfit = plateau(BAR, bump, start, delta=0.2)
    assert misfit.method == "ode"
    problem, origin = deviation_problem(BAR, bump, start)
    a, w = problem.parameters(gradient_flow(problem, [300.0], origin).deviations[-1])
    assert a[0] == pytest.approx(1, abs=0.01)
    relaxed = plateau(BAR, bump, ExponentialSum([1.0, 0.0], [1.0, w[1]]))
    # w still creeps by e^{-t/70} of its shift: 0.015 e^{-300/70} changes tau by 2 mu times that, 1 %
    assert misfit.loss_drop.time == pytest.approx(300 + relaxed.loss_drop.time, rel=0.01)
    assert w[1] > 0.51
    assert misfit.certificate.lower_bound < misfit.escape.time - misfit.escape.error
    # the certificate cannot tell relaxation from escape: (delta/||d0||)^2 at most, ||d0||^2 = 0.1^2/2
    assert misfit.second_order.lower_bound <= 0.2**2 / (0.1**2 / 2)


def test_deviation_problem_finds_a_fit_near_the_start():
    bar = ExponentialSum([1.0, -0.5], [1.0, 3.0])
    start = ExponentialSum([-0.45, 0.02, 1.1], [2.9, 0.6, 1.05])
    problem, origin = deviation_problem(bar, GaussianBump(20.0), start)
    assert problem.fit.merged()[0].tolist() == [1.0, -0.5]
    assert problem.fit.merged()[1].tolist() == [1.0, 3.0]
    a, w = problem.parameters(origin)
    np.testing.assert_allclose(a, start.amplitudes, rtol=0, atol=1e-15)
    np.testing.assert_allclose(w, start.rates, rtol=0, atol=1e-15)
    split, zero = deviation_problem(BAR, GaussianBump(20.0), ExponentialSum([0.25, 0.75], [1.0, 1.0]))
    assert split.fit.amplitudes == (0.25, 0.75)
    assert not zero.any()


def test_other_bumps_have_no_certificate():
    result = plateau(BAR, Airy(2.25, 2.0), FIT, delta=0.05)
    assert result.certificate is result.first_order is result.second_order is None
    assert result.escape.reached


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: plateau(ExponentialSum([1.0, 1.0], [1.0, 2.0]), GaussianBump(9.0), BAR), "at least as many neurons"),
        (lambda: plateau(BAR, GaussianBump(9.0), FIT, method="od"), "did you mean 'ode'"),
        (lambda: plateau(BAR, GaussianBump(40.0), ExponentialSum([1.1, 0.0], [1.0, 0.5]), method="reduced"), "misfit"),
        (lambda: plateau(BAR, GaussianBump(40.0), FIT, delta=-1.0), "delta must be > 0"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
