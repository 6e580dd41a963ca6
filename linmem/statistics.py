"""Interval estimates: mean, proportion, any statistic by bootstrap, slope of a line; several of them together.

Every estimate of a random quantity in linmem is an :class:`Interval`: the point estimate, a confidence interval at a
stated level, and the number of independent samples it rests on. A claim of kind ``statistical`` is judged on these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from linmem.checks import check_array, check_finite, check_generator, check_integer, check_positive


@dataclass(frozen=True)
class Interval:
    """Point estimate with a two-sided confidence interval.

    Attributes
    ----------
    value : point estimate.
    low, high : ends of the interval, ``low <= high``.
    level : nominal coverage, in (0, 1).
    n : number of independent samples.

    Raises
    ------
    ValueError : if the ends are in the wrong order or the level is not in (0, 1).

    >>> Interval(0.5, 0.4, 0.6, level=0.95, n=100).width
    0.2
    """

    value: float
    low: float
    high: float
    level: float
    n: int

    def __post_init__(self) -> None:
        check_level(self.level)
        check_integer("n", self.n, minimum=1)
        if not self.low <= self.high:
            raise ValueError(f"low must be <= high, got [{self.low}, {self.high}]; swap the ends")

    @property
    def width(self) -> float:
        """``high - low``, rounded to 15 significant digits."""
        return float(f"{self.high - self.low:.15g}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def check_level(level: object) -> float:
    """Return a confidence level, a number strictly between 0 and 1."""
    number = check_finite("level", level)
    if not 0.0 < number < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level!r}; pass e.g. 0.95")
    return number


def _samples(name: str, samples: ArrayLike, minimum: int) -> NDArray[np.float64]:
    array = check_array(name, samples, ndim=1)
    if array.size < minimum:
        raise ValueError(f"{name} must hold at least {minimum} values, got {array.size}; draw more samples")
    return array


def mean_interval(samples: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval of the mean: ``mean ± t_{n-1,(1+level)/2} s / sqrt(n)``.

    Exact for Gaussian samples, asymptotic otherwise.

    Parameters
    ----------
    samples : (n,) independent values, n >= 2.
    level : coverage.

    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> interval.value, round(interval.low, 3), round(interval.high, 3)
    (2.0, -0.484, 4.484)
    """
    x, level = _samples("samples", samples, 2), check_level(level)
    mean = float(x.mean())
    half = float(stats.t.ppf((1 + level) / 2, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size))
    return Interval(mean, mean - half, mean + half, level, int(x.size))


