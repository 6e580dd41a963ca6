"""Counting zeros: the combinatorial minimum by brute force, lobe masses by quadrature, fits that do not beat it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.approximation import modulated_sum, real_rate_error, real_rate_width
from linmem.kernels import Airy, ExponentialSum, Modulated, PowerLaw


def lobe_masses(kernel, count):
    """mu_0..mu_{count-1} by Gauss-Legendre between the zeros of the cosine, for unit mass."""
    zeros = np.arange(-5, count + 5) * np.pi - kernel.phase + np.pi / 2
    edges = np.concatenate([[0.0], zeros[zeros > 0] / kernel.frequency])[: count + 1]
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = (edges[:-1, None] + edges[1:, None]) / 2 + np.diff(edges)[:, None] / 2 * nodes
    return np.abs(np.diff(edges) / 2 * (kernel(t) @ weights)) / abs(kernel.kernel.mass)


@pytest.mark.parametrize("phase", [0.0, 1.2, -2.0])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_no_sign_pattern_does_better(phase, width):
    """All patterns with width - 1 sign changes at lobe ends, on the first 9 lobes."""
    kernel = Modulated(PowerLaw(0.7, scale=2.0, mass=-3.0), frequency=2.0, phase=phase)
    mu = lobe_masses(kernel, 9)
    signs = (-1.0) ** np.arange(9)
    least = np.inf
    for cuts in combinations(range(1, 9), width - 1):
        pattern = (-1.0) ** np.searchsorted(np.array(cuts), np.arange(9), side="right")
        for s in (1.0, -1.0):
            least = min(least, mu[signs != s * pattern].sum())
    formula = min(mu[0], mu[width]) + mu[width + 2 :: 2].sum()
    assert least >= formula - 1e-12
    if mu[0] >= mu[width]:
        assert least == pytest.approx(formula, abs=1e-12)  # agree on lobes 0..m-1, then keep the sign


@settings(max_examples=25)
@given(st.floats(0.1, 3.0), st.floats(0.1, 10.0), st.floats(-3.0, 3.0), st.integers(1, 40))
def test_the_bound_is_below_the_missed_mass_and_close(omega, frequency, phase, width):
    kernel = Modulated(PowerLaw(omega), frequency, phase)
    mu = lobe_masses(kernel, 4000)
    missed = min(mu[0], mu[width]) + mu[width + 2 :: 2].sum()
    cut = (1 + 3990 * np.pi / frequency) ** -omega  # what lies beyond lobe 4000 is between 0 and this
    bound = real_rate_error(kernel, width)
    assert bound <= (missed + cut) * (1 + 1e-9)
    if width >= 10 and frequency >= 2:  # Jensen and trapezoids are of second order in the lobe length over 1 + t
        assert bound >= missed * 0.9 - mu[width]


def test_closed_form_and_law():
    for omega in (0.05, 0.5, 2.0):
        kernel = Modulated(PowerLaw(omega), np.pi)
        for m in (2, 10, 10**6, 10**40):
            closed = (1 + m) ** -omega * (1 + omega / (1 + m)) / np.pi
            assert real_rate_error(kernel, m) == pytest.approx(closed, rel=1e-14)
    # at eps = 1e-3 the law (pi eps)^{-1/omega} - 1 and the exact statement agree
    assert real_rate_width(Modulated(PowerLaw(0.5), np.pi), 1e-3) == pytest.approx((np.pi * 1e-3) ** -2, rel=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_no_real_fit_beats_the_bound(seed, width):
    """Least squares fits with random real rates; their L1 error by quadrature up to t = 60."""
    rng = np.random.default_rng(seed)
    kernel = Modulated(PowerLaw(1.0), np.pi)
    t = np.linspace(0.0, 60.0, 12_001)
    columns = np.exp(-np.multiply.outer(t, np.exp(rng.uniform(-4, 2, width))))
    amplitudes = np.linalg.lstsq(columns, kernel(t), rcond=None)[0]
    error = np.trapezoid(np.abs(columns @ amplitudes - kernel(t)), t)
    assert error + (1 + 60.0) ** -1.0 >= real_rate_error(kernel, width)


def test_complex_rates_go_below_the_real_bound():
    kernel = Modulated(PowerLaw(0.25), np.pi)
    assert modulated_sum(kernel, 1e-2).state_size == 40 < real_rate_width(kernel, 1e-2)


def test_the_width_is_the_least_that_is_not_excluded():
    kernel = Modulated(PowerLaw(0.5), 2.0, 0.3)
    m = real_rate_width(kernel, 0.02)
    assert real_rate_error(kernel, m) <= 0.02 < real_rate_error(kernel, m - 1)
    assert real_rate_width(kernel, 10.0) == 1


def test_bad_input_is_refused():
    for kernel in (PowerLaw(1.0), Modulated(Airy(1.0, 2.0), 3.0), ExponentialSum([1.0], [1.0])):
        with pytest.raises(TypeError, match="Modulated"):
            real_rate_error(kernel, 3)
    with pytest.raises(ValueError, match="width must be >= 1"):
        real_rate_error(Modulated(PowerLaw(1.0), 1.0), 0)
    with pytest.raises(ValueError, match="exceeds 1e300"):
        real_rate_width(Modulated(PowerLaw(0.01), 1.0), 1e-5)
