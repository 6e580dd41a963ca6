"""The functions of the input history whose capacity is measured: products ``prod_i p_{d_i}(z_{t - k_i})``.

One function is a set of different lags k_1 < .. < k_m with a degree d_i >= 1 at each; its total degree is the sum of
the d_i. For iid inputs the functions are orthonormal, and complete as degree and lags grow. With total degree up to D
and lags 0 .. L there are ``binom(L + 1 + D, D) - 1`` of them (the constant function is left out).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from linmem.checks import check_integer


@dataclass(frozen=True, eq=False)
class Products:
    """A list of products, one row each; unused places at the right hold lag -1 and degree 0.

    Attributes
    ----------
    lags : (K, m) ascending lags k_1 < .. < k_m of the factors.
    degrees : (K, m) degrees d_1 .. d_m of the factors.
    """

    lags: Int[np.ndarray, "K m"]
    degrees: Int[np.ndarray, "K m"]

    def __len__(self) -> int:
        return len(self.lags)

    def __getitem__(self, part: slice) -> Products:
        return Products(self.lags[part], self.degrees[part])

    @property
    def total_degree(self) -> Int[np.ndarray, "K"]:
        """Sum of the degrees of the factors."""
        return self.degrees.sum(axis=1)

    @property
    def longest_lag(self) -> Int[np.ndarray, "K"]:
        """Lag of the oldest input of each product."""
        return self.lags.max(axis=1)

    def tuples(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """The lags and the degrees of every product as tuples of integers."""
        counts = (self.degrees > 0).sum(axis=1).tolist()

        def cut(array: Int[np.ndarray, "K m"]) -> list[tuple[int, ...]]:
            return [tuple(row[:count]) for row, count in zip(array.tolist(), counts, strict=True)]

        return cut(self.lags), cut(self.degrees)


def compositions(total: int, parts: int, highest: int) -> Iterator[tuple[int, ...]]:
    """The ordered ways to write ``total`` as a sum of ``parts`` numbers of 1 .. ``highest``.

    >>> list(compositions(4, 2, 2)), list(compositions(3, 2, 9))
    ([(2, 2)], [(1, 2), (2, 1)])
    """
    for cuts in itertools.combinations(range(1, total), parts - 1):
        found = tuple(b - a for a, b in itertools.pairwise((0, *cuts, total)))
        if max(found) <= highest:
            yield found


def count_products(total: int, longest: int, after: int = -1, highest: int | None = None) -> int:
    """Number of products that :func:`products` lists.

    >>> sum(count_products(d, 20) for d in (1, 2, 3))
    2023
    """
    top = total if highest is None else highest
    return sum(
        (math.comb(longest + 1, m) - math.comb(after + 1, m)) * sum(1 for _ in compositions(total, m, top))
        for m in range(1, total + 1)
    )


def products(total: int, longest: int, after: int = -1, highest: int | None = None) -> Products:
    """All products of one total degree whose oldest input has a lag in ``after + 1 .. longest``.

    Parameters
    ----------
    total : total degree, >= 1.
    longest : largest lag, >= 0.
    after : the oldest input must be older than this; -1 for no such condition.
    highest : highest degree of one factor (a law with m atoms has m - 1); None for no limit.

    Returns
    -------
    :class:`Products`, ``total`` columns wide. Neighbours differ in the last lag only, wherever possible.

    >>> products(2, 1).tuples()
    ([(0,), (1,), (0, 1)], [(2,), (2,), (1, 1)])
    """
    check_integer("total", total, minimum=1)
    check_integer("longest", longest, minimum=0)
    check_integer("after", after, minimum=-1, maximum=longest)
    top = total if highest is None else check_integer("highest", highest, minimum=1)
    lags: list[Int[np.ndarray, "k m"]] = []
    degrees: list[Int[np.ndarray, "k m"]] = []
    for m in range(1, total + 1):
        flat = itertools.chain.from_iterable(itertools.combinations(range(longest + 1), m))
        chosen = np.fromiter(flat, dtype=np.int64).reshape(-1, m)
        chosen = chosen[chosen[:, -1] > after]
        for parts in compositions(total, m, top):
            lags.append(np.pad(chosen, ((0, 0), (0, total - m)), constant_values=-1))
            degrees.append(np.tile(np.pad(parts, (0, total - m)), (len(chosen), 1)))
    if not lags:
        return Products(np.empty((0, total), dtype=np.int64), np.empty((0, total), dtype=np.int64))
    return Products(np.concatenate(lags), np.concatenate(degrees))


def joined(parts: Sequence[Products]) -> Products:
    """Several lists as one, all as wide as the widest."""
    width = max(part.lags.shape[1] for part in parts)

    def wide(array: Int[np.ndarray, "K m"], value: int) -> Int[np.ndarray, "K w"]:
        return np.pad(array, ((0, 0), (0, width - array.shape[1])), constant_values=value)

    return Products(
        np.concatenate([wide(part.lags, -1) for part in parts]),
        np.concatenate([wide(part.degrees, 0) for part in parts]),
    )


@dataclass(frozen=True)
class Run:
    """Neighbouring products ``start .. stop - 1`` with the same factors but for the lag of the last one.

    The last factor has the degree ``degree`` and the lags ``first .. first + stop - start - 1``.
    """

    start: int
    stop: int
    prefix: int
    degree: int
    first: int


@dataclass(frozen=True, eq=False)
class Plan:
    """How to evaluate a list of products with one multiplication each.

    ``prefixes``: the (degree, lag) pairs of all factors but the last, each different set once.
    """

    count: int
    runs: list[Run]
    prefixes: list[tuple[tuple[int, int], ...]]


def plan(terms: Products) -> Plan:
    """The runs of a list of products; the factors before the last are shared by the whole run."""
    numbers: dict[tuple[tuple[int, int], ...], int] = {}
    runs: list[Run] = []
    heads: list[tuple[tuple[int, int], ...]] = []
    for row, (lags, degrees) in enumerate(zip(*terms.tuples(), strict=True)):
        head, degree, lag = tuple(zip(degrees[:-1], lags[:-1], strict=True)), degrees[-1], lags[-1]
        if runs and heads[-1] == head and runs[-1].degree == degree and lag == runs[-1].first + row - runs[-1].start:
            runs[-1] = Run(runs[-1].start, row + 1, runs[-1].prefix, degree, runs[-1].first)
        else:
            runs.append(Run(row, row + 1, numbers.setdefault(head, len(numbers)), degree, lag))
            heads.append(head)
    return Plan(len(terms), runs, list(numbers))


def evaluate(
    table: Float[np.ndarray, "d T"], plan: Plan, start: int, out: Float[np.ndarray, "K rows"]
) -> Float[np.ndarray, "K rows"]:
    """Values of the planned products at the times ``start .. start + rows - 1``, written to ``out``.

    Parameters
    ----------
    table : (degree + 1, T) values of the polynomials at all inputs, row d for degree d.
    plan : from :func:`plan`.
    start : first time, at least the largest lag.
    out : (K, rows) array to write to.

    Cost: one multiplication for each value and, for products of three or more factors, some for each shared prefix.

    >>> from linmem.capacity.information.polynomials import orthonormal_polynomials
    >>> table = orthonormal_polynomials("normal", 1)(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> evaluate(table, plan(products(1, 1)), 1, np.empty((2, 3)))
    array([[2., 3., 4.],
           [1., 2., 3.]])
    """
    rows = out.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(table, rows, axis=1)
    shared: list[Float[np.ndarray, "rows"] | None] = []
    for factors in plan.prefixes:
        value: Float[np.ndarray, "rows"] | None = None
        for degree, lag in factors:
            factor = windows[degree, start - lag]
            value = factor if value is None else value * factor
        shared.append(value)
    for run in plan.runs:
        newest = start - run.first
        last = windows[run.degree, newest - (run.stop - run.start) + 1 : newest + 1][::-1]
        prefix = shared[run.prefix]
        if prefix is None:
            out[run.start : run.stop] = last
        else:
            np.multiply(prefix, last, out=out[run.start : run.stop])
    return out
