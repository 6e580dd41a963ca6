"""The perturbation error of an approximation: how wrong it can get when its parameters move by at most beta.

    E_m(beta) = sup over |theta~ - theta_m| <= beta of ||rho - rhohat(theta~)||_1,    E_m(0) = the approximation error.

An approximation is stable if the limit of E_m(beta) over m is finite and continuous at beta = 0. With D_m(beta) the
largest change of the network's own kernel (linmem.continuous.stability.change),

    max(E_m(0), D_m(beta) - E_m(0)) <= E_m(beta) <= E_m(0) + D_m(beta).

The number n of neurons is m in the paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from linmem.checks import check_nonnegative
from linmem.citations import cites
from linmem.continuous.stability.change import KernelChange, largest_change
from linmem.kernels import ExponentialSum, Kernel
from linmem.kernels.enclosure import l1_enclosure


@dataclass(frozen=True)
class PerturbationError:
    """Certified low <= E_m(beta) <= high (absolute, in the L1 norm of the kernel).

    approximation : enclosure (low, high) of E_m(0). change : enclosure of the network's own largest change.
    """

    radius: float
    low: float
    high: float
    approximation: tuple[float, float]
    change: KernelChange


@cites("wang2024", "perturbation error")
def perturbation_error(
    target: Kernel,
    network: ExponentialSum,
    radius: float,
    rates: str = "direct",
    weights: str = "balanced",
    *,
    approximation: tuple[float, float] | None = None,
) -> PerturbationError:
    """E_m(beta) of a diagonal network as an approximation of `target`, certified on both sides.

    Parameters
    ----------
    target : the kernel rho, any kernel of the library that is integrable.
    network : rhohat(theta_m). Amplitudes of one sign make the change exact.
    radius, rates, weights : the perturbation, as in :func:`linmem.continuous.stability.largest_change`.
    approximation : an enclosure of ||rho - rhohat||_1, if it is known (a construction with a proved error); computed
        otherwise.

    ValueError for a negative radius, unknown names, a target that is not integrable, or an enclosure out of order.
    Cost: that of the enclosure, at most seconds for 50 neurons.

    >>> kernel = ExponentialSum([1.0, 1.0], [1.0, 0.5])
    >>> error = perturbation_error(kernel, kernel, 0.1, weights="fixed")
    >>> round(error.low, 9) == round(error.high, 9) == round(1 / 0.9 + 1 / 0.4 - 3, 9)
    True
    """
    beta = check_nonnegative("radius", radius)
    if approximation is None:
        low, high = l1_enclosure(target - network) if target != network else (0.0, 0.0)  # type: ignore[operator]
    else:
        low, high = (check_nonnegative("approximation", end) for end in approximation)
        if low > high:
            raise ValueError(f"approximation must be (low, high) with low <= high, got {approximation}; swap the ends")
    change = largest_change(network, beta, rates, weights)
    if math.isinf(change.high):
        return PerturbationError(beta, math.inf, math.inf, (low, high), change)
    least = max(low, math.nextafter(change.low - high, -math.inf))
    return PerturbationError(beta, least, math.nextafter(high + change.high, math.inf), (low, high), change)
