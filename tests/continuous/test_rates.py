"""The polynomial construction: Kautz basis, interpolation, smoothness constant, explicit bound, truncation."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy
from flint import acb, arb, arb_series
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.special import eval_jacobi

from linmem.continuous.approximation import (
    KautzSum,
    check_rate,
    interpolation_lags,
    kautz_system,
    kinked_kernel,
    lacunary_kernel,
    polynomial_rnn,
    rate_bound,
    rate_case,
    smoothness_constant,
    truncation_bound,
    truncation_rnn,
)
from linmem.continuous.approximation.kautz import jacobi_values
from linmem.intervals import bounds
from linmem.kernels import Airy, ExponentialSum, GaussianBump, KernelSum, PowerLaw, ScaledKernel, Window, inner_product
from linmem.kernels.enclosure import l1_enclosure, l2_enclosure

EPS = np.finfo(float).eps


def kautz(m: int, rate: float = 0.7) -> KautzSum:
    return KautzSum(np.random.default_rng(m).standard_normal(m), rate)


def exact(kernel: KautzSum, t: float) -> mpmath.mpf:
    """The defining sum with Jacobi polynomials from mpmath's hypergeometric function, 50 digits."""
    with mpmath.workdps(50):
        s = mpmath.exp(-mpmath.mpf(kernel.rate) * mpmath.mpf(t))
        terms = (
            mpmath.mpf(u) * mpmath.sqrt(2 * n * mpmath.mpf(kernel.rate)) * s * mpmath.jacobi(n - 1, 0, 1, 2 * s - 1)
            for n, u in enumerate(kernel.coefficients, start=1)
        )
        return mpmath.fsum(terms)


