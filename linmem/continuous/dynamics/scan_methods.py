"""Plateau lengths of different training methods as rows of one table: flows in time units, Adam in steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linmem.citations import cites
from linmem.continuous.dynamics.certificate import Certificate, certify_plateau
from linmem.continuous.dynamics.certificate_adam import adam_bound
from linmem.continuous.dynamics.certificate_momentum import momentum_bound
from linmem.continuous.dynamics.descent import Adam, descend
from linmem.continuous.dynamics.deviation import DeviationLoss
from linmem.continuous.dynamics.drop import check_bump
from linmem.continuous.dynamics.events import Displacement, HittingTime, LossDrop
from linmem.continuous.dynamics.flow import hitting_times
from linmem.continuous.dynamics.momentum import Friction, VanishingFriction, momentum_hitting_times

GRADIENT_FLOW = "gradient flow"


@cites("li2021", "Section 4")
def momentum_rows(
    problem: DeviationLoss,
    friction: Friction | None,
    end_time: float,
    delta: float = 0.1,
    relative_tolerance: float = 1e-4,
) -> tuple[HittingTime, Certificate, list[dict[str, object]]]:
    """Escape time of one flow, its certified lower bound, and both as rows of a table.

    Columns: ``method`` ("gradient flow", "friction 0.1", "friction 3/t"), ``epsilon`` (NaN), ``inverse_omega`` (the
    centre of the bump), ``quantity`` ("escape", "certificate"), ``time`` (time units; ``end_time`` if not reached),
    ``reached``.

    Parameters
    ----------
    problem : its remainder must be a GaussianBump.
    friction : as in `momentum_hitting_times`; None is the gradient flow.
    delta : displacement |theta - theta(0)| that counts as escape. end_time, relative_tolerance : of the integration.

    Raises what `momentum_hitting_times` and `momentum_bound` raise; cost as there.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> problem = DeviationLoss(ExponentialSum([1.0, 0.0], [1.0, 0.5]), GaussianBump(12.0))
    >>> hit, certificate, rows = momentum_rows(problem, VanishingFriction(), end_time=100.0)
    >>> rows[0]["method"], round(hit.time, 2), certificate.lower_bound < hit.time
    ('friction 3/t', 9.25, True)
    """
    events = (Displacement(delta),)
    if friction is None:
        [hit] = hitting_times(problem, events, end_time, relative_tolerance=relative_tolerance)
        certificate, name = certify_plateau(problem, delta), GRADIENT_FLOW
    else:
        [hit] = momentum_hitting_times(problem, events, friction, end_time, relative_tolerance=relative_tolerance)
        vanishing = isinstance(friction, VanishingFriction)
        certificate = momentum_bound(problem, delta, None if vanishing else friction)
        name = f"friction {friction.strength:g}/t" if vanishing else f"friction {friction:g}"
    memory = check_bump(problem.remainder).centre
    common: dict[str, object] = {"method": name, "epsilon": np.nan, "inverse_omega": memory}
    rows = [
        {**common, "quantity": "escape", "time": min(hit.time, end_time), "reached": hit.reached},
        {**common, "quantity": "certificate", "time": certificate.lower_bound, "reached": True},
    ]
    return hit, certificate, rows


@cites("li2021", "Section 4")
def adam_rows(
    problems: Sequence[DeviationLoss],
    epsilons: Sequence[float],
    steps: int,
    step: float = 1e-3,
    fraction: float = 0.01,
) -> list[dict[str, object]]:
    """Steps that Adam needs until a share of the loss is gone, for every problem and every eps, run as one batch.

    Columns as in `momentum_rows`: ``method`` "Adam", ``quantity`` "loss drop" or "certificate" (the same for every
    eps), ``time`` in steps (``steps`` if not reached).

    Parameters
    ----------
    problems : K losses with GaussianBump remainders. epsilons : Adam's eps > 0, each is tried on every problem.
    steps : the largest number of steps. step : Adam's h. fraction : the share of the loss.

    Raises what `descend` and `adam_bound` raise. Cost: 0.1 ms a step.

    >>> from linmem.kernels import ExponentialSum, GaussianBump
    >>> fit = ExponentialSum([1.0, 0.0], [1.0, 0.5])
    >>> rows = adam_rows([DeviationLoss(fit, GaussianBump(mu)) for mu in (12.0, 24.0)], [1e-8], 1000)
    >>> [(row["quantity"], row["time"]) for row in rows]
    [('loss drop', 131.0), ('certificate', 0.0), ('loss drop', 205.0), ('certificate', 83.0)]
    """
    method, event = Adam(step, epsilon=np.repeat(epsilons, len(problems))), LossDrop(fraction)
    found = descend(list(problems) * len(epsilons), method, steps, (event,)).hits[0].reshape(len(epsilons), -1)
    memories = [check_bump(problem.remainder).centre for problem in problems]
    bounds = [float(adam_bound(problem, event, Adam(step))) for problem in problems]
    rows: list[dict[str, object]] = []
    for epsilon, row in zip(epsilons, found, strict=True):
        for memory, bound, hit in zip(memories, bounds, row, strict=True):
            common: dict[str, object] = {"method": "Adam", "epsilon": float(epsilon), "inverse_omega": memory}
            drop = {"quantity": "loss drop", "time": float(min(hit, steps)), "reached": bool(np.isfinite(hit))}
            rows += [{**common, **drop}, {**common, "quantity": "certificate", "time": bound, "reached": True}]
    return rows
