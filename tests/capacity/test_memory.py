"""One interface: every method on one network against the others, and what it refuses."""

import numpy as np
import pytest

from linmem.capacity.estimators import SampledCurve
from linmem.capacity.memory import memory_capacity, memory_curve
from linmem.capacity.systems import random_connectivity

METHODS = {"exact": {}, "algebraic": {}, "osm": {}, "osm+": {"rng": 0, "masks": 3}, "sample": {"rng": 0}}


@pytest.fixture(scope="module")
def network():
    return random_connectivity(12, "orthogonal", radius=0.8, rng=1), np.linspace(-1, 2, 12)


@pytest.mark.parametrize("method", METHODS)
def test_methods_agree_where_all_are_well_conditioned(network, method):
    A, C = network
    truth = memory_curve(A, C, 30).values
    curve = memory_curve(A, C, 30, method, **METHODS[method])
    assert (curve.method, curve.states, curve.rank, curve.max_lag) == (method, 12, 12, 30)
    # 0.8^(2 * 60): what 5 N Krylov columns leave out; sampling: sd below 1/100 at T = 10000
    assert np.abs(curve.values - truth).max() < (0.05 if method == "sample" else 1e-6)
    if method != "sample":
        assert (curve.low <= truth + 1e-12).all()
        assert (truth <= curve.high + 1e-12).all()


@pytest.mark.parametrize("method", METHODS)
def test_capacity_is_the_sum_of_its_curve(network, method):
    A, C = network
    found = memory_capacity(A, C, 25, 2, method, **METHODS[method])
    assert found.value == pytest.approx(found.curve.values[2:].sum(), abs=1e-12)
    assert (found.first_lag, found.last_lag) == (2, 25)
    assert found.low <= found.high
    assert float(found) == found.value


def test_exact_capacity_to_infinity_has_no_remainder(network):
    A, C = network
    found = memory_capacity(A, C)
    assert found.value == pytest.approx(12 - 1 + 0.8**24, abs=1e-12)  # N - MC_0, MC_0 = 1 - det(A)^2
    assert (found.last_lag, found.remainder) == (None, 0.0)
    cut = memory_capacity(A, C, 20)
    assert cut.value + cut.remainder == pytest.approx(found.value, abs=1e-12)


def test_sampled_total_has_its_own_interval(network):
    A, C = network
    found = memory_capacity(A, C, 30, method="sample", rng=3, level=0.99, length=5000, law="normal", washout=100)
    assert isinstance(found.curve, SampledCurve)
    assert found.curve.level == 0.99
    assert found.curve.rows == 4970
    total = found.curve.total()
    assert (found.low, found.high) == (total.low, total.high)
    assert np.isnan(found.remainder)


def test_default_last_lag_is_five_times_the_size(network):
    assert memory_capacity(*network, method="algebraic").last_lag == 60


@pytest.mark.parametrize(
    ("method", "options", "error", "message"),
    [
        ("exakt", {}, ValueError, "did you mean 'exact'"),
        ("exact", {"rng": 0}, TypeError, "belongs to method 'osm\\+', 'sample'"),
        ("osm+", {"rng": 0, "maks": 3}, TypeError, "did you mean 'mask"),
        ("sample", {}, TypeError, "needs rng"),
        ("osm+", {}, TypeError, "needs rng"),
        ("sample", {"rng": 0, "length": 100}, ValueError, "simulate longer"),
        ("sample", {"rng": 0, "law": "cauchy"}, ValueError, "law must be one of"),
    ],
)
def test_bad_options_are_refused_by_curve_and_capacity(network, method, options, error, message):
    A, C = network
    with pytest.raises(error, match=message):
        memory_curve(A, C, 10, method, **options)
    with pytest.raises(error, match=message):
        memory_capacity(A, C, 10, method=method, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("A", "C", "message"),
    [
        (np.eye(2) * 1.2, np.ones(2), "got 1.2"),
        (np.ones((2, 3)), np.ones(2), "square"),
        (np.eye(2) / 2, np.ones(3), r"shape \(N,\)"),
        (np.eye(2) / 2, np.zeros(2), "all zero"),
    ],
)
def test_bad_networks_are_refused_by_every_method(method, A, C, message):
    with pytest.raises(ValueError, match=message):
        memory_curve(A, C, 5, method, **METHODS[method])
    with pytest.raises(ValueError, match=message):
        memory_capacity(A, C, 5, method=method, **METHODS[method])


def test_lags_in_the_wrong_order_are_refused(network):
    with pytest.raises(ValueError, match="max_lag must be >= 3"):
        memory_capacity(*network, 2, 3)
