"""Norms and inner products of kernels against exact arithmetic, closed forms and inequalities."""

import itertools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linmem.kernels import Airy, ExponentialSum, GaussianBump, KernelSum, PowerLaw, inner_product
from linmem.kernels.quadrature import absolute_integral

EPS = np.finfo(float).eps
rates = st.floats(0.1, 5.0)
amplitudes = st.floats(-3.0, 3.0)


@st.composite
def sums(draw, most=4):
    n = draw(st.integers(1, most))
    return ExponentialSum([draw(amplitudes) for _ in range(n)], [draw(rates) for _ in range(n)])


@given(st.lists(st.integers(1, 63), min_size=0, max_size=5, unique=True))
@example([16, 32])
def test_l1_norm_of_a_sign_changing_sum_is_exact(zeros):
    """rho = e^{-t} prod_i (e^{-t} - z_i): with x = e^{-t}, ||rho||_1 = int_0^1 |prod (x - z_i)| dx, in fractions."""
    roots = sorted(Fraction(z, 64) for z in zeros)
    coefficients = [Fraction(1)]
    for z in roots:
        coefficients = [a - z * b for a, b in zip([0, *coefficients], [*coefficients, 0], strict=True)]

    def primitive(x: Fraction) -> Fraction:
        return sum((c * x ** (j + 1) / (j + 1) for j, c in enumerate(coefficients)), Fraction(0))

    edges = [Fraction(0), *roots, Fraction(1)]
    exact = sum(abs(primitive(b) - primitive(a)) for a, b in itertools.pairwise(edges))
    kernel = ExponentialSum([float(c) for c in coefficients], np.arange(1.0, len(coefficients) + 1))
    masses = sum(abs(float(c)) / (j + 1) for j, c in enumerate(coefficients))
    # each of the (number of zeros + 1) pieces is a difference of two sums of n masses
    assert abs(kernel.l1_norm() - float(exact)) <= 4 * EPS * (len(roots) + 1) * len(coefficients) * masses
    if any(b - a < Fraction(1, 32) for a, b in itertools.pairwise(edges)):
        return  # the quadrature below may miss zeros that show no dip at its nodes
    # the general quadrature of a sum of kernels finds the same number from its parts
    parts = KernelSum(tuple(ExponentialSum([a], [w]) for a, w in zip(kernel.amplitudes, kernel.rates, strict=True)))
    assert abs(parts.l1_norm() - float(exact)) <= 1e3 * EPS * masses  # 1e3: sum over ~800 nodes


@given(sums())
def test_l1_norm_lies_between_its_bounds(kernel):
    masses = sum(abs(a) / w for a, w in zip(kernel.amplitudes, kernel.rates, strict=True))
    slack = 100 * EPS * masses
    assert abs(float(kernel.laplace(0.0))) - slack <= kernel.l1_norm() <= masses + slack


@settings(max_examples=30)
@given(sums(), sums(), st.floats(-3, 3), st.floats(0.2, 5))
def test_norm_axioms_and_scaling(first, second, c, factor):
    for norm in (lambda k: k.l1_norm(), lambda k: k.l2_norm()):
        assert norm(c * first) == pytest.approx(abs(c) * norm(first), rel=16 * EPS)
        # the squared norm is a sum that may cancel: sqrt(eps) of the largest part
        assert norm(first + second) <= norm(first) + norm(second) + 1e-6
    assert first.time_scaled(factor).l1_norm() == pytest.approx(first.l1_norm() / factor, rel=16 * EPS)
    size = first.l2_norm() * second.l2_norm()
    assert abs(inner_product(first, second)) <= size + 1e-12
    assert inner_product(first, second) == pytest.approx(inner_product(second, first), rel=1e-12, abs=1e-13)


def test_split_rates_do_not_change_the_kernel():
    split, whole = ExponentialSum([0.5, 0.5, 1.0, -1.0], [1.0, 1.0, 3.0, 3.0]), ExponentialSum([1.0], [1.0])
    assert split.l1_norm() == whole.l1_norm()
    assert split.merged()[1].tolist() == [1.0]
    assert ExponentialSum([1.0, -1.0], [2.0, 2.0]).l1_norm() == 0.0


