"""The closed-form loss against 40-digit quadrature, torch autograd, and the deviation form around an exact fit."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linmem.continuous import DeviationLoss, loss, loss_gradient, loss_hessian
from linmem.continuous.learning import autograd_loss_derivatives, loss_derivatives
from linmem.kernels import Airy, ExponentialSum, GaussianBump, Kernel, PowerLaw, Window

EPS = np.finfo(float).eps
A, W = np.array([1.0, -0.6, 0.3]), np.array([0.4, 1.0, 2.5])
KERNELS: list[Kernel] = [
    ExponentialSum([1.0, -0.5], [0.7, 2.0]),
    GaussianBump(6.0, 1.2, 0.8) + ExponentialSum([1.0], [1.0]),
    PowerLaw(1.5),
    Airy(2.25, 4.0),
]
CANCELLATION = 64 * EPS  # rounding of a dozen terms, each at most the scale below
entries = st.floats(-0.3, 0.3)


def scale(a: np.ndarray, w: np.ndarray, kernel: Kernel) -> float:
    """Size of the terms whose sum is J, and with the moments of e^{-wt} (1/w)^k also of its derivatives."""
    return float(
        (np.abs(a).sum() ** 2 / w.min() + kernel.l2_norm() ** 2) * (1 + 1 / w.min()) ** 2 * (1 + np.abs(a).max())
    )


def test_loss_against_high_precision_quadrature():
    kernel = GaussianBump(6.0, 1.2, 0.8) + ExponentialSum([1.0], [1.0])

    def error(t):
        fitted = sum(mp.mpf(float(a)) * mp.exp(-mp.mpf(float(w)) * t) for a, w in zip(A, W, strict=True))
        return fitted - mp.exp(-t) - mp.mpf(0.8) * mp.exp(-(((t - 6) / mp.mpf(1.2)) ** 2) / 2)

    with mp.workdps(40):
        edges = [0, 2, 4, 6, 8, 10, 14, 20, 40, 80, 200]
        exact = mp.quad(lambda t: error(t) ** 2, edges)
        slope = mp.quad(lambda t: -2 * t * A[0] * mp.exp(-mp.mpf(W[0]) * t) * error(t), edges)
        bend = mp.quad(
            lambda t: 2 * (t * A[0] * mp.exp(-mp.mpf(W[0]) * t)) ** 2 + 2 * A[0] * t * t * mp.exp(-W[0] * t) * error(t),
            edges,
        )
    assert abs(loss(A, W, kernel) - exact) <= CANCELLATION * scale(A, W, kernel)
    assert abs(loss_gradient(A, W, kernel)[3] - slope) <= CANCELLATION * scale(A, W, kernel)
    assert abs(loss_hessian(A, W, kernel)[3, 3] - bend) <= CANCELLATION * scale(A, W, kernel)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
def test_derivatives_against_autograd(kernel):
    """torch differentiates the loss written as a quadrature of (rhohat - rho)^2: no Laplace transform in sight."""
    oracle, found = autograd_loss_derivatives(A, W, kernel), loss_derivatives(A, W, kernel)
    # the quadrature itself is exact to rounding of its ~1000 terms
    tolerance = 4 * CANCELLATION * scale(A, W, kernel)
    assert abs(found.loss - oracle.loss) <= tolerance
    np.testing.assert_allclose(found.gradient, oracle.gradient, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.hessian, oracle.hessian, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(loss_hessian(A, W, kernel), found.hessian)
    np.testing.assert_allclose(loss_gradient(A, W, kernel), found.gradient, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kernel", [*KERNELS, Window(2.0)], ids=lambda kernel: type(kernel).__name__)
def test_a_batch_is_its_networks_one_by_one(kernel):
    """150 x 2 starts: more than one block of the work arrays."""
    rng = np.random.default_rng(0)
    a, w = rng.standard_normal((150, 2, 3)), rng.uniform(0.3, 3.0, (150, 2, 3))
    found = loss_derivatives(a, w, kernel)
    assert (found.loss.shape, found.gradient.shape, found.hessian.shape) == ((150, 2), (150, 2, 6), (150, 2, 6, 6))
    for index in [(0, 0), (127, 1), (128, 0), (149, 1)]:
        tolerance = CANCELLATION * scale(a[index], w[index], kernel)
        assert abs(found.loss[index] - loss(a[index], w[index], kernel)) <= tolerance
        gradient, hessian = loss_gradient(a[index], w[index], kernel), loss_hessian(a[index], w[index], kernel)
        np.testing.assert_allclose(found.gradient[index], gradient, rtol=0, atol=tolerance)
        np.testing.assert_allclose(found.hessian[index], hessian, rtol=0, atol=tolerance)
    empty = loss_derivatives(np.zeros((0, 3)), np.zeros((0, 3)), kernel)
    assert (empty.loss.shape, empty.hessian.shape) == ((0,), (0, 6, 6))


def test_a_kernel_that_cannot_be_a_key():
    """The norm of a target is kept between calls, but a kernel of someone else's need not be hashable."""

    class Listed(GaussianBump):
        __hash__ = None

    bump = Listed(3.0)
    assert loss(A, W, bump) == loss(A, W, GaussianBump(3.0))


