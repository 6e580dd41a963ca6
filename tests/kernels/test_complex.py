"""Transforms at complex points and the kernels that need them, against mpmath and identities."""

import itertools
from functools import cache

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
    Sine,
    Window,
    followup_kernels,
    inner_product,
)
from linmem.kernels.quadrature import absolute_integral, oscillatory_integral, refined

EPS = np.finfo(float).eps
POINTS = [0.3 + 0.7j, 0.05 - 9j, 3 + 0.1j, 0.5 + 20j]
SMOOTH = {
    "bump": (GaussianBump(7.0, 1.5, -2.0), lambda t: -2 * mp.exp(-(((t - 7) / mp.mpf(1.5)) ** 2) / 2), 25),
    "bump at 0": (GaussianBump(-1.0, 2.0), lambda t: mp.exp(-(((t + 1) / 2) ** 2) / 2), 20),
    "Airy": (Airy(2.25, 4.0), cache(lambda t: mp.airyai(2.25 * (t - 4))), 14),
    "window": (Window(3.0, 2.0, 1.0).delayed(1.0), lambda t: mp.mpf(2) if 2 <= t <= 5 else mp.mpf(0), 5),
    "complex": (
        ComplexExponentialSum([1.0, -2 + 1j], [3.0, 2.5 + 3j]),
        lambda t: mp.exp(-3 * t) + mp.re((-2 + 1j) * mp.exp(-(mp.mpf(2.5) + 3j) * t)),
        30,
    ),
}


@pytest.mark.parametrize(("kernel", "rho", "end"), SMOOTH.values(), ids=SMOOTH.keys())
@pytest.mark.parametrize("u", POINTS)
def test_complex_transforms_against_quadrature(kernel, rho, end, u):
    start = 2 if rho(mp.mpf(0)) == 0 else 0
    pieces = int((end - start) * max(1.5, abs(u) / 8)) + 1
    with mp.workdps(20):
        edges = [start + mp.mpf(end - start) * i / pieces for i in range(pieces + 1)]
        for k in (0, 1, 2):
            exact = mp.quad(lambda t: rho(t) * (-t) ** k * mp.exp(-mp.mpc(u) * t), edges, method="gauss-legendre")  # noqa: B023
            # int t^k e^{-Re u t} |rho| for a kernel of one sign, else less; 32 eps for ~200 terms of Airy's quadrature
            size = (kernel.knots().max() / 2) ** k * kernel.l1_norm() if k else kernel.l1_norm()
            assert abs(complex(kernel.laplace(np.array(u), k)) - exact) <= 32 * EPS * size


@pytest.mark.parametrize("omega", [0.05, 0.5, 2.5, 12.0, 40.0])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_complex_power_law_against_tricomi_function(omega, k):
    u = np.array([1e-12j + 1e-13, 1e-3 - 1e-3j, 0.3 + 2j, 0.01 - 7j, 1e5 + 1j])
    values = PowerLaw(omega).laplace(u, k)
    for point, value in zip(u, values, strict=True):
        with mp.workdps(40):
            reference = (-1) ** k * omega * mp.gamma(k + 1) * mp.hyperu(k + 1, k + 1 - omega, mp.mpc(complex(point)))
        exponent = (k + 2 + omega) * (abs(np.log(abs(point))) + 4)
        assert abs(value / reference - 1) <= EPS * (64 + 2 * exponent) * np.sqrt(1 + omega)


def test_a_large_exponent_keeps_its_accuracy():
    """The step of the trapezoid rule must follow the exponent."""
    for omega in (30.0, 100.0):
        with mp.workdps(40):
            exact = omega * mp.hyperu(1, 1 - omega, 7)
        assert abs(float(PowerLaw(omega).laplace(7.0)) / exact - 1) <= EPS * (64 + 2 * omega * 6)


def test_airy_far_out_joins_its_expansion():
    kernel = Airy(2.25, 4.0)
    edge = 64 * 2.25 * np.sqrt(10.0)
    for k in (0, 1, 2):
        near, far = kernel.laplace(np.array([1j * edge * (1 - 1e-9), 1j * edge * (1 + 1e-9)]), k)
        # between the two points P changes by 2e-9 of itself times k + 1; the quadrature errs by eps * int t^k |rho|
        assert abs(near - far) <= 1e-8 * abs(far) + 32 * EPS * 7.0**k * kernel.l1_norm()


