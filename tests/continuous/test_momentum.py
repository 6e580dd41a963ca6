"""Second-order flows: closed forms, another solver, limits, energy, published times, and the certificate below them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import jv

from linmem.continuous.dynamics import (
    DeviationLoss,
    Displacement,
    FlowAccuracyError,
    LossDrop,
    VanishingFriction,
    gradient_flow,
    hitting_times,
    momentum_bound,
    momentum_flow,
    momentum_hitting_times,
    momentum_rows,
)
from linmem.continuous.learning.loss import loss_gradient
from linmem.kernels import ExponentialSum, GaussianBump

FIT = ExponentialSum([1.0, 0.0], [1.0, 0.5])
PROBLEM = DeviationLoss(FIT, GaussianBump(6.0))
DELTA = Displacement(0.1)
TOLERANCE = 1e-7  # local tolerance; over the < 100 steps of these runs the error stays below 100 of it
FRICTIONS = [0.0, 0.7, VanishingFriction(), VanishingFriction(1.0)]


@pytest.mark.parametrize("friction", FRICTIONS, ids=str)
def test_against_an_explicit_solver_on_the_plain_loss(friction):
    """An independent loss, solver and start: for gamma = r/t, from t = 1e-6 with the leading term of the solution."""
    target, theta, r = PROBLEM.remainder + FIT, np.array([1.0, 0.0, 1.0, 0.5]), getattr(friction, "strength", 0.0)

    def velocity(t, state):
        gamma = r / t if r else friction
        return np.concatenate([state[4:], -loss_gradient(state[:2], state[2:4], target) - gamma * state[4:]])

    begin, force = 1e-6, -loss_gradient(theta[:2], theta[2:], target)
    first = np.concatenate([theta + force * begin**2 / (2 * (1 + r)), force * begin / (1 + r)])
    reference = solve_ivp(velocity, (begin, 1.5), first, method="LSODA", rtol=1e-11, atol=1e-13).y[:, -1]
    flow = momentum_flow(PROBLEM, [1.5], friction, relative_tolerance=TOLERANCE)
    np.testing.assert_allclose(flow.deviations[-1], reference[:4] - theta, rtol=0, atol=100 * TOLERANCE)
    np.testing.assert_allclose(flow.velocities[-1], reference[4:], rtol=0, atol=100 * TOLERANCE)


@pytest.mark.parametrize("strength", [1.0, 2.0, 3.0])
def test_one_neuron_near_its_minimum_is_a_bessel_function(strength):
    """x'' + (r/t) x' = -k x has the solution x_0 Gamma(nu+1) (2/z)^nu J_nu(z), nu = (r-1)/2, z = sqrt(k) t.

    An amplitude moved by x_0 = 1e-6 from the minimum of one neuron: the linear problem up to terms of order x_0^2; the
    linear operator is the Hessian, diagonalised here.
    """
    problem = DeviationLoss(ExponentialSum([1.0], [1.0]), 0.0 * GaussianBump(3.0))
    start = np.array([1e-6, 0.0])
    times = np.array([0.1, 1.0, 5.0, 20.0])
    flow = momentum_flow(problem, times, VanishingFriction(strength), start, relative_tolerance=1e-9)
    values, vectors = np.linalg.eigh(problem.hessian(np.zeros(2)))
    order, z = (strength - 1) / 2, np.sqrt(values) * times[:, None]
    gamma = {0.0: 1.0, 0.5: np.sqrt(np.pi) / 2, 1.0: 1.0}[order]  # Gamma(order + 1)
    modes = gamma * (2 / z) ** order * jv(order, z)
    exact = (modes * (vectors.T @ start)) @ vectors.T
    # second-order terms x_0^2 = 1e-12, accumulated over 20 units of time and 100 steps of relative tolerance 1e-9
    np.testing.assert_allclose(flow.deviations, exact, rtol=0, atol=20 * 1e-12 + 100 * 1e-9 * 1e-6)


@pytest.mark.parametrize("friction", FRICTIONS, ids=str)
def test_energy_falls_by_what_friction_dissipates(friction):
    flow = momentum_flow(PROBLEM, np.linspace(0, 2, 11), friction, relative_tolerance=TOLERANCE)
    kinetic = (flow.velocities**2).sum(1) / 2
    assert flow.drops[0] == kinetic[0] == flow.dissipated[0] == 0
    assert np.all(flow.drops >= kinetic - 100 * TOLERANCE * flow.drops.max())
    assert np.all(np.diff(flow.dissipated) >= 0)
    assert (flow.dissipated[-1] == 0) == (friction == 0.0)
    assert flow.energy_defect <= 100 * TOLERANCE


@settings(deadline=None, max_examples=8)
@given(
    d=st.tuples(*[st.floats(-0.2, 0.2)] * 4),
    friction=st.one_of(st.floats(0.0, 3.0), st.builds(VanishingFriction, st.floats(0.5, 5.0))),
)
def test_energy_balance_from_any_start(d, friction):
    flow = momentum_flow(PROBLEM, [0.3, 0.6], friction, np.array(d), relative_tolerance=1e-6)
    kinetic = (flow.velocities**2).sum(1) / 2
    # absolute, since a start may be near the minimum: J(start) <= (||rho_0|| + 1)^2 < 6 bounds every energy
    np.testing.assert_allclose(flow.drops, kinetic + flow.dissipated, rtol=0, atol=100 * 1e-6 * 6)


def test_strong_friction_is_gradient_flow_in_slow_time():
    """theta(gamma t) tends to the gradient flow at t with order 1/gamma^2."""
    exact = gradient_flow(PROBLEM, [0.5], relative_tolerance=TOLERANCE).deviations[-1]
    errors = [
        np.linalg.norm(momentum_flow(PROBLEM, [0.5 * g], g, relative_tolerance=TOLERANCE).deviations[-1] - exact)
        for g in (10.0, 20.0)
    ]
    # c/gamma^2 (1 + O(1/gamma^2)), plus a boundary layer of the same order
    assert 3.6 < errors[0] / errors[1] < 4.4


@pytest.mark.parametrize(
    ("friction", "centre", "published", "half_unit"),
    [(0.0, 20.0, None, 0.0), (VanishingFriction(), 20.0, None, 0.0), (1.0, 28.0, 1.2e6, 0.05e6)],
    ids=["none", "3/t", "1"],
)
def test_hitting_times_certificate_and_published_time(friction, centre, published, half_unit):
    problem = DeviationLoss(FIT, GaussianBump(centre))
    [hit] = momentum_hitting_times(problem, (DELTA,), friction, 1e9, relative_tolerance=1e-3)
    bound = momentum_bound(problem, 0.1, friction if isinstance(friction, float) else None)
    assert bound.lower_bound < hit.time - hit.error
    assert hit.error <= 1e-3 * hit.time
    if published:  # gamma times the gradient flow
        assert abs(hit.time - published) <= half_unit
        [plain] = hitting_times(problem, (DELTA,), relative_tolerance=1e-3)
        assert hit.time == pytest.approx(friction * plain.time, rel=1e-3)
    else:  # the square root, up to a factor: far below the gradient flow
        assert hit.time < 0.2 * hitting_times(problem, (DELTA,), relative_tolerance=1e-3)[0].time


@pytest.mark.parametrize("friction", [0.0, 0.5, VanishingFriction()], ids=str)
def test_events_are_where_the_trajectory_is(friction):
    events = (DELTA, LossDrop(0.01))
    problem = DeviationLoss(FIT, GaussianBump(12.0))
    escape, loss_drop = momentum_hitting_times(problem, events, friction, 100.0, relative_tolerance=1e-3)
    flow = momentum_flow(problem, [escape.time, loss_drop.time], friction, relative_tolerance=1e-5)
    # the times are right to 1e-5 of them; displacement and drop grow less than a hundredfold faster
    assert np.linalg.norm(flow.deviations[0]) == pytest.approx(0.1, rel=1e-3)
    assert flow.drops[1] / problem.start_loss == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("friction", [0.0, 0.5, VanishingFriction()], ids=str)
def test_the_error_estimate_covers_the_error(friction):
    [rough] = momentum_hitting_times(PROBLEM, (DELTA,), friction, 100.0, relative_tolerance=1e-2)
    [sharp] = momentum_hitting_times(PROBLEM, (DELTA,), friction, 100.0, relative_tolerance=1e-5)
    assert abs(rough.time - sharp.time) <= rough.error + sharp.error


def test_what_is_never_reached():
    alone = DeviationLoss(ExponentialSum([1.0], [1.0]), GaussianBump(12.0))
    for friction, end in ((1.0, 1e30), (0.0, 20.0)):
        [hit] = momentum_hitting_times(alone, (DELTA,), friction, end, relative_tolerance=1e-3)
        assert (hit.reached, hit.time) == (False, np.inf)
    still = DeviationLoss(ExponentialSum([0.0, 0.0], [1.0, 2.0]), 0.0 * GaussianBump(3.0))
    [hit] = momentum_hitting_times(still, (DELTA,), VanishingFriction(), 10.0)
    assert not hit.reached
    assert not momentum_flow(still, [0.0, 1.0], 0.0).deviations.any()


def test_a_start_with_misfit_moves_at_once():
    start = np.array([0.3, 0.0, 0.0, 0.0])
    [hit] = momentum_hitting_times(DeviationLoss(FIT, GaussianBump(24.0)), (DELTA,), 0.0, 100.0, start)
    assert hit.time < 2


class Cliff(GaussianBump):
    """A bump whose transform is not a number below u = 0.48: the flow walks to that edge and cannot go on."""

    def laplace(self, u, derivative=0):
        return np.where(np.asarray(u) < 0.48, np.nan, super().laplace(u, derivative))


@pytest.mark.parametrize("friction", [0.0, 0.5, VanishingFriction()], ids=str)
def test_a_flow_that_cannot_go_on_says_so(friction):
    """The rate 1/2 falls along this flow; theta has moved by less than 0.1 when it reaches 0.48."""
    problem = DeviationLoss(FIT, Cliff(12.0))
    with pytest.raises(FlowAccuracyError, match="the solver gave up"):
        momentum_hitting_times(problem, (DELTA,), friction, 100.0, relative_tolerance=1e-3)
    with pytest.raises(FlowAccuracyError, match="the solver gave up"):
        momentum_flow(problem, [100.0], friction, relative_tolerance=1e-3)


@pytest.mark.parametrize(("friction", "name"), [(None, "gradient flow"), (0.5, "friction 0.5")])
def test_rows_carry_hitting_time_and_certificate(friction, name):
    hit, certificate, rows = momentum_rows(PROBLEM, friction, 100.0)
    assert [(row["method"], row["quantity"]) for row in rows] == [(name, "escape"), (name, "certificate")]
    assert rows[0]["time"] == hit.time > rows[1]["time"] == certificate.lower_bound


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: momentum_flow(PROBLEM, [1.0], -0.1), "friction must be >= 0"),
        (lambda: momentum_flow(PROBLEM, [1.0, 1.0], 0.0), "strictly increasing"),
        (lambda: momentum_flow(PROBLEM, [1.0], 0.0, start=[0.0]), "shape"),
        (lambda: momentum_hitting_times(PROBLEM, (), 0.0, 1.0), "events must hold"),
        (lambda: momentum_hitting_times(PROBLEM, (DELTA,), 0.0, 0.0), "end_time must be > 0"),
        (lambda: VanishingFriction(0.0), "strength must be > 0"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_what_is_no_event_is_refused():
    with pytest.raises(TypeError, match="Displacement or LossDrop"):
        momentum_hitting_times(PROBLEM, (0.1,), 0.0, 1.0)
