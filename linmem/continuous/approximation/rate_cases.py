"""Kernels of limited smoothness, on which the approximation rate is tested, and the rows of its table."""

from __future__ import annotations

from math import comb

import numpy as np

from linmem.checks import check_choice, check_integer, check_nonnegative, check_positive
from linmem.continuous.approximation.rates import RateCheck, check_rate
from linmem.kernels import ComplexExponentialSum, ExponentialSum, Kernel

CASES = ("kink of order alpha", "kink of order alpha + 1", "lacunary", "exponential sum", "two inputs")


def kinked_kernel(order: int, lag: float = 1.0, rate: float = 1.5) -> Kernel:
    """rho(t) = e^{-wt} + (1 - e^{-x})^p e^{-wx} for x = t - lag > 0, without the second term before; w = rate.

    Derivatives of order < p = order are continuous, that of order p jumps by p! at t = lag: the test case of the rate.

    >>> kernel = kinked_kernel(order=1)
    >>> round(float(kernel(1.0 + 1e-6) - kernel(1.0)) * 1e6, 3)  # slope 1 - 1.5 e^{-1.5}
    0.665
    """
    p, w = check_integer("order", order, minimum=0), check_positive("rate", rate)
    binomial = [(-1.0) ** j * comb(p, j) for j in range(p + 1)]
    late = ExponentialSum(binomial, [w + j for j in range(p + 1)])
    return ExponentialSum([1.0], [w]) + late.delayed(check_nonnegative("lag", lag))


def lacunary_kernel(order: int, terms: int = 6) -> Kernel:
    """rho(t) = sum_{k < terms} 2^{-k(alpha + 1/2)} cos(2^k t) e^{-1.5 t}, alpha = order.

    As far as lags above 2^{-terms} can tell, the derivative of order alpha is continuous and no more (Hoelder 1/2).

    >>> round(float(lacunary_kernel(order=1, terms=2)(0.0)), 6)  # 1 + 2^{-3/2}
    1.353553
    """
    k = np.arange(check_integer("terms", terms, minimum=1))
    smoothness = check_integer("order", order, minimum=0) + 0.5
    return ComplexExponentialSum(2.0 ** (-k * smoothness), 1.5 - 1j * 2.0**k)


def rate_case(case: str, order: int, width: int) -> RateCheck:
    """The rate checked at decay beta = 1, alpha = order, on one of five targets named in CASES.

    "two inputs" are a kink of order alpha + 1 and an exponential sum, which share their m rates.

    >>> rate_case("kink of order alpha", order=1, width=8).error[1] < 0.1
    True
    """
    smooth = ExponentialSum([1.0, -0.5], [1.7, 2.2])
    targets: dict[str, tuple[Kernel, ...]] = {
        "kink of order alpha": (kinked_kernel(order),),
        "kink of order alpha + 1": (kinked_kernel(order + 1),),
        "lacunary": (lacunary_kernel(order),),
        "exponential sum": (smooth,),
        "two inputs": (kinked_kernel(order + 1), smooth),
    }
    return check_rate(targets[check_choice("case", case, CASES)], beta=1.0, order=order, width=width)


def rate_row(case: str, found: RateCheck) -> dict[str, object]:
    """One row of the table of rates: case, order alpha, width m, gamma d, ends of the certified error, bound."""
    return {
        "case": case,
        "order": found.order,
        "width": found.width,
        "gamma": found.inputs * found.smoothness[0],
        "error_low": found.error[0],
        "error_high": found.error[1],
        "bound": found.bound,
    }
