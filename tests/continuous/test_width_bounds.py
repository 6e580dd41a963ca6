"""Lower bounds on the width: closed forms, other computations, and that no network ever contradicts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous.approximation import (
    hankel_singular_values,
    powerlaw_width,
    quoted_width,
    step_matrix,
    width_lower_bound,
)
from linmem.kernels import (
    Airy,
    ComplexExponentialSum,
    ExponentialSum,
    GaussianBump,
    Modulated,
    PowerLaw,
    Sine,
    Window,
    followup_kernels,
)


@pytest.mark.parametrize("tolerance", [0.3, 0.1, 0.03, 0.01])
def test_window_in_closed_form(tolerance):
    """The window's operator f -> int_0^{L-s} f has the singular values 2L/((2k-1) pi), and norm L in L1."""
    exact = int(np.floor((2 / (np.pi * tolerance) + 1) / 2))
    # steps lower sigma_k by the relative amount (k/256)^2 at most: the k-th value passes unless within that of eps
    assert exact - 1 <= width_lower_bound(Window(3.0, height=-2.0), tolerance) <= exact


def test_step_matrix_against_the_exact_operator_of_an_exponential_sum():
    fit = ExponentialSum([1.0, -2.0, 1.5], [1.0, 2.0, 5.0])
    exact, missing = hankel_singular_values(fit), []
    for cells in (240, 480):
        matrix, radius = step_matrix(fit, cells, 30.0)
        found = np.sort(np.abs(np.linalg.eigvalsh(matrix)))[::-1][:3]
        assert np.exp(-30.0) <= radius <= 1.01 * np.exp(-30.0)  # the tail; the Taylor models are far better
        assert np.all(found - radius <= exact)
        missing.append(exact - found)
    np.testing.assert_allclose(missing[0] / missing[1], 4.0, rtol=0.1)  # second order in the cell


@pytest.mark.parametrize("kernel", [GaussianBump(2.0, 0.5), Airy(2.0, 1.0), Modulated(GaussianBump(2.0), 3.0, 0.4)])
def test_step_matrix_entries_by_quadrature(kernel):
    matrix, _ = step_matrix(kernel, 8, 4.0)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    s, g = 0.25 * (nodes + 1), 0.25 * weights
    for i, j in ((0, 0), (1, 2), (3, 3), (2, 4)):
        values = kernel(0.5 * (i + j) + s[:, None] + s[None, :])
        assert matrix[i, j] == pytest.approx(2 * float(g @ values @ g), abs=1e-13)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(0, 2), st.floats(1e-6, 0.5))
def test_a_network_is_never_wider_than_itself(seed, real, pairs, tolerance):
    rng = np.random.default_rng(seed)
    rates = np.concatenate([rng.uniform(0.1, 5.0, real), rng.uniform(0.1, 2.0, pairs) + 1j * rng.uniform(1, 5, pairs)])
    kernel = ComplexExponentialSum(rng.normal(size=rates.size) + 1j * rng.normal(size=rates.size), rates)
    bound = width_lower_bound(kernel, tolerance)
    assert 1 <= bound <= kernel.state_size
    assert bound <= width_lower_bound(kernel, tolerance / 2)


@settings(max_examples=2)
@given(st.floats(0.5, 2.0), st.floats(1e-4, 0.3), st.floats(0.01, 100.0), st.floats(0.1, 10.0))
def test_the_width_of_a_power_law_depends_on_neither_scale_nor_mass(omega, tolerance, scale, mass):
    bound = width_lower_bound(PowerLaw(omega), tolerance)
    assert bound == width_lower_bound(PowerLaw(omega, scale, -mass), tolerance)
    values = hankel_singular_values(PowerLaw(omega))
    # 0.2 %: twice the accuracy of the sum that stands in for the power law
    assert int((values > tolerance * 1.002).sum()) <= max(bound, 1) <= max(int((values > tolerance).sum()), 1)


def test_power_law_by_steps_agrees_with_its_exponential_sum():
    """Two proofs that share no step: omega = 2, memory to 1 + T = 1/sqrt(eps/50)."""
    kernel = PowerLaw(2.0)
    assert width_lower_bound(kernel + 0.0 * kernel, 1e-2) == width_lower_bound(kernel, 1e-2) == 2


def test_published_table():
    published = {
        2.0: ((6.3, 3, 1), (20, 6, 2), (200, 13, 6)),
        0.5: ((50, 5, 1), (5e3, 12, 4), (5e7, 32, 13)),
        0.1: ((1e9, 18, 1), (1e19, 45, 9)),
        0.05: ((5e18, 33, 0),),
    }
    for omega, row in published.items():
        for tolerance, (quoted, construction, lower) in zip((1e-1, 1e-2, 1e-4), row, strict=False):
            cell = powerlaw_width(omega, tolerance)
            assert cell.lower == max(lower, 1)
            assert construction - 1 <= cell.construction.width <= construction
            assert cell.quoted == pytest.approx(quoted, rel=0.01)
            assert cell.lower <= cell.construction.width <= cell.quoted


def test_growth_of_the_lower_bound():
    """sqrt(omega m) rises by 1/(sqrt 2 pi) per unit of log(1/eps); rounding m to integers shifts it by 1 %."""
    omega, first, last = 0.25, width_lower_bound(PowerLaw(0.25), 1e-4), width_lower_bound(PowerLaw(0.25), 1e-9)
    slope = (np.sqrt(omega * last) - np.sqrt(omega * first)) / np.log(1e5)
    assert slope * np.sqrt(2) * np.pi == pytest.approx(1.0, abs=0.05)


def test_other_kernels_of_the_library():
    for name, kernel in followup_kernels().items():
        if isinstance(kernel, Sine):
            with pytest.raises(ValueError, match="integrable"):
                width_lower_bound(kernel, 0.1)
            continue
        assert width_lower_bound(kernel, 0.1) >= 1, name


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="tolerance must be < 1"):
        width_lower_bound(PowerLaw(1.0), 1.0)
    with pytest.raises(ValueError, match="must not be zero"):
        width_lower_bound(PowerLaw(1.0, mass=0.0), 0.1)
    with pytest.raises(TypeError, match="ball arithmetic"):
        width_lower_bound(np.sin, 0.1)
    with pytest.raises(ValueError, match="exponent must be > 0"):
        quoted_width(0.0, 0.1)
    assert quoted_width(0.001, 0.1) == np.inf
