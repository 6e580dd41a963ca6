"""How the needed size grows: exponents and growth laws fitted to sizes that carry intervals.

Sizes M50 come from :func:`linmem.discrete.bounds.find_transition`; ln M50 is taken as normal with the standard
deviation that its interval implies, and fits are least squares with these weights. Where a law does not fit within the
errors (reduced chi-square above 1) the interval is widened by the square root of it: the law is then a summary, not the
truth, and the interval covers its misfit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from linmem.checks import check_array
from linmem.statistics import Interval

POWERS = (-3.0, 3.0)
"""Range in which :func:`growth_power` looks for the power."""


def _logarithms(
    sizes: Sequence[Interval], minimum: int
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], float, float]:
    """ln M50, its standard deviations, the level of the intervals and the normal quantile that belongs to it."""
    if len(sizes) < minimum:
        raise ValueError(f"at least {minimum} sizes are needed, got {len(sizes)}; measure more")
    levels = {size.level for size in sizes}
    if len(levels) > 1:
        raise ValueError(f"all intervals must have one level, got {sorted(levels)}; use the same for each")
    low, high = np.array([size.low for size in sizes]), np.array([size.high for size in sizes])
    if not (np.isfinite(high).all() and (low > 0).all()):
        raise ValueError("every interval must have ends > 0 and finite, got an open one; spend more trials on it")
    level = levels.pop()
    quantile = float(stats.norm.ppf((1 + level) / 2))
    errors = np.log(high / low) / (2 * quantile)
    if not (errors > 0).all():
        raise ValueError("every interval must have a width > 0, got a point; the fits weigh by the widths")
    return np.log([size.value for size in sizes]), errors, level, quantile


@dataclass(frozen=True)
class PowerLaw:
    """A fitted law ``M50 = c x_1^{p_1} x_2^{p_2} ...``.

    Attributes
    ----------
    exponents : p_1, p_2, ... with intervals; n counts the sizes.
    constant : c.
    misfit : reduced chi-square; about 1 or less if the law holds within the errors.
    """

    exponents: tuple[Interval, ...]
    constant: float
    misfit: float


def power_law(factors: ArrayLike, sizes: Sequence[Interval]) -> PowerLaw:
    """Exponents of M50 in one or several factors: weighted least squares of ``ln M50 = ln c + sum_i p_i ln x_i``.

    The half-width of an interval is ``z se max(1, sqrt(misfit))``, with se from the errors of the sizes and z the
    normal quantile of their level.

    Parameters
    ----------
    factors : (n,) or (n, k) positive values of the factors.
    sizes : n intervals of M50, n >= k + 2, all of one level.

    Raises
    ------
    ValueError : if a factor is not positive, too few sizes are given, the factors are collinear in the logarithm, or an
        interval is open.

    >>> sizes = [Interval(m, 0.9 * m, 1.1 * m, level=0.95, n=50) for m in (10.0, 20.0, 40.0)]
    >>> law = power_law([1, 2, 4], sizes)
    >>> round(law.exponents[0].value, 6), round(law.constant, 6), law.exponents[0].low < 1 < law.exponents[0].high
    (1.0, 10.0, True)
    """
    x = check_array("factors", factors)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) != len(sizes):
        raise ValueError(f"factors must have shape ({len(sizes)},) or ({len(sizes)}, k), got {x.shape}; one row a size")
    if (x <= 0).any():
        raise ValueError(f"factors must be > 0, got {x.min():g}; exponents are slopes of logarithms")
    y, errors, level, quantile = _logarithms(sizes, x.shape[1] + 2)
    design = np.column_stack([np.ones(len(x)), np.log(x)]) / errors[:, None]
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the factors must vary independently of each other, got collinear logarithms; vary each alone")
    solution = np.linalg.lstsq(design, y / errors)[0]
    residual = y / errors - design @ solution
    misfit = float(residual @ residual) / (len(y) - design.shape[1])
    deviations = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    half = quantile * deviations * max(1.0, math.sqrt(misfit))
    exponents = tuple(
        Interval(float(p), float(p - h), float(p + h), level, len(y))
        for p, h in zip(solution[1:], half[1:], strict=True)
    )
    return PowerLaw(exponents, math.exp(float(solution[0])), misfit)


def _growth_misfit(
    x: Float[np.ndarray, "n"], M: Float[np.ndarray, "n"], errors: Float[np.ndarray, "n"], powers: Float[np.ndarray, "m"]
) -> Float[np.ndarray, "m"]:
    """Chi-square of the best ``M = a + b (x^p - 1)/p`` at each power p; x scaled so that its logarithms average 0."""
    t = np.log(x)
    p = powers[:, None]
    grown = np.where(np.abs(p) < 1e-9, t, np.expm1(p * t) / np.where(np.abs(p) < 1e-9, 1.0, p))
    weights = (M * errors) ** -2.0  # standard deviations of M to first order
    weights_sum = weights.sum()
    centred = grown - (grown @ weights / weights_sum)[:, None]
    rise = M - M @ weights / weights_sum
    slope = (centred * rise) @ weights / ((centred**2) @ weights)
    return (rise - slope[:, None] * centred) ** 2 @ weights


@dataclass(frozen=True)
class Growth:
    """A fitted law ``M50 = a + b (x^p - 1) / p``, which is ``a + b ln x`` at p = 0 and a power law where a = b / p.

    Attributes
    ----------
    power : p with its interval; an end at the edge of the range searched is infinite.
    power_law : the exponent of the pure power law ``c x^p``, for comparison.
    advantage : chi-square of the best pure power law minus that of the best ``a + b ln x`` (both have two parameters):
        positive if one logarithm fits better, in units in which 1 is one standard deviation squared.
    """

    power: Interval
    power_law: Interval
    advantage: float


def growth_power(factor: ArrayLike, sizes: Sequence[Interval]) -> Growth:
    """Whether M50 grows with x as one logarithm or as a power: interval of p in ``M50 = a + b (x^p - 1)/p``.

    One logarithm is p = 0. A pure power law ``c x^p`` is the same family with a = b/p, so if M50 were one, the interval
    would contain its exponent. The interval is that of the profile chi-square, ``chi2(p) - min chi2 <= z^2 max(1, min
    chi2 / (n - 3))``.

    Parameters
    ----------
    factor : (n,) positive values of x, not all equal.
    sizes : n intervals of M50, n >= 4, all of one level.

    Raises
    ------
    ValueError : as :func:`power_law`.

    Cost: a line fitted at each of 1,201 powers, about a millisecond.

    >>> x = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    >>> sizes = [Interval(m, 0.98 * m, 1.02 * m, level=0.95, n=50) for m in 5 * np.log(x)]
    >>> growth = growth_power(x, sizes)
    >>> growth.power.low < 0 < growth.power.high < growth.power_law.low, growth.advantage > 4
    (True, True)
    """
    law = power_law(factor, sizes)
    y, errors, level, quantile = _logarithms(sizes, 4)
    x = check_array("factor", factor, ndim=1)
    x = x / math.exp(float(np.log(x).mean()))
    M = np.exp(y)
    powers = np.linspace(*POWERS, 1201)
    profile = _growth_misfit(x, M, errors, powers)
    limit = profile.min() + quantile**2 * max(1.0, float(profile.min()) / (len(y) - 3))
    inside = np.flatnonzero(profile <= limit)
    first, last = int(inside[0]), int(inside[-1])
    low = -math.inf if first == 0 else float(np.interp(limit, profile[[first, first - 1]], powers[[first, first - 1]]))
    high = (
        math.inf
        if last == len(powers) - 1
        else float(np.interp(limit, profile[last : last + 2], powers[last : last + 2]))
    )
    best = float(powers[int(profile.argmin())])
    power = Interval(best, low, high, level, len(y))
    return Growth(
        power, law.exponents[0], law.misfit * (len(y) - 2) - float(_growth_misfit(x, M, errors, np.zeros(1))[0])
    )