@pytest.mark.parametrize(
    "kernel", [pair[0] for pair in SMOOTH.values()] + [PowerLaw(1.5), Sine(2.0), Modulated(PowerLaw(1.5), 1.0)]
)
def test_real_axis_symmetry_and_derivative(kernel: Kernel):
    h = 2.0**-10
    for k in (0, 1, 2):
        real, plane = kernel.laplace(np.array([0.5, 2.0]), k), kernel.laplace(np.array([0.5, 2.0]) + 0j, k)
        assert real.dtype == np.float64
        assert plane.dtype == np.complex128
        np.testing.assert_allclose(
            plane, real, rtol=1e-12, atol=64 * EPS * 8.0**k * abs(float(kernel.laplace(0.5, 0)) + 1)
        )
        both = kernel.laplace(np.array([0.5 + 2j, 0.5 - 2j]), k)
        np.testing.assert_allclose(both[0], both[1].conj(), rtol=1e-12, atol=1e-14 * 8.0**k)
    for u in (0.7 + 1.3j, 2.0 - 0.4j):
        for k in (0, 1):
            # mean-value formula on a circle of 8 points: P^(k+1) = (1/8h) sum P^(k)(u + h z) / z, error ~ h^8
            z = np.exp(2j * np.pi * np.arange(8) / 8)
            estimate = np.mean(kernel.laplace(u + h * z, k) / z) / h
            scale = float(np.abs(kernel.laplace(u + 64 * h * z, k)).max()) + 1.0
            assert abs(estimate - kernel.laplace(np.array(u), k + 1)) <= 64 * EPS * 8.0**k * scale / h


def test_window_transform_is_entire_and_exact():
    window = Window(2.0, 0.5)
    with mp.workdps(40):
        for u in (-3.0, -1e-9, 1e-12, 1.9, 2.1, 300.0):
            for k in (0, 1, 2):
                exact = mp.diff(lambda z: (1 - mp.exp(-2 * z)) / (2 * z), mp.mpf(u), k)
                assert abs(float(window.laplace(u, k)) / exact - 1) <= EPS * (64 + 8 * abs(u))


def test_complex_sums():
    kernel = ComplexExponentialSum([1.0, 2.0 - 1.0j], [0.5, 1.0 + 3.0j])
    assert kernel.state_size == 3
    with mp.workdps(25):

        def rho(t: mp.mpf) -> mp.mpf:
            return mp.exp(-t / 2) + mp.re((2 - 1j) * mp.exp(-(1 + 3j) * t))

        grid = np.linspace(0, 12, 2000)
        values = kernel(grid)
        zeros = [
            mp.findroot(rho, (grid[i], grid[i + 1]), solver="anderson")
            for i in np.flatnonzero(values[:-1] * values[1:] < 0)
        ]
        edges = sorted([mp.mpf(0), *zeros, *map(mp.mpf, (0.5, 1, 2, 4, 8, 16, 40, 80))])
        l1 = sum(abs(mp.quad(rho, list(pair))) for pair in itertools.pairwise(edges))
        l2 = mp.sqrt(mp.quad(lambda t: rho(t) ** 2, edges))
        inner = mp.quad(lambda t: rho(t) / (1 + t) ** 2, [*edges, mp.inf])
    assert kernel.l1_norm() == pytest.approx(float(l1), rel=64 * EPS)
    assert kernel.l2_norm() == pytest.approx(float(l2), rel=64 * EPS)
    assert inner_product(kernel, PowerLaw(1.0)) == pytest.approx(float(inner), rel=64 * EPS)
    assert inner_product(PowerLaw(1.0), kernel) == inner_product(kernel, PowerLaw(1.0))
    real = ExponentialSum([1.0, -0.5], [1.0, 3.0])
    same = ComplexExponentialSum.from_real(real)
    assert same.state_size == 2
    for norm in ("l1_norm", "l2_norm"):
        assert getattr(same, norm)() == pytest.approx(getattr(real, norm)(), rel=64 * EPS)


@settings(max_examples=4, deadline=None)
@given(st.floats(0.5, 10.0), st.floats(-3, 3))
def test_modulated_norms(frequency, phase):
    envelope = ExponentialSum([1.0], [1.0])
    kernel = Modulated(envelope, frequency, phase)
    same = ComplexExponentialSum([np.exp(-1j * phase)], [1.0 + 1j * frequency])  # e^{-t} cos(bt + phi)
    assert kernel.l2_norm() == pytest.approx(same.l2_norm(), rel=256 * EPS)
    assert kernel.l1_norm() == pytest.approx(same.l1_norm(), rel=1e3 * EPS)
    assert float(kernel.laplace(0.3)) == pytest.approx(float(same.laplace(0.3)), rel=1e-12, abs=64 * EPS)


def test_modulated_heavy_tail():
    """cos(3t + 0.4)/(1+t)^2, summed over its half periods, and its square, in 25 digits."""
    kernel = Modulated(PowerLaw(1.0), 3.0, 0.4)
    assert kernel.l2_norm() ** 2 == pytest.approx(0.1484242283120529866716261, rel=64 * EPS)  # mpmath.quadosc
    # mpmath.nsum over int |.| between zeros; the averaged panels may leave 1e-12
    assert kernel.l1_norm() == pytest.approx(0.6103894049113744028647483, rel=1e-12)


def test_followup_kernels():
    kernels = followup_kernels()
    t = np.linspace(0, 30, 7)
    np.testing.assert_allclose(kernels["power law"](t), (1 + 0.1 * t) ** -1.1, rtol=16 * EPS)
    assert kernels["power law"].l1_norm() == 100.0
    assert kernels["window"].l1_norm() == 1.0
    for name, kernel in kernels.items():
        assert isinstance(kernel, Kernel)
        if name != "sine":
            assert kernel.l1_norm() > 0