class TestKautz:
    @pytest.mark.parametrize("m", [1, 2, 5, 32, 64])
    def test_value_is_exact_to_rounding(self, m: int) -> None:
        kernel = kautz(m)
        lags = [0.0, 1e-3, 0.1, 1.0, 4.0, 20.0]
        # every basis function is below sqrt(2 n w) and has a relative error of a few eps a recurrence step
        size = float(np.abs(kernel.coefficients) @ np.sqrt(2 * kernel.rates))
        assert np.abs(kernel(lags) - [float(exact(kernel, t)) for t in lags]).max() < 4 * m * EPS * size

    def test_jacobi_against_scipy(self) -> None:
        y = np.linspace(0, 2, 41)
        values = jacobi_values(y, 20)
        for n in range(20):
            assert np.allclose(values[:, n], eval_jacobi(n, 0, 1, 1 - y), rtol=0, atol=1e-13 * (n + 1))  # |P_n| <= n+1

    def test_orthonormal(self) -> None:
        basis = [KautzSum(row, 0.7) for row in np.eye(6)]
        gram = [
            [inner_product(ExponentialSum([float(a) for a in f.amplitudes()], f.rates), g) for g in basis]
            for f in basis
        ]
        assert np.allclose(gram, np.eye(6), atol=1e-11)  # amplitudes up to 1e4

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.floats(0.05, 20.0), min_size=1, max_size=6))
    def test_system_is_orthonormal_for_any_rates(self, rates: list[float]) -> None:
        W, c = kautz_system(rates)
        assert np.allclose(W, np.tril(W))
        assert np.allclose(W + W.T, -np.outer(c, c), atol=1e-13 * max(rates))  # Lyapunov equation with Gramian I
        assert np.allclose(np.diag(W), -np.array(rates))

    @pytest.mark.parametrize("m", [1, 3, 16, 64])
    def test_system_realises_the_sum(self, m: int) -> None:
        kernel = kautz(m)
        W, c = kautz_system(kernel.rates[::-1])
        found = [expm(W.T * t) @ c @ np.array(kernel.coefficients)[::-1] for t in (0.0, 0.2, 1.0, 5.0)]
        assert np.allclose(found, kernel([0.0, 0.2, 1.0, 5.0]), rtol=0, atol=1e-15 * m**2 * kernel.l2_norm() * 10)

    @pytest.mark.parametrize("derivative", [0, 1, 2])
    @pytest.mark.parametrize("point", [0.0, 0.3, 5.0, 1.0 + 2.0j])
    def test_laplace_against_mpmath(self, point: complex, derivative: int) -> None:
        kernel = kautz(24)
        with mpmath.workdps(40):
            factor = (-1) ** derivative * math.factorial(derivative)
            true = factor * mpmath.fsum(
                mpmath.mpf(a.mid().str(35, radius=False))
                / (mpmath.mpc(point) + n * mpmath.mpf(kernel.rate)) ** (derivative + 1)
                for n, a in enumerate(kernel.amplitudes(), start=1)
            )
        found = complex(kernel.laplace(point, derivative))
        # 24 terms, each sqrt(2 w_n)/|z + w_n|^{k+1} <= sqrt(2 * 17)/0.7^3 = 17, and 24 eps from the product
        assert abs(found - complex(true)) < 24 * 24 * EPS * 17 * 4

    def test_enclosures(self) -> None:
        kernel = kautz(32)
        value = float(exact(kernel, 0.3))
        low, high = bounds(kernel.enclose(arb(0.3)))
        assert low - EPS * abs(value) <= value <= high + EPS * abs(value)
        assert high - low < 1e-14
        wide = kernel.enclose(arb(0.3, 1e-3))
        assert all(wide.contains(kernel.enclose(arb(t))) for t in (0.2991, 0.3, 0.3009))
        assert kernel.enclose(acb(arb(0.3, 1e-3), arb(0, 1e-3))).real.contains(arb(float(exact(kernel, 0.2995)), 1e-14))
        series = kernel.enclose(arb_series([arb(0.3), 1], prec=4))
        step = 1e-5
        slope = (float(exact(kernel, 0.3 + step)) - float(exact(kernel, 0.3 - step))) / (2 * step)
        third = 6 * abs(float(series[3].mid())) * step**2  # error of the central difference, f'''/6 h^2
        assert abs(float(series[1].mid()) - slope) < 2 * third + 1e-9

    @pytest.mark.parametrize("m", [1, 8, 24])
    def test_norms(self, m: int) -> None:
        kernel = kautz(m)
        low, high = l1_enclosure(kernel, 1e-8)
        assert low * (1 - 1e-7) <= kernel.l1_norm() <= high * (1 + 1e-7)
        low, high = l2_enclosure(kernel, 1e-8)
        assert low * (1 - 1e-14) <= kernel.l2_norm() <= high * (1 + 1e-14)

    def test_tails(self) -> None:
        """Beyond t = 20 only a_1 e^{-wt} is left, to a relative e^{-14} |a_2/a_1|."""
        kernel = kautz(3)
        a = float(kernel.amplitudes()[0])
        for found, true in (
            (kernel.tail(arb(20)), abs(a) * math.exp(-14) / 0.7),
            (kernel.tail_square(arb(20)), a**2 * math.exp(-28) / 1.4),
        ):
            assert bounds(found)[1] == pytest.approx(true, rel=1e-3)
            assert bounds(found)[0] <= true * (1 + 1e-3)

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="rates must be > 0"):
            kautz_system([1.0, 0.0])
        with pytest.raises(ValueError, match="at least one number"):
            KautzSum([], 1.0)
        with pytest.raises(ValueError, match="rate must be > 0"):
            KautzSum([1.0], 0.0)