def proportion_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Clopper-Pearson interval of a proportion: coverage is at least ``level`` for every n and every true value.

    Parameters
    ----------
    successes : number of successes, 0 <= successes <= n.
    n : number of trials.
    level : coverage.

    >>> interval = proportion_interval(15, 15)
    >>> interval.value, round(interval.low, 3), interval.high
    (1.0, 0.782, 1.0)
    """
    n = check_integer("n", n, minimum=1)
    successes = check_integer("successes", successes, minimum=0, maximum=n)
    level = check_level(level)
    ends = stats.binomtest(successes, n).proportion_ci(confidence_level=level, method="exact")
    return Interval(successes / n, float(ends.low), float(ends.high), level, n)


def bonferroni_level(count: int, error: float = 0.05) -> float:
    """Level ``1 - error / count`` of each of ``count`` intervals that hold together at level ``1 - error``.

    Whatever their dependence (Bonferroni's inequality).

    Parameters
    ----------
    count : number of intervals, at least 1.
    error : probability that one of them or more misses its value, in (0, 1).

    >>> bonferroni_level(5)
    0.99
    """
    count, error = check_integer("count", count, minimum=1), check_finite("error", error)
    if not 0.0 < error < 1.0:
        raise ValueError(f"error must lie strictly between 0 and 1, got {error!r}; pass e.g. 0.05")
    return 1.0 - error / count


def difference_interval(first: Interval, second: Interval) -> Interval:
    """Interval of a difference of two quantities: it holds where both intervals do.

    Its level is ``level_1 + level_2 - 1`` (Bonferroni's inequality), its n the smaller one; the two may depend on
    each other.

    Raises
    ------
    ValueError : if the levels do not add up to more than 1.

    >>> found = difference_interval(Interval(0.5, 0.4, 0.6, 0.975, 10), Interval(0.25, 0.125, 0.375, 0.975, 8))
    >>> found.value, round(found.low, 9), round(found.high, 9), round(found.level, 9), found.n
    (0.25, 0.025, 0.475, 0.95, 8)
    """
    level, n = first.level + second.level - 1.0, min(first.n, second.n)
    if level <= 0.0:
        raise ValueError(f"levels must add up to more than 1, got {first.level} and {second.level}; raise them")
    return Interval(first.value - second.value, first.low - second.high, first.high - second.low, level, n)


def bootstrap_interval(
    samples: ArrayLike,
    statistic: Callable[..., float],
    rng: np.random.Generator | int,
    level: float = 0.95,
    resamples: int = 9999,
) -> Interval:
    """BCa bootstrap interval of ``statistic`` (a function of a 1-D array, with an ``axis`` argument for speed).

    Parameters
    ----------
    samples : (n,) independent values, n >= 2. Constant samples give the degenerate interval.
    statistic : e.g. ``numpy.median``.
    rng : seed or generator of the resampling.
    level : coverage (asymptotic).
    resamples : number of bootstrap resamples.

    >>> interval = bootstrap_interval(range(100), np.median, rng=0)
    >>> interval.value, 30 < interval.low < 49.5 < interval.high < 70
    (49.5, True)
    """
    x, level = _samples("samples", samples, 2), check_level(level)
    generator = check_generator("rng", rng)
    resamples = check_integer("resamples", resamples, minimum=100)
    value = float(statistic(x))
    if np.ptp(x) == 0.0:
        return Interval(value, value, value, level, int(x.size))
    found = stats.bootstrap(
        (x,), statistic, confidence_level=level, n_resamples=resamples, method="BCa", rng=generator
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    if not np.isfinite([low, high]).all():  # the acceleration is undefined for statistics that few samples move
        found = stats.bootstrap(
            (x,), statistic, confidence_level=level, n_resamples=resamples, method="percentile", rng=generator
        ).confidence_interval
        low, high = float(found.low), float(found.high)
    return Interval(value, low, high, level, int(x.size))


def median_ratio_interval(
    above: ArrayLike, below: ArrayLike, rng: np.random.Generator | int, level: float = 0.95, resamples: int = 9999
) -> Interval:
    """Ratio of the medians of two independent samples, percentile bootstrap (each sample drawn anew by itself).

    Parameters
    ----------
    above, below : (n,) and (m,) independent positive values, n, m >= 2; the ratio is median(above) / median(below).
    rng : seed or generator of the resampling.
    level : coverage (asymptotic).
    resamples : number of bootstrap resamples; memory ``resamples * max(n, m)`` numbers.

    >>> found = median_ratio_interval([2.0] * 5, [1.0] * 8, rng=0)
    >>> found.value, found.width, found.n
    (2.0, 0.0, 5)
    """
    samples = [_samples(name, values, 2) for name, values in (("above", above), ("below", below))]
    level, generator = check_level(level), check_generator("rng", rng)
    resamples = check_integer("resamples", resamples, minimum=100)
    for name, values in zip(("above", "below"), samples, strict=True):
        check_positive(f"least value of {name}", values.min())
    first, second = (np.median(generator.choice(x, size=(resamples, x.size)), axis=1) for x in samples)
    value = float(np.median(samples[0]) / np.median(samples[1]))
    low, high = np.quantile(first / second, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, min(float(low), value), max(float(high), value), level, min(x.size for x in samples))


def slope_interval(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Interval:
    """Interval of the slope b of the least-squares line ``y = a + b x``: ``b ± t_{n-2,(1+level)/2} se(b)``.

    Parameters
    ----------
    x, y : (n,) abscissae and ordinates, n >= 3, x not constant.
    level : coverage (exact for independent Gaussian residuals).

    >>> interval = slope_interval([0, 1, 2, 3], [1, 3, 5, 7])
    >>> round(interval.value, 12), round(interval.width, 12)
    (2.0, 0.0)
    """
    abscissae = _samples("x", x, 3)
    ordinates = check_array("y", y, shape=(abscissae.size,))
    level = check_level(level)
    if np.ptp(abscissae) == 0.0:
        raise ValueError(f"x must not be constant, got {abscissae[0]} {abscissae.size} times; vary the abscissa")
    centred = abscissae - abscissae.mean()
    spread = float(centred @ centred)
    slope = float(centred @ ordinates) / spread
    residual = ordinates - ordinates.mean() - slope * centred
    error = np.sqrt(float(residual @ residual) / (abscissae.size - 2) / spread)
    half = float(stats.t.ppf((1 + level) / 2, abscissae.size - 2) * error)
    return Interval(slope, slope - half, slope + half, level, int(abscissae.size))
