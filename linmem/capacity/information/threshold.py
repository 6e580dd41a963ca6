"""Which capacities are significant: p-values, a level for all functions together, shuffles.

The null hypothesis of a function is capacity zero. Then the plug-in capacity over its floor (both from
:mod:`linmem.capacity.information.moments`) follows, for long series, the law of a weighted sum of squares with mean
one: F with (nu, nu (B - 1)) degrees of freedom, where nu <= r is the effective number of directions and B the number
of blocks. For functions independent of the states and many blocks this is the chi-square bound in its usual form,
``n C ~ chi2_r``; the measured floor and nu replace ``r/n`` and r, because states and functions are made of the same
inputs: their products are correlated in time and unequal in variance, which raises the floor of high degrees.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import fdtrc
from scipy.stats import f as f_law

from linmem.capacity.information.moments import Capacities, measure
from linmem.capacity.information.terms import Products
from linmem.checks import check_choice

METHODS = ("chi2", "shuffle")
CORRECTIONS = ("bonferroni", "fdr")


def p_values(found: Capacities) -> Float[np.ndarray, "K"]:
    """Probability of at least the measured plug-in capacity, for each function, if its capacity is zero.

    Assumes that the blocks are longer than the memory and hold enough steps for ``Q_b^T e_b`` to be nearly normal.

    >>> from linmem.capacity.information.moments import Capacities
    >>> flat = np.zeros((2, 20))
    >>> p_values(Capacities(np.array([0.01, 0.5]), np.array([0.01, 0.01]), np.array([1.0, 1.0]), flat)).round(3)
    array([0.33, 0.  ])
    """
    B = found.influence.shape[1]
    with np.errstate(divide="ignore"):
        ratio = found.plug_in / found.floor
    return np.asarray(fdtrc(found.freedom, found.freedom * (B - 1), np.minimum(ratio, 1e300)), dtype=np.float64)


def critical_capacity(found: Capacities, p: float) -> Float[np.ndarray, "K"]:
    """The plug-in capacity of p-value ``p`` for each function; infinite for p = 0."""
    B = found.influence.shape[1]
    return found.floor * f_law.isf(p, found.freedom, found.freedom * (B - 1))


def critical_p_value(p: Float[np.ndarray, "K"], level: float, correction: str) -> float:
    """Largest p-value that counts as significant among K functions.

    "bonferroni": ``(1 - level)/K``; then the probability that any function of capacity zero is called significant is at
    most 1 - level, whatever the dependence. "fdr" (Benjamini-Hochberg): the largest ``p_(i) <= i (1 - level)/K`` of the
    sorted p-values; then the expected share of such functions among the significant ones is at most 1 - level, for
    independent or positively dependent p-values. Zero if no function passes.

    >>> p = np.array([0.001, 0.02, 0.03, 0.9])
    >>> round(critical_p_value(p, 0.95, "bonferroni"), 6), critical_p_value(p, 0.95, "fdr")
    (0.0125, 0.03)
    """
    risk, K = 1 - level, len(p)
    if check_choice("correction", correction, CORRECTIONS) == "bonferroni":
        return risk / K
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= risk * np.arange(1, K + 1) / K)
    return float(ordered[passed[-1]]) if passed.size else 0.0


def shuffle_count(level: float) -> int:
    """Shuffles that are needed for a level: the smallest number S with ``1/(S + 1) <= 1 - level``.

    >>> shuffle_count(0.95)
    19
    """
    return math.ceil(1 / (1 - level) - 1 - 1e-9)


def shuffle_shifts(rng: np.random.Generator, n: int, gap: int, count: int) -> Int[np.ndarray, "S"]:
    """Different circular shifts of n steps, each at least ``gap`` away from 0 and n, drawn uniformly.

    Raises ValueError if there are fewer than ``count`` of them.

    >>> sorted(shuffle_shifts(np.random.default_rng(0), 10, 4, 3).tolist())
    [4, 5, 6]
    """
    choices = np.arange(gap, n - gap + 1)
    if choices.size < count:
        raise ValueError(
            f"shuffles must be at most the {choices.size} shifts by {gap} .. {n - gap} steps, got {count}; "
            "pass a longer series, or lower the level"
        )
    return rng.choice(choices, size=count, replace=False)


def shuffled_p_values(
    Q: Float[np.ndarray, "n r"],
    table: Float[np.ndarray, "d T"],
    terms: Products,
    blocks: int,
    shifts: Int[np.ndarray, "S"],
) -> Float[np.ndarray, "S K"]:
    """p-values of all functions with the states shifted in time against the input, one row for each shift.

    A shift beyond the memory makes states and input independent and keeps everything else: the correlation of the
    states in time, the laws of the functions, their dependence on each other.
    """
    return np.stack([p_values(found) for found in measure(Q, table, terms, blocks, [int(s) for s in shifts])])


def shuffled_critical(
    p: Float[np.ndarray, "K"], shuffled: Float[np.ndarray, "S K"], level: float, correction: str
) -> float:
    """Largest p-value that counts as significant, calibrated on shuffles.

    "bonferroni": no assumption on the law of the p-values. p must lie below the j-th smallest of the S minima over all
    functions, ``j = floor((1 - level)(S + 1))``: for functions that are independent of the states the probability that
    any passes is at most 1 - level. "fdr": Benjamini-Hochberg on the ranks of p among all shuffled p-values.

    >>> shuffled = np.linspace(0.01, 1, 19)[:, None]
    >>> shuffled_critical(np.array([0.001]), shuffled, 0.95, "bonferroni") < 0.01
    True
    """
    S, K = shuffled.shape
    if check_choice("correction", correction, CORRECTIONS) == "bonferroni":
        j = math.floor((1 - level) * (S + 1) + 1e-9)
        if j < 1:
            raise ValueError(
                f"shuffles must be at least {shuffle_count(level)} for level {level:g}, got {S}; draw more shuffles"
            )
        return float(np.nextafter(np.sort(shuffled.min(axis=1))[j - 1], 0.0))
    pooled = np.sort(shuffled, axis=None)
    ranks = (1 + np.searchsorted(pooled, p, side="right")) / (1 + S * K)
    critical = critical_p_value(ranks, level, "fdr")
    passed = p[ranks <= critical]
    return float(passed.max()) if passed.size else 0.0
