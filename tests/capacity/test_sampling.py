"""Sampled memory curves against exact curves, least squares of other libraries, and their own coverage; simulation."""

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.linear_model import LinearRegression

from linmem.capacity.estimators import sampled_curve, simulate_states, washout_length
from linmem.capacity.linear import allpass_curve
from linmem.statistics import mean_interval, proportion_interval

EPS = np.finfo(float).eps


def _rotation(N, radius, rng):
    return radius * np.linalg.qr(rng.standard_normal((N, N)))[0]


def _run(A, T, rng, law="normal"):
    draw = rng.standard_normal if law == "normal" else lambda size: rng.uniform(-1, 1, size)
    washout = washout_length(A)
    z = draw(T + washout)
    return simulate_states(A, np.ones(len(A)), z)[washout:], z[washout:]


def test_plain_values_are_the_determination_coefficients_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, z = _run(_rotation(4, 0.8, rng), 300, rng)
    X = X + 5.0  # the intercept matters
    curve = sampled_curve(X, z, 6, blocks=5)
    for lag in range(7):
        rows, target = X[6:], z[6 - lag : 300 - lag]
        score = LinearRegression().fit(rows, target).score(rows, target)
        assert curve.plain[lag] == pytest.approx(score, abs=1e-12)  # 294 rows, condition below 100


def test_pseudo_values_are_the_jackknife_written_out():
    rng = np.random.default_rng(1)
    X, z = _run(_rotation(3, 0.8, rng), 105, rng)
    curve = sampled_curve(X, z, 5, blocks=5)
    rows, target = X[5:], z[2 : 105 - 3]  # lag 3
    whole = LinearRegression().fit(rows, target).score(rows, target)
    for j in range(5):
        kept = np.r_[0 : 20 * j, 20 * (j + 1) : 100]
        part = LinearRegression().fit(rows[kept], target[kept]).score(rows[kept], target[kept])
        assert curve.pseudo[j, 3] == pytest.approx(5 * whole - 4 * part, abs=1e-12)
    assert curve.values == pytest.approx(curve.pseudo.mean(axis=0), abs=1e-15)
    interval = mean_interval(curve.pseudo[:, 3], 0.95)
    assert (curve.low[3], curve.high[3]) == pytest.approx((interval.low, interval.high), abs=1e-11)


@pytest.fixture(scope="module")
def replicates():
    """200 series of each of two networks, one with uniform and one with normal input."""
    rng, found = np.random.default_rng(2), {}
    for law, N, T, M in (("uniform", 6, 700, 24), ("normal", 8, 1000, 40)):
        A = _rotation(N, 0.9, rng)
        exact = allpass_curve(np.linalg.eigvals(A), M)
        found[law] = exact, [sampled_curve(*_run(A, T, rng, law), M) for _ in range(200)]
    return found


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_estimate_has_no_bias_at_any_lag_nor_in_total(replicates, law):
    exact, curves = replicates[law]
    values = np.array([curve.values for curve in curves])
    plain = np.array([curve.plain for curve in curves])
    # What the jackknife leaves is of second order: (N/n)^2 at a lag, about a hundredth of the bias of the plain value.
    second = (curves[0].states / curves[0].rows) ** 2
    for lag in range(0, len(exact), 6):
        interval = mean_interval(values[:, lag], 0.9995)
        assert interval.low - second <= exact[lag] <= interval.high + second
    total = mean_interval(values[:, 1:].sum(axis=1), 0.999)
    assert total.low - len(exact) * second <= exact[1:].sum() <= total.high + len(exact) * second
    assert mean_interval(plain[:, 1:].sum(axis=1), 0.999).low > exact[1:].sum()  # the uncorrected one is inflated


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_coverage_of_the_intervals(replicates, law):
    exact, curves = replicates[law]
    inside = np.array([(curve.low <= exact) & (exact <= curve.high) for curve in curves])
    truth = exact[1:].sum()
    hits = sum(truth in curve.total() for curve in curves)
    assert 0.95 in proportion_interval(hits, len(curves), 0.999)
    for lag in range(0, len(exact), 4):
        covered = proportion_interval(int(inside[:, lag].sum()), len(curves), 0.9999)
        # Nominal in between; where the first-order fluctuation vanishes (no memory, or nearly all) it covers more.
        assert covered.high >= 0.95
        if 0.1 < exact[lag] < 0.5:
            assert covered.low <= 0.95


def test_total_is_the_sum_of_the_lags():
    rng = np.random.default_rng(3)
    curve = sampled_curve(*_run(_rotation(3, 0.7, rng), 600, rng), 10)
    assert curve.total(2, 7).value == pytest.approx(curve.values[2:8].sum(), abs=1e-13)
    assert curve.total().n == 20
    with pytest.raises(ValueError, match="last_lag must be <= 10"):
        curve.total(1, 11)


def test_linear_recombination_of_the_states_changes_nothing():
    rng = np.random.default_rng(4)
    X, z = _run(_rotation(4, 0.8, rng), 400, rng)
    mixed = X @ rng.standard_normal((4, 4)) * 1e-3 - 7.0
    first, second = sampled_curve(X, z, 8), sampled_curve(mixed, z, 8)
    assert second.values == pytest.approx(first.values, abs=1e-9)  # condition of the mixture below 1e4, offset 1e3