def test_a_sine_is_refused_where_integrability_is_needed():
    sine = Sine(2.0, 3.0)
    with mp.workdps(20):
        for k in (0, 1, 2):
            exact = mp.quad(lambda t: 3 * mp.sin(2 * t) * (-t) ** k * mp.exp(-(1 + 0.5j) * t), range(0, 60, 3))  # noqa: B023
            assert abs(complex(sine.laplace(1 + 0.5j, k)) - exact) <= 32 * EPS * 6
    assert inner_product(ExponentialSum([1.0], [1.0]), sine) == pytest.approx(3 * 2 / 5)
    for refused in (sine, 2 * sine, sine.delayed(1.0), ExponentialSum([1.0], [1.0]) + sine, Modulated(sine, 1.0)):
        for norm in (refused.l1_norm, refused.l2_norm, refused.knots):
            with pytest.raises(ValueError, match=r"integrable, got Sine\(frequency=2.0.*; let it decay"):
                norm()
    with pytest.raises(ValueError, match="Re u must be > 0"):
        sine.laplace(1j)


def test_close_zeros_of_a_sum_of_unlike_kernels():
    """e^{-2t} - c (1 + t)^{-2}, touching: two zeros 2e-3 apart lie between two quadrature nodes."""
    with mp.workdps(30):
        # e^{-t} dips below c/(1 + t)^{3/2} around t = 1/2, where the log-derivatives agree
        c = mp.exp(-mp.mpf(1) / 2) * mp.mpf(1.5) ** mp.mpf(1.5) * (1 - mp.mpf(10) ** -6)
        mass = -2 * float(c)
        kernel = ExponentialSum([1.0], [1.0]) + PowerLaw(0.5, mass=mass)
        scale = mp.mpf(mass) * mp.mpf(0.5)

        def rho(t: mp.mpf) -> mp.mpf:
            return mp.exp(-t) + scale * (1 + t) ** mp.mpf(-1.5)

        def primitive(t: mp.mpf) -> mp.mpf:
            return -mp.exp(-t) - 2 * scale * (1 + t) ** mp.mpf(-0.5)

        zeros = sorted(mp.findroot(rho, x) for x in (mp.mpf("0.49"), mp.mpf("0.51")))
        assert 1e-3 < zeros[1] - zeros[0] < 1e-2
        points = [primitive(t) for t in (mp.mpf(0), *zeros)] + [mp.mpf(0)]
        exact = sum(abs(b - a) for a, b in itertools.pairwise(points))
    assert kernel.l1_norm() == pytest.approx(float(exact), rel=1e3 * EPS)


def test_quadrature_helpers():
    assert refined(np.array([0.0, 1.0]), 9.0, phase=3.0).tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    with pytest.raises(ValueError, match="frequency times duration must stay below"):
        refined(np.array([0.0, 1e9]), 1.0)
    for b in (0.0, 1.0, 50.0, 1e6):
        value = oscillatory_integral(lambda t: np.exp(-t) * t, np.linspace(0, 45, 31), b)
        assert abs(value - 1 / (1 - 1j * b) ** 2) <= 32 * EPS
    # |x^2 - d^2| with both zeros between two nodes: int over [-1, 1] is 2/3 - 2 d^2 + 8 d^3/3
    d = 1e-3
    assert absolute_integral(lambda x: x**2 - d * d, np.array([-1.0, 1.0])) == pytest.approx(
        2 / 3 - 2 * d * d + 8 * d**3 / 3, rel=16 * EPS
    )


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Window(0.0), "length must be > 0"),
        (lambda: Window(1.0, start=-1.0), "start must be >= 0"),
        (lambda: ComplexExponentialSum([1.0], [-1.0 + 1j]), "rates must have real parts > 0"),
        (lambda: ComplexExponentialSum([1.0, 1j], [1.0]), "same length"),
        (lambda: ComplexExponentialSum([complex("nan")], [1.0]), "finite"),
        (lambda: Modulated(GaussianBump(1.0), 0.0), "frequency must be > 0"),
        (lambda: Sine(-1.0), "frequency must be > 0"),
        (lambda: ExponentialSum([1.0], [1.0]).laplace(-1.0 + 3j), "Re u must be > -1"),
        (lambda: PowerLaw(0.5).laplace(1j, 1), "Re u must be > 0"),
        (lambda: GaussianBump(1.0).laplace(complex(1, float("inf"))), "finite"),
        (lambda: ComplexExponentialSum([1.0], [1e-9 + 1j]).l1_norm(), "frequency times duration"),
    ],
)
def test_bad_input_is_refused_with_the_rule(build, match):
    with pytest.raises(ValueError, match=match):
        build()


def test_modulating_what_is_no_kernel_is_refused():
    with pytest.raises(TypeError, match="kernel must be"):
        Modulated(np.sin, 1.0)
