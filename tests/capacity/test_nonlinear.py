"""Memory of nonlinear networks: against closed forms by quadrature, linear limits, saturated limits; bad input."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from linmem.capacity.linear import exact_curve
from linmem.capacity.models import TanhReservoir, nonlinear_memory
from linmem.capacity.systems import random_connectivity

ROOT = math.sqrt(3.0)


def _legendre_capacity(degree, s):
    """Squared correlation of tanh(s z) and the Legendre polynomial of z / sqrt 3, z uniform of variance 1."""
    unit = np.polynomial.legendre.Legendre.basis(degree)
    mean = lambda f: integrate.quad(f, -1, 1, epsabs=1e-12)[0] / 2  # noqa: E731
    product = mean(lambda x: math.tanh(s * ROOT * x) * unit(x))
    return product**2 * (2 * degree + 1) / mean(lambda x: math.tanh(s * ROOT * x) ** 2)


@pytest.mark.parametrize("s", [0.3, 2.0])
def test_one_neuron_without_recurrence_has_closed_form_capacities(s):
    found = nonlinear_memory(
        TanhReservoir([[0.0]], [1.0]), s, 2, first_lag=0, degree=5, degree_lag=1, length=40_000, washout=1, rng=3
    )
    frame = found.to_frame()
    # Standard error of a squared correlation c on n rows is 2 sqrt(c (1 - c) / n) at most; five of them, plus 5/n for
    # sums of functions without capacity.
    n = 40_000
    for degree, columns in ((1, ["memory", "capacity_1"]), (3, ["capacity_3"]), (5, ["capacity_5"])):
        c = _legendre_capacity(degree, s)
        for column in columns:
            assert frame[column].item() == pytest.approx(c, abs=10 * math.sqrt(c * (1 - c) / n) + 100 / n)
    assert abs(frame["capacity_2"].item()) < 100 / n  # odd network, even function
    assert (frame["states"].item(), frame["rank"].item()) == (1, 1)


def test_small_input_has_the_linear_curve():
    rng = np.random.default_rng(1)
    A, C = random_connectivity(8, "orthogonal", radius=0.9, rng=rng), rng.standard_normal(8)
    bias = np.zeros(8)
    found = nonlinear_memory(TanhReservoir(A, C, bias), 1e-6, 20, length=20_000, rng=2, level=0.999)
    curve, exact = found.curves[0], exact_curve(A, C, 20).values
    assert ((curve.low <= exact) & (exact <= curve.high)).mean() > 0.9  # 21 intervals of 99.9 %
    assert np.abs(curve.values - exact).max() < 0.05
    assert abs(found.memory[0].value - exact[1:].sum()) < 0.1


def test_leak_and_bias_act_through_the_linearisation():
    A, C, b, a = np.array([[0.4, 0.3], [-0.5, 0.2]]), np.array([1.0, 0.5]), np.array([0.3, -0.6]), 0.7
    rest = np.zeros(2)
    for _ in range(500):
        rest = (1 - a) * rest + a * np.tanh(A @ rest + b)
    slope = a / np.cosh(A @ rest + b) ** 2
    linear = (1 - a) * np.eye(2) + slope[:, None] * A, slope * C
    found = nonlinear_memory(TanhReservoir(A, C, b, a), 1e-6, 10, first_lag=0, length=20_000, rng=4, level=0.999)
    exact = exact_curve(*linear, 10).values
    assert found.memory[0].low <= exact.sum() <= found.memory[0].high
    assert np.abs(found.curves[0].values - exact).max() < 0.05  # five standard errors 2 sqrt(c (1 - c) K / n), K rows


@pytest.mark.parametrize(("law", "limit"), [("uniform", 3 / 4), ("normal", 2 / math.pi), ("rademacher", 1.0)])
def test_large_input_leaves_the_sign_of_the_newest(law, limit):
    network = TanhReservoir([[0.5, 0.1], [0.0, 0.3]], [1.0, -2.0])  # both states become the same sign
    found = nonlinear_memory(network, 1e9, 5, law=law, first_lag=0, washout=1, rng=5)
    # sign(z) holds no more than its correlation with z; lags without memory add noise of order 1/n each
    assert found.curves[0].values[0] == pytest.approx(limit, abs=0.02)
    assert np.abs(found.curves[0].values[1:]).max() < 0.005


def test_memory_falls_with_the_scale():
    network = TanhReservoir(random_connectivity(10, "orthogonal", radius=0.9, rng=0), np.ones(10))
    found = nonlinear_memory(network, np.array([0.01, 1.0, 100.0]), first_lag=0, rng=0)
    assert found.curves[0].max_lag == 20
    assert found.scales == (0.01, 1.0, 100.0)
    totals = [total.value for total in found.memory]
    assert 9.5 < totals[0] < 10.5
    assert totals[0] > totals[1] > totals[2]
    assert list(found.to_frame().columns) == ["scale", "memory", "low", "high", "states", "rank"]


def test_the_same_network_as_a_torch_module():
    network = TanhReservoir(random_connectivity(5, "normal", radius=0.8, rng=0), np.arange(1.0, 6.0))
    module = torch.nn.RNN(1, 5, bias=False).double()
    with torch.no_grad():
        module.weight_hh_l0.copy_(torch.tensor(np.array(network.A)))
        module.weight_ih_l0.copy_(torch.tensor(np.array(network.C)))
    ours, theirs = (nonlinear_memory(model, 0.5, 10, length=3000, rng=7) for model in (network, module))
    np.testing.assert_allclose(ours.curves[0].values, theirs.curves[0].values, atol=1e-9)


def test_bad_input_is_refused():
    network = TanhReservoir([[0.5]], [1.0])
    for scale in (0.0, [1.0, -1.0], [], [[1.0]]):
        with pytest.raises(ValueError, match="scale must be one or more positive numbers"):
            nonlinear_memory(network, scale, rng=0)
    with pytest.raises(ValueError, match="law must be one of"):
        nonlinear_memory(network, 1.0, law="uniforn", rng=0)
    with pytest.raises(ValueError, match="max_lag must be >= 1"):
        nonlinear_memory(network, 1.0, 0, rng=0)
    with pytest.raises(ValueError, match="simulate longer"):
        nonlinear_memory(network, 1.0, 50, length=100, rng=0)
    with pytest.raises(ValueError, match="feature"):
        nonlinear_memory(TanhReservoir(np.eye(2), np.eye(2)), 1.0, rng=0)
    with pytest.raises(TypeError, match="integer seed"):
        nonlinear_memory(network, 1.0, rng=None)