def test_repeated_and_constant_states_are_counted_once_and_not_at_all():
    rng = np.random.default_rng(5)
    X, z = _run(_rotation(3, 0.8, rng), 500, rng)
    wide = np.column_stack([X, 2 * X[:, 0], np.full(500, 3.0)])
    first, second = sampled_curve(X, z, 6), sampled_curve(wide, z, 6)
    assert (second.states, second.rank) == (5, 3)
    assert second.values == pytest.approx(first.values, abs=1e-10)
    still = sampled_curve(np.ones((500, 2)), z, 6)
    assert still.rank == 0
    assert not still.values.any()


def test_float32_fortran_order_and_column_inputs():
    rng = np.random.default_rng(6)
    X, z = _run(_rotation(3, 0.8, rng), 9000, rng)  # more than two chunks
    first = sampled_curve(X, z, 5)
    assert sampled_curve(np.asfortranarray(X), z[:, None], 5).values == pytest.approx(first.values, abs=1e-13)
    single = sampled_curve(X.astype(np.float32), z, 5)
    assert single.values == pytest.approx(first.values, abs=1e-5)  # rounding 6e-8, condition below 100


def test_states_that_rounding_dominates_are_reported():
    rng = np.random.default_rng(7)
    A = np.diag(np.linspace(0.3, 0.9, 24))  # covariance with condition beyond 1e16
    curve = sampled_curve(*_run(A, 3000, rng), 20)
    assert curve.rank < 24
    assert "exact states may recall more" in curve.error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.ones(500)}, "constant series"),
        ({"max_lag": 60}, r"T >= max_lag \+ max"),
        ({"max_lag": -1}, "max_lag must be >= 0"),
        ({"states": np.zeros((500, 200))}, "simulate longer"),
        ({"states": np.where(np.arange(500)[:, None] == 7, np.nan, np.ones((500, 2)))}, "NaN or infinity in row 7"),
        ({"inputs": np.ones(499)}, "one scalar input for each row"),
        ({"states": np.ones(500)}, "put time in rows"),
        ({"blocks": 4}, "blocks must be >= 5"),
        ({"level": 1.0}, "level"),
    ],
)
def test_bad_input_is_refused_with_the_fix(change, message):
    rng = np.random.default_rng(8)
    call = {"states": rng.standard_normal((500, 2)), "inputs": rng.standard_normal(500), "max_lag": 5} | change
    with pytest.raises(ValueError, match=message):
        sampled_curve(**call)


def test_complex_states_are_refused():
    with pytest.raises(TypeError, match="complex128"):
        sampled_curve(np.ones((100, 2), dtype=complex), np.arange(100.0), 1)


@pytest.mark.parametrize("T", [1, 63, 300, 5001])
def test_simulation_against_scipy_filters(T):
    rng = np.random.default_rng(9)
    z = rng.standard_normal((T, 2))
    C = rng.standard_normal((3, 2))
    rates = np.array([0.9, -0.5, 0.0])
    S = rng.standard_normal((3, 3)) + 3 * np.eye(3)
    x0 = rng.standard_normal(3)
    modal = np.array([lfilter([1.0], [1.0, -r], u, zi=[r * s])[0] for r, u, s in zip(rates, C @ z.T, x0, strict=True)])
    found = simulate_states(S @ np.diag(rates) @ np.linalg.inv(S), S @ C, z, initial=S @ x0)
    # Values up to 100; errors of a few units in each of about 1/(1 - 0.9) remembered steps, condition of S below 100.
    assert np.abs(found - (S @ modal).T).max() < 1e5 * EPS * 10


def test_washout_forgets_the_start():
    rng = np.random.default_rng(10)
    A = np.triu(rng.standard_normal((6, 6)), 1) + 0.9 * np.eye(6)  # far from normal: the start grows first
    w = washout_length(A, 1e-6)
    x0 = rng.standard_normal(6)
    zero = np.zeros(w)
    assert np.linalg.norm(simulate_states(A, np.ones(6), zero, initial=x0)[-1]) <= 1e-6 * np.linalg.norm(x0)
    assert np.linalg.norm(np.linalg.matrix_power(A, w // 2)) > 1e-6
    with pytest.raises(ValueError, match="forget its start"):
        washout_length([[1 - 1e-7]])


def test_saturated_and_resting_states_are_dropped_not_fatal():
    """sign(z) and -sign(z) are one state: R^2 = (E|z|)^2 / E z^2 = 3/4 at lag 0 for uniform z."""
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 20_000)
    copies = sampled_curve(np.tanh(1e9 * z[:, None] * [1.0, -2.0]), z, 5)
    assert copies.rank == 1
    # standard error of a squared correlation: 2 R (1 - R^2)/sqrt(n) = .003; six of them
    assert abs(copies.values[0] - 0.75) < 0.02
    resting = np.column_stack([z, np.where(np.arange(20_000) < 100, rng.standard_normal(20_000), 0.0)])
    curve = sampled_curve(resting, z, 5)  # all blocks but the first leave the second state at 0
    assert curve.rank == 2
    assert abs(curve.values[0] - 1) < 1e-9
