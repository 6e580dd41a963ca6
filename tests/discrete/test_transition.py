"""The search of M50 on known success curves, its fit against an independent one, and trials of recovery."""

import math
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, ndtr

from linmem.discrete.bounds import (
    TrialOutcome,
    find_transition,
    fit_success_curve,
    recovery_success,
    statistical_dimension,
)
from linmem.discrete.recovery import NotConvergedWarning
from linmem.statistics import proportion_interval

NAN = math.nan


def coin(size, rng, m50=60.0, scale=0.06, undecided=0.0, link=expit):
    """A trial with a known success curve, a part of it undecided."""
    success = bool(rng.random() < link(math.log(size / m50) / scale))
    return TrialOutcome(None if rng.random() < undecided else success, gap=1e-7)


def probit(z):
    """Normal distribution function with the slope of the logistic one at 0."""
    return ndtr(z * math.sqrt(math.pi / 8))


@pytest.mark.parametrize(("link", "trials"), [(expit, 32), (expit, 56), (probit, 40)])
def test_coverage(link, trials):
    """The true M50 is in the interval at 90 % in nine of ten searches or more: 60 searches, judged at 99.9 %.

    The model's curve is logistic; the normal one is a curve that it does not contain.
    """
    inside = sum(
        60.0 in find_transition(partial(coin, link=link), 10, 150, trials=trials, rng=seed, level=0.9).interval
        for seed in range(60)
    )
    assert proportion_interval(inside, 60, level=0.999).high > 0.9


def test_the_estimate_is_efficient():
    """With n trials at M50, s known, no unbiased estimate of ln M50 has a variance below 4 s^2 / n (Cramer-Rao).

    Half of the trials find the range and s: the error should be below that of n/4 trials, in the root mean square of 40
    searches (relative error of the variance sqrt(2/40) = .22; three of them allowed).
    """
    trials, scale = 64, 0.06
    errors = [math.log(find_transition(coin, 10, 150, trials=trials, rng=seed).value / 60) for seed in range(40)]
    assert np.mean(np.square(errors)) < 4 * scale**2 / (trials / 4) * (1 + 3 * 0.22)


def test_the_fit_is_the_maximum_of_the_likelihood_for_many_trials():
    rng = np.random.default_rng(3)
    sizes = rng.integers(40, 90, 20_000)
    outcomes = rng.random(sizes.size) < expit(np.log(sizes / 60) / 0.1)

    def loss(theta):
        z = (np.log(sizes) - theta[0]) / math.exp(theta[1])
        return np.mean(np.logaddexp(0, -z) * outcomes + np.logaddexp(0, z) * ~outcomes)

    best = minimize(loss, [4.0, -2.0], method="BFGS")
    deviation = math.sqrt(best.hess_inv[0, 0] / sizes.size)  # of ln M50, from the observed information
    curve = fit_success_curve(sizes, outcomes, 20, 200)
    # median and mode of the posterior differ by O(1/n): a fifth of the deviation at n = 2e4
    assert math.log(curve.interval.value) == pytest.approx(best.x[0], abs=0.2 * deviation)
    half = 0.5 * math.log(curve.interval.high / curve.interval.low)
    assert half == pytest.approx(1.96 * deviation, rel=0.1)  # BFGS knows the curvature to some per cent
    assert curve.scale == pytest.approx(math.exp(best.x[1]), rel=0.05)


def test_separated_outcomes_bound_m50_between_them():
    curve = fit_success_curve([20, 30, 40, 44] * 6, [0, 0, 1, 1] * 6, 5, 200)
    assert 30 < curve.interval.value < 40
    assert 25 < curve.interval.low < 32 < 38 < curve.interval.high < 44


def test_no_failure_leaves_the_lower_end_open():
    curve = fit_success_curve([40, 50, 60], [1, 1, 1], 5, 200)
    assert curve.interval.low == 0
    assert fit_success_curve([40, 50, 60], [0, 0, 0], 5, 200).interval.high == math.inf


def test_undecided_trials_widen_the_interval_to_both_completions():
    sizes = np.array([50, 54, 58, 62, 66, 70] * 8)
    rng = np.random.default_rng(0)
    outcomes = (rng.random(sizes.size) < expit(np.log(sizes / 60) / 0.06)).astype(float)
    some = outcomes.copy()
    some[:10] = NAN
    fits = [fit_success_curve(sizes, np.where(np.isnan(some), fill, some), 20, 200).interval for fill in (0.0, 1.0)] + [
        fit_success_curve(sizes[10:], outcomes[10:], 20, 200).interval
    ]
    curve = fit_success_curve(sizes, some, 20, 200).interval
    assert curve.value == fits[2].value
    assert curve.low == min(fit.low for fit in fits)
    assert curve.high == max(fit.high for fit in fits)
    assert curve.n == 38
    assert curve.width > fits[2].width


def test_undecided_trials_in_a_search_are_counted_and_bias_nothing():
    found = find_transition(partial(coin, undecided=0.15), 10, 150, trials=80, rng=4)
    plain = find_transition(coin, 10, 150, trials=80, rng=4)
    assert found.undecided == sum(outcome.success is None for outcome in found.outcomes) > 0
    assert found.interval.n == len(found.sizes) - found.undecided
    assert 60.0 in found.interval
    assert found.interval.width > plain.interval.width
    assert found.gap == 1e-7


