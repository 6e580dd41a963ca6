"""Memory measured on a series: the squared correlation of the best linear read-out, with its bias removed.

For lag k let ``R_k^2`` be the squared correlation of z_{t-k} and its least-squares read-out (with intercept) from the
states x_t. On n rows and r independent states it comes out too large, by about ``(r/n)(1 - R_k^2)`` for white residuals
and by an unknown multiple of 1/n for correlated ones: the read-out also fits chance. Here the rows are cut into K
blocks, and the block jackknife (Quenouille) removes the 1/n term whatever the correlation within a block is:

    pseudo-value of block j = K R_k^2(all rows) - (K - 1) R_k^2(all rows but block j),
    estimate = mean of the pseudo-values,  interval = Student's interval of that mean.

Products of a block with itself, the only ones that have a mean without memory, cancel: what remains are correlations
that one block shares with the others, as in held-out testing, but every row serves for fitting and for testing. For
n rows of white noise that the states do not know, in-sample R^2 is r/(n - 1) in the mean; the estimate is off by
-r K/((K - 1) n^2).

reservoirpy's ``memory_capacity`` (0.4.x) is different. By default it draws 10 k_max steps, fits the read-out of the
model on the first 7 k_max rows that have all lags, less a warm-up of k_max, and adds over the lags 1 .. k_max the
squared correlation rho^2 of output and target on the last 2 k_max rows. A held-out rho^2 is not negative: at lags
without memory it has mean 1/(2 k_max - 1). Where there is memory it is too small, by about ``(r/n)(1 - R^2)`` on n = 6
k_max rows, for the read-out was fitted to chance too. It states no error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from linmem.capacity.estimators.lagged import CHUNK, LaggedMoments, whitened_moments
from linmem.capacity.result import MemoryCurve
from linmem.checks import check_integer
from linmem.citations import cites
from linmem.statistics import Interval, check_level, mean_interval

_ROUNDED = ", for the states as rounded: some directions are near or below rounding, exact states may recall more"


@dataclass(frozen=True, eq=False)
class SampledCurve(MemoryCurve):
    """A memory curve from a series, with what its sum needs for an interval of its own.

    Attributes
    ----------
    pseudo : (K, max_lag + 1) pseudo-values of the K blocks of the series; their mean is ``values``.
    plain : (max_lag + 1,) in-sample squared correlations on all rows, bias and all.
    rows : number of rows n that were used.
    """

    pseudo: Float[np.ndarray, "blocks lags"] = field(kw_only=True)
    plain: Float[np.ndarray, "lags"] = field(kw_only=True)
    rows: int = field(kw_only=True)

    def total(self, first_lag: int = 1, last_lag: int | None = None) -> Interval:
        """Sum over the lags ``first_lag .. last_lag`` (None: to the end) with its own interval, from the same blocks.

        The lags are correlated, so this is not the sum of the ends of their intervals.
        """
        last = self.max_lag if last_lag is None else check_integer("last_lag", last_lag, 0, self.max_lag)
        first = check_integer("first_lag", first_lag, minimum=0, maximum=last)
        return mean_interval(self.pseudo[:, first : last + 1].sum(axis=1), self.level or 0.95)


@cites("jaeger2001short", "definition of the memory function")
@cites("linmem", "block jackknife of the memory curve")
def sampled_curve(
    states: ArrayLike, inputs: ArrayLike, max_lag: int, *, level: float = 0.95, blocks: int = 20
) -> SampledCurve:
    """Memory curve of any network from its states on an input series, bias removed, with an interval at each lag.

    Lag k asks for z_{t-k} from row t. The same rows t = max_lag .. T - 1 serve all lags: one factorisation of the
    states, one product for all lags.

    Parameters
    ----------
    states : (T, N) row t is the state after input t was read. The network must have forgotten its start (drop the rows
        of the washout from states and inputs alike). Not copied; any real dtype, C or Fortran order.
    inputs : (T,) or (T, 1) scalar input series.
    max_lag : largest lag, >= 0.
    level : confidence level of each interval.
    blocks : number K of blocks, >= 5. A block must be as long as the memory that is asked for, or its errors are not
        independent of the next one's.

    Returns
    -------
    SampledCurve, a MemoryCurve of method "sample". ``rank`` is the numerical rank of the centred states: directions
    whose standard deviation is below N times the rounding unit of the states' dtype, relative to the largest after each
    state is scaled to 1, are left out. ``condition`` is the ratio of the largest to the smallest that is kept. Measured
    is the network as it was simulated: where the condition comes near the rounding unit, rounding noise in the states
    has destroyed memory that the network has in exact arithmetic (``error`` says so; random A with N = 100 loses a
    quarter), and the interval is about what is left. Values are not clipped: an unbiased estimate of 0 is
    negative half the time. ``low`` and ``high`` are Student's interval (K - 1 degrees of freedom). It covers at the
    nominal rate, and more where the fluctuation of first order vanishes (lags without memory, lag 0 of most networks).

    Raises
    ------
    ValueError : if ``T < max_lag + K max(max_lag, 2)`` (blocks shorter than the memory) or
        ``T < max_lag + 3 (N + 1)`` (too few rows to fit N weights), if the input is constant, an entry not finite, or a
        shape wrong.
    TypeError : if an array is complex or holds no numbers.

    Cost: two passes over the states, ``T N (4 N + 2 max_lag)`` flops, in chunks of 4096 rows; memory
    ``K (N + max_lag) N`` numbers beside the states.

    >>> rng = np.random.default_rng(0)
    >>> z = rng.standard_normal(20_000)
    >>> states = np.column_stack([z, np.roll(z, 1)])  # a delay line of two
    >>> curve = sampled_curve(states[1:], z[1:], max_lag=3)
    >>> curve.rank, bool(np.abs(curve.values - [1, 1, 0, 0]).max() < 0.002)
    (2, True)
    """
    X, z, eps = check_series(states, inputs)
    max_lag = check_integer("max_lag", max_lag, minimum=0)
    K, level = check_integer("blocks", blocks, minimum=5), check_level(level)
    T, N = X.shape
    n = T - max_lag
    needed = max_lag + max(K * max(max_lag, 2), 3 * (N + 1))
    if needed > T:
        raise ValueError(
            f"the series must have T >= max_lag + max(blocks * max(max_lag, 2), 3 (N + 1)) = {needed} steps for "
            f"max_lag = {max_lag}, blocks = {K}, N = {N}, got {T}; simulate longer, or lower max_lag or blocks"
        )
    if np.ptp(z[: T - max_lag]) <= 4 * np.finfo(np.float64).eps * float(np.abs(z).max()):
        raise ValueError(f"inputs must vary, got a constant series ({z[0]:g}); pass a random input series")
    sums, condition = whitened_moments(X, z - z.mean(), max_lag, K, eps)
    whole = reduce(LaggedMoments.plus, sums)
    plain = whole.squared_correlations()
    without = np.array([whole.plus(part, -1).squared_correlations() for part in sums])
    pseudo = K * plain - (K - 1) * without
    values = pseudo.mean(axis=0)
    rank = len(whole.x)
    rounding = 4 * K * (rank + 1) * np.finfo(np.float64).eps  # of K R^2 - (K - 1) R^2, each a sum of `rank` squares
    half = stats.t.ppf((1 + level) / 2, K - 1) * pseudo.std(axis=0, ddof=1) / np.sqrt(K) + rounding
    return SampledCurve(
        values=values,
        low=values - half,
        high=values + half,
        method="sample",
        states=N,
        rank=rank,
        error=f"confidence interval of each lag by the block jackknife ({K} blocks, {n} rows)"
        + (_ROUNDED if condition * eps > 1e-3 or rank < N else ""),
        level=level,
        condition=condition,
        pseudo=pseudo,
        plain=plain,
        rows=n,
    )


def check_series(states: ArrayLike, inputs: ArrayLike) -> tuple[np.ndarray, np.ndarray, float]:
    """States (T, N) as they are (no copy of an array), inputs as float64 (T,), and the rounding unit of the states."""
    X, z = np.asarray(states), np.asarray(inputs)
    for name, array in (("states", X), ("inputs", z)):
        if array.dtype.kind not in "fiu":
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}; convert it to float first")
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"states must have shape (T, N), got {X.shape}; put time in rows, one column for each state")
    if z.ndim == 2 and z.shape[1] == 1:
        z = z[:, 0]
    if z.shape != (len(X),):
        raise ValueError(
            f"inputs must have shape (T,) with T = {len(X)} as in states, got {np.shape(inputs)}; "
            "pass one scalar input for each row of states"
        )
    for name, array in (("states", X), ("inputs", z)):
        for start in range(0, len(array), CHUNK):
            bad = ~np.isfinite(array[start : start + CHUNK])
            if bad.any():
                row = start + int(np.argwhere(bad)[0][0])
                raise ValueError(f"{name} must be finite, got NaN or infinity in row {row}; remove it")
    eps = float(np.finfo(X.dtype).eps) if X.dtype.kind == "f" else float(np.finfo(np.float64).eps)
    return X, z.astype(np.float64), eps
