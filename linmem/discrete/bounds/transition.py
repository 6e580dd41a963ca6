"""Where recovery begins: search of the size at which one half of the trials succeed.

A trial of size M succeeds or fails at random, with a probability that rises from 0 to 1 within a narrow range of M. The
search spends a given number of trials near that range and returns M50, where the probability is one half, with its
interval. What a solver did not finish (its duality gap missed the tolerance within the cap on iterations) is undecided:
it widens the interval and is never counted as a failure. Nothing is capped by time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from linmem.checks import check_generator, check_integer
from linmem.discrete.bounds.success_curve import SuccessCurve, Tally, fit_success_curve, scale_grid
from linmem.parallel import worker_pool
from linmem.statistics import Interval, check_level

SPREAD = 1.3
"""Trials are placed at ``ln M50 ± 1.3 s``, where the success probability is 21 % or 79 %."""
DOUBLINGS = 8


@dataclass(frozen=True)
class TrialOutcome:
    """Outcome of one trial.

    Attributes
    ----------
    success : whether it succeeded; None if the solver did not certify its answer.
    gap : relative duality gap of the answer (0 if the trial needs no solver).
    error : the error that was judged, for the record, if there is one.
    """

    success: bool | None
    gap: float = 0.0
    error: float | None = None


Trial = Callable[[int, np.random.Generator], TrialOutcome]
"""A trial takes a size and a generator."""


@dataclass(frozen=True, eq=False)
class Transition:
    """The size M50 at which one half of the trials succeed, and the trials it rests on.

    Attributes
    ----------
    interval : M50 with its confidence interval; n counts the decided trials.
    scale : s of the fitted curve ``p = 1 / (1 + exp(-(ln M - ln M50) / s))``.
    sizes : (n,) sizes of all trials, in the order in which they ran.
    outcomes : their outcomes.
    """

    interval: Interval
    scale: float
    sizes: Int[np.ndarray, "n"]
    outcomes: tuple[TrialOutcome, ...]

    @property
    def value(self) -> float:
        """M50."""
        return self.interval.value

    @property
    def undecided(self) -> int:
        """Number of trials without a certified answer."""
        return sum(outcome.success is None for outcome in self.outcomes)

    @property
    def gap(self) -> float:
        """Largest relative duality gap of the decided trials."""
        return max(outcome.gap for outcome in self.outcomes if outcome.success is not None)


def _numbers(outcomes: Iterable[TrialOutcome]) -> Float[np.ndarray, "n"]:
    return np.array([math.nan if o.success is None else float(o.success) for o in outcomes])


def _place(
    sizes: Sequence[int],
    outcomes: Sequence[TrialOutcome],
    ends: tuple[float, float],
    count: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "count"]:
    """Sizes of the next trials: (M50, s) drawn from their posterior under a flat prior, then M50 e^{±SPREAD s}."""
    locations, scales = np.linspace(math.log(ends[0]), math.log(ends[1]), 161), scale_grid(25)
    tally = Tally.of(np.asarray(sizes, dtype=np.float64), _numbers(outcomes))
    likelihood = tally.log_likelihood(locations, scales).ravel()
    weights = np.exp(likelihood - likelihood.max())
    row, column = np.divmod(rng.choice(weights.size, size=count, p=weights / weights.sum()), scales.size)
    signs = np.where(np.arange(count) % 2, SPREAD, -SPREAD)
    return np.exp(locations[row] + signs * scales[column])


@contextmanager
def _runner(trial: Trial, jobs: int) -> Generator[Callable[[Sequence[int], Sequence[int]], list[TrialOutcome]]]:
    """A function that runs one trial for each pair of size and seed, in this process or on worker processes."""
    if jobs == 1:
        yield lambda sizes, seeds: [_run(trial, size, seed) for size, seed in zip(sizes, seeds, strict=True)]
        return
    with worker_pool(jobs) as pool:
        yield lambda sizes, seeds: list(pool.map(_run, [trial] * len(sizes), sizes, seeds))


def _run(trial: Trial, size: int, seed: int) -> TrialOutcome:
    outcome = trial(size, np.random.default_rng(seed))
    if not isinstance(outcome, TrialOutcome):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"trial must return a TrialOutcome, got {type(outcome).__name__}; return TrialOutcome(success)")
    return outcome


def find_transition(
    trial: Trial,
    low: int,
    high: int,
    *,
    trials: int,
    rng: np.random.Generator | int,
    level: float = 0.95,
    batch: int = 8,
    step: int = 2,
    jobs: int = 1,
) -> Transition:
    """Size M50 at which a trial succeeds with probability one half, from adaptively placed trials.

    1. One trial at ``low`` and one at ``high``; a success at ``low`` halves it, anything but a success at ``high``
       doubles it, until both ends are as they should be.
    2. Trials in batches: for each, (M50, s) of the logistic curve in ln M is drawn from its posterior given the
       outcomes so far, and the trial is placed at ``M50 e^{±1.3 s}``. While little is known these sizes spread over the
       whole range; later they close in on the two sizes that tell most about M50 and s.
    3. M50 by :func:`fit_success_curve`, with its interval. Where a lucky trial closed the bracket too early, the
       interval is open: the range is widened on that side, for up to as many trials again.

    Parameters
    ----------
    trial : function of a size and a generator that returns a :class:`TrialOutcome`; importable if ``jobs > 1``.
    low, high : first guess of sizes that fail and succeed, multiples of ``step``.
    trials : number of trials after the bracket is found, >= 8; at most twice as many if the interval stays open.
    rng : seed or generator. Each trial gets a generator of its own, so the result does not depend on ``jobs``.
    level : confidence level.
    batch : trials that are placed and run together, an even number.
    step : sizes are multiples of it (2: states have conjugate pairs of modes).
    jobs : number of worker processes; 1 runs in this process.

    Returns
    -------
    :class:`Transition`. Its interval has an infinite end (or 0) if the trials do not close it.

    Raises
    ------
    ValueError : if a size is not a positive multiple of the step, or no bracket is found within 8 doublings.
    TypeError : if the trial returns something else than a :class:`TrialOutcome`.

    Cost: ``trials`` + 2 trials (more if the guess is wrong or the interval open) and milliseconds per batch.

    >>> def coin(size, rng):
    ...     return TrialOutcome(bool(rng.random() < size**8 / (size**8 + 50.0**8)))
    >>> found = find_transition(coin, 10, 200, trials=80, rng=0)
    >>> 40 < found.interval.low < found.value < found.interval.high < 60
    True
    """
    check_integer("step", step, minimum=1)
    for name, size in (("low", low), ("high", high)):
        if check_integer(name, size, minimum=step) % step:
            raise ValueError(f"{name} must be a multiple of step = {step}, got {size}; pass {size - size % step}")
    if low >= high:
        raise ValueError(f"low must be < high, got {low} and {high}; swap them")
    check_integer("trials", trials, minimum=8)
    if check_integer("batch", batch, minimum=2) % 2:
        raise ValueError(f"batch must be even (trials come in pairs about M50), got {batch}; pass {batch + 1}")
    generator, level = check_generator("rng", rng), check_level(level)
    sizes: list[int] = []
    outcomes: list[TrialOutcome] = []
    with _runner(trial, check_integer("jobs", jobs, minimum=1)) as run:

        def extend(following: Sequence[int]) -> list[TrialOutcome]:
            found = run(following, [int(seed) for seed in generator.integers(2**63, size=len(following))])
            sizes.extend(following)
            outcomes.extend(found)
            return found

        low, high = _bracket(extend, low, high, step)
        planned = len(sizes) + trials

        def fit(total: int) -> SuccessCurve:
            ends = (max(0.5 * low, 0.5 * step), 2.0 * high)
            while len(sizes) < total:
                count = min(batch, total - len(sizes))
                wanted = np.clip(_place(sizes, outcomes, ends, count, generator), low, high)
                extend([step * max(round(float(size) / step), 1) for size in wanted])
            return fit_success_curve(sizes, _numbers(outcomes), ends[0] / 4, ends[1] * 4, level=level)

        curve = fit(planned)
        while len(sizes) < planned + trials and not 0 < curve.interval.low <= curve.interval.high < math.inf:
            if curve.interval.low <= 0:
                low = max(step * (low // (2 * step)), step)
            if not curve.interval.high < math.inf:
                high *= 2
            curve = fit(min(len(sizes) + batch, planned + trials))
    return Transition(curve.interval, curve.scale, np.array(sizes), tuple(outcomes))


def _bracket(extend: Callable[[Sequence[int]], list[TrialOutcome]], low: int, high: int, step: int) -> tuple[int, int]:
    """Sizes below and above the transition, by halving and doubling."""
    below, above = extend([low, high])
    for _ in range(DOUBLINGS):
        if above.success:
            break
        high *= 2
        (above,) = extend([high])
    for _ in range(DOUBLINGS):
        if not below.success or low <= step:
            break
        low = max(step * (low // (2 * step)), step)
        (below,) = extend([low])
    if not above.success or (below.success and low > step):
        raise ValueError(
            f"sizes must bracket a transition, got success = {below.success} at {low} and {above.success} at {high}; "
            "check the trial, or start from other sizes"
        )
    return low, high
