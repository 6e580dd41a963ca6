"""How long training stays on the plateau: measured by the gradient flow or its slow flow, bounded by certificates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from linmem.checks import check_choice, check_positive
from linmem.citations import cites
from linmem.continuous.dynamics.certificate import Certificate, first_order_bound, larger, second_order_bound
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.events import Displacement, FlowAccuracyError, HittingTime, LossDrop
from linmem.continuous.dynamics.flow import SolverStatistics, hitting_run
from linmem.continuous.dynamics.reduced import reduced_times
from linmem.kernels import ExponentialSum, GaussianBump, Kernel

LOSS_FRACTION = 0.01  # the share of the loss whose disappearance ends the plateau
FAR = math.log(1e12)  # beyond this time the slow flow is more accurate than an integration


@dataclass(frozen=True)
class Plateau:
    """The plateau of one training problem.

    escape : when |theta - theta(0)| reached delta.
    loss_drop : when one per cent of the loss was gone; None if it was not asked for, or if the slow flow ends before
        (the spare neuron meets a fitted one).
    certificate : the proved lower bound on the escape, the larger of `second_order` and `first_order` (all None if the
        bump is no GaussianBump). It bounds the loss drop too if certificate.drop is below 1 % of the initial loss.
    method : "ode" or "reduced". statistics : what the measurement cost.
    rounding : relative error that rounding may cause in the times (0 for the slow flow, whose error holds it).
    """

    escape: HittingTime
    loss_drop: HittingTime | None
    certificate: Certificate | None
    second_order: Certificate | None
    first_order: Certificate | None
    method: str
    statistics: SolverStatistics
    rounding: float


@cites("li2021", "Theorem 4.1")
def plateau(
    kernel_bar: ExponentialSum,
    bump: Kernel,
    start: ExponentialSum,
    delta: float = 0.1,
    method: str = "auto",
    end_time: float = 1e30,
    relative_tolerance: float = 1e-4,
    loss_fraction: float | None = LOSS_FRACTION,
) -> Plateau:
    """Escape time of gradient flow from a network near a fit of kernel_bar, for the target kernel_bar + bump.

    Parameters
    ----------
    kernel_bar : the short-memory part of the target, m* exponentials.
    bump : the long-memory part, e.g. GaussianBump(centre=1/omega).
    start : the network at time 0, m >= m* neurons. If it equals kernel_bar as a function (unused neurons have amplitude
        0, a split neuron the rate of its twin) the flow starts on the plateau; else it first relaxes to it.
    delta : displacement |theta - theta(0)| that counts as escape.
    method : "ode" integrates the flow. "reduced" uses the slow flow of one spare neuron, for any length of plateau.
        "auto": the slow flow where it applies and the plateau is longer than 1e12, else the integration.
    end_time : an integration is given up then, and the hitting times are inf.
    relative_tolerance : of the coarser of the two integrations whose difference is the error estimate.
    loss_fraction : the share of the loss whose disappearance is timed as well; None leaves it out (faster where neurons
        meet before it).

    Raises ValueError when start has fewer neurons than kernel_bar, or for method "reduced" where the slow flow does not
    apply; FlowAccuracyError when the times would be uncertain by more than 1 % (ode) or 5 % (reduced). Cost: a quarter
    of a second for the escape of two neurons at any memory, 10 ms with the slow flow.

    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> result = plateau(ExponentialSum([1.0], [1.0]), GaussianBump(centre=12.0), fit)
    >>> result.method, round(result.escape.time, 3), result.certificate.lower_bound < result.escape.time
    ('ode', 9.286, True)
    >>> far = plateau(ExponentialSum([1.0], [1.0]), GaussianBump(centre=300.0), fit)
    >>> far.method, round(far.escape.log_time, 3)
    ('reduced', 280.77)
    """
    check_positive("delta", delta)
    check_choice("method", method, ("auto", "ode", "reduced"))
    problem, origin = deviation_problem(kernel_bar, bump, start)
    moved = Displacement(delta)
    lost = None if loss_fraction is None else LossDrop(loss_fraction)
    second = second_order_bound(problem, delta, origin) if isinstance(bump, GaussianBump) else None
    first = first_order_bound(problem, delta, origin) if isinstance(bump, GaussianBump) else None
    best = larger(second, first) if second is not None and first is not None else None
    slow = None if method == "ode" else _slow_escape(problem, origin, moved, needed=method == "reduced")
    if slow is not None and (method == "reduced" or slow.log_time > FAR):
        return Plateau(
            slow,
            _slow_loss(problem, lost),
            best,
            second,
            first,
            "reduced",
            SolverStatistics("reduced", 0, 0, 0),
            0.0,
        )
    events = (moved,) if lost is None else (moved, lost)
    run = hitting_run(problem, events, end_time, origin, relative_tolerance)
    escape, *others = run.hits
    return Plateau(escape, others[0] if others else None, best, second, first, "ode", run.statistics, run.rounding)


def deviation_problem(
    kernel_bar: ExponentialSum, bump: Kernel, start: ExponentialSum
) -> tuple[DeviationLoss, Float[np.ndarray, "p"]]:
    """The loss around an exact fit theta_0 of kernel_bar near the start, and start - theta_0, shape (2n,).

    A start that equals kernel_bar as a function, up to rounding, is theta_0. Otherwise every term of kernel_bar goes to
    one neuron of the start, so that the sum of |rate differences| + |amplitude differences| is least; theta_0 has that
    term's amplitude and rate there, and amplitude 0 elsewhere. ValueError when the start has too few neurons.

    >>> bar = ExponentialSum([1.0], [1.0])
    >>> problem, d = deviation_problem(bar, GaussianBump(20.0), ExponentialSum([0.1, 0.75], [2.0, 1.5]))
    >>> problem.fit.amplitudes, problem.fit.rates, d.tolist()
    ((0.0, 1.0), (2.0, 1.0), [0.1, -0.25, 0.0, 0.5])
    """
    a, w = np.array(start.amplitudes), np.array(start.rates)
    minus = tuple(-x for x in kernel_bar.amplitudes)
    gap, _ = ExponentialSum(start.amplitudes + minus, start.rates + kernel_bar.rates).merged()
    if np.all(np.abs(gap) <= a.size * np.finfo(float).eps * float(np.abs(a).max())):
        return DeviationLoss(start, bump), np.zeros(2 * a.size)
    wanted, rates = kernel_bar.merged()
    if a.size < rates.size:
        raise ValueError(
            f"start must have at least as many neurons as kernel_bar has exponentials, got {a.size} < {rates.size}; "
            "add neurons with amplitude 0"
        )
    neurons, terms = linear_sum_assignment(np.abs(w[:, None] - rates) + np.abs(a[:, None] - wanted))
    fit_a, fit_w = np.zeros(a.size), w.copy()
    fit_a[neurons], fit_w[neurons] = wanted[terms], rates[terms]
    return DeviationLoss(ExponentialSum(fit_a, fit_w), bump), np.concatenate([a - fit_a, w - fit_w])


def _slow_escape(
    problem: DeviationLoss, origin: Float[np.ndarray, "p"], event: Displacement | LossDrop, needed: bool
) -> HittingTime | None:
    """The escape by the slow flow; None where it does not apply and is not needed."""
    try:
        if origin.any():
            raise ValueError("the reduced flow starts from an exact fit, got a start with a misfit; use method='ode'")
        return reduced_times(problem, (event,))[0]
    except (ValueError, FlowAccuracyError):
        if needed:
            raise
        return None


def _slow_loss(problem: DeviationLoss, event: LossDrop | None) -> HittingTime | None:
    """The loss drop by the slow flow; None where the slow flow ends before it."""
    try:
        return reduced_times(problem, (event,))[0] if event else None
    except ValueError:
        return None
