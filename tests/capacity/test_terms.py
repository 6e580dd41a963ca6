"""Enumeration of the products against counting and brute force, and their values against direct products."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.capacity.information import count_products, orthonormal_polynomials, products
from linmem.capacity.information.terms import compositions, evaluate, joined, plan


@pytest.mark.parametrize(("degree", "lag"), [(1, 0), (2, 3), (3, 20), (4, 5), (6, 2)])
def test_number_of_products_is_the_binomial_coefficient(degree, lag):
    listed = joined([products(d, lag) for d in range(1, degree + 1)])
    assert len(listed) == math.comb(lag + 1 + degree, degree) - 1
    pairs = set(zip(*listed.tuples(), strict=True))
    assert len(pairs) == len(listed)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 5), st.integers(-1, 5), st.integers(1, 4))
def test_products_against_brute_force(total, longest, after, highest):
    after = min(after, longest)
    expected = {
        (lags, degrees)
        for m in range(1, total + 1)
        for lags in itertools.combinations(range(longest + 1), m)
        for degrees in itertools.product(range(1, highest + 1), repeat=m)
        if sum(degrees) == total and lags[-1] > after
    }
    listed = products(total, longest, after, highest)
    assert set(zip(*listed.tuples(), strict=True)) == expected
    assert count_products(total, longest, after, highest) == len(listed) == len(expected)
    assert (listed.total_degree == total).all()
    assert (listed.longest_lag > after).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), st.integers(1, 30), st.integers(0, 3), st.randoms())
def test_values_are_the_products(total, longest, rows, late, random):
    z = np.array([random.uniform(-1, 1) for _ in range(longest + late + rows)])
    table = orthonormal_polynomials("uniform", total)(z)
    listed = joined([products(d, longest) for d in range(1, total + 1)])
    order = np.array(random.sample(range(len(listed)), len(listed)))  # any order must do
    listed = type(listed)(listed.lags[order], listed.degrees[order])
    start = longest + late
    found = evaluate(table, plan(listed), start, np.empty((len(listed), rows)))
    for row, lags, degrees in zip(found, *listed.tuples(), strict=True):
        direct = np.prod([table[d, start - k : start - k + rows] for k, d in zip(lags, degrees, strict=True)], axis=0)
        np.testing.assert_allclose(row, direct, rtol=1e-13, atol=1e-15)


def test_neighbours_share_their_first_factors():
    listed = products(3, 20)
    made = plan(listed)
    assert len(made.runs) < len(listed) / 6  # 1771 products, 231 runs
    assert sum(run.stop - run.start for run in made.runs) == len(listed)


def test_compositions_are_counted_by_binomials():
    for total, parts in itertools.product(range(1, 8), range(1, 8)):
        assert sum(1 for _ in compositions(total, parts, total)) == math.comb(total - 1, parts - 1)


@pytest.mark.parametrize(("arguments", "message"), [((0, 3), "total"), ((1, -1), "longest"), ((2, 3, 4), "after")])
def test_bad_ranges_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        products(*arguments)
