"""The gradient flow: what holds for every flow (start, semigroup, energy), other integrators, and published times."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from linmem.continuous import (
    DeviationLoss,
    Displacement,
    FlowAccuracyError,
    LossDrop,
    certify_plateau,
    gradient_flow,
    hitting_times,
    loss_gradient,
)
from linmem.continuous.dynamics import hitting_run
from linmem.continuous.dynamics.field import FlowField
from linmem.kernels import Airy, ExponentialSum, GaussianBump
from linmem.kernels.algebra import KernelAlgebra

FIT = ExponentialSum([1.0, 0.0], [1.0, 0.5])
PROBLEM = DeviationLoss(FIT, GaussianBump(6.0))
TOLERANCE = (
    1e-7  # the local tolerance of these runs; over the < 100 steps of these runs the error stays below 100 of it
)
DELTA = Displacement(0.1)


def test_time_zero_returns_the_start():
    start = np.array([0.1, 0.0, -0.05, 0.02])
    for times in ([0.0], [0.0, 1.0]):
        flow = gradient_flow(PROBLEM, times, start)
        np.testing.assert_array_equal(flow.deviations[0], start)
        assert flow.drops[0] == flow.dissipated[0] == 0


def test_two_legs_are_one():
    start = np.array([0.02, 0.01, 0.0, -0.03])
    whole = gradient_flow(PROBLEM, [0.3, 0.9], start, TOLERANCE)
    first = gradient_flow(PROBLEM, [0.3], start, TOLERANCE)
    second = gradient_flow(PROBLEM, [0.6], first.deviations[-1], TOLERANCE)
    np.testing.assert_allclose(second.deviations[-1], whole.deviations[-1], rtol=0, atol=200 * TOLERANCE)
    assert whole.drops[0] + second.drops[-1] == pytest.approx(whole.drops[1], abs=200 * TOLERANCE)


@pytest.mark.parametrize("problem", [PROBLEM, DeviationLoss(FIT, Airy(2.25, 2.0))], ids=["bump", "airy"])
def test_the_loss_falls_by_what_the_gradient_dissipates(problem):
    flow = gradient_flow(problem, np.linspace(0, 2, 11), relative_tolerance=TOLERANCE)
    assert np.all(np.diff(flow.drops) > 0)
    np.testing.assert_allclose(flow.dissipated, flow.drops, rtol=0, atol=100 * TOLERANCE * flow.drops[-1])
    assert flow.energy_defect <= 100 * TOLERANCE


def test_against_an_explicit_solver_on_the_plain_loss():
    target = PROBLEM.remainder + FIT
    theta = np.concatenate([FIT.amplitudes, FIT.rates])
    reference = solve_ivp(
        lambda _, x: -loss_gradient(x[:2], x[2:], target), (0, 1), theta, method="DOP853", rtol=1e-11, atol=1e-13
    )
    flow = gradient_flow(PROBLEM, [1.0], relative_tolerance=TOLERANCE)
    np.testing.assert_allclose(flow.deviations[-1], reference.y[:, -1] - theta, rtol=0, atol=100 * TOLERANCE)


def test_gradient_descent_converges_to_the_flow_with_order_one():
    exact = gradient_flow(PROBLEM, [1.0]).deviations[-1]
    errors = []
    for steps in (100, 200, 400):
        d = np.zeros(4)
        for _ in range(steps):
            d = d - PROBLEM.gradient(d) / steps
        errors.append(float(np.linalg.norm(d - exact)))
    # error = c/steps (1 + O(1/steps)): the second-order term is below 5 % at these steps
    for coarse, fine in itertools.pairwise(errors):
        assert 1.9 < coarse / fine < 2.1


@pytest.mark.parametrize(
    ("rate", "centre", "published"), [(0.5, 22.0, "5.783e3"), (0.5, 30.0, "7.4787e6"), (2.0, 12.0, "1.2543e4")]
)
def test_published_hitting_times_and_certificate_below_them(rate, centre, published):
    fit = ExponentialSum([1.0, 0.0], [1.0, rate])
    problem = DeviationLoss(fit, GaussianBump(centre))
    [escape] = hitting_times(problem, (DELTA,), relative_tolerance=1e-4)
    digits = len(published.split("e")[0]) - 2
    half_unit = 0.5 * 10.0 ** (int(published.split("e")[1]) - digits)
    assert abs(escape.time - float(published)) <= half_unit + escape.error
    assert escape.error <= 1e-4 * escape.time
    assert certify_plateau(problem, 0.1).lower_bound < escape.time - escape.error


@pytest.mark.parametrize("tolerance", [0.3, 1e-3])
def test_the_error_estimate_covers_the_error(tolerance):
    [rough] = hitting_times(PROBLEM, (DELTA,), relative_tolerance=tolerance)
    [sharp] = hitting_times(PROBLEM, (DELTA,), relative_tolerance=1e-6)
    assert abs(rough.time - sharp.time) <= rough.error + sharp.error


def test_as_many_neurons_as_target_exponentials_never_escape():
    [hit] = hitting_times(DeviationLoss(ExponentialSum([1.0], [1.0]), GaussianBump(12.0)), (DELTA,), end_time=1e30)
    assert not hit.reached
    assert hit.time == np.inf


def test_events_in_one_run_or_in_two_agree():
    both = hitting_times(PROBLEM, (DELTA, LossDrop(0.01)))
    for hit in both:
        [alone] = hitting_times(PROBLEM, (hit.event,))
        assert alone.time == pytest.approx(hit.time, abs=10 * (hit.error + alone.error) + 1e-9)
    # the hitting time is where the trajectory has moved by delta
    state = gradient_flow(PROBLEM, [both[0].time], relative_tolerance=TOLERANCE).deviations[-1]
    assert np.linalg.norm(state) == pytest.approx(0.1, rel=1e-5)


def test_a_stationary_start_stays():
    problem = DeviationLoss(ExponentialSum([0.0, 0.0], [1.0, 2.0]), 0.0 * GaussianBump(3.0))
    [hit] = hitting_times(problem, (DELTA,))
    assert not hit.reached


def test_field_coordinates_are_the_deviation():
    """The field in its own coordinates, pushed forward to the deviation, is -grad J; also where two neurons meet."""
    rng = np.random.default_rng(3)
    for fit in (FIT, ExponentialSum([1.0, 0.0, 0.5], [1.0, 1.8, 3.0]), ExponentialSum([0.5, 0.5], [1.0, 1.0])):
        problem = DeviationLoss(fit, GaussianBump(5.0))
        n = problem.size
        origin = np.zeros(2 * n) if n == 2 and fit.rates[0] == fit.rates[1] else 0.05 * rng.standard_normal(2 * n)
        field = FlowField(problem, origin)
        np.testing.assert_allclose(field.deviation(field.start), origin, rtol=0, atol=1e-15)
        velocity, square = field.velocity(field.start)
        step = field.deviation(field.start + 1e-3 * velocity) - field.deviation(field.start)  # linear coordinates
        gradient = problem.gradient(origin)
        np.testing.assert_allclose(step, -1e-3 * gradient, rtol=0, atol=1e-14)
        assert square == pytest.approx(gradient @ gradient, rel=1e-10)
        differences = np.array(
            [
                (field.velocity(field.start + h)[0] - field.velocity(field.start - h)[0]) / 2e-5
                for h in 1e-5 * np.eye(field.start.size)
            ]
        ).T
        # central differences: h^2/6 times third derivatives below 1e4, and rounding 1e-16/1e-5
        np.testing.assert_allclose(field.jacobian(field.start), differences, rtol=0, atol=1e-6)


def test_equal_neurons_stay_equal():
    problem = DeviationLoss(ExponentialSum([0.5, 0.5], [1.0, 1.0]), GaussianBump(14.0))
    flow = gradient_flow(problem, [1e3, 1e12])
    np.testing.assert_array_equal(flow.deviations[:, 0], flow.deviations[:, 1])
    np.testing.assert_array_equal(flow.deviations[:, 2], flow.deviations[:, 3])
    [hit] = hitting_times(problem, (DELTA,))
    assert not hit.reached


def test_rounding_grows_with_the_plateau_and_is_refused_in_the_end():
    """The gradient falls by e^{-2 c0 d(mu)}, its rounding by e^{-c0 d(mu)}: the ratio grows."""
    short, longer = (
        hitting_run(DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(mu)), (DELTA,))
        for mu in (12.0, 16.0)
    )
    assert np.finfo(float).eps < short.rounding < longer.rounding < 1e-6
    with pytest.raises(FlowAccuracyError):
        hitting_times(DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), GaussianBump(40.0)), (DELTA,))


@dataclass(frozen=True)
class Cliff(KernelAlgebra):
    """A bump whose transform is not a number below u = 0.48: the flow walks to that edge and cannot go on."""

    bump: GaussianBump

    def __call__(self, t):
        return self.bump(t)

    def laplace(self, u, derivative=0):
        return np.where(np.asarray(u) < 0.48, np.nan, self.bump.laplace(u, derivative))

    def l1_norm(self):
        return self.bump.l1_norm()

    def l2_norm(self):
        return self.bump.l2_norm()

    def knots(self):
        return self.bump.knots()


def test_a_flow_that_cannot_go_on_says_so():
    """The rate 1/2 falls along this flow; theta has moved by less than 0.1 when it reaches 0.48."""
    problem = DeviationLoss(FIT, Cliff(GaussianBump(12.0)))
    with pytest.raises(FlowAccuracyError, match="the solver gave up"):
        hitting_times(problem, (DELTA,), end_time=100.0, relative_tolerance=1e-3)
    with pytest.raises(FlowAccuracyError, match="the solver gave up"):
        gradient_flow(problem, [100.0], relative_tolerance=1e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: gradient_flow(PROBLEM, [1.0, 1.0]), "strictly increasing"),
        (lambda: gradient_flow(PROBLEM, [-1.0]), "times must be >= 0"),
        (lambda: gradient_flow(PROBLEM, [1.0], start=[0.0]), "shape"),
        (lambda: hitting_times(PROBLEM, ()), "events must hold"),
        (lambda: Displacement(0.0), "delta must be > 0"),
        (lambda: LossDrop(1.0), "fraction must be < 1"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