def test_quadrature_inner_products_against_mpmath():
    bump, law, airy = GaussianBump(5.0, 0.8), PowerLaw(1.5), Airy(2.25, 4.0)
    pairs = [
        (bump, law, lambda t: mp.exp(-(((t - 5) / mp.mpf("0.8")) ** 2) / 2) * mp.mpf(1.5) / (1 + t) ** mp.mpf(2.5)),
        (bump, airy, lambda t: mp.exp(-(((t - 5) / mp.mpf("0.8")) ** 2) / 2) * mp.airyai(2.25 * (t - 4))),
    ]
    for first, second, product in pairs:
        with mp.workdps(25):
            exact = mp.quad(product, range(16))
        # sqrt of the squared norms bounds int |product|; ~1500 nodes are summed pairwise
        assert abs(inner_product(first, second) - exact) <= 32 * EPS * first.l2_norm() * second.l2_norm()


def test_norms_of_smooth_kernels_against_mpmath():
    airy = Airy(1.5, 3.0)
    with mp.workdps(25):
        zeros = [3 + float(mp.airyaizero(k)) / 1.5 for k in (2, 1)]
        edges = [0, *[z for z in zeros if z > 0], 4, 6, 9, 15]
        l1 = mp.quad(lambda t: abs(mp.airyai(1.5 * (t - 3))), edges)
        l2 = mp.sqrt(mp.quad(lambda t: mp.airyai(1.5 * (t - 3)) ** 2, edges))
    assert airy.l1_norm() == pytest.approx(float(l1), rel=32 * EPS)
    assert airy.l2_norm() == pytest.approx(float(l2), rel=32 * EPS)
    for kernel in (GaussianBump(1.0, 2.0, -3.0), PowerLaw(0.4, 2.0, -1.5)):
        doubled = kernel + kernel  # found by quadrature, the kernel's own norms are closed forms
        assert doubled.l1_norm() == pytest.approx(2 * kernel.l1_norm(), rel=1e3 * EPS)
        assert doubled.l2_norm() == pytest.approx(2 * kernel.l2_norm(), rel=1e3 * EPS)


def test_l1_distance_of_a_heavy_tail_and_an_exponential():
    """omega (1+t)^{-2} - e^{-t} (omega = 1): it is zero at t = 0 and crosses once more, at t1 with (1+t)^2 = e^t."""
    with mp.workdps(30):
        crossing = mp.findroot(lambda t: 2 * mp.log(1 + t) - t, 2.5)
        # e^{-t} lies below before t1 ... primitive of the difference: -1/(1+t) + e^{-t}
        value = abs(-1 / (1 + crossing) + mp.exp(-crossing)) * 2
    distance = (PowerLaw(1.0) - ExponentialSum([1.0], [1.0])).l1_norm()
    assert distance == pytest.approx(float(value), rel=1e3 * EPS)


def test_cancelling_delay_is_a_translation():
    kernel = ExponentialSum([1.0, -0.5], [1.0, 0.2]).delayed(1.5)
    assert kernel(np.array([0.0, 1.4])).tolist() == [0.0, 0.0]
    assert float(kernel(2.0)) == pytest.approx(np.exp(-0.5) - 0.5 * np.exp(-0.1), rel=8 * EPS)
    assert (kernel + 0.0 * kernel).l2_norm() == pytest.approx(kernel.l2_norm(), rel=1e3 * EPS)


def test_an_object_without_a_transform_is_refused():
    with pytest.raises(TypeError, match="must be memory kernels"):
        KernelSum((np.sin,))


def test_signs_that_are_rounding_do_not_break_the_norm():
    """A function that is nothing but rounding, whose sign depends on how many points are asked for at once."""
    edges = np.array([0.0, 1.0, 2.0])

    def rounding(t):
        return 1e-16 * (np.ones(t.size) if t.size == 1 else (-1.0) ** np.arange(t.size))

    assert absolute_integral(rounding, edges) == pytest.approx(2e-16, rel=1e-12)