class TestPolynomialRNN:
    @pytest.mark.parametrize("m", [1, 4, 32, 64])
    def test_interpolates(self, m: int) -> None:
        target = ExponentialSum([1.0, -0.5], [1.3, 2.2])
        fit = polynomial_rnn(target, beta=1.0, order=1, width=m)
        lags = interpolation_lags(m, fit.rate)
        assert np.abs(fit.kernels[0](lags) - target(lags)).max() < 10 * m * EPS

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 12), st.lists(st.floats(-2, 2), min_size=12, max_size=12), st.floats(0.1, 10.0))
    def test_exact_on_its_own_class(self, m: int, amplitudes: list[float], beta: float) -> None:
        target = ExponentialSum(amplitudes[:m], beta / 3 * np.arange(1, m + 1))
        fit = polynomial_rnn(target, beta, order=2, width=m).kernels[0]
        t = np.linspace(0, 20 / beta, 50)
        assert np.abs(fit(t) - target(t)).max() < 1e-12  # m eps times sum |a| <= 24, times a Lebesgue constant <= m

    def test_best_l1_polynomial_when_the_derivative_has_one_sign(self) -> None:
        """Markov: if g = rho/s has a derivative of order m of one sign, interpolation at the zeros of U_m is best in
        L1, with error |int g sgn U_m| ; here g = s^p, p = 1.6, so all of it is closed."""
        m, w = 7, 0.5
        fit = polynomial_rnn(ExponentialSum([1.0], [1.3]), beta=1.0, order=1, width=m).kernels[0]
        zeros = np.exp(-w * interpolation_lags(m, w))[::-1]
        edges = np.concatenate([[0.0], zeros, [1.0]])
        masses = np.diff(edges ** (1.3 / w)) / (1.3 / w) / w
        best = abs(np.sum(masses * (-1.0) ** np.arange(m + 1)))
        low, high = l1_enclosure(ExponentialSum([1.0], [1.3]) - fit, 1e-9)
        assert low * (1 - 1e-9) <= best <= high * (1 + 1e-9)

    def test_network_shares_its_rates(self) -> None:
        targets = [ExponentialSum([1.0], [1.3]), Airy(1.0, 3.0), GaussianBump(2.0)]
        fit = polynomial_rnn(targets, beta=1.0, order=1, width=40)
        network = fit.network
        assert (network.state_size, network.inputs, fit.width) == (40, 3, 40)
        assert np.allclose(np.sort(-np.diag(network.W)), fit.kernels[0].rates, rtol=1e-14)
        t = np.array([0.0, 0.1, 1.0, 5.0, 20.0])
        # e^{Wt} is a contraction: no growth of rounding
        assert np.abs(network.kernel(t) - np.stack([k(t) for k in fit.kernels], axis=-1)).max() < 1e-13

    def test_invariant_under_the_unit_of_time(self) -> None:
        target = kinked_kernel(2)
        slow = polynomial_rnn(target, 1.0, 2, 12).kernels[0]
        fast = polynomial_rnn(ScaledKernel(target.time_scaled(8.0), 8.0), 8.0, 2, 12).kernels[0]
        t = np.linspace(0, 10, 30)
        assert np.abs(fast(t / 8) / 8 - slow(t)).max() < 1e-13

    def test_bad_input(self) -> None:
        with pytest.raises(TypeError, match="kernels must be"):
            polynomial_rnn([1.0], 1.0, 1, 4)  # type: ignore[list-item]
        with pytest.raises(TypeError, match="kernels must be"):
            polynomial_rnn([], 1.0, 1, 4)
        with pytest.raises(ValueError, match="finite"):
            polynomial_rnn(lambda t: np.full(np.shape(t), np.inf), 1.0, 1, 4)
        with pytest.raises(ValueError, match="order"):
            polynomial_rnn(PowerLaw(1.0), 1.0, 0, 4)


