"""The slow flow: its functions in 40 digits, the integrated flow, and the constants of Laplace's method."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from linmem.continuous.dynamics import (
    DeviationLoss,
    Displacement,
    FlowAccuracyError,
    LossDrop,
    hitting_times,
    reduced_times,
)
from linmem.continuous.dynamics.reduced import slow_flow
from linmem.kernels import Airy, ExponentialSum, GaussianBump

DELTA = Displacement(0.1)


def problem_of(amplitudes, rates, centre, **bump):
    return DeviationLoss(ExponentialSum(amplitudes, rates), GaussianBump(centre, **bump))


def projected(rates, w, centre):
    """(q, p) from the Gram matrix in the working precision of mpmath: q = <phi, rho_0>, p = ||phi||^2."""

    def moment(k, u):
        zeroth = mp.sqrt(mp.pi / 2) * mp.exp(-u * centre + u**2 / 2) * mp.erfc((u - centre) / mp.sqrt(2))
        first = (centre - u) * zeroth + mp.exp(-(mp.mpf(centre) ** 2) / 2)
        return (zeroth, first)[k]

    basis = [(k, mp.mpf(v)) for v in rates for k in (0, 1)]
    gram = mp.matrix([[mp.factorial(k + l) / (u + v) ** (k + l + 1) for l, v in basis] for k, u in basis])
    right = mp.matrix([mp.factorial(k) / (u + w) ** (k + 1) for k, u in basis])
    x = mp.lu_solve(gram, right)
    p = 1 / (2 * mp.mpf(w)) - sum(x[i] * right[i] for i in range(len(basis)))
    return moment(0, mp.mpf(w)) - sum(x[i] * moment(*basis[i]) for i in range(len(basis))), p


@settings(max_examples=15)
@given(st.lists(st.floats(0.3, 3.0), min_size=2, max_size=4), st.floats(6, 40))
def test_overlap_and_norm_in_forty_digits(rates, centre):
    assume(min(np.diff(np.sort(rates))) > 0.1)
    *fitted, w = rates
    slow = slow_flow(problem_of([1.0] * len(fitted) + [0.0], rates, centre))
    with mp.workdps(40):
        q, p = projected(fitted, w, centre)
        before, after = (projected(fitted, mp.mpf(w) + h, centre) for h in (-mp.mpf("1e-12"), mp.mpf("1e-12")))
        speed = (after[0] ** 2 / after[1] - before[0] ** 2 / before[1]) / mp.mpf("2e-12")
    scale, value, slope = slow.overlap(np.array([w]))
    # rounding: a few eps on terms of size 1/gap^(2 m*) before they cancel to q
    A, B, _, _ = slow.partial_fractions(np.array([w]))
    noise = 1e-13 * centre * (1 + np.abs(A).sum() + np.abs(B).sum())
    assert value[0] == pytest.approx(float(q * mp.exp(-scale[0])), abs=noise)
    assert math.exp(slow.log_norm(np.array([w]))[0][0]) == pytest.approx(float(p), rel=1e-10)
    sign, logarithm = slow.velocity(np.array([w]))
    terms = abs(value[0]) * (abs(slope[0]) + abs(value[0]) * 100) + 1e-300
    if abs(speed) * p > 1e-6 * terms * mp.exp(2 * scale[0]) and abs(value[0]) > 1e6 * noise:
        assert sign[0] == mp.sign(speed)
        assert logarithm[0] == pytest.approx(float(mp.log(abs(speed))), abs=1e-3)


@pytest.mark.parametrize(
    ("amplitudes", "rates", "centre"),
    [
        ([1.0, 0.0], [1.0, 2.0], 20.0),
        ([1.0, 0.0], [1.0, 0.5], 30.0),
        ([1.0, 0.5, 0.0], [1.0, 3.0, 0.6], 30.0),
        ([0.0, -2.0], [0.4, 1.5], 32.0),
    ],
)
def test_against_the_integrated_flow(amplitudes, rates, centre):
    problem = problem_of(amplitudes, rates, centre)
    [slow], [integrated] = reduced_times(problem, (DELTA,)), hitting_times(problem, (DELTA,))
    assert abs(slow.log_time - integrated.log_time) <= slow.log_error + integrated.log_error
    assert slow.log_error < 1e-2


@pytest.mark.parametrize(("centre", "published"), [(16.0, 0.988), (20.0, 0.9996), (22.0, 0.9999)])
def test_published_ratios_to_the_integrated_flow(centre, published):
    """Integrated over reduced time; published to the digits shown."""
    times = {16.0: 2.7784e7, 20.0: 4.7543e10, 22.0: 2.0579e12}
    [slow] = reduced_times(problem_of([1.0, 0.0], [1.0, 2.0], centre), (DELTA,))
    unit = 10.0 ** -(len(str(published)) - 2)
    assert times[centre] / slow.time == pytest.approx(published, abs=unit)


def test_loss_times_against_the_integrated_flow():
    problem = problem_of([1.0, 0.0], [1.0, 0.5], 28.0)
    event = LossDrop(0.01)
    [slow], [integrated] = reduced_times(problem, (event,)), hitting_times(problem, (event,))
    assert abs(slow.log_time - integrated.log_time) <= slow.log_error + integrated.log_error


@pytest.mark.parametrize(
    ("rate", "constant", "c0"),
    [
        (0.5, (0.5 / 1.5) ** 4 * math.exp(-0.25) / (8 * math.pi), 0.5),
        (2.0, quad(lambda w: (w - 1) ** 3 / (32 * (w + 1)), 1.9, 2.0)[0] / (2 * math.pi * math.e), 1.0),
    ],
)
def test_far_out_the_constant_of_laplace(rate, constant, c0):
    """tau ~ C mu^-2 e^{2 c0 mu}, the relative correction O(1/mu): ten times the memory, a tenth of the distance."""
    excess = []
    for centre in (2000.0, 20000.0):
        [hit] = reduced_times(problem_of([1.0, 0.0], [1.0, rate], centre), (DELTA,))
        assert hit.time == math.inf
        assert hit.reached
        excess.append(hit.log_time - (2 * c0 * centre - 2 * math.log(centre) + math.log(constant)))
    assert excess[0] / excess[1] == pytest.approx(10, rel=0.05)


def test_scaling_of_the_bump():
    """The slow flow is quadratic in the bump: a tenth of it takes a hundred times as long."""
    full = reduced_times(problem_of([1.0, 0.0], [1.0, 0.5], 60.0), (DELTA,))[0]
    weak = reduced_times(problem_of([1.0, 0.0], [1.0, 0.5], 60.0, amplitude=-0.1), (DELTA,))[0]
    assert weak.log_time - full.log_time == pytest.approx(math.log(100), abs=1e-9 + full.log_error + weak.log_error)


def test_a_spare_neuron_may_come_to_rest():
    """q^2/p has a maximum near w = 1/(2 mu); a spare rate beside it goes there and stays."""
    problem = problem_of([1.0, 0.0], [1.0, 0.02], 20.0, amplitude=1e-6)
    [slow], [integrated] = reduced_times(problem, (DELTA,)), hitting_times(problem, (DELTA,), end_time=1e18)
    assert not slow.reached
    assert not integrated.reached


@pytest.mark.parametrize(
    ("problem", "event", "error", "match"),
    [
        (problem_of([0.5, 0.5], [1.0, 1.0], 20.0), DELTA, ValueError, "exactly one spare neuron"),
        (problem_of([1.0, 0.0, 0.0], [1.0, 0.5, 2.0], 20.0), DELTA, ValueError, "exactly one spare neuron"),
        (problem_of([0.5, 0.5, 0.0], [1.0, 1.0, 2.0], 20.0), DELTA, ValueError, "distinct rates"),
        (problem_of([1.0, 0.0], [1.0, 9.0], 5.0), DELTA, ValueError, "mu >= s"),
        (DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 2.0]), Airy(2.0, 3.0)), DELTA, ValueError, "GaussianBump"),
        (problem_of([1.0, 0.0], [1.0, 2.0], 30.0), LossDrop(0.01), ValueError, "would come to 1"),
        (problem_of([1.0, 0.0], [1.0, 2.0], 30.0), Displacement(1.5), ValueError, "takes over its amplitude"),
        (problem_of([1.0, 0.0], [1.0, 2.0], 12.0), DELTA, FlowAccuracyError, "uncertain by"),
        (problem_of([1.0, 0.0], [1.0, 0.5], 30.0), Displacement(1e-12), ValueError, "happens at once"),
    ],
)
def test_where_it_does_not_apply(problem, event, error, match):
    with pytest.raises(error, match=match):
        reduced_times(problem, (event,))