@settings(max_examples=40)
@given(st.permutations([0, 1, 2]), st.floats(0.3, 3.0), st.sampled_from(KERNELS))
def test_invariances(order, factor, kernel):
    base = loss(A, W, kernel)
    tolerance = CANCELLATION * scale(A, W, kernel)
    assert abs(loss(A[order], W[order], kernel) - base) <= tolerance
    # rho(ct) and rhohat(ct): the loss is divided by c
    assert abs(loss(A, factor * W, kernel.time_scaled(factor)) * factor - base) <= 4 * tolerance
    # a neuron of amplitude 0 and a split neuron change nothing
    assert abs(loss([*A, 0.0], [*W, 0.1], kernel) - base) <= tolerance
    assert abs(loss([A[0] / 2, A[0] / 2, *A[1:]], [W[0], *W], kernel) - base) <= tolerance
    assert abs(loss(factor * A, W, factor * kernel) - factor**2 * base) <= 10 * tolerance


def test_exact_fit_is_a_zero_with_positive_curvature():
    kernel = ExponentialSum(A, W)
    assert abs(loss(A, W, kernel)) <= CANCELLATION * scale(A, W, kernel)
    assert np.abs(loss_gradient(A, W, kernel)).max() <= CANCELLATION * scale(A, W, kernel)
    # Gauss-Newton matrix of six independent functions e^{-wt}, t e^{-wt}
    assert np.linalg.eigvalsh(loss_hessian(A, W, kernel)).min() > 0


@settings(max_examples=40)
@given(st.lists(entries, min_size=4, max_size=4), st.floats(1.0, 6.0))
def test_deviation_form_equals_the_plain_form_where_that_is_accurate(deviation, centre):
    fit, bump = ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre)
    problem, target = DeviationLoss(fit, bump), bump + fit
    a, w = problem.parameters(deviation)
    tolerance = 4 * CANCELLATION * scale(a, w, target)
    assert abs(problem.start_loss - problem.drop(deviation) - loss(a, w, target)) <= tolerance
    np.testing.assert_allclose(problem.gradient(deviation), loss_gradient(a, w, target), rtol=0, atol=tolerance)
    np.testing.assert_allclose(problem.hessian(deviation), loss_hessian(a, w, target), rtol=0, atol=tolerance)


def exact_gradient_and_drop(deviation: list[float], centre: float) -> tuple[list[mp.mpf], mp.mpf]:
    """The plain formulas for the fit e^{-t} with an unused neuron of rate 1/2, in 120 digits."""
    with mp.workdps(120):
        a = [1 + mp.mpf(deviation[0]), mp.mpf(deviation[1])]
        w = [1 + mp.mpf(deviation[2]), mp.mpf("0.5") + mp.mpf(deviation[3])]

        def bump(u):
            return mp.sqrt(mp.pi / 2) * mp.exp(-u * centre + u * u / 2) * mp.erfc((u - centre) / mp.sqrt(2))

        def bump_slope(u):
            return -((centre - u) * bump(u) + mp.exp(-(mp.mpf(centre) ** 2) / 2))

        def R(u):
            return sum(x / (u + y) for x, y in zip(a, w, strict=True)) - 1 / (u + 1) - bump(u)

        def slope(u):
            return -sum(x / (u + y) ** 2 for x, y in zip(a, w, strict=True)) + 1 / (u + 1) ** 2 - bump_slope(u)

        gradient = [2 * R(y) for y in w] + [2 * x * slope(y) for x, y in zip(a, w, strict=True)]
        pairs = list(zip([*a, -1], [*w, 1], strict=True))
        square = sum(x * y / (u + v) for x, u in pairs for y, v in pairs)
        return gradient, 2 * sum(x * bump(u) for x, u in pairs) - square


@pytest.mark.parametrize("size", [1e-1, 1e-6, 1e-17, 1e-25])
def test_deviation_form_keeps_relative_accuracy_on_the_plateau(size):
    centre = 80.0
    deviation = [float(size * x) for x in (0.3, -1.0, 0.7, 0.2)]
    problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(centre))
    gradient, drop = exact_gradient_and_drop(deviation, centre)
    for mine, exact in zip(problem.gradient(deviation), gradient, strict=True):
        assert abs(mine / exact - 1) <= 1e3 * EPS  # e^{-80 w}: exponent 80, three roundings; sums with condition < 10
    assert abs(problem.drop(deviation) / drop - 1) <= 1e4 * EPS
    if size <= 1e-17:  # here theta_0 + d rounds to theta_0, and the plain form sees nothing but rounding
        a, w = problem.parameters(deviation)
        plain = loss_gradient(a, w, problem.fit + problem.remainder)
        assert max(abs(x / y - 1) for x, y in zip(plain, gradient, strict=True) if y) > 0.1


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: loss([1.0], [1.0, 2.0], KERNELS[0]), "same length"),
        (lambda: loss_gradient([1.0], [0.0], KERNELS[0]), "rates must be > 0"),
        (lambda: loss_hessian([np.nan], [1.0], KERNELS[0]), "finite"),
        (lambda: loss_derivatives([[1.0]], [1.0], KERNELS[0]), "same shape"),
        (lambda: loss_derivatives(1.0, 1.0, KERNELS[0]), "same shape"),
        (lambda: loss_derivatives([[1.0], [1.0]], [[1.0], [-1.0]], KERNELS[0]), "rates must be > 0"),
        (lambda: DeviationLoss(KERNELS[0], KERNELS[1]).gradient([0.0]), "shape"),
        (lambda: DeviationLoss(KERNELS[0], KERNELS[1]).drop([0.0, 0.0, -1.0, 0.0]), "rates must be > 0"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_wrong_kind_of_object_is_refused():
    with pytest.raises(TypeError, match="fit must be an ExponentialSum"):
        DeviationLoss(GaussianBump(1.0), GaussianBump(1.0))
    with pytest.raises(TypeError, match="remainder must be a kernel"):
        DeviationLoss(ExponentialSum([1.0], [1.0]), np.sin)