class TestSmoothness:
    def test_gamma_by_mpmath(self) -> None:
        """sup e^{t} |rho^{(k)}| of e^{-2t} - 0.7 e^{-3t} by mpmath's derivative and a fine grid."""
        kernel = ExponentialSum([1.0, -0.7], [2.0, 3.0])
        low, high = smoothness_constant(kernel, 1.0, 2)
        with mpmath.workdps(20):
            rho = lambda t: mpmath.exp(-2 * t) - mpmath.mpf(0.7) * mpmath.exp(-3 * t)  # noqa: E731
            true = max(abs(mpmath.exp(t) * mpmath.diff(rho, t, k)) for k in range(3) for t in mpmath.linspace(0, 4, 81))
        assert low * 0.999 <= float(true) <= high  # the maximum is at t = 0 or between points of either grid
        assert high < 1.02 * low

    def test_positive_sums_are_largest_at_zero(self) -> None:
        low, high = smoothness_constant(ExponentialSum([1.0] * 5, [2.0, 4.0, 8.0, 16.0, 32.0]), 1.0, 3)
        assert low <= sum(2.0 ** (3 * k) for k in range(1, 6)) <= high

    def test_complex_sums(self) -> None:
        """cos(t) e^{-2t}: e^t |rho''| = e^{-t} (3 cos t + 4 sin t) is largest at tan t = 1/7."""
        from linmem.kernels import ComplexExponentialSum

        low, high = smoothness_constant(ComplexExponentialSum([1.0], [2.0 - 1.0j]), 1.0, 2)
        true = math.exp(-math.atan(1 / 7)) * 25 / 50**0.5
        assert low <= true * (1 + EPS)
        assert true <= high < 1.02 * true

    def test_window_and_delay(self) -> None:
        """Window(2): sup e^t over the window is e^2; the derivative vanishes on the pieces."""
        low, high = smoothness_constant(Window(2.0), 1.0, 1, jumps=True)
        assert low <= math.e**2 <= high < 1.01 * math.e**2

    @settings(max_examples=10, deadline=None)
    @given(st.floats(0.1, 50.0), st.integers(1, 3))
    def test_no_unit(self, speed: float, order: int) -> None:
        kernel = kinked_kernel(order)
        one = smoothness_constant(kernel, 1.0, order, points=40)
        other = smoothness_constant(ScaledKernel(kernel.time_scaled(speed), speed), speed, order, points=40)
        assert one == pytest.approx(other, rel=1e-12)

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_jumps_are_found(self, order: int) -> None:
        smoothness_constant(kinked_kernel(order), 1.0, order, points=10)
        with pytest.raises(ValueError, match=f"jump of derivative {order}"):
            smoothness_constant(kinked_kernel(order), 1.0, order + 1, points=10)

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="beta must be below"):
            smoothness_constant(ExponentialSum([1.0], [1.0]), 1.0, 1)
        with pytest.raises(TypeError, match="exponential sums between breaks"):
            smoothness_constant(PowerLaw(1.0), 1.0, 1)

    def test_lacunary(self) -> None:
        t = np.array([0.0, 0.4])
        true = sum(2.0 ** (-1.5 * k) * np.cos(2.0**k * t) for k in range(6)) * np.exp(-1.5 * t)
        assert np.allclose(lacunary_kernel(1)(t), true, rtol=1e-13)


