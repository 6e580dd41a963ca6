"""One point of a plateau scan as rows of a table: hitting times, certified bound, and the loss over time."""

from __future__ import annotations

import numpy as np

from linmem.citations import cites
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.flow import gradient_flow
from linmem.continuous.dynamics.plateau import LOSS_FRACTION, Plateau, plateau
from linmem.kernels import ExponentialSum, GaussianBump


@cites("li2021", "Theorem 4.1")
def plateau_rows(
    kernel_bar: ExponentialSum,
    bump: GaussianBump,
    start: ExponentialSum,
    delta: float = 0.1,
    end_time: float = 1e30,
    *,
    curve: bool = False,
    relative_tolerance: float = 1e-4,
) -> tuple[Plateau, list[dict[str, object]]]:
    """The plateau of one memory length 1/omega = ``bump.centre``, and its rows for a table.

    Columns: ``c0`` (smallest rate of the start), ``inverse_omega``, ``quantity`` ("escape", "loss drop", "certificate",
    "curve"), ``time`` (time units; at most ``end_time``), ``loss`` (J(t)/J(0), NaN where it does not apply).

    Parameters
    ----------
    kernel_bar, bump, start, delta, end_time, relative_tolerance : as in :func:`linmem.continuous.plateau`.
    curve : whether to add 80 points of the loss over time, from t = 1 to three times the time of the loss drop.

    Raises what :func:`linmem.continuous.plateau` raises. Cost: half a second, a second more with the curve.

    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> _, rows = plateau_rows(ExponentialSum([1.0], [1.0]), GaussianBump(12.0), fit)
    >>> [row["quantity"] for row in rows]
    ['escape', 'loss drop', 'certificate']
    """
    found = plateau(kernel_bar, bump, start, delta, end_time=end_time, relative_tolerance=relative_tolerance)
    common: dict[str, object] = {"c0": min(start.rates), "inverse_omega": float(bump.centre)}
    times = {"escape": found.escape.time, "loss drop": found.loss_drop.time}
    if found.certificate is not None:
        times["certificate"] = found.certificate.lower_bound
    levels = {"loss drop": 1 - LOSS_FRACTION}
    rows: list[dict[str, object]] = [
        {**common, "quantity": name, "time": min(time, end_time), "loss": levels.get(name, np.nan)}
        for name, time in times.items()
    ]
    if curve and found.loss_drop.reached:
        problem, end = DeviationLoss(start, bump), found.loss_drop.time
        points = np.union1d(np.geomspace(1, 0.8 * end, 20), np.geomspace(0.8, 3, 60) * end)
        flow = gradient_flow(problem, points, relative_tolerance=relative_tolerance / 100)
        remaining = 1 - flow.drops / problem.start_loss
        rows += [
            {**common, "quantity": "curve", "time": float(t), "loss": float(x)}
            for t, x in zip(flow.times, remaining, strict=True)
        ]
    return found, rows
