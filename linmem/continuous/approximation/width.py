"""How many neurons a kernel needs: certified lower bound, certified construction, and the law as it is quoted.

The width m(eps) of a kernel is the least state size of a stable linear RNN (any W, U, c) whose kernel is within
relative L1 error eps. For the power law of exponent omega,

    #{k : sigma_k > eps} <= m(omega, eps) <= width of the trapezoid sum,

sigma_k the Hankel singular values for unit mass. Both sides grow like log^2(1/eps)/omega as eps -> 0, the upper one
with the constant 1/pi^2, the lower one with 1/(2 pi^2): sqrt(omega m) becomes linear in log(1/eps), with slopes 1/pi
and 1/(sqrt 2 pi).
"""

from __future__ import annotations

from dataclasses import dataclass

from linmem.checks import check_positive
from linmem.citations import cites
from linmem.continuous.approximation.hankel import hankel_matrix
from linmem.continuous.approximation.spectrum import count_above
from linmem.continuous.approximation.steps import memory_end, step_matrix
from linmem.continuous.approximation.trapezoid import TrapezoidSum, powerlaw_sum
from linmem.kernels import ComplexExponentialSum, ExponentialSum, Kernel, PowerLaw
from linmem.kernels.enclosure import l1_enclosure

FINER = 1e-3  # accuracy of the sum that stands in for a power law, over the tolerance
CELLS = 256  # step functions for other kernels
CUT = 0.02  # the mass of the kernel that is cut off, over the threshold


@dataclass(frozen=True)
class PowerLawWidth:
    """The width of the power law (unit scale and mass) at one tolerance, from both sides.

    exponent, tolerance : omega, eps. lower : no stable linear RNN of smaller width comes within eps (proved).
    construction : a network that does (proved). quoted : omega eps^{-1/omega}, the quoted upper bound with constant 1.
    """

    exponent: float
    tolerance: float
    lower: int
    construction: TrapezoidSum
    quoted: float


@cites("linmem", "width of the power law")
def powerlaw_width(exponent: float, tolerance: float) -> PowerLawWidth:
    """Lower bound, construction and quoted bound of the width for omega = exponent and eps = tolerance.

    Raises ValueError for exponent <= 0 or a tolerance outside (0, 1). Cost: 0.1 s; 1 s for omega = 0.05, eps = 1e-8.

    >>> cell = powerlaw_width(0.5, 1e-2)
    >>> cell.lower, cell.construction.width, round(cell.quoted)
    (4, 12, 5000)
    """
    kernel = PowerLaw(exponent)
    return PowerLawWidth(
        kernel.exponent,
        tolerance,
        width_lower_bound(kernel, tolerance),
        powerlaw_sum(kernel, tolerance=tolerance),
        quoted_width(kernel.exponent, tolerance),
    )


@cites("li2021", "Section 3")
def quoted_width(exponent: float, tolerance: float) -> float:
    """omega eps^{-1/omega}: the quoted bound m = O(omega eps^{-1/omega}) with constant 1; inf beyond the doubles.

    It is an upper bound on the width that one construction (cutting the kernel off) needs, not on every network's.

    >>> quoted_width(0.5, 0.01)
    5000.0
    """
    omega, eps = check_positive("exponent", exponent), check_positive("tolerance", tolerance)
    try:
        return omega * eps ** (-1 / omega)
    except OverflowError:
        return float("inf")


@cites("linmem", "Hankel lower bound")
def width_lower_bound(kernel: Kernel, tolerance: float) -> int:
    """A proved m: every stable linear RNN within relative L1 error `tolerance` of the kernel has width at least m.

    The number of Hankel singular values above tolerance * ||rho||_1 (see linmem.continuous.approximation.hankel), at
    least 1. The operator becomes a matrix with a bound on every error: exactly for an exponential sum; through a sum at
    certified distance tolerance/1000 for a power law; on 256 step functions for any other kernel, which can only lower
    the bound (noticeably so when the memory is hundreds of times longer than the finest feature). Then the singular
    values of the matrix are counted with certainty.

    Parameters
    ----------
    kernel : any integrable kernel of linmem.kernels.
    tolerance : relative L1 error in (0, 1), above 1e-11 to be of use (the floating-point part of the proof).

    Raises ValueError for a tolerance outside (0, 1) and a kernel that is not integrable, TypeError for an object that
    cannot be evaluated in ball arithmetic. Cost: an eigendecomposition of the matrix, 0.1 s for 300 exponentials, 1 s
    for 1500; for other kernels the certified L1 norm and the steps, about 0.5 s.

    >>> from linmem.kernels import Window
    >>> width_lower_bound(PowerLaw(0.1), 1e-4), width_lower_bound(Window(1.0), 0.02)
    (40, 16)
    """
    eps = check_positive("tolerance", tolerance)
    if eps >= 1:
        raise ValueError(f"tolerance must be < 1, got {eps!r}; the zero kernel already has relative error 1")
    if isinstance(kernel, PowerLaw) and kernel.mass != 0:
        fine = powerlaw_sum(PowerLaw(kernel.exponent), tolerance=FINER * eps)
        matrix, radius, copies = hankel_matrix(fine.fit)
        threshold = (eps + fine.error) * (1 + 1e-15)
    else:
        threshold = eps * l1_enclosure(kernel, 1e-6)[1] * (1 + 1e-15)
        if threshold == 0:
            raise ValueError("the kernel must not be zero, got L1 norm 0; its relative error is not defined")
        if isinstance(kernel, ExponentialSum | ComplexExponentialSum):
            matrix, radius, copies = hankel_matrix(kernel)
        else:
            (matrix, radius), copies = step_matrix(kernel, CELLS, memory_end(kernel, CUT * threshold)), 1
    return max(1, -(-count_above(matrix, radius, threshold) // copies))