class TestBound:
    @pytest.mark.parametrize(("order", "factor"), [(1, 6 / 2 * 2), (2, 120 / 6 * 3), (3, 5040 / 24 * 4)])
    def test_formula(self, order: int, factor: float) -> None:
        m = 9
        true = factor * (math.pi / 4) ** order / math.prod(range(m - order + 1, m + 1)) * 2.5 * 3
        assert rate_bound(2.5, order, m, inputs=3) == pytest.approx(true, rel=1e-13)
        assert rate_bound(2.5, order, m, 3, interpolated=True) == pytest.approx(true * math.pi / 2**0.5, rel=1e-13)

    def test_derivative_factor(self) -> None:
        """s^{alpha+1} g^{(alpha)} = (theta-1)...(theta-alpha) rho by sympy, for any rho; and the sum of |terms|."""
        t, w = sympy.symbols("t w", positive=True)
        rho = sympy.Function("rho")(t)
        for order in (1, 2, 3):
            g = rho * sympy.exp(w * t)
            product, derivative = rho, g
            for j in range(1, order + 1):
                product = -product.diff(t) / w - j * product
                derivative = -derivative.diff(t) * sympy.exp(w * t) / w  # d/ds
            assert sympy.simplify(derivative * sympy.exp(-(order + 1) * w * t) - product) == 0
            absolute = np.poly1d(np.abs(np.poly1d(np.arange(1, order + 1), r=True).coeffs))
            assert float(absolute(order + 1)) == pytest.approx(
                math.factorial(2 * order + 1) / math.factorial(order + 1)
            )

    def test_jackson_constant_against_best_polynomials(self) -> None:
        """Best uniform polynomials of |x - 1/2| on [0, 1] have an error near 0.28/(2m) (Bernstein), below (pi/4)/m."""
        for m in (4, 8):
            x = (1 + np.cos(np.pi * np.arange(100 * m + 1) / (100 * m))) / 2
            basis = np.polynomial.chebyshev.chebvander(2 * x - 1, m - 1)
            weights = np.ones_like(x)
            for _ in range(100):  # Lawson's iteration towards the best uniform polynomial
                q = (
                    basis
                    @ np.linalg.lstsq(
                        basis * np.sqrt(weights)[:, None], np.abs(x - 0.5) * np.sqrt(weights), rcond=None
                    )[0]
                )
                weights *= np.abs(q - np.abs(x - 0.5))
                weights /= weights.sum()
            assert 0.25 / (2 * m) < np.abs(q - np.abs(x - 0.5)).max() < np.pi / 4 / m

    @settings(max_examples=10, deadline=None)
    @given(st.integers(1, 3), st.integers(4, 12), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
    def test_network_obeys_the_bound(self, order: int, width: int, amplitudes: list[float]) -> None:
        kernel = ExponentialSum([*amplitudes, 0.1], [1.1, 1.9, 4.0, 7.0])
        found = check_rate(kernel, 1.0, order, width)
        assert found.error[1] <= rate_bound(found.smoothness[0], order, width, interpolated=True)

    def test_check_rate_encloses_the_quadrature(self) -> None:
        kernel = kinked_kernel(2)
        found = check_rate(kernel, 1.0, 2, 10, relative_tolerance=1e-8)
        fit = polynomial_rnn(kernel, 1.0, 2, 10).kernels[0]
        assert found.error[0] * (1 - 1e-7) <= KernelSum((kernel, -fit)).l1_norm() <= found.error[1] * (1 + 1e-7)
        assert 0 < found.ratio[0] <= found.ratio[1] < 1

    def test_two_inputs_add_up(self) -> None:
        both = rate_case("two inputs", 1, 8)
        one, other = rate_case("kink of order alpha + 1", 1, 8), rate_case("exponential sum", 1, 8)
        assert both.inputs == 2
        assert both.error[0] == pytest.approx(one.error[0] + other.error[0], rel=1e-12)

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="width must be >= 3"):
            rate_bound(1.0, 3, 2)
        with pytest.raises(ValueError, match="case must be one of"):
            rate_case("kinks", 1, 4)


class TestTruncation:
    @pytest.mark.parametrize("omega", [0.25, 0.5, 0.9])
    def test_first_term_is_the_tail(self, omega: float) -> None:
        low, high = bounds(PowerLaw(omega).tail(arb(50)))
        assert low * (1 - 1e-14) <= truncation_bound(omega, 50.0, 8, constant=0.0) <= high * (1 + 1e-14)

    def test_second_term(self) -> None:
        change = truncation_bound(0.5, 100.0, 4) - truncation_bound(0.5, 100.0, 4, constant=0.0)
        assert change == pytest.approx(3 * math.pi / 2 * 0.5 / 4 * 10.0, rel=1e-12)
        assert rate_bound(1.0, 1, 1) == pytest.approx(3 * math.pi / 2, rel=1e-13)

    def test_least_at_the_stationary_horizon(self) -> None:
        """d/dT = 0 at T = m/(C (1-omega)) for T^{-omega} + C (omega/m) T^{1-omega}, where (1+T) ~ T."""
        omega, m, constant = 0.5, 4000, 1.0
        best = m / (constant * (1 - omega))
        values = [truncation_bound(omega, best * f, m, constant) for f in (0.9, 1.0, 1.1)]
        assert values[1] < min(values[0], values[2])

    def test_network_follows_the_horizon(self) -> None:
        assert truncation_rnn(0.5, 5.0, 16).rate == pytest.approx(0.4)
        assert truncation_rnn(0.5, 1e6, 16).rate == pytest.approx(0.125)
        _, high = l1_enclosure(PowerLaw(0.5) - truncation_rnn(0.5, 100.0, 16).kernels[0], 1e-2)
        assert high < truncation_bound(0.5, 100.0, 16)

    def test_bad_input(self) -> None:
        with pytest.raises(ValueError, match="omega must be > 0"):
            truncation_bound(0.0, 1.0, 1)
        with pytest.raises(ValueError, match="horizon must be > 0"):
            truncation_rnn(0.5, 0.0, 1)
