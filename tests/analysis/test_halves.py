"""States in two factorised halves against numpy's least squares and rank."""

import numpy as np
import pytest

from linmem.analysis.halves import halves


@pytest.mark.parametrize("rows", [300, 301])
def test_each_half_is_judged_by_the_read_out_of_the_other(rows):
    rng = np.random.default_rng(1)
    states, targets = 5 + rng.normal(size=(rows, 4)) * [1.0, 1e-3, 1e3, 1.0], rng.normal(size=(rows, 3))
    middle = rows - rows // 2
    X = np.column_stack([(states - states.mean(axis=0)) / states.std(axis=0), np.ones(rows)])
    one = np.linalg.lstsq(X[:middle], targets[:middle], rcond=None)[0]
    two = np.linalg.lstsq(X[middle:], targets[middle:], rcond=None)[0]
    expected = np.concatenate([X[:middle] @ two, X[middle:] @ one])
    # condition below 2, 150 rows: 150 units of rounding of numbers below 5
    np.testing.assert_allclose(halves(states).fitted(targets), expected, atol=1e-12)


def test_dependent_states_and_still_ones_do_not_count():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    states = np.column_stack([x, x @ rng.normal(size=(3, 4)), np.full(200, 0.1)])
    found = halves(states)
    assert found.rank() == np.linalg.matrix_rank(states - states.mean(axis=0)) == 3
    np.testing.assert_allclose(found.fitted(x), x, atol=1e-12)  # as above; the shortest weights of dependent states
    assert halves(np.ones((20, 2))).rank() == 0


def test_short_series_are_refused():
    with pytest.raises(ValueError, match="at least 6 rows for each of n \\+ 1 = 4"):
        halves(np.zeros((20, 3)))
