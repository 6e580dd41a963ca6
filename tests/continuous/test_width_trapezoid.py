"""The trapezoid sum: its true error by quadrature, its alias sum in 40 digits, its symmetries, its least width."""

import mpmath as mp
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.approximation import modulated_sum, powerlaw_sum
from linmem.continuous.approximation.trapezoid import _alias_ball, _fast_tail
from linmem.intervals import bounds
from linmem.kernels import Airy, ExponentialSum, Modulated, PowerLaw
from linmem.kernels.enclosure import l1_enclosure
from linmem.kernels.quadrature import panel_rule


def l1_distance(kernel, fit, last):
    """int |kernel - fit| dt over 1 + t/scale in [1, e^last], in u = log(1 + t/scale), panels of 0.02."""
    u, weights = panel_rule(np.arange(0.0, last + 0.02, 0.02), 4)
    t = kernel.scale * np.expm1(u)
    values = np.concatenate([kernel(part) - fit(part) for part in np.array_split(t, 20)])
    return float(np.sum(weights * kernel.scale * np.exp(u) * np.abs(values)))


@pytest.mark.parametrize(("omega", "tolerance"), [(2.0, 1e-1), (1.0, 1e-4), (0.5, 1e-2), (0.5, 1e-6), (0.2, 1e-3)])
def test_the_certified_error_encloses_the_true_one(omega, tolerance):
    kernel = PowerLaw(omega, scale=2.0, mass=-3.0)
    result = powerlaw_sum(kernel, tolerance=tolerance)
    last = np.log(1e-3 * tolerance) / -omega  # the kernel beyond has mass tolerance/1000, the fit no more than 2 of it
    true = l1_distance(kernel, result.fit, last) / 3.0
    # quadrature: |f| has kinks at its sign changes, each wrong by about (0.02)^2 of the local value: 1e-3 in all
    assert true <= result.error * (1 + 1e-3) <= tolerance * (1 + 1e-3)
    # the slow tail is really missing and the alias term has constant size: the bound is near the truth
    assert true >= result.error / 4


@pytest.mark.parametrize(("omega", "step"), [(0.05, 0.44), (1.0, 1.2), (2.0, 4.0), (7.5, 0.8)])
def test_alias_sum_in_forty_digits(omega, step):
    low, high = bounds(_alias_ball(arb(omega), arb(step)))
    with mp.workdps(40):
        al = 1 + mp.mpf(omega)
        exact = 2 * mp.nsum(lambda n: abs(mp.gamma(mp.mpc(al, 2 * mp.pi * n / mp.mpf(step)))), [1, 400]) / mp.gamma(al)
        # above the sum, by no more than the majorant of the terms that are not evaluated, which is small
        assert exact <= high <= exact * (1 + mp.mpf("1e-2"))
    assert high - low <= 1e-13 * high


def test_alias_bounds_the_infinite_sum_at_every_lag():
    omega, step = 0.5, 1.3
    bound = bounds(_alias_ball(arb(omega), arb(step)))[1]
    ratios = []
    for t in np.geomspace(0.01, 1e4, 30):
        with mp.workdps(30):
            al, x = 1 + mp.mpf(omega), [mp.mpf(step) * j for j in range(-80, 8)]
            total = mp.mpf(step) / mp.gamma(al) * mp.fsum(mp.exp(al * z - (1 + t) * mp.exp(z)) for z in x)
            ratios.append(float(abs(total * (1 + t) ** al - 1)))
    assert max(ratios) <= bound
    assert max(ratios) >= 0.8 * bound  # at some lag the first term, which dominates, is in phase


def test_fast_tail():
    low, high = bounds(_fast_tail(arb(0.3), arb(0.5), arb(0.2)))
    exact = sum(np.exp(0.3 * x - np.exp(x)) for x in 0.2 + 0.5 * np.arange(40))
    assert exact * (1 - 1e-14) <= high <= 1.2 * exact
    assert low <= high


