"""Iterations: torch.optim on the same loss, their limits as flows, single problems against batches, bad ends."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.dynamics import (
    Adam,
    DeviationBatch,
    DeviationLoss,
    Displacement,
    GradientDescent,
    LossDrop,
    VanishingFriction,
    descend,
    gradient_flow,
    momentum_flow,
)
from linmem.continuous.learning import DivergenceError
from linmem.kernels import Airy, ExponentialSum, GaussianBump

FIT = ExponentialSum([1.0, 0.0], [1.0, 0.5])
PROBLEM = DeviationLoss(FIT, GaussianBump(6.0))
START = np.array([0.02, 0.05, -0.03, 0.04])  # no gradient is zero here


def torch_run(optimiser, steps):
    """The same iteration by torch.optim in double precision, the gradient from torch's autograd on the closed form."""
    a = torch.tensor([1.0, 0.0], dtype=torch.float64) + torch.tensor(START[:2])
    w = torch.tensor([1.0, 0.5], dtype=torch.float64) + torch.tensor(START[2:])
    a.requires_grad_(True)
    w.requires_grad_(True)
    method = optimiser([a, w])

    def transform(u):  # of e^{-t} plus the bump
        x = 6.0 - u
        return 1 / (1 + u) + np.sqrt(2 * np.pi) * torch.exp(-u * (6.0 - u / 2)) * torch.special.ndtr(x)

    for _ in range(steps):
        method.zero_grad()
        loss = (a[:, None] * a / (w[:, None] + w)).sum() - 2 * (a * transform(w)).sum()
        loss.backward()
        method.step()
    return np.concatenate([a.detach().numpy(), w.detach().numpy()]) - np.array([1.0, 0.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GradientDescent(0.02), lambda p: torch.optim.SGD(p, lr=0.02)),
        (GradientDescent(0.01, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
        (
            GradientDescent(0.01, momentum=0.9, nesterov=True),
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
        ),
        (Adam(0.003), lambda p: torch.optim.Adam(p, lr=0.003)),
        (Adam(0.003, (0.8, 0.99), 1e-3), lambda p: torch.optim.Adam(p, lr=0.003, betas=(0.8, 0.99), eps=1e-3)),
    ],
    ids=["gd", "heavy ball", "nesterov", "adam", "adam with another eps"],
)
def test_against_torch_optim(ours, theirs):
    steps = 60
    run = descend(PROBLEM, ours, steps, start=START)
    # rounding of gradients of size 1 by a few eps a step; errors at most double per time unit (h * steps < 7 for
    # momentum 0.9), and Adam divides by gradients of 1e-3 and more
    np.testing.assert_allclose(run.deviations[-1, 0], torch_run(theirs, steps), rtol=0, atol=1e-11)
    assert run.steps[-1] == steps


def order(method, exact, start=None):
    """Errors at time 1 for step numbers doubling."""
    numbers = (100, 200, 400)
    runs = [descend(PROBLEM, method(1 / n), n, start=start).deviations[-1, 0] for n in numbers]
    return [float(np.linalg.norm(d - exact)) for d in runs]


@pytest.mark.parametrize(
    ("method", "friction"),
    [
        (GradientDescent, None),
        (lambda h: GradientDescent(h * h, momentum=1 - 0.7 * h), 0.7),
        (lambda h: GradientDescent(h * h, momentum=1 - 0.7 * h, nesterov=True), 0.7),
        (lambda h: GradientDescent(h * h, momentum="increasing"), VanishingFriction()),
        (lambda h: GradientDescent(h * h, momentum="increasing", nesterov=True), VanishingFriction()),
    ],
    ids=["gd", "heavy ball", "nesterov", "heavy ball, increasing", "nesterov, increasing"],
)
def test_the_iteration_converges_to_its_flow_with_order_one(method, friction):
    if friction is None:
        exact = gradient_flow(PROBLEM, [1.0], relative_tolerance=1e-7).deviations[-1]
    else:
        exact = momentum_flow(PROBLEM, [1.0], friction, relative_tolerance=1e-7).deviations[-1]
    # error = c h (1 + O(h)), possibly with logarithms from the singular friction: within 10 % of a half
    for coarse, fine in itertools.pairwise(order(method, exact)):
        assert 1.8 < coarse / fine < 2.2


def test_adam_without_memory_and_with_large_eps_is_gradient_descent():
    exact = descend(PROBLEM, GradientDescent(1e-6), 100, start=START).deviations[-1, 0]
    adam = descend(PROBLEM, Adam(1e-2, (0.0, 0.0), 1e4), 100, start=START).deviations[-1, 0]
    # relative difference |grad|/eps <= 1e-3
    np.testing.assert_allclose(adam - START, exact - START, rtol=1e-3, atol=0)


@settings(max_examples=10)
@given(d=st.lists(st.tuples(*[st.floats(-0.4, 0.4)] * 4), min_size=2, max_size=2))
@pytest.mark.parametrize("other", [GaussianBump(20.0, 2.0, -0.5), GaussianBump(0.2), Airy(2.25, 2.0)], ids=str)
def test_a_batch_computes_what_each_problem_computes(other, d):
    problems = [PROBLEM, DeviationLoss(ExponentialSum([0.5, 0.5], [1.0, 1.0]), other)]
    gradients, drops = DeviationBatch(problems).evaluate(np.array(d))
    for problem, row, gradient, drop in zip(problems, d, gradients, drops, strict=True):
        reference = problem.gradient(row)
        # a few eps of the terms, which are at most |d| / w^2 < 200 and 200
        np.testing.assert_allclose(gradient, reference, rtol=1e-12, atol=200 * 50 * np.finfo(float).eps)
        assert drop == pytest.approx(problem.drop(row), rel=1e-12, abs=200 * 50 * np.finfo(float).eps)


def test_on_the_plateau_the_gradient_keeps_its_digits():
    problem = DeviationLoss(FIT, GaussianBump(90.0))
    gradient, _ = DeviationBatch([problem]).evaluate(np.zeros((1, 4)))
    assert 0 < abs(gradient[0, 1]) < 1e-18
    np.testing.assert_allclose(gradient[0], problem.gradient(np.zeros(4)), rtol=1e-13, atol=0)


@pytest.mark.parametrize("method", [GradientDescent([0.02, 0.01], 0.5), Adam(0.01, epsilon=[1e-8, 1e-3])], ids=repr)
def test_problems_in_a_batch_do_not_know_each_other(method):
    problems = [PROBLEM, DeviationLoss(FIT, GaussianBump(9.0))]
    events = (Displacement(0.1), LossDrop(0.05))
    both = descend(problems, method, 2000, events)
    for index, problem in enumerate(problems):
        if isinstance(method, Adam):
            alone = Adam(method.step, method.betas, method.epsilon[index])
        else:
            alone = GradientDescent(method.step[index], method.momentum)
        run = descend(problem, alone, 2000, events)
        np.testing.assert_array_equal(run.hits[:, 0], both.hits[:, index])
        np.testing.assert_allclose(run.deviations[-1, 0], both.deviations[-1, index], rtol=1e-12)


def test_hits_are_the_first_steps_at_which_the_state_has_the_property():
    run = descend(PROBLEM, GradientDescent(0.01), 300, (Displacement(0.1), LossDrop(0.01)), records=300)
    escape, drop = run.hits[:, 0].astype(int)
    dense = descend(PROBLEM, GradientDescent(0.01), int(escape)).deviations[-1, 0]
    before = descend(PROBLEM, GradientDescent(0.01), int(escape) - 1).deviations[-1, 0]
    assert np.linalg.norm(before) < 0.1 <= np.linalg.norm(dense)
    assert run.steps[-1] == max(escape, drop)
    assert run.drops[-1, 0] >= 0.01 * PROBLEM.start_loss


def test_without_events_the_run_goes_to_the_end_and_what_is_not_met_is_infinite():
    run = descend(PROBLEM, GradientDescent(1e-4), 20, (Displacement(1.0),), records=5)
    assert run.hits.tolist() == [[np.inf]]
    assert (run.steps[0], run.steps[-1]) == (0, 20)
    assert run.deviations.shape == (len(run.steps), 1, 4)
    assert run.drops[0, 0] == 0


def test_a_stationary_start_stays():
    still = DeviationLoss(ExponentialSum([0.0, 0.0], [1.0, 2.0]), 0.0 * GaussianBump(3.0))
    for method in (GradientDescent(0.1, 0.9), Adam()):
        assert not descend(still, method, 10).deviations.any()


@pytest.mark.parametrize("method", [GradientDescent(50.0), GradientDescent(500.0, 0.9), Adam(30.0)], ids=repr)
def test_an_iteration_that_diverges_says_so(method):
    with pytest.raises(DivergenceError, match=r"after step \d+ problem 1 has the rates"):
        descend([DeviationLoss(FIT, 0.0 * GaussianBump(3.0)), PROBLEM], method, 100)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: GradientDescent(0.0), "step must be > 0"),
        (lambda: GradientDescent(0.1, 1.0), r"momentum must lie in \[0, 1\)"),
        (lambda: GradientDescent(0.1, nesterov=True), "nesterov needs a momentum"),
        (lambda: Adam(epsilon=0.0), "epsilon must be > 0"),
        (lambda: Adam(betas=(0.9, 1.0)), r"second beta must lie in \[0, 1\)"),
        (lambda: descend(PROBLEM, Adam([0.1, 0.2]), 5), "one number or 1"),
        (lambda: descend(PROBLEM, Adam(), 0), "steps must be >= 1"),
        (lambda: descend(PROBLEM, Adam(), 5, start=[0.0]), "start must have shape"),
        (lambda: descend(PROBLEM, Adam(), 5, start=[0.0, 0.0, -2.0, 0.0]), "rates must be > 0"),
        (lambda: descend([], Adam(), 5), "at least one"),
        (lambda: DeviationBatch([PROBLEM, DeviationLoss(ExponentialSum([1.0], [1.0]), GaussianBump(3.0))]), "same"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_what_is_no_problem_or_event_is_refused():
    with pytest.raises(TypeError, match="DeviationLoss"):
        DeviationBatch([FIT])
    with pytest.raises(TypeError, match="Displacement or LossDrop"):
        descend(PROBLEM, Adam(), 5, (0.1,))
