"""How long training stays on the plateau: measured by the gradient flow, bounded by a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linmem.checks import check_choice, check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.certificate import Certificate, certify_plateau
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.flow import Displacement, HittingTime, LossDrop, hitting_times
from linmem.kernels import ExponentialSum, GaussianBump, Kernel

LOSS_FRACTION = 0.01  # the share of the loss whose disappearance ends the plateau


@dataclass(frozen=True)
class Plateau:
    """The plateau of one training problem.

    escape : when |theta - theta(0)| reached delta. loss_drop : when one per cent of the loss was gone.
    certificate : the proved lower bound on the escape (None if the bump is no GaussianBump).
    method : how it was measured.
    """

    escape: HittingTime
    loss_drop: HittingTime
    certificate: Certificate | None
    method: str


@cites("li2021", "Theorem 4.1")
def plateau(
    kernel_bar: ExponentialSum,
    bump: Kernel,
    start: ExponentialSum,
    delta: float = 0.1,
    method: str = "auto",
    end_time: float = 1e30,
    relative_tolerance: float = 1e-5,
) -> Plateau:
    """Escape time of gradient flow from a network that already fits kernel_bar, for the target kernel_bar + bump.

    Parameters
    ----------
    kernel_bar : the short-memory part of the target, m* exponentials.
    bump : the long-memory part, e.g. GaussianBump(centre=1/omega).
    start : the network at time 0, m >= m* neurons; as a function it must equal kernel_bar (unused neurons have
        amplitude 0, a split neuron has the rate of its twin).
    delta : displacement |theta - theta(0)| that counts as escape.
    method : "ode" integrates the flow; "auto" chooses (today always "ode").
    end_time : the run is given up then, and the hitting times are inf.
    relative_tolerance : of the coarser of the two integrations whose difference is the error estimate.

    Raises ValueError when start does not equal kernel_bar, FlowAccuracyError when the flow cannot be integrated to the
    end (see `hitting_times`). Cost: about a second for two neurons.

    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> result = plateau(ExponentialSum([1.0], [1.0]), GaussianBump(centre=12.0), fit)
    >>> round(result.escape.time, 3), result.certificate.lower_bound < result.escape.time
    (9.286, True)
    """
    check_positive("delta", delta)
    check_choice("method", method, ("auto", "ode"))
    minus = tuple(-a for a in kernel_bar.amplitudes)
    gap, _ = ExponentialSum(start.amplitudes + minus, start.rates + kernel_bar.rates).merged()
    rounding = len(start.rates) * np.finfo(float).eps * float(np.abs(start.amplitudes).max())
    if np.any(np.abs(gap) > rounding):
        raise ValueError(
            f"start must equal kernel_bar as a function, got amplitudes that differ by {np.abs(gap).max():.3g}; "
            "give the fitted neurons the amplitudes and rates of kernel_bar and all others amplitude 0"
        )
    problem = DeviationLoss(start, bump)
    escape, loss_drop = hitting_times(
        problem, (Displacement(delta), LossDrop(LOSS_FRACTION)), end_time, relative_tolerance=relative_tolerance
    )
    certificate = certify_plateau(problem, delta) if isinstance(bump, GaussianBump) else None
    return Plateau(escape, loss_drop, certificate, "ode")