@settings(max_examples=8)
@given(
    st.floats(0.2, 3.0),
    st.floats(1e-4, 0.5),
    st.floats(1e-3, 1e3),
    st.floats(-10.0, 10.0).filter(lambda x: abs(x) > 0.1),
)
def test_scale_and_mass(omega, tolerance, scale, mass):
    """Time units and mass change rates and amplitudes, and nothing else."""
    unit = powerlaw_sum(PowerLaw(omega), tolerance=tolerance)
    other = powerlaw_sum(PowerLaw(omega, scale, mass), tolerance=tolerance)
    assert unit.width == other.width
    np.testing.assert_allclose(np.array(other.fit.rates) * scale, unit.fit.rates, rtol=4e-16)  # two roundings
    np.testing.assert_allclose(np.array(other.fit.amplitudes) * scale / mass, unit.fit.amplitudes, rtol=8e-16)
    assert other.error == pytest.approx(unit.error, rel=1e-9)
    assert other.error <= tolerance


@settings(max_examples=8)
@given(st.floats(0.1, 3.0), st.integers(1, 60))
def test_parts_and_monotony(omega, width):
    result = powerlaw_sum(PowerLaw(omega), width=width)
    parts = (result.alias, result.slow_tail, result.fast_tail, result.rounding)
    assert result.width == width
    assert min(parts) > 0
    assert result.error <= sum(parts) * (1 + 1e-15) <= result.error * (1 + 1e-14)
    assert powerlaw_sum(PowerLaw(omega), width=width + 1).error < result.error


@pytest.mark.parametrize("omega", [2.0, 0.5, 0.1])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-4])
def test_the_width_is_least(omega, tolerance):
    result = powerlaw_sum(PowerLaw(omega), tolerance=tolerance)
    assert result.error <= tolerance < powerlaw_sum(PowerLaw(omega), width=result.width - 1).error
    assert np.all(np.diff(result.fit.rates) > 0)
    assert min(result.fit.amplitudes) > 0
    # unit mass up to the error
    assert abs(sum(a / w for a, w in zip(result.fit.amplitudes, result.fit.rates, strict=True)) - 1) <= result.error


def test_a_second_certificate():
    """The library's own L1 enclosure of the difference: Taylor models on panels, no Poisson summation."""
    for omega, tolerance in ((0.05, 1e-1), (0.7, 1e-3)):
        result = powerlaw_sum(PowerLaw(omega, scale=3.0), tolerance=tolerance)
        low, high = l1_enclosure(PowerLaw(omega, scale=3.0) - result.fit, 1e-2)
        assert low <= result.error
        assert high >= result.error / 4


def test_modulated_sum():
    kernel = Modulated(PowerLaw(1.0), frequency=3.0, phase=0.7)
    fit = modulated_sum(kernel, 1e-3)
    t = np.linspace(
        0.0, 2000.0, 400_001
    )  # 14 points a radian: the trapezoid rule errs by 1e-3 of the integral of |error|
    assert fit.state_size == 2 * powerlaw_sum(PowerLaw(1.0), tolerance=1e-3 * (1 - 1e-9)).width
    distance = np.trapezoid(np.abs(np.concatenate([kernel(s) - fit(s) for s in np.array_split(t, 40)])), t)
    assert distance <= 1e-3
    assert distance >= 1e-4


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="exactly one of width and tolerance"):
        powerlaw_sum(PowerLaw(1.0))
    with pytest.raises(ValueError, match="exactly one of width and tolerance"):
        powerlaw_sum(PowerLaw(1.0), width=3, tolerance=0.1)
    with pytest.raises(ValueError, match="tolerance must be < 1"):
        powerlaw_sum(PowerLaw(1.0), tolerance=1.0)
    with pytest.raises(ValueError, match="width must be >= 1"):
        powerlaw_sum(PowerLaw(1.0), width=0)
    with pytest.raises(ValueError, match="mass other than 0"):
        powerlaw_sum(PowerLaw(1.0, mass=0.0), width=3)
    with pytest.raises(ValueError, match="raise the tolerance or lower the width"):
        powerlaw_sum(PowerLaw(0.01), tolerance=1e-4)  # the slowest rate would be 1e-400
    with pytest.raises(TypeError, match="Modulated"):
        modulated_sum(Modulated(Airy(1.0, 2.0), 3.0), 0.1)
    with pytest.raises(TypeError, match="Modulated"):
        modulated_sum(ExponentialSum([1.0], [1.0]), 0.1)
