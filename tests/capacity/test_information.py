"""Capacities against systems whose capacities are known in closed form, the exact linear curve, and invariances."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from linmem.capacity.estimators import sampled_curve, simulate_states
from linmem.capacity.information import (
    information_capacity,
    orthonormal_polynomials,
    products,
    state_basis,
)
from linmem.capacity.information.moments import measure
from linmem.capacity.information.terms import joined
from linmem.capacity.linear import exact_curve
from linmem.checks import check_generator
from linmem.statistics import mean_interval

LAWS = {
    "uniform": lambda rng, T: rng.uniform(-1, 1, T),
    "normal": lambda rng, T: rng.standard_normal(T),
    "exponential": lambda rng, T: rng.exponential(1.0, T),
    "empirical": lambda rng, T: rng.triangular(0, 1, 3, T),
}


def _lagged(table, lags, degrees):
    """One product of the polynomials at all times; the first rows, which lack inputs, are wrong."""
    return np.prod([np.roll(table[d], k) for k, d in zip(lags, degrees, strict=True)], axis=0)


@pytest.mark.parametrize("name", LAWS)
def test_states_that_are_basis_functions_have_capacity_one_in_these_and_nought_else(name):
    rng = np.random.default_rng(1)
    z = LAWS[name](rng, 8000)
    law = stats.expon() if name == "exponential" else name
    table = orthonormal_polynomials(z if name == "empirical" else law, 3)(z)
    chosen = [((0,), (1,)), ((2,), (2,)), ((1, 4), (1, 2)), ((0, 1, 3), (1, 1, 1))]
    states = np.column_stack([_lagged(table, *term) for term in chosen]) @ rng.standard_normal((4, 4))
    found = information_capacity(states, z, 3, 5, law=law, level=0.999)
    frame = found.to_frame()
    assert set(zip(frame["lags"][:4], frame["degrees"][:4], strict=True)) == set(chosen)
    assert np.abs(frame["plug_in"][:4] - 1).max() < 1e-12  # in the span of the states: an identity, not an estimate
    assert frame["floor"][:4].max() < 1e-12
    assert found.rank == 4
    assert found.total.low < 4 < found.total.high
    assert found.within_rank
    assert frame["capacity"][4:].sum() == pytest.approx(0, abs=0.2)  # 79 functions of noise 4/8000 each, some heavy


def test_partial_capacities_in_closed_form_without_bias_and_inside_the_interval():
    """States with known shares of noise: the mean over series meets the exact total, the interval covers it."""
    exact, errors, hits = 0.36 + 0.5 + 1.0, [], 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        z = rng.uniform(-1, 1, 2000)
        p, noise = orthonormal_polynomials("uniform", 2)(z), rng.standard_normal((2000, 3))
        states = np.column_stack(
            [
                0.6 * _lagged(p, [1], [1]) + 0.8 * noise[:, 0],
                0.5 * p[2] + 0.5 * _lagged(p, [2, 3], [1, 1]) + np.sqrt(0.5) * noise[:, 1],
                _lagged(p, [1, 4], [1, 1]),
                noise[:, 2],
            ]
        )
        found = information_capacity(states @ rng.standard_normal((4, 4)), z, 2, 6)
        errors.append(found.total.value - exact)
        hits += exact in found.total
    # What is left is of second order: 35 functions, (4/2000)^2 each, and the fluctuation of the mean.
    assert 0 in mean_interval(errors, level=0.999)
    assert stats.binomtest(hits, 30, 0.95, alternative="less").pvalue > 1e-3
    assert np.std(errors) < 0.1  # the uncorrected bias would be 34 * 4/2000 = 0.07 in every run, of one sign


@pytest.mark.parametrize("seed", range(3))
def test_degree_one_is_the_exact_curve_of_a_linear_network(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((5, 5))
    A *= 0.8 / np.abs(np.linalg.eigvals(A)).max()
    C, z = rng.standard_normal(5), rng.uniform(-1, 1, 40_200)
    states = simulate_states(A, C, z)[200:]
    found = information_capacity(states, z[200:], 2, [15, 5])
    exact = exact_curve(A, C, 15).values
    # Standard error of a squared correlation c is at most 2 sqrt(c(1 - c)^2/n) <= 0.8/sqrt n, enlarged at most five
    # times by correlation in time; the largest of 16 lags within five of them.
    assert np.abs(found.linear_curve() - exact).max() < 5 * 5 * 0.8 / np.sqrt(40_000)
    linear = found.sum_of(found.terms.total_degree == 1)
    assert linear.low - 0.02 < exact.sum() < linear.high + 0.02
    assert abs(found.by_degree["capacity"][1]) < 0.02  # 21 functions with noise 5/40000 each
    sampled = sampled_curve(states, z[200:], 15)
    # Two corrections of the same plug-in values on nearly the same rows; they differ in the order of the bias 5/n.
    assert np.abs(found.linear_curve() - sampled.values).max() < 10 * 5 / 40_000


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.booleans())
def test_any_invertible_map_of_the_states_changes_nothing(seed, scale, shift):
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1, 1, 600)
    states = np.column_stack([z + 0.3 * np.roll(z, 1) ** 2, np.tanh(np.roll(z, 2)), rng.standard_normal(600)])
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0] * scale
    one = information_capacity(states, z, 2, 4)
    two = information_capacity(states @ turn + 5 * shift, z, 2, 4)
    # The condition number of the maps is 1; adding 5 to states of size 1e-3 costs four digits.
    np.testing.assert_allclose(one.measured.plug_in, two.measured.plug_in, atol=1e-8)
    np.testing.assert_allclose(one.measured.floor, two.measured.floor, atol=1e-8)
    assert one.total.low == pytest.approx(two.total.low, abs=1e-6)


def test_block_sums_against_dense_algebra():
    """Plug-in, floor and influence in chunks and blocks, against the formulas on whole matrices."""
    rng = np.random.default_rng(3)
    T, n, B = 3011, 3000, 7
    z = rng.standard_normal(T)
    table = orthonormal_polynomials("normal", 2)(z)
    X = np.column_stack([z[11:] + np.roll(z, 1)[11:] ** 2, rng.standard_normal(n), np.cumsum(rng.standard_normal(n))])
    terms = joined([products(1, 3), products(2, 3)])
    basis = state_basis(X.copy())
    found = measure(basis.columns, table, terms, B)[0]
    Q = np.linalg.qr(X - X.mean(axis=0))[0]
    edges = np.linspace(0, n, B + 1).astype(int)
    leverage = sum(np.linalg.norm(Q[a:b].T @ Q[a:b]) ** 2 for a, b in itertools.pairwise(edges))
    for i, (lags, degrees) in enumerate(zip(*terms.tuples(), strict=True)):
        y = _lagged(table, lags, degrees)[11:]
        y = (y - y.mean()) / np.linalg.norm(y - y.mean())
        fitted = Q @ (Q.T @ y)
        u = [Q[a:b].T @ (y - fitted)[a:b] for a, b in itertools.pairwise(edges)]
        point = fitted**2 + 2 * fitted * (y - fitted) - (fitted @ fitted) * y**2
        assert found.plug_in[i] == pytest.approx(fitted @ fitted, rel=1e-10)
        assert found.floor[i] == pytest.approx(sum(v @ v for v in u) * 3 / (3 - leverage), rel=1e-10)
        blocks = [point[a:b].sum() for a, b in itertools.pairwise(edges)]
        np.testing.assert_allclose(found.influence[i], blocks, atol=1e-12)
        assert 1 <= found.freedom[i] <= 3
    shifted = measure(basis.columns, table, terms, B, [0, 500])
    np.testing.assert_array_equal(shifted[0].plug_in, found.plug_in)
    rolled = measure(np.roll(basis.columns, -500, axis=0), table, terms, B)[0]
    np.testing.assert_allclose(shifted[1].plug_in, rolled.plug_in, atol=1e-13)


@pytest.mark.parametrize("last", [0, -6, -9, -13])
def test_rank_and_orthonormal_columns_of_nearly_dependent_states(last):
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.standard_normal((2000, 8)))[0]
    U = np.linalg.qr(U - U.mean(axis=0))[0]
    X = U * np.logspace(0, last, 8) @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
    scaled = (X - X.mean(axis=0)) / np.linalg.norm(X - X.mean(axis=0), axis=0)
    expected = np.linalg.svd(scaled, compute_uv=False)
    basis = state_basis(X.copy())
    assert np.abs(basis.singular_values - expected).max() < 1e-13
    assert basis.rank == (expected > 2000 * np.finfo(float).eps * expected[0]).sum()
    assert np.abs(basis.columns.T @ basis.columns - np.eye(basis.rank)).max() < 1e-13
    assert state_basis(X.copy(), tolerance=1e-3).rank == (expected > 1e-3 * expected[0]).sum()


def test_dependent_and_foreign_states_are_missed_by_the_total():
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 5000)
    delay = np.column_stack([np.roll(z, k) for k in range(3)])
    dependent = information_capacity(np.column_stack([delay, delay @ [1, 2, 3], np.ones(5000)]), z, 2, 4, level=0.999)
    assert (dependent.states, dependent.rank) == (5, 3)
    assert dependent.total.low < 3 < dependent.total.high
    foreign = information_capacity(np.column_stack([delay, np.sin(0.3 * np.arange(5000))]), z, 2, 4, level=0.999)
    assert foreign.rank == 4
    assert foreign.total.high < 3.5


def test_total_beyond_the_rank_tells_of_dependent_inputs():
    """White input with the right law, but neighbours of equal size: the functions are not orthogonal, and it shows."""
    rng = np.random.default_rng(0)
    z = np.repeat(rng.uniform(0, 1, 3000), 2) * rng.choice([-1.0, 1.0], 6000)
    found = information_capacity(z[:, None] ** 2, z, 2, 3)
    # C = 1 for p_2(z_t), and 1/4 for p_2(z_{t-1}), as half the neighbours are equal; lag 1 is in the set.
    assert found.rank == 1
    assert found.total.value > 1.2
    assert not found.within_rank


def test_random_signs_have_products_of_degree_one():
    rng = np.random.default_rng(0)
    z = rng.choice([-1.0, 1.0], 4000)
    states = np.column_stack([z, z * np.roll(z, 1), np.roll(z, 1) * np.roll(z, 2) * z])
    found = information_capacity(states, z, 3, 2, law="rademacher")
    assert found.by_degree["functions"].tolist() == [3, 3, 1]
    np.testing.assert_allclose(found.by_degree["significant_capacity"], 1.0, atol=1e-12)


def test_search_finds_the_lags_and_stops():
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 6000)
    p = orthonormal_polynomials("uniform", 2)(z)
    states = np.column_stack([np.roll(z, 17), np.roll(z, 8), z, np.roll(p[2], 6), np.roll(z, 3) * np.roll(z, 12)])
    found = information_capacity(states, z, 2)
    assert found.complete
    assert found.longest == (29, 24)  # the last finds in lags 15..19 and 10..14, then two empty steps
    kept = found.to_frame(significant_only=True)
    assert set(kept["lags"][:5]) == {(0,), (8,), (17,), (6,), (3, 12)}
    stopped = information_capacity(states, z, 2, max_functions=40)
    assert stopped.complete is False
    assert len(stopped.terms) <= 40


def test_tables_add_up():
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 3000)
    found = information_capacity(np.column_stack([z, np.roll(z, 1) ** 2]), z, 3, [6, 4, 2])
    assert found.by_degree["capacity"].sum() == pytest.approx(found.total.value)
    assert found.by_lag["capacity"].sum() == pytest.approx(found.total.value)
    assert found.by_degree["significant_capacity"].sum() == pytest.approx(found.significant_total.value)
    assert found.by_degree["longest_lag"].tolist() == [6, 4, 2]
    assert found.to_frame()["significant"].sum() == found.significant.sum() == found.by_degree["significant"].sum()
    assert (found.significant == (found.measured.plug_in >= found.threshold)).all()


def test_arguments_are_not_changed():
    rng = check_generator("rng", 0)
    z = rng.uniform(-1, 1, 500)
    states = np.column_stack([z, np.roll(z, 1)])
    copies = states.copy(), z.copy()
    information_capacity(states, z, 1, 3)
    np.testing.assert_array_equal(states, copies[0])
    np.testing.assert_array_equal(z, copies[1])


Z = np.random.default_rng(0).uniform(-1, 1, 1000)
X = np.column_stack([Z, np.roll(Z, 1)])
CORRELATED = np.convolve(Z, [0.5, 0.5], mode="same")


@pytest.mark.parametrize(
    ("states", "inputs", "options", "message"),
    [
        (X, np.full(1000, 0.5), {}, "inputs must vary, got 0.5"),
        (X, 2 * Z, {}, r"support \[-1, 1\] of the law 'uniform'"),
        (X, 0.5 * Z, {}, "must have variance 1"),
        (X, Z + 0.3 * (1 - Z), {}, "must have mean 0"),
        (X, 3 * Z, {"law": "normal"}, "variance 1, got .*law='empirical'"),
        (X, CORRELATED, {"law": "empirical"}, "must be independent, got autocorrelation"),
        (X, np.where(Z > 0.9, np.nan, Z), {}, "inputs must be finite"),
        (np.where(X > 0.9, np.inf, X), Z, {}, "states must be finite"),
        (np.ones((1000, 2)), Z, {}, "states must vary in time, got 2 constant columns"),
        (X[:500], Z, {}, r"got shape \(500, 2\) for 1000 inputs"),
        (X[:, :0], Z, {}, "at least one column"),
        (X, Z, {"degree": 0}, "degree must be >= 1"),
        (X, Z, {"max_lag": 60}, r"at least 1280 rows for 2 states, lags up to 60 and 20 blocks.*got 1000"),
        (np.tile(X, 130), Z, {}, "at least 1043 rows for 260 states"),
        (X, Z, {"max_lag": [5, 3, 1]}, r"one lag for each degree 1 .. 2, got 3"),
        (X, Z, {"max_lag": -1}, "max_lag must be >= 0"),
        (X, Z, {"max_functions": 10}, "max_functions must be at least 14"),
        (X, Z, {"max_lag": None, "max_functions": 3}, "max_functions must be at least 5"),
        (X, Z, {"threshold": "shuffle"}, "rng must be a seed"),
        (X, Z, {"threshold": "shuffle", "rng": 0, "shuffles": 5}, "shuffles must be at least 19"),
        (X, Z, {"threshold": "chi"}, "did you mean 'chi2'"),
        (X, Z, {"correction": "holm"}, "correction must be one of"),
        (X, Z, {"blocks": 2}, "blocks must be >= 3"),
        (X, Z, {"level": 1.0}, "level must lie strictly between"),
        (X, Z, {"tolerance": 0.0}, "tolerance must be > 0"),
        (X, Z, {"washout": -1}, "washout must be >= 0"),
    ],
)
def test_bad_input_is_refused_with_the_fix(states, inputs, options, message):
    arguments = {"degree": 2, "max_lag": 3, **options}
    with pytest.raises(ValueError, match=message):
        information_capacity(states, inputs, **arguments)
