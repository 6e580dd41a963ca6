"""Information-processing capacity: how much of each function of the input history a linear read-out recovers.

``C[y] = 1 - min_w E (w . x - y)^2 / E y^2``, the squared correlation of the best linear read-out of y from the states.
Over an orthonormal set of functions y of the input the capacities sum to at most the number of linearly independent
states, and to that number if the set is complete and the states are functions of the input history with fading memory
(Dambre, Verstraeten, Schrauwen, Massar 2012). The functions here are products of orthonormal polynomials of iid inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from linmem.capacity.information.moments import Capacities, StateBasis, joined_capacities, measure, state_basis
from linmem.capacity.information.polynomials import (
    Law,
    OrthonormalPolynomials,
    orthonormal_polynomials,
)
from linmem.capacity.information.result import InformationCapacity
from linmem.capacity.information.terms import Products, count_products, joined, products
from linmem.capacity.information.threshold import (
    CORRECTIONS,
    METHODS,
    critical_capacity,
    critical_p_value,
    p_values,
    shuffle_count,
    shuffle_shifts,
    shuffled_critical,
    shuffled_p_values,
)
from linmem.checks import check_array, check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import check_level

_STEP = 5  # lags by which the adaptive search extends at once
_QUIET = 2  # steps without a significant function that end it
_SIGMAS = 6.0  # inputs further than this many standard errors from white and of the law are refused


@dataclass(frozen=True, eq=False)
class _Series:
    """Checked input: orthonormal states, polynomials of the inputs, and what was asked for."""

    basis: StateBasis
    table: Float[np.ndarray, "d T"]
    polynomials: OrthonormalPolynomials
    states: int
    blocks: int
    level: float

    def measure(self, terms: Products) -> Capacities:
        return measure(self.basis.columns, self.table, terms, self.blocks)[0]


def _check_white(p: Float[np.ndarray, "T"], law: str, lags: int) -> None:
    """Refuse inputs whose mean, variance or autocorrelation is not that of independent draws of the law."""
    fix = "pass the law that the inputs are drawn from (law='empirical' takes it from the inputs), scaled alike"
    for word, values in (("mean 0", p), ("variance 1", p * p - 1)):
        spread, mean = float(values.std()), float(values.mean())
        if abs(mean) > _SIGMAS * spread / math.sqrt(len(p)) + 1e-9:
            raise ValueError(
                f"inputs standardised by the law {law} must have {word}, got {mean + (word[0] == 'v'):.4g}; {fix}"
            )
    T = len(p)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(p, 2 * T)) ** 2)[1 : lags + 1] / T
    if lags and np.abs(correlation).max() > _SIGMAS / math.sqrt(T):
        lag = int(np.abs(correlation).argmax()) + 1
        raise ValueError(
            f"inputs must be independent, got autocorrelation {correlation[lag - 1]:.3g} at lag {lag}; drive the "
            "network with white input (products of the polynomials are orthogonal for independent inputs only)"
        )


def _longest_lags(max_lag: object, degree: int) -> tuple[int, ...]:
    """Largest lag of each degree 1 .. degree; one number holds for all."""
    if isinstance(max_lag, Sequence | np.ndarray) and not isinstance(max_lag, str):
        longest = tuple(check_integer(f"max_lag[{i}]", value, minimum=0) for i, value in enumerate(max_lag))
        if len(longest) != degree:
            raise ValueError(
                f"max_lag must hold one lag for each degree 1 .. {degree}, got {len(longest)}; pass {degree} lags"
            )
        return longest
    return (check_integer("max_lag", max_lag, minimum=0),) * degree


def _prepare(
    states: ArrayLike,
    inputs: ArrayLike,
    degree: int,
    first: int,
    lags: int,
    law: Law,
    blocks: int,
    level: float,
    tolerance: float | None,
) -> _Series:
    """Check and orthonormalise; the first ``first`` rows are left out."""
    z, x = check_array("inputs", inputs, ndim=1), check_array("states", states, ndim=2)
    T, N = x.shape
    if N == 0 or z.size != T:
        raise ValueError(
            f"states must have one row for each input and at least one column, got shape {x.shape} for {z.size} "
            "inputs; pass states of shape (timesteps, states) and inputs of shape (timesteps,)"
        )
    need = max(4 * N, blocks * (lags + 1), 2 * blocks)
    if T - first < need:
        raise ValueError(
            f"states must have at least {first + need} rows for {N} states, lags up to {lags} and {blocks} blocks "
            f"({first} are left out), got {T}; pass a longer series, or lower max_lag, washout or blocks"
        )
    if float(np.ptp(z)) == 0.0:
        raise ValueError(f"inputs must vary, got {z[0]:g} throughout; drive the network with random input")
    empirical = isinstance(law, str) and law == "empirical"
    polynomials = orthonormal_polynomials(z if empirical else law, degree)
    polynomials.check(z)
    table = polynomials(z)
    _check_white(table[1], polynomials.law, min(lags, T // 2))
    basis = state_basis(x[first:], tolerance)
    return _Series(basis, table, polynomials, N, blocks, level)


def _search(series: _Series, degree: int, limit: int, most: int) -> tuple[Products, Capacities, tuple[int, ...], bool]:
    """Extend the lags of each degree until two steps of five lags add no significant function."""
    highest = series.polynomials.degree
    terms: list[Products] = []
    found: list[Capacities] = []
    longest: list[int] = []
    complete, number = True, 0
    for total in range(1, degree + 1):
        after, quiet = -1, 0
        while quiet < _QUIET:
            last = min(after + _STEP, limit)
            size = count_products(total, last, after, highest)
            if last == after or number + size > most:
                complete = False
                break
            if size:
                terms.append(products(total, last, after, highest))
                found.append(series.measure(terms[-1]))
                number += size
                p = p_values(found[-1])
                quiet = 0 if (p <= critical_p_value(p, series.level, "bonferroni")).any() else quiet + 1
            else:
                quiet += 1
            after = last
        longest.append(after)
    if not terms:
        raise ValueError(f"max_functions must be at least {_STEP} (the first lags of degree 1), got {most}; raise it")
    return joined(terms), joined_capacities(found), tuple(longest), complete


@cites("dambre2012", "capacity for an orthogonal set of functions (abstract)")
def information_capacity(
    states: ArrayLike,
    inputs: ArrayLike,
    degree: int,
    max_lag: int | Sequence[int] | None = None,
    *,
    law: Law = "uniform",
    threshold: str = "chi2",
    correction: str = "bonferroni",
    level: float = 0.95,
    washout: int = 0,
    blocks: int = 20,
    shuffles: int | None = None,
    rng: np.random.Generator | int | None = None,
    tolerance: float | None = None,
    max_functions: int = 200_000,
) -> InformationCapacity:
    """Capacities of the states for all products of orthonormal polynomials of past inputs up to a total degree.

    Parameters
    ----------
    states : (T, N) states; row t is the state after input t was read.
    inputs : (T,) the inputs, independent draws of ``law``.
    degree : largest total degree, >= 1.
    max_lag : largest lag, or one for each degree 1 .. ``degree``; lag 0 is the newest input. None: for each degree the
        lags grow in steps of five until two steps in a row hold no significant function, at most to lag T/(2 blocks).
        Ten lags are always measured. Memory beyond a gap of ten lags (a long delay) is not found: then give the lags.
    law : law of the input: "uniform" on [-1, 1], "normal", "rademacher", "empirical" (the inputs themselves), a frozen
        distribution of scipy.stats, or a sample. See :func:`linmem.capacity.information.orthonormal_polynomials`.
    threshold : "chi2" compares each capacity with the law of its floor (F, which is chi-square for many blocks);
        "shuffle" calibrates the p-values on circular time shifts of the states against the input.
    correction : for the number of functions, "bonferroni" (family-wise error) or "fdr" (false discovery rate).
    level : confidence of the intervals, and 1 minus the family-wise error or false discovery rate.
    washout : leading rows to leave out; at least the largest lag is left out.
    blocks : blocks of time for floors and intervals, >= 3; each should be longer than the memory of the network.
    shuffles : number of time shifts; None for the fewest that the level allows (19 at 0.95).
    rng : seed or generator of the shuffles; needed for them only.
    tolerance : singular values of the standardised states up to this times the largest count as zero; None for
        rounding, max(T, N) eps.
    max_functions : largest number of functions.

    Returns
    -------
    :class:`InformationCapacity`. Its ``total`` sums all functions, each corrected for its bias, and needs no threshold;
    ``significant_total`` sums the significant ones.

    Raises
    ------
    ValueError : for inputs that are constant, outside the support of the law, or not white with the law's mean and
        variance (six standard errors); for a series too short for the lags, the blocks or four times N rows; for states
        that are all constant; for more functions than ``max_functions``; for shuffles without ``rng``.

    Cost: 2 T N K multiplications for K functions, ``binom(max_lag + 1 + degree, degree) - 1`` for one ``max_lag``; each
    shuffle costs as much again. Memory: one copy of the states, ``degree + 1`` of the inputs, about 300 MiB.

    Source: Dambre et al. (2012), for the capacities and the bound; its full text was not at hand for the details of
    estimation, which are derived in :mod:`linmem.capacity.information.moments`.

    >>> z = np.random.default_rng(0).uniform(-1, 1, 5000)
    >>> states = np.column_stack([z[1:], z[:-1] ** 2 + z[1:]])  # spans z_t and z_{t-1}^2
    >>> found = information_capacity(states, z[1:], degree=2, max_lag=3)
    >>> found.to_frame(significant_only=True)[["lags", "degrees"]].values.tolist()
    [[(0,), (1,)], [(1,), (2,)]]
    >>> found.rank, round(found.total.value, 1)
    (2, 2.0)
    """
    top = check_integer("degree", degree, minimum=1)
    check_choice("threshold", threshold, METHODS)
    check_choice("correction", correction, CORRECTIONS)
    level, B = check_level(level), check_integer("blocks", blocks, minimum=3)
    skip, most = check_integer("washout", washout, minimum=0), check_integer("max_functions", max_functions, minimum=1)
    if tolerance is not None:
        tolerance = check_positive("tolerance", tolerance)
    generator, count = None, 0
    if threshold == "shuffle":
        if rng is None:
            raise ValueError("rng must be a seed or a generator for threshold='shuffle', got None; pass e.g. rng=0")
        generator = check_generator("rng", rng)
        count = shuffle_count(level) if shuffles is None else check_integer("shuffles", shuffles, minimum=1)
    complete: bool | None = None
    if max_lag is None:
        T = len(np.asarray(inputs))
        limit = max(0, min(T // (2 * B), T // B - 1))
        series = _prepare(states, inputs, top, max(skip, limit), limit, law, B, level, tolerance)
        terms, found, longest, complete = _search(series, top, limit, most)
    else:
        longest = _longest_lags(max_lag, top)
        number = sum(count_products(d + 1, lag) for d, lag in enumerate(longest))
        if number > most:
            raise ValueError(
                f"max_functions must be at least {number} for degree {top} and max_lag {max_lag}, got {most}; "
                "raise it, or give each degree a largest lag of its own, e.g. max_lag=[50, 20, 10]"
            )
        last = max(longest)
        series = _prepare(states, inputs, top, max(skip, last), last, law, B, level, tolerance)
        terms = joined([products(d + 1, lag, highest=series.polynomials.degree) for d, lag in enumerate(longest)])
        found = series.measure(terms)
    p = p_values(found)
    if generator is not None:
        rows = len(series.basis.columns)
        shifts = shuffle_shifts(generator, rows, max(max(longest) + 1, rows // B), count)
        shuffled = shuffled_p_values(series.basis.columns, series.table, terms, B, shifts)
        critical = shuffled_critical(p, shuffled, level, correction)
    else:
        critical = critical_p_value(p, level, correction)
    return InformationCapacity(
        terms=terms,
        measured=found,
        p_value=p,
        critical=critical,
        threshold=critical_capacity(found, critical),
        states=series.states,
        rank=series.basis.rank,
        rows=len(series.basis.columns),
        blocks=B,
        law=series.polynomials.law,
        method=threshold,
        correction=correction,
        level=level,
        longest=longest,
        complete=complete,
    )