def test_a_wrong_first_guess_is_mended_by_doubling_and_halving():
    for low, high in ((2, 8), (400, 3200)):
        found = find_transition(coin, low, high, trials=64, rng=0)
        assert 50 < found.value < 72


def test_a_lucky_success_at_the_upper_end_is_mended():
    """M50 = 600 lies above the first guess of 200, where one trial in 82 succeeds and may close the bracket."""

    def trial(size, rng):
        return TrialOutcome(bool(rng.random() < size**4 / (size**4 + 600.0**4)))

    found = [find_transition(trial, 100, 200, trials=16, rng=seed) for seed in range(40)]
    extended = [transition for transition in found if len(transition.sizes) > 16 + 2 + 8]  # 8 doublings at most
    assert extended
    assert all(0 < transition.interval.low <= transition.interval.high < math.inf for transition in found)
    assert all(len(transition.sizes) <= 2 * 16 + 2 + 8 for transition in found)
    # each covers with probability .95: 40 trials of which fewer than 33 do have probability 1e-3 (binomial)
    assert sum(transition.interval.low <= 600 <= transition.interval.high for transition in found) >= 33


def test_sizes_are_multiples_of_the_step_within_the_bracket():
    found = find_transition(coin, 12, 150, trials=40, rng=1, step=6)
    assert (found.sizes % 6 == 0).all()
    assert found.sizes.min() >= 6
    assert found.sizes.max() <= 150
    assert len(found.sizes) >= 42


def test_same_seed_same_search_for_any_number_of_workers():
    one = find_transition(coin, 10, 150, trials=24, rng=7)
    two = find_transition(coin, 10, 150, trials=24, rng=7, jobs=2)
    assert one.sizes.tolist() == two.sizes.tolist()
    assert one.outcomes == two.outcomes
    assert one.interval == two.interval
    other = find_transition(coin, 10, 150, trials=24, rng=8)
    assert other.interval != one.interval


def test_sparse_recovery_turns_at_the_statistical_dimension():
    """A Gaussian map turns at delta (Amelunxen et al. 2014); the network's M50 is within a quarter of it."""
    L, N, K = 6, 20, 6
    trial = partial(recovery_success, streams=L, steps=N, nonzeros=K)
    found = find_transition(trial, 12, 60, trials=32, rng=2)
    assert found.interval.low < 1.25 * statistical_dimension(K, N * L)
    assert found.interval.high > 0.75 * statistical_dimension(K, N * L)
    assert found.gap <= 1e-6
    assert found.undecided == 0


def test_low_rank_recovery_succeeds_and_fails_on_the_two_sides():
    """Rank 1 of a 12 x 6 matrix has 17 degrees of freedom: 12 nodes cannot, 64 of 72 must do."""
    trial = partial(recovery_success, streams=6, steps=12, rank=1)
    few = [trial(12, seed) for seed in range(5)]
    many = [trial(64, seed) for seed in range(5)]
    assert not any(outcome.success for outcome in few)
    assert all(outcome.success for outcome in many)
    assert max(outcome.gap for outcome in few + many) <= 1e-6


def test_a_solver_that_stops_early_leaves_the_trial_undecided():
    with pytest.warns(NotConvergedWarning):
        outcome = recovery_success(40, 0, streams=6, steps=20, nonzeros=6, tol=1e-12, max_iter=1)
    assert outcome.success is None
    assert outcome.gap > 1e-12


def test_bad_input():
    for arguments, message in [
        ({"low": 11}, "multiple of step"),
        ({"low": 200}, "low must be < high"),
        ({"trials": 7}, "trials must be >= 8"),
        ({"batch": 3}, "batch must be even"),
        ({"level": 1.0}, "level"),
    ]:
        with pytest.raises(ValueError, match=message):
            find_transition(coin, **{"low": 10, "high": 150, "trials": 8, "rng": 0, **arguments})
    with pytest.raises(ValueError, match="must bracket a transition"):
        find_transition(lambda size, rng: TrialOutcome(False), 10, 20, trials=8, rng=0)
    with pytest.raises(TypeError, match="must return a TrialOutcome"):
        find_transition(lambda size, rng: True, 10, 20, trials=8, rng=0)
    for sizes, outcomes, message in [
        ([1, 2], [0, 1, 1], "shape of sizes"),
        ([1, 2, 3], [0, 2, 1], "0, 1 or NaN"),
        ([1, 2, 3], [0, NAN, 1], "at least 3 trials"),
        ([0, 2, 3], [0, 1, 1], "sizes must be > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit_success_curve(sizes, outcomes, 1, 10)
    with pytest.raises(ValueError, match="low must be < high"):
        fit_success_curve([1, 2, 3], [0, 1, 1], 10, 1)
    for arguments, message in [
        ({}, "give nonzeros"),
        ({"nonzeros": 3, "rank": 1}, "give nonzeros"),
        ({"nonzeros": 3, "level": 0.0}, "level must be > 0"),
        ({"nonzeros": 3, "threshold": 0.0}, "threshold must be > 0"),
        ({"nonzeros": 0}, "nonzeros must be >= 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            recovery_success(20, 0, streams=3, steps=10, **arguments)
