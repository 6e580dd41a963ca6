"""Adam on the plateau: published step numbers, the law for large eps, and the certificate for every eps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.dynamics import (
    Adam,
    DeviationLoss,
    LossDrop,
    adam_bound,
    adam_rows,
    descend,
    hitting_times,
    loss_floor,
)
from linmem.kernels import Airy, ExponentialSum, GaussianBump

FIT = ExponentialSum([1.0, 0.0], [1.0, 0.5])
EVENT = LossDrop(0.01)


def test_published_steps_at_the_usual_eps():
    """135 to 205 steps for 1/omega = 12 to 24, and no exponential."""
    problems = [DeviationLoss(FIT, GaussianBump(mu)) for mu in (12.0, 16.0, 20.0, 24.0)]
    hits = descend(problems, Adam(1e-3), 1000, (EVENT,)).hits[0]
    assert np.all(np.diff(hits) > 0)
    assert hits[0] == pytest.approx(135, abs=5)
    assert hits[-1] == 205


def test_above_the_gradient_adam_is_gradient_descent_with_step_h_over_eps():
    problem = DeviationLoss(FIT, GaussianBump(18.0))
    [flow] = hitting_times(problem, (EVENT,), relative_tolerance=1e-3)
    [hit] = descend(problem, Adam(100.0, (0.0, 0.999), 1000.0), 10_000, (EVENT,)).hits[0]
    # |grad|/eps <= 1e-3 slows Adam by less than 1e-3 of the 294 units of time; a few steps for the end of the run
    assert abs(hit * 0.1 - flow.time) <= 1e-3 * flow.time + 0.5


@settings(max_examples=30, deadline=None)
@given(
    b1=st.floats(0.0, 0.95),
    b2=st.floats(0.5, 0.9999),
    gradients=st.lists(st.integers(-99, 99), min_size=1, max_size=30),
)
def test_no_step_exceeds_the_bound_of_the_certificate(b1, b2, gradients):
    """sqrt(S_k), against Adam's update itself on any gradients, with eps too small to matter."""
    update = Adam(1.0, (b1, b2), 1e-300).updates((1, 1))
    for index, gradient in enumerate(gradients):
        k = index + 1
        weights = sum((b1 * b1 / b2) ** j for j in range(k))
        square = ((1 - b1) / (1 - b1**k)) ** 2 * (1 - b2**k) / (1 - b2) * weights
        assert abs(update(index, np.array([[float(gradient)]]))[0, 0]) <= np.sqrt(square) * (1 + 1e-9)


def test_the_worst_gradients_attain_the_bound():
    """g_i proportional to p_i/q_i, the case of equality of Cauchy-Schwarz."""
    b1, b2, count = 0.9, 0.999, 40
    age = np.arange(count)[::-1]
    update = Adam(1.0, (b1, b2), 1e-300).updates((1, 1))
    sizes = [update(i, np.array([[g]]))[0, 0] for i, g in enumerate((b1 / b2) ** age)]
    square = ((1 - b1) / (1 - b1**count)) ** 2 * (1 - b2**count) / (1 - b2) * ((b1 * b1 / b2) ** age).sum()
    assert sizes[-1] == pytest.approx(np.sqrt(square), rel=1e-12)


@pytest.mark.parametrize("step", [1e-3, 1e-2])
def test_certificate_below_every_run(step):
    for centre in (20.0, 28.0):
        problem = DeviationLoss(FIT, GaussianBump(centre))
        bound = adam_bound(problem, EVENT, Adam(step))
        hits = descend([problem] * 3, Adam(step, epsilon=[1e-6, 1e-8, 1e-16]), 1000, (EVENT,)).hits[0]
        assert 0 < bound <= hits.min()


def test_certificate_is_linear_in_the_step_and_stays_below_the_distance_to_zero():
    problem = DeviationLoss(FIT, GaussianBump(40.0))
    coarse, fine = (adam_bound(problem, EVENT, Adam(h)) for h in (1e-6, 1e-7))
    # once k >> 1/(1 - b2) every step is at most h sqrt(S_inf)
    assert fine == pytest.approx(10 * coarse, rel=0.1)
    largest = 0.1 / np.sqrt(0.001 * (1 - 0.81 / 0.999))
    assert fine * largest * 1e-7 <= 0.5 * 1.01
    assert fine * largest * 1e-7 >= 0.5 - 0.25


def test_the_certificate_starts_where_the_floor_excludes():
    problem = DeviationLoss(FIT, GaussianBump(12.0))
    assert loss_floor(FIT, GaussianBump(12.0), 2, 0.5) < 0.99 * problem.start_loss
    assert adam_bound(problem, EVENT, Adam(1e-3)) == 0


def test_rows_of_a_batch():
    problems = [DeviationLoss(FIT, GaussianBump(mu)) for mu in (12.0, 40.0)]
    rows = adam_rows(problems, [1e-4, 1e-8], 150)
    drops = [row for row in rows if row["quantity"] == "loss drop"]
    assert [row["reached"] for row in drops] == [True, False, True, False]
    assert [row["time"] for row in drops] == [133.0, 150.0, 131.0, 150.0]
    assert rows[-1]["time"] == adam_bound(problems[1], EVENT, Adam(1e-3))


def test_bad_input_is_refused():
    problem = DeviationLoss(FIT, GaussianBump(24.0))
    with pytest.raises(ValueError, match="one step and a second beta > 0"):
        adam_bound(problem, EVENT, Adam([1e-3, 1e-2]))
    with pytest.raises(ValueError, match="one step and a second beta > 0"):
        adam_bound(problem, EVENT, Adam(betas=(0.0, 0.0)))
    with pytest.raises(TypeError, match="GaussianBump"):
        adam_bound(DeviationLoss(FIT, Airy(2.25, 2.0)), EVENT, Adam())
