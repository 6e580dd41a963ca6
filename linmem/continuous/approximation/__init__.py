"""Continuous-time linear RNNs approximate kernels: constructions, certified errors, lower bounds on the width."""

from linmem.continuous.approximation.fit import Fit, fit_kernel
from linmem.continuous.approximation.hankel import hankel_matrix, hankel_singular_values
from linmem.continuous.approximation.kautz import KautzSum, kautz_system
from linmem.continuous.approximation.polynomial import PolynomialRNN, interpolation_lags, polynomial_rnn
from linmem.continuous.approximation.rate_cases import kinked_kernel, lacunary_kernel, rate_case, rate_row
from linmem.continuous.approximation.rates import RateCheck, check_rate, rate_bound
from linmem.continuous.approximation.slowest import slowest_rate_bound
from linmem.continuous.approximation.smoothness import smoothness_constant
from linmem.continuous.approximation.spectrum import count_above
from linmem.continuous.approximation.steps import step_matrix
from linmem.continuous.approximation.table import width_row
from linmem.continuous.approximation.trapezoid import TrapezoidSum, modulated_sum, powerlaw_sum
from linmem.continuous.approximation.truncation import truncation_bound, truncation_rnn
from linmem.continuous.approximation.width import PowerLawWidth, powerlaw_width, quoted_width, width_lower_bound
from linmem.continuous.approximation.zeros import real_rate_error, real_rate_width

__all__ = [
    "Fit",
    "KautzSum",
    "PolynomialRNN",
    "PowerLawWidth",
    "RateCheck",
    "TrapezoidSum",
    "check_rate",
    "count_above",
    "fit_kernel",
    "hankel_matrix",
    "hankel_singular_values",
    "interpolation_lags",
    "kautz_system",
    "kinked_kernel",
    "lacunary_kernel",
    "modulated_sum",
    "polynomial_rnn",
    "powerlaw_sum",
    "powerlaw_width",
    "quoted_width",
    "rate_bound",
    "rate_case",
    "rate_row",
    "real_rate_error",
    "real_rate_width",
    "slowest_rate_bound",
    "smoothness_constant",
    "step_matrix",
    "truncation_bound",
    "truncation_rnn",
    "width_lower_bound",
    "width_row",
]
