"""One point of a plateau scan as rows of a table: hitting times, certified bounds, and the loss over time."""

from __future__ import annotations

import numpy as np

from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.events import Displacement, FlowAccuracyError
from linmem.continuous.dynamics.flow import gradient_flow
from linmem.continuous.dynamics.plateau import LOSS_FRACTION, Plateau, plateau
from linmem.continuous.dynamics.reduced import reduced_times
from linmem.kernels import ExponentialSum, GaussianBump


@cites("li2021", "Theorem 4.1")
def plateau_rows(
    kernel_bar: ExponentialSum,
    bump: GaussianBump,
    start: ExponentialSum,
    delta: float = 0.1,
    end_time: float = 1e30,
    *,
    method: str = "ode",
    loss_fraction: float | None = LOSS_FRACTION,
    curve: bool = False,
    relative_tolerance: float = 1e-4,
) -> tuple[Plateau, list[dict[str, object]]]:
    """The plateau of one memory length 1/omega = ``bump.centre``, and its rows for a table.

    Columns: ``c0`` (smallest rate of the start), ``inverse_omega``, ``quantity``, ``time`` (time units; at most
    ``end_time`` for an integration, at most the largest double), ``loss`` (J(t)/J(0), NaN where it does not apply).
    Quantities: "escape" and "loss drop" (integrated), "slow flow" (escape by the reduced flow, where it applies),
    "second order" and "first order" (certificates), "curve".

    Parameters
    ----------
    kernel_bar, bump, start, delta, end_time, loss_fraction, relative_tolerance : as in `plateau`.
    method : "ode", or "reduced" for memories beyond any integration (then there are no integrated rows).
    curve : whether to add 80 points of the loss over time, from t = 1 to three times the time of the loss drop.

    Raises what `plateau` raises. Cost: half a second, a second more with the curve; 30 ms for "reduced".

    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> _, rows = plateau_rows(ExponentialSum([1.0], [1.0]), GaussianBump(24.0), fit)
    >>> [row["quantity"] for row in rows]
    ['escape', 'loss drop', 'slow flow', 'second order', 'first order']
    """
    found = plateau(kernel_bar, bump, start, delta, method, end_time, relative_tolerance, loss_fraction)
    times: dict[str, float] = {}
    if method == "ode":
        times["escape"] = min(found.escape.time, end_time)
        if found.loss_drop is not None:
            times["loss drop"] = min(found.loss_drop.time, end_time)
    slow = _slow_time(DeviationLoss(start, bump), delta) if method == "ode" else found.escape.time
    if slow is not None:
        times["slow flow"] = slow
    for name, certificate in (("second order", found.second_order), ("first order", found.first_order)):
        if certificate is not None:
            times[name] = certificate.lower_bound
    common: dict[str, object] = {"c0": min(start.rates), "inverse_omega": float(bump.centre)}
    levels = {"loss drop": 1 - (loss_fraction or 0.0)}
    rows: list[dict[str, object]] = [
        {**common, "quantity": name, "time": min(time, np.finfo(float).max), "loss": levels.get(name, np.nan)}
        for name, time in times.items()
    ]
    if curve and found.loss_drop is not None and found.loss_drop.reached:
        rows += _curve(DeviationLoss(start, bump), found.loss_drop.time, relative_tolerance, common)
    return found, rows


def _slow_time(problem: DeviationLoss, delta: float) -> float | None:
    """The escape by the slow flow; None where it does not apply, is not accurate or never happens."""
    try:
        [hit] = reduced_times(problem, (Displacement(delta),))
    except (ValueError, FlowAccuracyError):
        return None
    return hit.time if hit.reached else None


def _curve(
    problem: DeviationLoss, end: float, relative_tolerance: float, common: dict[str, object]
) -> list[dict[str, object]]:
    points = np.union1d(np.geomspace(1, 0.8 * end, 20), np.geomspace(0.8, 3, 60) * end)
    flow = gradient_flow(problem, points, relative_tolerance=relative_tolerance / 100)
    remaining = 1 - flow.drops / problem.start_loss
    return [
        {**common, "quantity": "curve", "time": float(t), "loss": float(x)}
        for t, x in zip(flow.times, remaining, strict=True)
    ]
