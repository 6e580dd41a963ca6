"""Does a memory kernel decay exponentially or as a power law? A verdict by held-out likelihood.

Both laws are straight lines for log |rho|, one over s and one over log(1 + s). What is compared is how well each,
fitted to one part of the lags, predicts the others. A linear system of finitely many states decays exponentially in the
end, whatever its kernel does before: the verdict is about the lags that are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy import stats

from linmem.checks import check_array, check_generator, check_nonnegative
from linmem.citations import cites
from linmem.statistics import Interval, bootstrap_interval, check_level, mean_interval

BLOCKS = 10
"""Contiguous parts of the lags that are held out, one at a time."""

_FEWEST = 20
_MOST = 200
_ROUNDING = 1e-12  # smallest standard deviation of log |rho| that is believed
_CLIFF = 1e4  # fall within one lag, from this many times the floor to below it, that ends a finite kernel


@dataclass(frozen=True)
class DecayVerdict:
    """How a kernel decays over the lags that were given.

    Attributes
    ----------
    verdict : "exponential" or "power law" (the one that predicts held-out lags better, the interval of ``advantage``
        excluding 0), "finite" (zero from some lag on) or "inconclusive".
    advantage : mean over the blocks of the held-out log-likelihood per point, exponential minus power law; None where
        there are too few points to fit.
    rate : of ``e^(-rate s)``, per step, with its interval (jackknife over the blocks); None as before.
    exponent : of ``(1 + s)^(-exponent)``, likewise.
    support : number of lags up to and with the last one above the floor.
    points : number of lags that were fitted: those where |rho| is not below any later value, thinned.
    floor : values below this were taken for zero.
    """

    verdict: str
    advantage: Interval | None
    rate: Interval | None
    exponent: Interval | None
    support: int
    points: int
    floor: float


def envelope_lags(size: ArrayLike, floor: float = 0.0) -> Int[np.ndarray, "points"]:
    """Lags s at which ``size[s]`` is above the floor and not below any later value: the peaks of an oscillation.

    >>> envelope_lags([1.0, 0.0, 0.5, 0.1, 0.25]).tolist()
    [0, 2, 4]
    """
    values = check_array("size", size, ndim=1)
    later = np.maximum.accumulate(values[::-1])[::-1]
    return np.flatnonzero((values >= later) & (values > floor))


def _sizes(kernel: ArrayLike) -> Float[np.ndarray, "lags"]:
    """|rho(s)|, summed over the inputs."""
    array = np.asarray(kernel)
    if array.dtype.kind not in "fiuc" or array.ndim not in (1, 2):
        raise TypeError(
            f"kernel must be an array of numbers (lags,) or (lags, inputs), got dtype {array.dtype} and shape "
            f"{array.shape}; pass e.g. linearise(model).kernel(200)"
        )
    size = check_array("kernel", np.abs(array))
    return size if size.ndim == 1 else size.sum(axis=1)


def _is_finite(size: Float[np.ndarray, "lags"], floor: float) -> bool:
    """Zero after a cliff, for longer than between any two of its non-zeros (zeros of an oscillation are no end)."""
    lags = np.flatnonzero(size > floor)
    zeros = len(size) - 1 - int(lags[-1])
    inside = int(np.diff(lags).max()) - 1 if len(lags) > 1 else 0
    return zeros > inside and bool(size[lags[-1]] > _CLIFF * floor)


def _thinned(lags: Int[np.ndarray, "points"]) -> Int[np.ndarray, "kept"]:
    """At most so many lags, evenly spaced in log(1 + s) as far as there are that many."""
    if len(lags) <= _MOST:
        return lags
    wanted = np.geomspace(1.0 + lags[0], 1.0 + lags[-1], _MOST) - 1.0
    return lags[np.unique(np.clip(np.searchsorted(lags, np.round(wanted)), 0, len(lags) - 1))]


def _fit(x: Float[np.ndarray, "m"], y: Float[np.ndarray, "m"]) -> tuple[float, float, float, float, float]:
    """Least-squares line: mean of x, value there, slope, spread of x, scale of the residuals."""
    middle = float(x.mean())
    spread = float(((x - middle) ** 2).sum())
    slope = float((x - middle) @ y) / spread
    level = float(y.mean())
    residual = y - level - slope * (x - middle)
    scale = np.sqrt(float(residual @ residual) / (len(x) - 2) + _ROUNDING**2)
    return middle, level, slope, spread, float(scale)


def _held_out(
    x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"], doubt: Float[np.ndarray, "n"], blocks: list[np.ndarray]
) -> tuple[Float[np.ndarray, "blocks"], Float[np.ndarray, "blocks"]]:
    """Of each block: mean log-density of its points under the line fitted to all others, and the slope of that line.

    The density is that of a new observation of a Gaussian linear model (Student's, wider where the line is extended),
    widened by the ``doubt`` of that observation.
    """
    scores, slopes = np.empty(len(blocks)), np.empty(len(blocks))
    for i, block in enumerate(blocks):
        rest = np.setdiff1d(np.arange(len(x)), block)
        middle, level, slope, spread, scale = _fit(x[rest], y[rest])
        width = np.hypot(scale * np.sqrt(1 + 1 / len(rest) + (x[block] - middle) ** 2 / spread), doubt[block])
        error = y[block] - level - slope * (x[block] - middle)
        scores[i] = float(stats.t.logpdf(error / width, len(rest) - 2).mean() - np.log(width).mean())
        slopes[i] = slope
    return scores, slopes


def _jackknife(whole: float, parts: Float[np.ndarray, "blocks"], level: float) -> Interval:
    """Interval of a slope from its pseudo-values ``B whole - (B - 1) parts``, centred on the slope of all points."""
    found = mean_interval(len(parts) * whole - (len(parts) - 1) * parts, level)
    half = (found.high - found.low) / 2 + abs(found.value - whole)
    return Interval(whole, whole - half, whole + half, level, len(parts))


@cites("linmem")
def decay_verdict(
    kernel: ArrayLike, *, floor: float | None = None, level: float = 0.95, rng: np.random.Generator | int = 0
) -> DecayVerdict:
    """Verdict on the decay of a kernel: exponential, power law, finite, or inconclusive.

    The fit uses the lags where |rho| is not below any later value (all of them, if it falls without oscillating), from
    its largest value on. They are cut into ten contiguous blocks; each block is predicted by the two straight lines
    fitted to the other nine, and scored by its log-likelihood under a Gaussian linear model of log |rho|. The interval
    is a bootstrap over the blocks.

    Parameters
    ----------
    kernel : (lags,) or (lags, inputs) real or complex values rho(0), rho(1), ..; the sizes of several inputs are added.
    floor : values of at most this size are taken for zero, and larger ones to be uncertain by as much; default 1e-13 of
        the largest one (rounding).
    level : of all intervals.
    rng : generator or seed of the bootstrap.

    Raises
    ------
    TypeError, ValueError : if the kernel is no array of one or two axes, is not finite or is zero.

    Fewer than 20 lags above the floor and on the envelope are too few to tell: "inconclusive" (unless "finite"). Cost:
    twenty line fits and the bootstrap, 10 ms.

    >>> lags = np.arange(200)
    >>> decay_verdict(0.9**lags).verdict, decay_verdict((1.0 + lags) ** -1.5).verdict
    ('exponential', 'power law')
    >>> decay_verdict([0.0, 0.0, 1.0, 0.0, 0.0]).verdict
    'finite'
    >>> round(decay_verdict(0.9**lags * np.cos(lags)).rate.value, 2)  # -log(0.9) = 0.105
    0.11
    """
    size, generator = _sizes(kernel), check_generator("rng", rng)
    check_level(level)
    largest = float(size.max(initial=0.0))
    if largest == 0.0:
        raise ValueError(f"kernel must not be zero, got {len(size)} lags of zeros; pass more lags or another output")
    bound = 1e-13 * largest if floor is None else check_nonnegative("floor", floor)
    if bound >= largest:
        raise ValueError(f"floor must be below the largest value {largest:g}, got {bound:g}; pass less")
    support = int(np.flatnonzero(size > bound)[-1]) + 1
    lags = _thinned(envelope_lags(size, bound))
    finite = support < len(size) and _is_finite(size, bound)
    if finite or len(lags) < _FEWEST:
        verdict = "finite" if finite else "inconclusive"
        return DecayVerdict(verdict, None, None, None, support, len(lags), bound)
    y, blocks = np.log(size[lags]), np.array_split(np.arange(len(lags)), BLOCKS)
    scores, slopes, whole = {}, {}, {}
    for name, x in (("exponential", lags.astype(np.float64)), ("power law", np.log1p(lags))):
        scores[name], slopes[name] = _held_out(x, y, bound / size[lags], blocks)
        whole[name] = _fit(x, y)[2]
    advantage = bootstrap_interval(scores["exponential"] - scores["power law"], np.mean, generator, level, 1999)
    verdict = "exponential" if advantage.low > 0 else "power law" if advantage.high < 0 else "inconclusive"
    return DecayVerdict(
        verdict=verdict,
        advantage=advantage,
        rate=_jackknife(-whole["exponential"], -slopes["exponential"], level),
        exponent=_jackknife(-whole["power law"], -slopes["power law"], level),
        support=support,
        points=len(lags),
        floor=bound,
    )
