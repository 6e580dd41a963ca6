"""Laplace transforms of the kernels against 40-digit formulas, quadrature, and the identities they must obey."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.kernels import (
    Airy,
    ComplexExponentialSum,
    ExponentialSum,
    GaussianBump,
    Kernel,
    Modulated,
    PowerLaw,
    Window,
)
from linmem.kernels.algebra import transforms

EPS = np.finfo(float).eps
KERNELS: list[Kernel] = [
    Window(2.0, height=-0.5, start=1.0),
    ComplexExponentialSum([1.0, 2.0 - 1.0j], [0.5, 1.0 + 3.0j]),
    Modulated(GaussianBump(4.0, 1.5), frequency=2.0, phase=0.3),
    ExponentialSum([1.0, -2.0, 0.5], [1.0, 2.0, 0.3]),
    GaussianBump(centre=7.0, width=1.5, amplitude=-2.0),
    PowerLaw(2.5, scale=0.7, mass=1.3),
    Airy(scale=2.25, delay=4.0),
    GaussianBump(centre=3.0) + ExponentialSum([1.0], [1.0]),
]
points = st.floats(0.01, 50.0)
small = st.floats(-3.0, 3.0)


def gaussian_reference(bump: GaussianBump, u: float, k: int) -> mp.mpf:
    """(-1)^k M_k through erfc and the recurrence, with so many digits that its cancellation does not matter."""
    with mp.workdps(90):
        mu, s = mp.mpf(bump.centre), mp.mpf(bump.width)
        x = mu / s - s * u
        moments = [mp.sqrt(mp.pi / 2) * mp.exp(x * x / 2) * mp.erfc(-x / mp.sqrt(2))]
        moments += [x * moments[0] + 1]
        moments += [x * moments[1] + moments[0]]
        return bump.amplitude * (-1) ** k * s ** (k + 1) * mp.exp(-((mu / s) ** 2) / 2) * moments[k]


@settings(max_examples=50)
@given(st.floats(-5, 37), st.floats(0.2, 3), st.floats(-1, 1000), st.integers(0, 2))
def test_gaussian_moments_keep_their_relative_accuracy(mu, s, u, k):
    reference = gaussian_reference(GaussianBump(mu, s), u, k)
    if not 1e-290 < abs(reference) < 1e290:
        return
    # Rounding of the exponent E in e^E, three products: 3 eps |E|, doubled. The 80-node rule sums terms whose
    # exponents, up to 50 in size, are rounded likewise: 64 eps for a sum dominated by the small exponents.
    exponent = abs(u * (mu - s * s * u / 2)) if mu / s > s * u else (mu / s) ** 2 / 2
    error = abs(float(GaussianBump(mu, s).laplace(u, k)) / reference - 1)
    assert error <= EPS * (64 + 6 * exponent)


@pytest.mark.parametrize("omega", [0.05, 0.5, 1.0, 2.5, 12.0])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_power_law_against_tricomi_function(omega, k):
    u = np.array([1e-12, 1e-3, 0.3, 7.0, 1e5])
    values = PowerLaw(omega).laplace(u, k)
    for point, value in zip(u, values, strict=True):
        with mp.workdps(40):
            reference = (-1) ** k * omega * mp.gamma(k + 1) * mp.hyperu(k + 1, k + 1 - omega, point)
        # the terms that matter lie within |x + log u| < 4, and their exponents are sums of three products
        exponent = (k + 2 + omega) * (abs(math.log(point)) + 4)
        assert abs(value / reference - 1) <= EPS * (64 + 2 * exponent)


@pytest.mark.parametrize(("scale", "delay"), [(2.25, 4.0), (0.5, 0.0)])
def test_airy_against_high_precision_quadrature(scale, delay):
    kernel = Airy(scale, delay)
    panels = [0, *np.linspace(0, delay + 18 / scale, 9)[1:]]
    for u, k in ((0.0, 0), (0.7, 1), (0.7, 2)):
        with mp.workdps(20):
            value = mp.quad(lambda t: mp.airyai(scale * (t - delay)) * (-t) ** k * mp.exp(-u * t), panels)  # noqa: B023
        size = max(1.0, delay + 5 / scale) ** k * kernel.l1_norm()  # int t^k |rho| up to a factor near 1
        assert abs(float(kernel.laplace(u, k)) - value) <= 16 * EPS * size


@settings(max_examples=50)
@given(st.floats(0.3, 3), st.floats(0, 8), st.floats(0, 4))
def test_airy_transforms_obey_the_airy_equation(scale, delay, u):
    kernel = Airy(scale, delay)
    p, p1, p2 = (float(kernel.laplace(u, k)) for k in (0, 1, 2))
    with mp.workdps(30):
        rho, slope = float(mp.airyai(-scale * delay)), scale * float(mp.airyai(-scale * delay, derivative=1))
    first = [scale**3 * p1, scale**3 * delay * p, u * u * p, -u * rho, -slope]
    second = [scale**3 * p2, scale**3 * delay * p1, u * u * p1, 2 * u * p, -rho]
    # errors of P^(k): a few eps int t^k |rho|; t <= delay + 5/scale holds all but 1e-6 of the kernel
    reach = delay + 5 / scale
    tolerance = 64 * EPS * kernel.l1_norm() * (scale**3 + u * u + 2 * u + 1) * (1 + reach) ** 3
    assert abs(sum(first)) <= tolerance
    assert abs(sum(second)) <= tolerance


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
def test_derivatives_agree_with_central_differences(kernel):
    u, h = 1.3, 2.0**-10
    for k in (0, 1):
        left, right = (kernel.laplace(u + sign * h, k) for sign in (-1, 1))
        wide_left, wide_right = (kernel.laplace(u + 2 * sign * h, k) for sign in (-1, 1))
        # fourth-order differences: error h^4/30 * fifth derivative <= h^4/30 * int t^5 e^{-ut} |rho|, plus rounding/h
        estimate = (8 * (right - left) - (wide_right - wide_left)) / (12 * h)
        moment = 5**5 * np.exp(-5) / 1.0**5 * kernel.l1_norm()  # max of t^{k+4+..} e^{-t} for t^5, times the mass
        assert abs(estimate - kernel.laplace(u, k + 1)) <= 10 * h**4 / 30 * moment + 30 * EPS * kernel.l1_norm() / h


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
@settings(max_examples=15)
@given(u=points, c=small, factor=st.floats(0.2, 5), delay=st.floats(0, 3))
def test_algebra_of_transforms(kernel, u, c, factor, delay):
    p, p1 = float(kernel.laplace(u)), float(kernel.laplace(u, 1))
    size = kernel.l1_norm()
    other = ExponentialSum([0.7], [2.0])
    # every operation below costs a handful of roundings of quantities bounded by the masses
    close = {"rel": 64 * EPS, "abs": 64 * EPS * (1 + size)}
    assert float((c * kernel).laplace(u)) == pytest.approx(c * p, **close)
    assert float((kernel + other).laplace(u)) == pytest.approx(p + 0.7 / (u + 2), **close)
    assert float((kernel - kernel).laplace(u)) == 0
    assert float((-kernel).laplace(u, 1)) == -p1
    delayed = kernel.delayed(delay)
    assert float(delayed.laplace(u)) == pytest.approx(math.exp(-u * delay) * p, **close)
    assert float(delayed.laplace(u, 1)) == pytest.approx(math.exp(-u * delay) * (p1 - delay * p), **close)
    scaled = kernel.time_scaled(factor)
    assert float(scaled.laplace(factor * u)) == pytest.approx(p / factor, rel=1e-12, abs=64 * EPS * (1 + size) / factor)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
def test_vectorised_like_pointwise(kernel):
    u = np.array([[0.5, 1.0, 2.0], [3.0, 4.0, 50.0]])
    for k in (0, 1, 2):
        stacked = kernel.laplace(u, k)
        assert stacked.shape == u.shape
        single = np.array([[float(kernel.laplace(x, k)) for x in row] for row in u])
        np.testing.assert_allclose(stacked, single, rtol=64 * EPS, atol=16 * EPS * kernel.l1_norm())
    assert kernel(u).shape == u.shape


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: ExponentialSum([1.0], [-1.0]), "rates must be > 0"),
        (lambda: ExponentialSum([1.0, 2.0], [1.0]), "same length"),
        (lambda: ExponentialSum([float("nan")], [1.0]), "finite"),
        (lambda: PowerLaw(0.0), "exponent must be > 0"),
        (lambda: GaussianBump(1.0, width=-1.0), "width must be > 0"),
        (lambda: Airy(1.0, -1.0), "delay must be >= 0"),
        (lambda: GaussianBump(1.0).laplace(1.0, derivative=3), "derivative must be <= 2"),
        (lambda: ExponentialSum([1.0], [1.0]).laplace(-1.0), "u must be > -1"),
        (lambda: PowerLaw(0.5).laplace(0.0, derivative=1), "u must be > 0"),
        (lambda: PowerLaw(0.5).laplace(-1.0), "u must be >= 0"),
        (lambda: GaussianBump(1.0)(-1.0), "t must be >= 0"),
        (lambda: Airy(1.0, 1.0).laplace(float("inf")), "finite"),
        (lambda: float("nan") * GaussianBump(1.0), "factor must be finite"),
    ],
)
def test_bad_input_is_refused_with_the_rule(build, match):
    with pytest.raises(ValueError, match=match):
        build()


@pytest.mark.parametrize(
    "kernel",
    [
        ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]),
        GaussianBump(6.0, 1.25, 0.75),
        GaussianBump(-1.0, 1.0),
        ExponentialSum([1.0], [1.0]) + 2 * GaussianBump(3.0),
        PowerLaw(2.5),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
@pytest.mark.parametrize("u", [np.array([[0.3, 1.0, 7.0], [0.1, 20.0, 2.0]]), np.array([0.5 + 2j, 1.0 - 1j])])
def test_the_three_transforms_at_once_are_the_three_transforms(kernel, u):
    for k, value in enumerate(transforms(kernel, u)):
        alone = kernel.laplace(u, k)
        assert value.shape == u.shape
        # both are sums of the same few terms in another order
        np.testing.assert_allclose(value, alone, rtol=1e-13, atol=16 * np.finfo(float).eps * np.abs(alone).max())
